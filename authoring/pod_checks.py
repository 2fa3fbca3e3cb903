"""What no single value shows of the pods' networks: who gives addresses out, of which ranges, and to whom."""

from __future__ import annotations

from collections import Counter
from ipaddress import ip_network
from itertools import combinations
from typing import TYPE_CHECKING

from authoring import pod_families
from authoring.ip_ranges import fills_any_subnet
from authoring.models import ByTags, subnets_of
from authoring.node_checks import nobody
from authoring.problems import Fault, path_of
from domain.ip_ranges import inside, overlap
from domain.pods import ranges

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    from authoring.models import Interface
    from authoring.problems import Location
    from authoring.wellformed import Written, WrittenGroup, WrittenInterface

HANDS_OUT = ("whereabouts", "host-local")
"""The IPAM plugins that take addresses from ranges. `static` takes them from the pod's annotation."""

LEAST_NETWORK = 4

_OWN_BLOCKS = "Write each subnet's own range, as `aws ec2 describe-subnets` shows it."


def faults(file: Written) -> Iterator[Fault]:
    """Yield every fault of what is said of pods."""
    for group in file.groups:
        for interface in group.interfaces:
            yield from of_interface(interface, group)
    interfaces = [interface for group in file.groups for interface in group.interfaces]
    for one, other in combinations(interfaces, 2):
        yield from between(one, other)


def of_interface(interface: WrittenInterface, group: WrittenGroup) -> Iterator[Fault]:
    """Yield every fault of what an interface of a group says of pods, whatever others say."""
    yield from _kept(interface)
    yield from _reserved(interface)
    yield from _whole_subnets(interface)
    yield from _lists(interface)
    yield from _blocks(interface)
    yield from _plugins(interface)
    yield from pod_families.faults(interface)
    if _says(interface, "pod_ipam") and interface.item.pod_ipam != "node":
        yield from _ipam(interface, group)


def between(one: WrittenInterface, other: WrittenInterface) -> Iterator[Fault]:
    """Yield every fault between what two interfaces say of pods, each at the second one."""
    yield from _overlaps(one, other)
    yield from _reserved_twice(one, other)
    yield from _blocks_differ(one, other)


def _says(interface: WrittenInterface, *keys: str) -> bool:
    return interface.unreadable.isdisjoint(keys)


def _at(interface: WrittenInterface, *keys: str | int) -> Location:
    return (*interface.location, *keys)


def _hands_out(interface: WrittenInterface) -> bool:
    return _says(interface, "pod_ipam") and interface.item.pod_ipam in HANDS_OUT


def _kept(interface: WrittenInterface) -> Iterator[Fault]:
    """Ranges that no IPAM plugin uses are kept free by from_start or by a reservation, or by nobody."""
    item = interface.item
    if not item.pod_ranges or not _says(interface, "ipv4", "pod_ipam") or _hands_out(interface):
        return
    if item.reserve_pod_ranges or not _says(interface, "reserve_pod_ranges"):
        return
    if item.ipv4 != "from_start":
        yield Fault(
            _at(interface, "pod_ranges"),
            list(item.pod_ranges),
            f"has no effect with ipv4: {item.ipv4}",
            f"Write {_keepers(item)}; or leave the ranges out.",
        )
        return
    for position, text in enumerate(item.pod_ranges):
        if ":" in text:
            yield Fault(
                _at(interface, "pod_ranges", position),
                text,
                "is an IPv6 range, and from_start chooses IPv4 addresses",
                f"Leave it out here, or write {_keepers(item)}.",
            )


def _keepers(item: Interface) -> str:
    """Return what gives ranges that nobody uses an effect, as far as it is not refused with them."""
    subnets = tuple(map(ip_network, item.pod_subnets))
    networks = tuple(map(ip_network, item.pod_ranges))
    parts = not any(inside(subnet, each) for subnet in subnets for each in networks)
    found = all(ranges.subnet_of(text, item.pod_subnets) for text in item.pod_ranges)
    ways = ["a `pod_ipam` that gives pods addresses of them"]
    if parts and item.ipv4 == "auto" and not any(":" in text for text in item.pod_ranges):
        ways.insert(0, "`ipv4: from_start`")
    fits = found or (not subnets and not any(map(fills_any_subnet, networks)))
    if parts and fits and not isinstance(item.subnets, ByTags):
        ways.insert(0, "`reserve_pod_ranges: true`, so that EC2's own choice keeps out of them")
    return " or ".join([", ".join(ways[:-1]), ways[-1]] if ways[1:] else ways)


def _reserved(interface: WrittenInterface) -> Iterator[Fault]:
    """A reservation is made when the stack is deployed, in a subnet that is known by then and stays the same."""
    item, here = interface.item, _at(interface, "reserve_pod_ranges")
    if not item.reserve_pod_ranges:
        return
    if not item.pod_ranges and _says(interface, "pod_ranges"):
        yield Fault(here, True, "has no ranges to reserve", "Write `pod_ranges`, or leave it out.")
    if isinstance(item.subnets, ByTags) and _says(interface, "subnets"):
        yield Fault(
            here,
            True,
            "needs subnets that stay the same, and these are chosen by tags at each launch",
            "Write the subnets' ids under `subnets`; or leave it out, and make the reservations yourself.",
        )
    if item.pod_subnets and _says(interface, "pod_subnets") and not _hands_out(interface):
        for position, text in enumerate(item.pod_ranges):
            if ranges.subnet_of(text, item.pod_subnets) is None:
                yield Fault(
                    _at(interface, "pod_ranges", position),
                    text,
                    f"is in none of pod_subnets ({', '.join(item.pod_subnets)}), so in no subnet that can keep it",
                    "Correct one of the two.",
                )


def _whole_subnets(interface: WrittenInterface) -> Iterator[Fault]:
    """What is kept free in a subnet, by from_start or by a reservation, must leave its nodes' own addresses."""
    item = interface.item
    if not _says(interface, "pod_ranges", "pod_subnets", "ipv4", "reserve_pod_ranges"):
        return
    for position, text in enumerate(item.pod_ranges):
        kept = item.reserve_pod_ranges or (item.ipv4 == "from_start" and ":" not in text)
        for subnet in map(ip_network, item.pod_subnets if kept else ()):
            if inside(subnet, ip_network(text)):
                yield Fault(
                    _at(interface, "pod_ranges", position),
                    text,
                    f"is all of the subnet {subnet}, and nodes have addresses of it too",
                    "Write a part of it.",
                )
        if item.reserve_pod_ranges and not item.pod_subnets and fills_any_subnet(ip_network(text)):
            yield Fault(
                _at(interface, "pod_ranges", position),
                text,
                "is as large as a subnet can be, or larger: a reservation is in one, and nodes have addresses of it too",
                "Write a part of the subnet.",
            )


def _reserved_twice(one: WrittenInterface, other: WrittenInterface) -> Iterator[Fault]:
    """One reservation cannot overlap another (Amazon VPC User Guide, "Subnet CIDR reservations"); the very same range is one."""
    if not one.item.reserve_pod_ranges or not other.item.reserve_pod_ranges:
        return
    if not _subnets(one) & _subnets(other):
        return
    if _hands_out(one) or _hands_out(other):
        return  # told by _overlaps
    for position, text in enumerate(other.item.pod_ranges):
        for before, known in enumerate(one.item.pod_ranges):
            if _share(text, known) and ip_network(text) != ip_network(known):
                yield Fault(
                    _at(other, "pod_ranges", position),
                    text,
                    f"overlaps {path_of(_at(one, 'pod_ranges', before))}, of the same subnet, and both are to be reserved",
                    "Write the very same range in both, or ranges that do not overlap.",
                )


def _lists(interface: WrittenInterface) -> Iterator[Fault]:
    item = interface.item
    for key, texts in (("pod_ranges", item.pod_ranges), ("pod_subnets", item.pod_subnets)):
        for (first, one), (second, other) in combinations(enumerate(texts), 2):
            if _share(one, other):
                yield Fault(
                    _at(interface, key, second),
                    other,
                    f"overlaps {path_of(_at(interface, key, first))}",
                    "Write each address once.",
                )
    yield from _same_routes(interface)
    for name, count in Counter(item.pod_namespaces).items():
        if count > 1:
            yield Fault(
                _at(interface, "pod_namespaces"), name, "is in the list twice", "Keep one of them."
            )
    if item.pod_namespaces and _no_pods(interface):
        yield nobody(interface, "pod_namespaces", list(item.pod_namespaces))
    if item.pod_ipam == "node" and item.pod_subnets and _says(interface, "pod_ipam"):
        yield Fault(
            _at(interface, "pod_subnets"),
            list(item.pod_subnets),
            "has no effect with pod_ipam: node",
            "Leave it out: a node knows its subnets.",
        )


def _blocks(interface: WrittenInterface) -> Iterator[Fault]:
    """A subnet has one block of a family at most (Amazon VPC User Guide, "Subnet CIDR blocks")."""
    item = interface.item
    if isinstance(item.subnets, ByTags) or not _says(interface, "subnets", "pod_subnets"):
        return
    count = len(item.subnets)
    for family, texts in _by_family(item.pod_subnets):
        if len(texts) > count:
            named = "one subnet" if count == 1 else f"{count} subnets"
            yield Fault(
                _at(interface, "pod_subnets"),
                list(texts),
                f"are {len(texts)} {family} ranges for {named}, and a subnet has one at most",
                _OWN_BLOCKS,
            )


def _blocks_differ(one: WrittenInterface, other: WrittenInterface) -> Iterator[Fault]:
    """Where two interfaces name a block for each of their subnets, they have as many of both in common: in a VPC no two subnets
    share an address (Amazon VPC User Guide, "Subnet CIDR blocks")."""
    shared = _subnets(one) & _subnets(other)
    if not shared or isinstance(one.item.subnets, ByTags):
        return
    pairs = zip(_by_family(one.item.pod_subnets), _by_family(other.item.pod_subnets), strict=True)
    for (_, known), (_, texts) in pairs:
        are_all = len(known) == len(_subnets(one)) and len(texts) == len(_subnets(other))
        common = set(map(ip_network, known)) & set(map(ip_network, texts))
        if are_all and len(common) != len(shared):
            yield Fault(
                _at(other, "pod_subnets"),
                list(texts),
                f"does not agree with {path_of(_at(one, 'pod_subnets'))}, of the same subnet ({', '.join(known)})",
                _OWN_BLOCKS,
            )


def _same_routes(interface: WrittenInterface) -> Iterator[Fault]:
    """A plugin fails the pod at the second of two routes of one destination, as the kernel has it already
    (containernetworking/plugins, pkg/ipam/ipam_linux.go, ConfigureIface)."""
    for (first, one), (second, other) in combinations(enumerate(interface.item.pod_routes), 2):
        if ip_network(one) == ip_network(other):
            yield Fault(
                _at(interface, "pod_routes", second),
                other,
                f"is the same destination as {path_of(_at(interface, 'pod_routes', first))}",
                "Write each destination once.",
            )


def _share(one: str, other: str) -> bool:
    return overlap(ip_network(one), ip_network(other))


def _no_pods(interface: WrittenInterface) -> bool:
    return interface.node.item.pod_network == "none" and interface.node.says("pod_network")


def _plugins(interface: WrittenInterface) -> Iterator[Fault]:
    plugins, here = interface.item.pod_plugins, _at(interface, "pod_plugins")
    if plugins is None:
        return
    if not plugins.sbr and not plugins.sysctls:
        yield Fault(
            here, {}, "names no plugin", "Write `sbr: true` or `sysctls:`, or leave it out."
        )
    if interface.item.pod_ipam == "node" and _says(interface, "pod_ipam"):
        yield Fault(
            here,
            plugins.model_dump(exclude_defaults=True),
            "has no effect with pod_ipam: node, as the node's own file names one plugin",
            "Write the `pod_ipam` of a plugin, or leave it out.",
        )
    driver = interface.node.item.driver
    if driver != "kernel" and interface.node.says("driver"):
        yield Fault(
            here,
            plugins.model_dump(exclude_defaults=True),
            f"is for a pod's link, and with driver: {driver} there is none",
            "Leave it out: the DPDK application has the device, and no route or sysctl is for it.",
        )


def _ipam(interface: WrittenInterface, group: WrittenGroup) -> Iterator[Fault]:
    item, node, here = interface.item, interface.node, _at(interface, "pod_ipam")
    if _no_pods(interface):
        yield nobody(interface, "pod_ipam", item.pod_ipam)
        return
    if item.pod_pool is not None:
        yield Fault(
            _at(interface, "pod_pool"),
            f"ipv4: {item.pod_pool.ipv4}, ipv6: {item.pod_pool.ipv6}",
            f"has no effect with pod_ipam: {item.pod_ipam}",
            "Leave one of the two out: a pool is handed out by its node, which alone knows the addresses.",
        )
    if (
        node.item.pod_network == "host-device"
        and node.item.resource is None
        and node.says("pod_network", "resource")
    ):
        yield Fault(
            here,
            item.pod_ipam,
            "needs a resource, as PCI addresses differ from node to node",
            "Add `resource` to the interface's `node:`, so that the device plugin names the device; or leave `pod_ipam` "
            "out, and the node does.",
        )
    if item.pod_ipam in HANDS_OUT and _says(interface, "pod_ranges"):
        yield from _ranges(interface)
    if item.pod_ipam == "host-local":
        yield from _one_store(interface, group)
    if item.pod_ipam == "whereabouts":
        yield from _one_range(interface)
    yield from _routes(interface)
    is_link = node.item.driver == "kernel" or not node.says("driver")
    if item.pod_plugins is not None and item.pod_plugins.sbr and is_link:
        yield from _source_routing(interface) if item.pod_ipam in HANDS_OUT else _moved(interface)


def _ranges(interface: WrittenInterface) -> Iterator[Fault]:
    item = interface.item
    if not item.pod_ranges:
        yield Fault(
            _at(interface, "pod_ipam"),
            item.pod_ipam,
            "has no addresses to hand out",
            "Write `pod_ranges`: which addresses are the pods'.",
        )
    if not _says(interface, "pod_subnets"):
        return
    for position, text in enumerate(item.pod_ranges):
        if not item.pod_subnets:
            yield from _own_network(interface, position, text)
            continue
        subnet = ranges.subnet_of(text, item.pod_subnets)
        here = _at(interface, "pod_ranges", position)
        if subnet is None:
            yield Fault(
                here,
                text,
                f"is in none of pod_subnets ({', '.join(item.pod_subnets)})",
                "Correct one of the two.",
            )
        elif ranges.usable(text, subnet) is None:
            yield Fault(
                here,
                text,
                "has only addresses that AWS keeps: the first four of a subnet and the last",
                "Write a larger range, or another.",
            )


def _own_network(interface: WrittenInterface, position: int, text: str) -> Iterator[Fault]:
    """Of a network's addresses the plugins leave out the first and the last, and refuse what is left with none
    (containernetworking/plugins, plugins/ipam/host-local/backend/allocator/range.go, Canonicalize)."""
    if ip_network(text).num_addresses < LEAST_NETWORK:
        yield Fault(
            _at(interface, "pod_ranges", position),
            text,
            "is too small to be a network of its own",
            "Write `pod_subnets`, so that it is a part of one, or a larger range.",
        )


def _one_store(interface: WrittenInterface, group: WrittenGroup) -> Iterator[Fault]:
    """host-local keeps its notes on the node (containernetworking/plugins, plugins/ipam/host-local, README)."""
    create = group.create
    if create is not None and (not create.says("max_size") or create.item.max_size == 1):
        return
    yield Fault(
        _at(interface, "pod_ipam"),
        "host-local",
        "would give pods of two nodes one address, as each node counts for itself",
        f"Write `pod_pool`, whose addresses are each node's own, in place of `pod_ipam` and its ranges{_or_whereabouts(interface.item)}. Only a "
        "created group that never has a second node can do with it.",
    )


def _or_whereabouts(item: Interface) -> str:
    """Return the other remedy, where whereabouts is not refused for the same ranges and subnets."""
    families = [texts for _, texts in _by_family(item.pod_ranges) if texts]
    both_by_sbr = len(families) > 1 and item.pod_plugins is not None and item.pod_plugins.sbr
    routed = not item.source_dest_check and not item.pod_follow
    if (
        both_by_sbr
        or any(len(texts) > 1 for texts in families)
        or not (_one_subnet(item) or routed)
    ):
        return ""
    return ", or `pod_ipam: whereabouts`, which counts for the cluster"


def _one_subnet(item: Interface) -> bool:
    return isinstance(item.subnets, ByTags) or len(item.subnets) == 1


def _one_range(interface: WrittenInterface) -> Iterator[Fault]:
    """whereabouts gives a pod an address of each of its ranges (its README, "ipRanges"), wherever the pod is."""
    item = interface.item
    for family, texts in _by_family(item.pod_ranges):
        if len(texts) > 1:
            yield Fault(
                _at(interface, "pod_ranges"),
                list(texts),
                f"are {len(texts)} {family} ranges, and whereabouts gives every pod an address of each",
                "Write one of each family; for several subnets, a node group and an interface for each.",
            )
    count = 0 if isinstance(item.subnets, ByTags) else len(item.subnets)
    if count > 1 and item.source_dest_check and _says(interface, "subnets", "source_dest_check"):
        routes = "; or `source_dest_check: false`, if routes of yours lead to the pods"
        routed = "" if item.pod_follow else routes
        yield Fault(
            _at(interface, "pod_ipam"),
            "whereabouts",
            f"hands out one range for the interface's {count} subnets: a pod's address would be of another subnet than its node",
            "Write a node group and an interface for each subnet; or `pod_pool` in place of `pod_ipam` and its ranges, whose "
            f"addresses are always of the node's own subnet{routed}.",
        )


def _by_family(texts: Sequence[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield "IPv4", tuple(text for text in texts if ":" not in text)
    yield "IPv6", tuple(text for text in texts if ":" in text)


def _routes(interface: WrittenInterface) -> Iterator[Fault]:
    item = interface.item
    if not _says(interface, "pod_routes", "pod_subnets"):
        return
    for position, text in enumerate(item.pod_routes):
        if ranges.router(text, item.pod_subnets) is None:
            yield Fault(
                _at(interface, "pod_routes", position),
                text,
                "leads by the VPC's router, whose address is another one in each subnet",
                "Write the one IPv4 subnet that the pods' addresses are in as `pod_subnets`; or leave `pod_ipam` out, as a "
                "node knows its router.",
            )


def _moved(interface: WrittenInterface) -> Iterator[Fault]:
    """Of the main table's routes sbr copies those whose gateway is in the network of an address, and deletes all; its own default
    route is for an address with a gateway, which one of an annotation has not (containernetworking/plugins, plugins/meta/sbr/main.go,
    doRoutes). The VPC's IPv6 router is a link-local address, so in no such network."""
    if not _says(interface, "pod_routes"):
        return
    for position, text in enumerate(interface.item.pod_routes):
        if ":" in text:
            yield Fault(
                _at(interface, "pod_routes", position),
                text,
                "is an IPv6 destination, and of addresses that pods bring sbr moves no IPv6 route to its table, and deletes it",
                f"Leave `sbr` out, or this route{_by_whereabouts(interface.item)}.",
            )


def _by_whereabouts(item: Interface) -> str:
    """Return the other remedy, where pods need addresses of one family: with `sbr` whereabouts gives no more (_source_routing)."""
    families = {ip_network(text).version for text in (*item.pod_routes, *item.pod_ranges)}
    if len(families) > 1 or not _one_subnet(item):
        return ""
    return (
        "; or write `pod_ipam: whereabouts` with IPv6 ranges, for which sbr makes a default route"
    )


def _source_routing(interface: WrittenInterface) -> Iterator[Fault]:
    """sbr makes a default route by the gateway that the IPAM plugin names (containernetworking/plugins, plugins/meta/sbr), and
    whereabouts names one gateway for all of a pod's addresses (its pkg/types, IPAMConfig)."""
    item, here = interface.item, _at(interface, "pod_plugins", "sbr")
    if not _says(interface, "pod_ranges", "pod_subnets"):
        return
    families = [texts for _, texts in _by_family(item.pod_ranges) if texts]
    if item.pod_ipam == "whereabouts" and len(families) > 1:
        yield Fault(
            here,
            True,
            "needs a router of each family, and whereabouts knows one for both",
            "Write ranges of one family, or leave `sbr` out and write `pod_routes`.",
        )
    elif any(ranges.router(texts[0], item.pod_subnets) is None for texts in families):
        yield Fault(
            here,
            True,
            "needs the VPC's router, whose address is another one in each subnet",
            "Write the one IPv4 subnet that the ranges are in as `pod_subnets`.",
        )


def _overlaps(one: WrittenInterface, other: WrittenInterface) -> Iterator[Fault]:
    """Two interfaces of one subnet that hand out the same addresses.

    From the very same range whereabouts gives an address once, as it keeps its notes by range (its pkg/storage/kubernetes,
    PoolIdentifier), and a range that another interface keeps free is meant to be the same.
    """
    if not _hands_out(one) and not _hands_out(other):
        return
    if not _subnets(one) & _subnets(other):
        return
    stores = "host-local" in (one.item.pod_ipam, other.item.pod_ipam)
    for position, text in enumerate(other.item.pod_ranges):
        for before, known in enumerate(one.item.pod_ranges):
            if _share(text, known) and (text != known or stores):
                yield Fault(
                    _at(other, "pod_ranges", position),
                    text,
                    f"overlaps {path_of(_at(one, 'pod_ranges', before))}, of the same subnet",
                    "Give each interface ranges of its own.",
                )


def _subnets(interface: WrittenInterface) -> frozenset[Hashable]:
    return subnets_of(interface.item) if _says(interface, "subnets") else frozenset()
