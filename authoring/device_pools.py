"""Interfaces of one device-plugin pool, of whose devices a pod gets any."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authoring.models import ByTags, subnets_of
from authoring.problems import Fault, path_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from authoring.models import Interface, NodeGroup
    from authoring.wellformed import WrittenInterface


def faults(interfaces: Iterable[WrittenInterface]) -> Iterator[Fault]:
    """Yield the interfaces of a group that cannot be in the pool that they name, each once.

    The CNI plugin puts the network's address on whatever link the pod got. A DPDK application chooses addresses itself, so
    there other subnets are told by `warnings`.
    """
    first: dict[str, WrittenInterface] = {}
    for interface in interfaces:
        node = interface.node.item
        if node.resource is None or not interface.node.says("resource", "driver"):
            continue
        known = first.setdefault(node.resource, interface)
        if known is interface:
            continue
        here, there = ((*each.node.location, "resource") for each in (interface, known))
        if known.node.item.driver != node.driver:
            yield Fault(
                here,
                node.resource,
                f"has a device with driver {node.driver}, and by {path_of(there)} one with driver {known.node.item.driver}",
                "Give each driver a pool of its own: a pod that asks for the pool would get one or the other.",
            )
        elif node.driver == "kernel":
            yield from _links(known, interface)


def warnings(group: NodeGroup) -> Iterator[str]:
    """Yield the pools of DPDK devices that are in different subnets, and what becomes of pods that take some of them."""
    pools: dict[str, list[Interface]] = {}
    for interface in group.interfaces:
        if interface.node.resource is not None and interface.node.driver != "kernel":
            pools.setdefault(interface.node.resource, []).append(interface)
    for name, interfaces in pools.items():
        if any(_lead_elsewhere(interfaces[0], other) for other in interfaces[1:]):
            yield (
                f"the pool {name} ({', '.join(each.name for each in interfaces)}): its devices are in different subnets. A pod that"
                " asks for all of them finds the subnet of each by its PCI address; one that asks for fewer gets any, and cannot"
                " choose the subnet. Give each network a pool of its own, unless every pod takes the whole pool."
            )


def _links(one: WrittenInterface, other: WrittenInterface) -> Iterator[Fault]:
    """Yield why a pod on the network of one of two links may not have the other; at the other, the first reason.

    The file of a network on the node has the addresses of its own ENI, and the role of pods is for ENIs by their interface's name
    (domain.pods.policy).
    """
    there = path_of((*one.node.location, "resource"))
    apart = "Give each network a pool of its own"
    if _written_elsewhere(one, other):
        found = f"has a device in other subnets than by {there}"
        remedy = f"{apart}: a pod on one of them would get any device of the pool, in whose subnet its addresses may be of no use."
    elif not _are_moved(one, other):
        return
    elif any(each.item.pod_pool is not None for each in (one, other)):
        found = f"has another device than by {there}, and the addresses of a pod_pool are one ENI's"
        remedy = f"{apart}: a pod on one of them would get any device of the pool, whose ENI may not have its address."
    elif _one_follows(one, other):
        found = f"has another device than by {there}, and one of the two has pod_follow"
        remedy = f"{apart}, or write pod_follow in both: to the ENI of the other device a pod may assign nothing."
    else:
        return
    yield Fault((*other.node.location, "resource"), other.node.item.resource, found, remedy)


def _one_follows(one: WrittenInterface, other: WrittenInterface) -> bool:
    readable = "pod_follow" not in one.unreadable | other.unreadable
    return readable and one.item.pod_follow != other.item.pod_follow


def _are_moved(*interfaces: WrittenInterface) -> bool:
    return all(each.node.item.pod_network == "host-device" for each in interfaces)


def _written_elsewhere(one: WrittenInterface, other: WrittenInterface) -> bool:
    readable = "subnets" not in one.unreadable | other.unreadable
    return readable and _lead_elsewhere(one.item, other.item)


def _lead_elsewhere(one: Interface, other: Interface) -> bool:
    """Whether two interfaces are in different subnets, as far as the file says: what tags select has no ids in it."""
    by_tags = [isinstance(each.subnets, ByTags) for each in (one, other)]
    return by_tags[0] == by_tags[1] and subnets_of(one) != subnets_of(other)
