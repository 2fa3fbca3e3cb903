"""`pod_follow`: where EC2's assignment of an address can follow the pod that has it, and what to know where it does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authoring.instance_types import known_types
from authoring.models import ByTags
from authoring.node_checks import nobody
from authoring.pod_checks import HANDS_OUT
from authoring.problems import Fault, path_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from authoring.instance_types import Limits
    from authoring.models import Interface, NodeGroup
    from authoring.wellformed import Written, WrittenGroup, WrittenInterface


def faults(file: Written) -> Iterator[Fault]:
    """Yield every fault of interfaces whose addresses would follow pods."""
    for group in file.groups:
        for interface in group.interfaces:
            yield from of_interface(interface)
    yield from pools_of_one_name(file.groups)


def of_interface(interface: WrittenInterface) -> Iterator[Fault]:
    """Yield every fault of an interface whose addresses would follow pods, whatever others say."""
    if interface.item.pod_follow and "pod_follow" not in interface.unreadable:
        yield from _faults(interface)


def pools_of_one_name(groups: Sequence[WrittenGroup]) -> Iterator[Fault]:
    """The policy of the pods knows an ENI by the name of its interface, and a pool's ENIs would be in their reach."""
    pooled = {
        interface.item.name: interface.location
        for group in groups
        for interface in group.interfaces
        if interface.item.pod_pool is not None and "name" not in interface.unreadable
    }
    for group in groups:
        for interface in group.interfaces:
            elsewhere = pooled.get(interface.item.name, interface.location)
            if interface.item.pod_follow and elsewhere != interface.location:
                yield Fault(
                    (*interface.location, "name"),
                    interface.item.name,
                    f"is the name of {path_of(elsewhere)} too, whose pool the pods of this one could take addresses from",
                    "Give one of the two another name.",
                )


def _faults(interface: WrittenInterface) -> Iterator[Fault]:
    item, node = interface.item, interface.node
    here = (*interface.location, "pod_follow")
    if node.item.pod_network == "none":
        if node.says("pod_network"):
            yield nobody(interface, "pod_follow", True)
        return
    by_node = item.pod_ipam == "node" and "pod_ipam" not in interface.unreadable
    if item.pod_pool is not None and by_node:
        yield Fault(
            here,
            True,
            "is for addresses that come to an ENI with a pod, and with pod_pool a node gives every further address of its ENI"
            " to another pod",
            "Leave one of the two out: a pool's addresses stay with the node, the others go where their pods go.",
        )
    if node.item.driver != "kernel" and node.says("driver"):
        yield Fault(
            here,
            True,
            f"is for a pod's link, and with driver: {node.item.driver} there is none",
            "Leave it out: nothing in the pod sees which addresses a DPDK application uses.",
        )
    whole = node.item.pod_network == "host-device" and node.says("pod_network")
    if whole and by_node and item.ipv6 is not None and "ipv6" not in interface.unreadable:
        yield Fault(
            (*interface.location, "ipv6"),
            f"count: {item.ipv6.count}",
            "gives the ENI addresses that a pod which sets them would have released when it ends",
            "Leave it out: what the pod sets is assigned, in IPv6 too.",
        )
    stays = node.item.driver == "kernel" and node.item.pod_network.startswith("ipvlan")
    if node.item.host_address and node.says("host_address") and stays:
        yield Fault(
            (*node.location, "host_address"),
            True,
            "has the node take the first IPv6 address of its ENI, which may be one that followed a pod",
            "Leave it out, or `pod_follow`.",
        )
    yield from _subnets(interface)
    yield from _routes(interface)


def _subnets(interface: WrittenInterface) -> Iterator[Fault]:
    """An ENI has addresses of its own subnet alone (EC2 User Guide, "IP addresses per network interface"), so routes of one's own
    are no way out, as they are where nobody assigns (pod_checks)."""
    item = interface.item
    count = 0 if isinstance(item.subnets, ByTags) else len(item.subnets)
    readable = interface.unreadable.isdisjoint({"subnets", "source_dest_check", "pod_ipam"})
    if item.pod_ipam == "whereabouts" and count > 1 and readable and not item.source_dest_check:
        yield Fault(
            (*interface.location, "pod_ipam"),
            "whereabouts",
            f"hands out one range for the interface's {count} subnets, and EC2 assigns an ENI addresses of its own subnet alone",
            "Write a node group and an interface for each subnet, or leave `pod_follow` out.",
        )


def _routes(interface: WrittenInterface) -> Iterator[Fault]:
    """In l3 mode pods' packets take the node's routes, and it makes IPv6 ones for an ENI with IPv6 (domain.node.routing)."""
    item, node = interface.item, interface.node
    if (
        node.item.pod_network != "ipvlan-l3"
        or item.ipv6 is not None
        or "ipv6" in interface.unreadable
    ):
        return
    for key, position, text in _ipv6_of_pods(interface):
        yield Fault(
            (*interface.location, key, position),
            text,
            "needs IPv6 routes on the node, which with ipvlan-l3 has them where its ENI has an IPv6 address of its own",
            "Write `ipv6: { count: 1 }`, or `pod_network: ipvlan-l2`.",
        )


def _ipv6_of_pods(interface: WrittenInterface) -> Iterator[tuple[str, int, str]]:
    """Yield what says that pods have IPv6 addresses: the key, the position and the text."""
    item = interface.item
    yield from (("pod_ranges", place, text) for place, text in _ipv6(item.pod_ranges))
    if item.pod_ipam == "static" and "pod_ipam" not in interface.unreadable:
        # Elsewhere pods have no address of that family but by a range, or as the ENI itself.
        yield from (("pod_routes", place, text) for place, text in _ipv6(item.pod_routes))


def _ipv6(texts: Sequence[str]) -> Iterator[tuple[int, str]]:
    return ((place, text) for place, text in enumerate(texts) if ":" in text)


def limits(type_name: str, most: Limits, interface: WrittenInterface) -> Iterator[Fault]:
    """Yield the ranges and destinations for which an ENI of an instance type takes no address of a pod.

    In l3 mode it needs one of its own besides, for which the node makes its routes.
    """
    item = interface.item
    own = item.ipv6.count if item.ipv6 else 0
    if not item.pod_follow or most.ipv6_per_interface > own:
        return
    fewer = ", write a smaller `ipv6` count" if own > 1 else ""
    for key, position, text in _ipv6_of_pods(interface):
        what = "has" if key == "pod_ranges" else "is reached from pods'"
        yield Fault(
            (*interface.location, key, position),
            text,
            f"{what} IPv6 addresses, and beside the interface's own {own} {type_name} takes none (at most "
            f"{most.ipv6_per_interface} per interface)",
            f"Leave it out{fewer}, or name other types.",
        )


def warnings(group: NodeGroup, interface: Interface) -> Iterator[str]:
    """Yield what to know of an interface of the group whose addresses follow pods."""
    yield _room(group, interface)
    if not interface.source_dest_check:
        yield (
            "source_dest_check: false is not needed where every pod's address is the ENI's, and costs a call for each ENI."
            " Leave it out, unless pods forward what others send."
        )
    if interface.pod_ipam in HANDS_OUT:
        return
    if not interface.reserve_pod_ranges:
        yield (
            "EC2 may give a node an address that a pod brings, and as its primary one it never moves."
            f" {_keep(interface)}, which keeps EC2 out of them."
        )
    if isinstance(interface.subnets, ByTags) or len(interface.subnets) > 1:
        yield (
            "an address is of one subnet, and of use on nodes in that one alone. Keep a pod that brings its own in the zone of"
            " the address (a nodeAffinity with topology.kubernetes.io/zone)."
        )


def _keep(interface: Interface) -> str:
    if isinstance(interface.subnets, ByTags):
        return "Make subnet CIDR reservations (explicit) of what pods bring"
    return "Write what pods bring as pod_ranges with reserve_pod_ranges: true"


def _room(group: NodeGroup, interface: Interface) -> str:
    """The primary address counts (DescribeInstanceTypes, NetworkInfo)."""
    types = [known_types()[name] for name in group.instance_types]
    if not types:
        return (
            "a node's ENI takes as many pods' addresses as its instance type allows, less its own, and a pod whose address"
            " finds no room does not start. Write instance_types to be told how many."
        )
    ipv4 = 0 if interface.ipv4 == "none" else min(each.ipv4_per_interface for each in types) - 1
    ipv6 = min(each.ipv6_per_interface for each in types)
    own = interface.ipv6.count if interface.ipv6 else 0
    return (
        f"a node's ENI takes at most {ipv4} IPv4 and {max(0, ipv6 - own)} IPv6 addresses of pods at a time"
        f" ({', '.join(group.instance_types)}), and a pod whose address finds no room does not start."
    )
