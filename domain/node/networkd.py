"""The files by which systemd (252, that of Amazon Linux 2023) names and configures an interface's link.

systemd.link(5), systemd.network(5). Files of all directories are sorted together by name and the first that matches a
link applies, so `05-multus-*` goes before nodeadm's `70-eks-*` and the image's `80-ec2`.
"""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import TYPE_CHECKING

from domain.node import layout, routing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from domain.node.config import NodeInterface
    from domain.node.model import Eni, RoutingRule
    from domain.node.routing import Address, EniRoute, ExpectedLink

_Section = tuple[str, list[tuple[str, object]]]


def link_path(interface: str) -> str:
    """Return where an interface's .link file is."""
    return f"{layout.NETWORKD}/{layout.NETWORKD_PREFIX}{interface}.link"


def network_path(interface: str) -> str:
    """Return where an interface's .network file is."""
    return f"{layout.NETWORKD}/{layout.NETWORKD_PREFIX}{interface}.network"


def files(interface: NodeInterface, eni: Eni) -> dict[str, str]:
    """Return an interface's files by path.

    An interface for DPDK keeps its .link file: whenever the kernel driver has the device again, the link has its name.
    Its .network file says Unmanaged, so that neither nodeadm's file nor the image's takes the link, and nodeadm's
    boot hook, which waits up to a minute for each link to be configured or unmanaged, does not wait.
    """
    if interface.driver.is_dpdk:
        network = _unmanaged(interface, eni)
    else:
        network = _network(routing.expected(interface, eni))
    return {link_path(interface.name): _link(interface, eni), network_path(interface.name): network}


def _link(interface: NodeInterface, eni: Eni) -> str:
    """Return the .link file. It hides 99-default.link, whose MACAddressPolicy is therefore said here too."""
    return _text(
        interface.name,
        eni.eni_id,
        [
            ("Match", [("PermanentMACAddress", eni.mac)]),
            ("Link", [("Name", interface.link_name), ("MACAddressPolicy", "none")]),
        ],
    )


def _unmanaged(interface: NodeInterface, eni: Eni) -> str:
    return _text(
        interface.name,
        eni.eni_id,
        [
            ("Match", [("PermanentMACAddress", eni.mac)]),
            ("Link", [("Unmanaged", "yes"), ("RequiredForOnline", "no")]),
        ],
    )


def _network(link: ExpectedLink) -> str:
    """Return the .network file of a link that the kernel drives.

    systemd-networkd puts the link up when it configures it, and no more than that: `always-up` would have it put the link
    up in the moment in which a rename needs it down (before Linux 6.2).

    Duplicate address detection is off, as in nodeadm's own file: EC2 assigns an address once, and detection keeps each
    IPv6 address from being used for a second or two.
    """
    network: list[tuple[str, object]] = [
        ("DHCP", "no"),
        ("LinkLocalAddressing", "ipv6" if link.link_local else "no"),
        ("IPv6AcceptRA", "no"),
        ("LLDP", "no"),
        ("EmitLLDP", "no"),
        ("LLMNR", "no"),
        ("MulticastDNS", "no"),
    ]
    if link.link_local:
        network.append(("IPv6DuplicateAddressDetection", 0))
    return _text(
        link.interface,
        link.eni_id,
        [
            ("Match", [("PermanentMACAddress", link.mac)]),
            (
                "Link",
                [
                    ("MTUBytes", link.mtu),
                    ("RequiredForOnline", "no"),
                    ("ActivationPolicy", "up"),
                ],
            ),
            ("Network", network),
            *(_address(address) for address in link.addresses),
            *(_route(route, link.table) for route in link.routes),
            *(_rule(rule) for rule in link.rules),
        ],
    )


def _address(address: Address) -> _Section:
    return "Address", [("Address", address), ("AddPrefixRoute", "no")]


def _route(route: EniRoute, table: int) -> _Section:
    """Return a [Route]. The gateway is said to be on the link: without a host address nothing else tells the kernel."""
    keys: list[tuple[str, object]] = [("Destination", route.destination)]
    if route.gateway is not None:
        keys += [("Gateway", route.gateway), ("GatewayOnLink", "yes")]
    elif isinstance(route.destination, IPv4Network):
        keys.append(("Scope", "link"))
    if route.preferred_source is not None:
        keys.append(("PreferredSource", route.preferred_source))
    keys.append(("Table", table))
    return "Route", keys


def _rule(rule: RoutingRule) -> _Section:
    keys: list[tuple[str, object]] = []
    if rule.source is not None:
        keys.append(("From", rule.source))
    if rule.outgoing_link is not None:
        keys += [("OutgoingInterface", rule.outgoing_link), ("Family", f"ipv{rule.family}")]
    keys += [("Table", rule.table), ("Priority", rule.priority)]
    return "RoutingPolicyRule", keys


def _text(interface: str, eni_id: str, sections: Iterable[_Section]) -> str:
    written = [
        f"# multus-node wrote this for interface {interface}, {eni_id}; its next run writes it anew.\n"
    ]
    written += [
        "\n".join([f"[{name}]", *(f"{key}={value}" for key, value in keys), ""])
        for name, keys in sections
    ]
    return "\n".join(written)
