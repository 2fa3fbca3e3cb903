"""What no single value shows of the nodes: names used twice, drivers that cannot work, times that do not fit together."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from authoring import device_pools
from authoring.instance_types import known_types
from authoring.node_resolution import link_name
from authoring.pod_families import IPV6, of_link
from authoring.problems import Fault, path_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from authoring.models import Hook, HugePages
    from authoring.problems import Location
    from authoring.wellformed import Text, Written, WrittenGroup, WrittenInterface

LEAST_AFTER_DEADLINE_S = 120
"""What a node needs besides its wait for interfaces: to boot before it, and to do its work and to answer after it."""
LEAST_IPV6_MTU = 1280
"""RFC 8200, section 5. Below it Linux takes IPv6 off a link."""


def faults(file: Written) -> Iterator[Fault]:
    """Yield every fault between what is said of a group's nodes."""
    for group in file.groups:
        yield from _links(group.interfaces)
        yield from device_pools.faults(group.interfaces)
        yield from _huge_pages(group.huge_pages)
        yield from _answers(group)
        yield from _times(group, file.hook)
        yield from _drivers_on_types(group)
        yield from _consent(group)
        for interface in group.interfaces:
            yield from _packet_size(interface)
            yield from _dpdk(interface)
            yield from _pods(interface)


def _links(interfaces: Iterable[WrittenInterface]) -> Iterator[Fault]:
    first: dict[str, Location] = {}
    for position, interface in enumerate(interfaces):
        if not interface.node.says("link"):
            continue
        name, here = link_name(interface.node.item, position), (*interface.node.location, "link")
        if name in first:
            yield Fault(
                here,
                name,
                f"is the same as {path_of(first[name])}",
                f"Give each interface its own; where none is written it is mul{position} for the one at [{position}].",
            )
        first.setdefault(name, here)


def _huge_pages(written: Iterable[tuple[Location, HugePages]]) -> Iterator[Fault]:
    before: list[tuple[Location, HugePages]] = []
    for here, pages in written:
        twice = [node for node, count in Counter(pages.numa_nodes).items() if count > 1]
        for node in twice:
            yield Fault((*here, "numa_nodes"), node, "is in the list twice", "Keep one of them.")
        known = next((at for at, other in before if _share_a_node(pages, other)), None)
        if known is not None:
            yield Fault(
                (*here, "size"),
                pages.size,
                f"is on the same NUMA nodes as {path_of(known)}",
                "Write one entry for a size, or name other `numa_nodes` in each; without them it is all of them.",
            )
        before.append((here, pages))


def _share_a_node(one: HugePages, other: HugePages) -> bool:
    if one.size != other.size:
        return False
    everywhere = not one.numa_nodes or not other.numa_nodes
    return everywhere or not set(one.numa_nodes).isdisjoint(other.numa_nodes)


def _answers(group: WrittenGroup) -> Iterator[Fault]:
    node = group.node.item
    if node.on_failure == "abandon" and not group.has_ready_hook and group.node.says("ready_hook"):
        yield Fault(
            (*group.node.location, "on_failure"),
            node.on_failure,
            "needs a launch hook that the node can abandon",
            "Add `ready_hook: true`, or write `on_failure: hold`: a node has no other say in being replaced.",
        )


def _times(group: WrittenGroup, hook: Hook | None) -> Iterator[Fault]:
    """Both launch hooks open at the same moment, and the first one that runs out ends the launch."""
    node = group.node.item
    if not group.has_ready_hook or not group.node.says(
        "ready_hook", "ready_timeout_s", "deadline_s"
    ):
        return
    here = (*group.node.location, "ready_timeout_s")
    least_s = node.deadline_s + LEAST_AFTER_DEADLINE_S
    if node.ready_timeout_s < least_s:
        yield Fault(
            here,
            node.ready_timeout_s,
            f"leaves a node less than {LEAST_AFTER_DEADLINE_S} s besides its wait for interfaces ({node.deadline_s} s)",
            f"Write at least {least_s}, or shorten deadline_s: Auto Scaling would replace a node that is still at work.",
        )
    elif hook is not None and node.ready_timeout_s < hook.heartbeat_timeout_s:
        yield Fault(
            here,
            node.ready_timeout_s,
            f"is shorter than hook.heartbeat_timeout_s ({hook.heartbeat_timeout_s})",
            f"Write at least {hook.heartbeat_timeout_s}: both hooks open together, and a node cannot be ready before "
            "it has its interfaces.",
        )


def _drivers_on_types(group: WrittenGroup) -> Iterator[Fault]:
    known = known_types()
    types = [text for text in group.instance_types if text.value in known]
    for interface in group.interfaces:
        if interface.node.says("driver"):
            yield from _driver_on_types(interface, types, group)


def _driver_on_types(
    interface: WrittenInterface, types: Sequence[Text], group: WrittenGroup
) -> Iterator[Fault]:
    driver, here = interface.node.item.driver, (*interface.node.location, "driver")
    metal = [text.value for text in types if is_metal(text.value)]
    virtual = [text.value for text in types if not is_metal(text.value)]
    consent = group.node.item.allow_unsafe_noiommu or not group.node.says("allow_unsafe_noiommu")
    if driver == "vfio-pci" and virtual and not consent:
        yield Fault(
            here,
            driver,
            f"needs an IOMMU, and {virtual[0]} has none",
            "Add `allow_unsafe_noiommu: true` to `node:` of the node group if you consent that the DPDK application "
            "can write to all of the node's memory, or write igb_uio, or name .metal types only.",
        )
    without = [text.value for text in types if not known_types()[text.value].ena]
    if driver != "kernel" and without:
        yield Fault(
            here,
            driver,
            f"is for the ENA, and {without[0]} has none",
            "Name types with ENA; every Nitro one has it.",
        )
    if driver == "uio_pci_generic" and metal:
        yield Fault(
            here,
            driver,
            f"does not work for the ENA of {metal[0]}",
            "Write vfio-pci: DPDK's ENA driver has uio_pci_generic for virtualised instances only.",
        )


def is_metal(type_name: str) -> bool:
    """Return whether the instance type has no hypervisor: m5.metal, m7i.metal-24xl."""
    return type_name.partition(".")[2].startswith("metal")


def _consent(group: WrittenGroup) -> Iterator[Fault]:
    used = any(
        interface.node.item.driver == "vfio-pci" or not interface.node.says("driver")
        for interface in group.interfaces
    )
    if group.node.item.allow_unsafe_noiommu and not used:
        yield Fault(
            (*group.node.location, "allow_unsafe_noiommu"),
            True,
            "has no effect: no interface of the group has the driver vfio-pci",
            "Leave it out; a consent that nobody needs is one that somebody may find.",
        )


def _packet_size(interface: WrittenInterface) -> Iterator[Fault]:
    mtu = interface.node.item.mtu
    if mtu < LEAST_IPV6_MTU and IPV6 in of_link(interface.item):
        yield Fault(
            (*interface.node.location, "mtu"),
            mtu,
            f"is less than the {LEAST_IPV6_MTU} that IPv6 needs",
            f"Write at least {LEAST_IPV6_MTU}, or leave IPv6 out: `ipv6`, `pod_pool.ipv6`, and what is IPv6 of pods' ranges, subnets and routes.",
        )


def _dpdk(interface: WrittenInterface) -> Iterator[Fault]:
    node, here = interface.node.item, interface.node.location
    if not interface.node.says("driver"):
        return
    if node.driver == "kernel":
        if node.write_combining is not None:
            yield Fault(
                (*here, "write_combining"),
                node.write_combining,
                "has no effect with driver: kernel",
                "Leave it out: the kernel's ena driver maps the device's memory as it needs it.",
            )
        return
    if node.host_address:
        yield Fault(
            (*here, "host_address"),
            True,
            f"is for a link, and with driver: {node.driver} there is none",
            "Leave it out: the addresses are for the DPDK application to use.",
        )
    if node.pod_network.startswith("ipvlan"):
        yield Fault(
            (*here, "pod_network"),
            node.pod_network,
            f"needs a link as its master, and with driver: {node.driver} there is none",
            "Write host-device, which hands the whole device to one pod, or driver: kernel.",
        )


def _pods(interface: WrittenInterface) -> Iterator[Fault]:
    node = interface.node.item
    if node.driver == "kernel" and node.pod_network == "host-device" and node.host_address:
        yield Fault(
            (*interface.node.location, "host_address"),
            True,
            "is for a link that stays, and with pod_network: host-device it moves into a pod",
            "Leave it out: the pod gets the addresses.",
        )
    yield from _resource(interface)
    yield from _pool(interface)
    if (
        interface.item.pod_routes
        and node.pod_network == "none"
        and interface.node.says("pod_network")
    ):
        yield nobody(interface, "pod_routes", list(interface.item.pod_routes))


def _resource(interface: WrittenInterface) -> Iterator[Fault]:
    """The device plugin gives a device to one pod at a time, and the sample of the network asks for it."""
    node = interface.node.item
    is_master = node.driver == "kernel" and node.pod_network.startswith("ipvlan")
    if is_master and node.resource is not None and interface.node.says("driver", "resource"):
        yield Fault(
            (*interface.node.location, "resource"),
            node.resource,
            f"is for a device that one pod has, and with pod_network: {node.pod_network} all pods of the node share it",
            "Leave it out, or write host-device.",
        )


def _pool(interface: WrittenInterface) -> Iterator[Fault]:
    item, pool = interface.item, interface.item.pod_pool
    if pool is None:
        return
    here = (*interface.location, "pod_pool")
    if not pool.ipv4 and not pool.ipv6:
        yield Fault(
            here, "ipv4: 0, ipv6: 0", "asks for no address", "Write how many, or leave it out."
        )
    if pool.ipv4 and item.ipv4 == "none" and "ipv4" not in interface.unreadable:
        yield Fault(
            (*here, "ipv4"),
            pool.ipv4,
            "asks for IPv4 addresses, and the interface says `ipv4: none`",
            "Write `ipv6:` alone: an IPv6-only subnet has no IPv4 address for pods either.",
        )
    if interface.item.node.pod_network == "none" and interface.node.says("pod_network"):
        yield nobody(interface, "pod_pool", f"ipv4: {pool.ipv4}, ipv6: {pool.ipv6}")


def nobody(interface: WrittenInterface, key: str, value: object) -> Fault:
    """Return the fault of a key that is for pods, where none gets at the interface."""
    is_link = interface.node.item.driver == "kernel"
    networks = "ipvlan-l2, ipvlan-l3 or host-device" if is_link else "host-device"
    return Fault(
        (*interface.location, key),
        value,
        "is for pods, and no pod network leads to the interface",
        f"Add `pod_network` ({networks}) to the interface's `node:`, or leave it out.",
    )
