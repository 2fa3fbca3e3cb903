"""What is not wrong with a pod network, and does not work by itself either."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING

from authoring import device_pools, pod_families, pod_follow, pod_neighbours
from authoring.models import ByTags, PodPlugins, subnets_of
from authoring.pod_checks import HANDS_OUT
from authoring.pod_families import IPV4, IPV6
from authoring.remedies import may_write
from authoring.stated_subnets import StatedSubnets

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from authoring.models import Interface, NodeGroup


def warnings(group: NodeGroup, groups: Sequence[NodeGroup]) -> Iterator[str]:
    """Yield what to know of the pod networks of a group, each in a sentence or two.

    Args:
        group: whose.
        groups: all of the file, whose interfaces may be in the same subnets.
    """
    yield from device_pools.warnings(group)
    for interface in group.interfaces:
        yield from (
            f"{interface.name}: {text}" for text in _second_default_route(group, interface, groups)
        )
        if interface.pod_follow:
            yield from (
                f"{interface.name}: {text}" for text in pod_follow.warnings(group, interface)
            )
        if interface.pod_ipam != "node":
            yield from (f"{interface.name}: {text}" for text in _warnings(group, interface, groups))
        elif interface.pod_pool is not None:
            yield from (
                f"{interface.name}: {text}"
                for text in pod_neighbours.own_nodes(group, interface, groups)
            )
        yield from (
            f"{interface.name}: {text}"
            for text in pod_neighbours.warnings(group, interface, groups)
        )


def _second_default_route(
    group: NodeGroup, interface: Interface, groups: Sequence[NodeGroup]
) -> Iterator[str]:
    """Of IPv4 a route comes before the others of its destination and metric; of IPv6 they become one of several next hops (Linux,
    net/ipv6/ip6_fib.c, fib6_add_rt2node), of which each connection has one by its hash."""
    families = _default_routes(interface)
    if not families or _has_sbr(interface):
        return
    effects = {
        IPV4: "of IPv4 the kernel takes the one that was made last",
        IPV6: "of IPv6 the kernel makes one route of the two and sends about half of the connections by each",
    }
    takes_sbr = may_write(groups, group, interface, pod_plugins=_with_sbr(interface))
    sbr = ", or sbr: true in pod_plugins, which keeps it to packets from the pod's address there"
    yield (
        "pods get the default route of pod_routes besides that of the cluster's own network:"
        f" {', and '.join(effects[family] for family in sorted(families))}."
        f" Write narrower routes{sbr if takes_sbr else ''}."
    )


def _default_routes(interface: Interface) -> frozenset[int]:
    networks = map(ip_network, interface.pod_routes)
    return frozenset(each.version for each in networks if each.prefixlen == 0)


def _with_sbr(interface: Interface) -> PodPlugins:
    return (interface.pod_plugins or PodPlugins()).model_copy(update={"sbr": True})


def _warnings(group: NodeGroup, interface: Interface, groups: Sequence[NodeGroup]) -> Iterator[str]:
    if not interface.pod_follow:
        yield _unassigned(interface, follows=may_write(groups, group, interface, pod_follow=True))
    if interface.pod_ipam in HANDS_OUT:
        yield from pod_neighbours.own_nodes(group, interface, groups)
        if not interface.pod_subnets:
            yield (
                "a pod takes each of pod_ranges for a network of its own, and reaches nothing of the subnet outside it."
                " Write pod_subnets, unless that is meant."
            )
    if _has_sbr(interface) and interface.pod_ipam == "static":
        yield from _no_default_route(group, interface, groups)
    if interface.pod_ipam == "static":
        yield from _other_family(interface)
    if interface.pod_ipam == "whereabouts" and isinstance(interface.subnets, ByTags):
        yield (
            "whereabouts hands out its one range in every subnet that has the tags, and a pod's address is of use in one only."
        )


def _has_sbr(interface: Interface) -> bool:
    return interface.pod_plugins is not None and interface.pod_plugins.sbr


def _unassigned(interface: Interface, *, follows: bool) -> str:
    """Neither IPAM plugin tells EC2 of an address (EKS best practices, Multus, "Understanding IPAM for Multus interfaces")."""
    who = (
        "that pods bring" if interface.pod_ipam == "static" else f"that {interface.pod_ipam} gives"
    )
    follow = "Write pod_follow: true, which assigns" if follows else "Assign"
    if interface.source_dest_check:
        return (
            f"EC2 drops what pods send from addresses {who}, as the ENI does not have them. {follow} each to the ENI of its"
            " pod's node, or write pod_pool in place of pod_ipam and its ranges, which has EC2 do so at launch."
        )
    return (
        f"EC2 delivers nothing to addresses {who} but by a route to the node's ENI in your route tables, and inside the"
        f" subnet not even then. {follow} each to the ENI of its pod's node, or write pod_pool in place of pod_ipam and its ranges."
    )


def _no_default_route(
    group: NodeGroup, interface: Interface, groups: Sequence[NodeGroup]
) -> Iterator[str]:
    """sbr makes a default route by the gateway of an address, and one from a pod's annotation has none; a default route that the
    network itself has it moves like any other (containernetworking/plugins, plugins/meta/sbr)."""
    if not _default_routes(interface):
        remedy = (
            'Write pod_routes: ["0.0.0.0/0"] with pod_subnets'
            if may_write(groups, group, interface, **_default_by_router(interface, groups))
            else "Leave sbr out"
        )
        yield (
            "sbr has no default route for packets from an address that pods bring: what is outside the subnet is sent by"
            f" the cluster's own network. {remedy}, unless that is meant."
        )


def _default_by_router(interface: Interface, groups: Sequence[NodeGroup]) -> dict[str, object]:
    """Return the keys of an IPv4 default route; the subnet that it needs is what others say of it, or any, where the interface has
    one and does not say it."""
    routes = (*interface.pod_routes, "0.0.0.0/0")
    has_one = not isinstance(interface.subnets, ByTags) and len(interface.subnets) == 1
    if has_one and not any(":" not in text for text in interface.pod_subnets):
        known = StatedSubnets(each for group in groups for each in group.interfaces)
        (subnet,) = subnets_of(interface)
        block = known.block(subnet, IPV4) or "10.0.0.0/24"
        return {"pod_routes": routes, "pod_subnets": (*interface.pod_subnets, str(block))}
    return {"pod_routes": routes}


def _other_family(interface: Interface) -> Iterator[str]:
    """Whoever assigns addresses may assign any that the subnet has, so what the ENI itself is given does not settle it."""
    known = pod_families.of_eni(interface)
    routes = [text for text in interface.pod_routes if ip_network(text).version not in known]
    if routes:
        yield (
            f"pods reach {', '.join(routes)} only from addresses of that family that their annotations bring, and the ENI is"
            " given none of it by this file: each has to be assigned to it, in a subnet that has such addresses."
        )
