"""The shapes of ranges of IP addresses: any, those that pods can have addresses of, and those that subnets have."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, Field

from authoring.shapes import refusal
from domain.ip_ranges import overlap

if TYPE_CHECKING:
    from collections.abc import Mapping

    from domain.ip_ranges import IpNetwork

_UNASSIGNABLE: Mapping[IpNetwork, str] = {
    IPv4Network("0.0.0.0/8"): "unspecified",
    IPv4Network("127.0.0.0/8"): "loopback",
    IPv4Network("169.254.0.0/16"): "link-local",
    IPv4Network("224.0.0.0/4"): "multicast",
    IPv6Network("::/128"): "unspecified",
    IPv6Network("::1/128"): "loopback",
    IPv6Network("::ffff:0:0/96"): "IPv4-mapped",
    IPv6Network("fe80::/10"): "link-local",
    IPv6Network("ff00::/8"): "multicast",
}
"""No router forwards to the address of a host there (RFC 6890, sections 2.2.2 and 2.2.3; of multicast RFC 5771 and RFC 4291)."""

_SUBNET_PREFIXES: Mapping[int, tuple[range, str]] = {
    4: (range(16, 29), "/16 to /28"),
    6: (range(44, 65, 4), "/44 to /64 in steps of 4"),
}
"""By family, the prefix lengths of subnets (Amazon VPC User Guide, "Subnet CIDR blocks")."""


def _range(text: str) -> str:
    """CNI plugins take neither a mask in place of the prefix length nor an address without one (Go, net.ParseCIDR)."""
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise refusal(
            "is not a range of addresses", "Write it in CIDR notation, like 10.100.0.0/16."
        ) from None
    try:
        ip_network(text)
    except ValueError:
        raise refusal("has bits set after its prefix", f"Write {network}.") from None
    if "%" in text:
        raise refusal("names a zone (%), which no range has", "Write it without.")
    if text.partition("/")[2] != str(network.prefixlen):
        raise refusal("does not have its prefix length after a slash", f"Write {network}.")
    return text


def _assignable(text: str) -> str:
    network = ip_network(text)
    remedy = "Write addresses of the subnet, or those that routes of yours lead to."
    if network.prefixlen == 0:
        raise refusal("is every address that there is", remedy)
    for block, kind in _UNASSIGNABLE.items():
        if overlap(block, network):
            raise refusal(f"has {kind} addresses ({block}), of no use to a pod on a VPC", remedy)
    return text


def _of_subnet(text: str) -> str:
    network = ip_network(text)
    prefixes, told = _SUBNET_PREFIXES[network.version]
    if network.prefixlen not in prefixes:
        raise refusal(
            f"is no subnet's range: those of IPv{network.version} are {told}",
            "Write the subnet's own, as `aws ec2 describe-subnets` shows it.",
        )
    return text


def fills_any_subnet(network: IpNetwork) -> bool:
    """Return whether a range has no fewer addresses than any subnet."""
    prefixes, _ = _SUBNET_PREFIXES[network.version]
    return network.prefixlen <= prefixes.start


IpRange = Annotated[str, AfterValidator(_range), Field(json_schema_extra={"format": "cidr"})]
PodRange = Annotated[IpRange, AfterValidator(_assignable)]
SubnetRange = Annotated[PodRange, AfterValidator(_of_subnet)]
