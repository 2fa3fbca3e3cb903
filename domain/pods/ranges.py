"""Which addresses of a range pods can have, and what a pod's prefix length and router are."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import TYPE_CHECKING, Union

from domain.addressing import RESERVED_AT_START
from domain.ip_ranges import inside
from domain.node.routing import IPV6_ROUTER, ipv4_router

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from domain.ip_ranges import IpNetwork

RESERVED_AT_END = 1
"""Of every subnet AWS keeps the last address too, of IPv4 and of IPv6 (Amazon VPC User Guide, "Subnet CIDR blocks")."""

IpAddress = Union[IPv4Address, IPv6Address]


@dataclass(frozen=True)
class PodRange:
    """Addresses that an IPAM plugin hands out."""

    network: str
    """The range that a pod's address has its prefix length from: the subnet's, or its own where that is not known."""
    first: str | None
    """The first address; None for what the plugin makes of `network`."""
    last: str | None


def subnet_of(text: str, subnets: Iterable[str]) -> IpNetwork | None:
    """Return the subnet that a range is in as a whole; None when it is in none of them."""
    wanted = ip_network(text)
    return next((each for each in map(ip_network, subnets) if inside(wanted, each)), None)


def prefix_lengths(subnets: Iterable[str]) -> dict[int, int]:
    """Return the prefix length of the first subnet of each family, by family."""
    found: dict[int, int] = {}
    for each in map(ip_network, subnets):
        found.setdefault(each.version, each.prefixlen)
    return found


def usable(text: str, subnet: IpNetwork) -> tuple[IpAddress, IpAddress] | None:
    """Return the first and the last address of a range that pods can have; None when AWS keeps all of them.

    Args:
        text: the range.
        subnet: that it is in.
    """
    network = ip_network(text)
    first = max(int(network.network_address), int(subnet.network_address) + RESERVED_AT_START)
    last = min(int(network.broadcast_address), int(subnet.broadcast_address) - RESERVED_AT_END)
    if first > last:
        return None
    address = IPv4Address if isinstance(network, IPv4Network) else IPv6Address
    return address(first), address(last)


def pod_range(text: str, subnets: Sequence[str]) -> PodRange:
    """Return what an IPAM plugin is told of a range.

    In a subnet that is known it keeps out of what AWS reserves, which the plugins would hand out, and a pod's address has the
    subnet's prefix length: with that of a part of it the pod would look for the rest, and for the router, elsewhere.
    """
    subnet = subnet_of(text, subnets)
    bounds = usable(text, subnet) if subnet is not None else None
    if subnet is None or bounds is None:
        return PodRange(text, None, None)
    return PodRange(str(subnet), str(bounds[0]), str(bounds[1]))


def router(destination: str, subnets: Iterable[str]) -> str | None:
    """Return the VPC's router as pods of these subnets reach it; None for an IPv4 one that is not the same for all.

    Args:
        destination: the range that is reached by it, for its family.
        subnets: that the pods' addresses are in.
    """
    if isinstance(ip_network(destination), IPv6Network):
        return str(IPV6_ROUTER)
    routers = {
        str(ipv4_router(each)) for each in map(ip_network, subnets) if isinstance(each, IPv4Network)
    }
    return routers.pop() if len(routers) == 1 else None
