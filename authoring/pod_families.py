"""Of which address families pods have addresses on an interface, and what is written for one that they have none of."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING

from authoring.problems import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authoring.models import Interface
    from authoring.wellformed import WrittenInterface

IPV4, IPV6 = 4, 6


def of_eni(item: Interface) -> frozenset[int]:
    """Return the families of which the interface itself has addresses, as far as the file says."""
    ipv6 = item.ipv6 is not None or (item.pod_pool is not None and item.pod_pool.ipv6 > 0)
    return _chosen(ipv4=item.ipv4 != "none", ipv6=ipv6)


def of_pods(item: Interface) -> frozenset[int]:
    """Return the families of which pods can have addresses: of the pool or the ranges, else what the interface has.

    With `pod_ipam: static` somebody may assign the ENI IPv6 addresses that the file knows nothing of.
    """
    if item.pod_ipam == "static":
        return of_eni(item) | {IPV6}
    if item.pod_ipam != "node":
        return frozenset(ip_network(text).version for text in item.pod_ranges)
    if item.pod_pool is not None:
        return _chosen(ipv4=item.pod_pool.ipv4 > 0, ipv6=item.pod_pool.ipv6 > 0)
    return of_eni(item)


def of_link(item: Interface) -> frozenset[int]:
    """Return the families of the link's packets, as far as the file says: the interface's own, and of what it says of pods."""
    named = (*item.pod_ranges, *item.pod_subnets)
    if item.pod_ipam == "static":
        named += item.pod_routes  # elsewhere they are of families that pods have addresses of
    return of_eni(item) | {ip_network(text).version for text in named}


def faults(interface: WrittenInterface) -> Iterator[Fault]:
    """Yield every fault of ranges and routes of a family that the interface's pods have no address of."""
    if not interface.unreadable.isdisjoint({"ipv4", "ipv6", "pod_pool", "pod_ipam"}):
        return
    item = interface.item
    if item.ipv4 == "none":
        for key, texts in (("pod_ranges", item.pod_ranges), ("pod_subnets", item.pod_subnets)):
            yield from _ipv4_nowhere(interface, key, texts)
    has_pods = interface.node.item.pod_network != "none" and interface.node.says("pod_network")
    if has_pods and interface.unreadable.isdisjoint({"pod_ranges", "pod_routes"}):
        yield from _routes(interface)


def _ipv4_nowhere(interface: WrittenInterface, key: str, texts: tuple[str, ...]) -> Iterator[Fault]:
    """An IPv6-only subnet has no IPv4 CIDR block, and EC2 delivers no IPv4 there (Amazon VPC User Guide, "IP addressing")."""
    for position, text in enumerate(texts):
        if ip_network(text).version == IPV4:
            yield Fault(
                (*interface.location, key, position),
                text,
                "is an IPv4 range, and the interface says `ipv4: none`",
                "Write an IPv6 range: in an IPv6-only subnet pods have no IPv4 address either.",
            )


def _routes(interface: WrittenInterface) -> Iterator[Fault]:
    """The node leaves a route of the other family out, as the plugin would fail the pod for it."""
    known = of_pods(interface.item)
    if not known:
        return
    for position, text in enumerate(interface.item.pod_routes):
        version = ip_network(text).version
        if version not in known:
            yield Fault(
                (*interface.location, "pod_routes", position),
                text,
                f"is an IPv{version} destination, and the network's pods have no IPv{version} address",
                f"Give them one by `{_giver(interface.item, version)}`, or leave the route out.",
            )


def _giver(item: Interface, version: int) -> str:
    """Return the key by which the interface's pods have addresses (of_pods)."""
    if item.pod_ipam not in ("node", "static"):
        return "pod_ranges"
    if item.pod_pool is not None and item.pod_ipam == "node":
        return "pod_pool"
    return "ipv6" if version == IPV6 else "ipv4"


def _chosen(*, ipv4: bool, ipv6: bool) -> frozenset[int]:
    return frozenset(version for version, has_it in ((IPV4, ipv4), (IPV6, ipv6)) if has_it)
