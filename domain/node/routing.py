"""What a kernel interface's link must be: addresses, and a routing table with rules of its own for each ENI.

One number per ENI, `BASE + 100 × network card + device index`, is both its table and its rules' priority. It is clear of

- the tables of nodeadm and amazon-ec2-net-utils (10000 + 100 × card + index), the VPC CNI (small numbers, counted from
  its ENIs; 100 + VLAN for branch interfaces, up to 4195) and the kernel (253 to 255);
- the rule priorities of the VPC CNI (1, 10, 20, 512, 1024, 1535, 1536: its pods come first, as they must), nodeadm (32765)
  and the kernel (0, 32766, 32767).

Sources: awslabs/amazon-eks-ami nodeadm/cmd/nodeadm-internal/udev, amazonlinux/amazon-ec2-net-utils lib/lib.sh,
aws/amazon-vpc-cni-k8s pkg/networkutils.

The main table gets nothing: with a route there, the node's own traffic to a Multus subnet would leave by the Multus ENI
with the primary interface's address, and the VPC would drop it.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from typing import TYPE_CHECKING, Union

from domain.node.config import PodNetwork
from domain.node.model import RoutingRule

if TYPE_CHECKING:
    from ipaddress import IPv4Address

    from domain.node.config import NodeInterface
    from domain.node.model import Eni

BASE = 20000
PER_CARD = 100
"""More than any card has device indexes; nodeadm leaves the same room."""
END = 32765
"""nodeadm's rule, and the kernel's behind it: a rule of ours after those would never be asked."""
MAIN_TABLE = 254

IPV6_ROUTER = IPv6Address("fe80:ec2::1")
"""The VPC router's link-local address, the same in every subnet (EC2, "IPv6 subnet default gateway router now supports
multiple addresses", 2022; the VPC CNI's GetIPv6Gateway). A static route by it needs no router advertisement, whose
default route the kernel or systemd-networkd would otherwise have to be kept from putting into the main table."""

_LINK_LOCAL = IPv6Network("fe80::/64")
_EVERYWHERE_IPV4, _EVERYWHERE_IPV6 = IPv4Network("0.0.0.0/0"), IPv6Network("::/0")

Address = Union[IPv4Interface, IPv6Interface]


@dataclass(frozen=True)
class EniRoute:
    """A route in an ENI's table."""

    destination: IPv4Network | IPv6Network
    gateway: IPv4Address | IPv6Address | None
    """None: the destination is on the link."""
    preferred_source: IPv4Address | IPv6Address | None


@dataclass(frozen=True)
class ExpectedLink:
    """A kernel interface's link as it must be: what its files say and what the kernel is then found to have."""

    interface: str
    name: str
    mac: str
    eni_id: str
    mtu: int
    link_local: bool
    """Whether it has an IPv6 link-local address."""
    table: int
    addresses: tuple[Address, ...]
    routes: tuple[EniRoute, ...]
    rules: tuple[RoutingRule, ...]


def number(eni: Eni) -> int:
    """Return the number of an ENI's routing table, which is the priority of the rules that lead there too.

    Raises:
        ValueError: no instance has such a network card or device index.
    """
    found = BASE + PER_CARD * eni.network_card_index + eni.device_index
    if not 0 <= eni.device_index < PER_CARD or not BASE <= found < END:
        raise ValueError(
            f"network card {eni.network_card_index}, device index {eni.device_index} of {eni.eni_id}"
        )
    return found


def ipv4_router(subnet: IPv4Network) -> IPv4Address:
    """Return the VPC router's address in a subnet: the first after the network's own (VPC, "Subnet CIDR blocks")."""
    return subnet.network_address + 1


def host_addresses(interface: NodeInterface, eni: Eni) -> tuple[Address, ...]:
    """Return the addresses that the host itself has on a link.

    The pods of an ipvlan network take the ENI's secondary addresses: the host keeps the first of each family then,
    because an address in two places answers from either.

    The primary IPv4 address has its subnet's prefix length, each other one /32. With the same prefix the kernel makes
    them secondaries of the primary, whose removal promotes one of them; systemd-networkd 252 takes the promoted
    address for another one while it reconfigures the link, asks for it some 65 000 times and gives the link up
    ("failed", seen with 252.38). An IPv6 address is a /128, as EC2's DHCPv6 hands it out. Neither adds a route.
    """
    if not interface.host_address:
        return ()
    ipv4, ipv6 = eni.ipv4_addresses, eni.ipv6_addresses
    if interface.pod_network in (PodNetwork.IPVLAN_L2, PodNetwork.IPVLAN_L3):
        ipv4, ipv6 = ipv4[:1], ipv6[:1]
    length = eni.ipv4_subnet.prefixlen if eni.ipv4_subnet else 32
    return (
        *(IPv4Interface((address, 32 if place else length)) for place, address in enumerate(ipv4)),
        *(IPv6Interface((address, 128)) for address in ipv6),
    )


def expected(interface: NodeInterface, eni: Eni) -> ExpectedLink:
    """Return what an interface's link must be while its kernel driver has the device.

    A link without a host address has routes only where pods' packets leave by them: ipvlan in l3 mode asks the host's
    tables, for the master's link (net/ipv4 with oif set), and a rule for packets bound to the link answers. Their IPv6
    neighbours cannot be asked for without a link-local address.
    """
    table = number(eni)
    addresses = host_addresses(interface, eni)
    is_routed = bool(addresses) or interface.pod_network is PodNetwork.IPVLAN_L3
    has_ipv6 = is_routed and bool(eni.ipv6_addresses)
    routes = (
        *(_ipv4_routes(eni, addresses) if is_routed else ()),
        *(_ipv6_routes(eni, addresses) if has_ipv6 else ()),
    )
    families = sorted({route.destination.version for route in routes})
    return ExpectedLink(
        interface=interface.name,
        name=interface.link_name,
        mac=eni.mac,
        eni_id=eni.eni_id,
        mtu=interface.mtu,
        link_local=has_ipv6,
        table=table,
        addresses=addresses,
        routes=routes,
        rules=(
            *(
                RoutingRule(address.version, table, table, source=_host_network(address))
                for address in addresses
            ),
            *(
                RoutingRule(family, table, table, outgoing_link=interface.link_name)
                for family in families
            ),
        ),
    )


def _ipv4_routes(eni: Eni, addresses: tuple[Address, ...]) -> tuple[EniRoute, ...]:
    if eni.ipv4_subnet is None:
        return ()
    source = next((a.ip for a in addresses if isinstance(a, IPv4Interface)), None)
    return (
        EniRoute(eni.ipv4_subnet, None, source),
        EniRoute(_EVERYWHERE_IPV4, ipv4_router(eni.ipv4_subnet), source),
    )


def _ipv6_routes(eni: Eni, addresses: tuple[Address, ...]) -> tuple[EniRoute, ...]:
    """Return the IPv6 routes; link-local ones too, or a socket bound to the link would reach neighbours by the router."""
    source = next((a.ip for a in addresses if isinstance(a, IPv6Interface)), None)
    return (
        EniRoute(_LINK_LOCAL, None, None),
        *(EniRoute(subnet, None, source) for subnet in eni.ipv6_subnets),
        EniRoute(_EVERYWHERE_IPV6, IPV6_ROUTER, source),
    )


def _host_network(address: Address) -> IPv4Network | IPv6Network:
    if isinstance(address, IPv4Interface):
        return IPv4Network(address.ip)
    return IPv6Network(address.ip)
