"""What no single value shows: names used twice, zones left out, indexes that clash, limits of instance types."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from authoring import created_checks, node_checks, pod_checks, pod_follow, wellformed
from authoring.instance_types import known_types
from authoring.models import WAYS_TO_NAME
from authoring.pod_families import of_eni
from authoring.problems import Fault, Location, path_of
from authoring.shapes import nearest, region_of
from domain import naming
from domain import tags as tag_rules

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from authoring.instance_types import Limits
    from authoring.models import Interface
    from authoring.wellformed import Text, WrittenGroup, WrittenInterface

MAX_SECURITY_GROUPS = 5
"""Security groups per network interface: the default quota (Amazon VPC User Guide, quotas), adjustable to 16."""
PRODUCT_TAGS = 7
"""How many tags `domain.tags.ownership_tags` sets on a network interface."""
FREE_TAGS = tag_rules.MAX_TAGS_PER_RESOURCE - PRODUCT_TAGS


def faults(data: object) -> Iterator[Fault]:
    """Yield every fault between the values of a file's data; a value that is malformed itself is passed over."""
    file = wellformed.read(data)
    interfaces = [item for group in file.groups for item in group.interfaces]
    yield from _interval_against_heartbeat(file)
    yield from _outside_the_region(file, interfaces)
    yield from _used_twice(
        (group.name for group in file.groups), "Give each node group its own name."
    )
    yield from _used_twice(
        (group.auto_scaling_group for group in file.groups),
        "Adopt an Auto Scaling group once, with all its interfaces in one node group.",
    )
    yield from _used_twice(
        (group.managed_node_group for group in file.groups),
        "Adopt a managed node group once, with all its interfaces in one node group.",
    )
    yield from _created_by_others(file)
    yield from _subnets_in_two_zones(file)
    yield from _zones_of_two_regions(file)
    yield from _too_many_tags(file.tag_keys, interfaces)
    for interface in interfaces:
        yield from _addresses(interface)
        yield from _id_lists(interface)
    for group in file.groups:
        yield from _named_once(group)
        yield from _used_twice(
            (_name(item) for item in group.interfaces), "Give each interface its own name."
        )
        yield from _zones_left_out(group.interfaces)
        yield from _device_indexes(group.interfaces)
        yield from _instance_types(group)
    yield from node_checks.faults(file)
    yield from pod_checks.faults(file)
    yield from pod_follow.faults(file)
    yield from created_checks.faults(file)


def _name(interface: WrittenInterface) -> Text | None:
    if "name" in interface.unreadable:
        return None
    return wellformed.Text((*interface.location, "name"), interface.item.name)


def shortest_heartbeat_s(interval_minutes: int) -> int:
    """Return the shortest heartbeat time-out whose second half, from which on runs restart a hook's timer, outlasts two
    intervals (one run may fail), the minute that is EventBridge Scheduler's precision, and half a minute until a run has
    sent the heartbeat."""
    return 2 * (2 * 60 * interval_minutes + 60 + 30)


def _interval_against_heartbeat(file: wellformed.Written) -> Iterator[Fault]:
    if file.hook is None or file.reconcile is None:
        return
    least_s = shortest_heartbeat_s(file.reconcile.interval_minutes)
    if file.hook.heartbeat_timeout_s < least_s:
        yield Fault(
            ("hook", "heartbeat_timeout_s"),
            file.hook.heartbeat_timeout_s,
            f"is shorter than four reconcile intervals and three minutes ({least_s} s)",
            f"Write at least {least_s}, or shorten reconcile.interval_minutes: a hook whose event was lost is "
            "answered by the reconciler, which needs the time for it.",
        )


def _outside_the_region(
    file: wellformed.Written, interfaces: Iterable[WrittenInterface]
) -> Iterator[Fault]:
    if file.region is None:
        return
    region = file.region.value
    for interface in interfaces:
        for zone in _by_zone(interface):
            if not zone.startswith(region):
                yield Fault(
                    (*interface.location, "subnets", zone),
                    zone,
                    f"is not a zone of {region}",
                    "Correct the zone, or `region` at the top of the file.",
                )
    topic = file.alarm_topic
    if topic is not None and f":{region}:" not in topic.value:
        yield Fault(
            topic.location,
            topic.value,
            f"is not in {region}",
            "Name a topic of the stack's own Region: an alarm notifies no other.",
        )


def _used_twice(texts: Iterable[Text | None], remedy: str) -> Iterator[Fault]:
    first: dict[str, Location] = {}
    for text in texts:
        if text is None:
            continue
        if text.value in first:
            also = path_of(first[text.value])
            yield Fault(text.location, text.value, f"is the same as {also}", remedy)
        first.setdefault(text.value, text.location)


def _created_by_others(file: wellformed.Written) -> Iterator[Fault]:
    """Yield groups whose name says that another stack creates them; of this file's own `created_checks` tells."""
    if file.name is None:
        return
    for group in file.groups:
        text = group.auto_scaling_group
        creator = naming.creator_of(text.value) if text is not None else None
        if text is not None and creator not in (None, naming.owner(file.name.value)):
            yield Fault(
                text.location,
                text.value,
                f"is the name of a group that the stack {creator} creates and serves",
                "Name a group that no stack of this product creates: its nodes would be served twice.",
            )


def _named_once(group: WrittenGroup) -> Iterator[Fault]:
    if len(group.named_by) == 1:
        return
    ways = ", ".join(WAYS_TO_NAME)
    yield Fault(
        group.location,
        ", ".join(group.named_by) or None,
        "says in several ways which Auto Scaling groups it is"
        if group.named_by
        else "does not say which Auto Scaling group it is",
        f"Write exactly one of {ways}.",
    )


def _by_zone(interface: WrittenInterface) -> Mapping[str, str]:
    subnets = interface.item.subnets
    return subnets if isinstance(subnets, dict) else {}


def _subnets_in_two_zones(file: wellformed.Written) -> Iterator[Fault]:
    first: dict[str, tuple[str, Location]] = {}
    for here, zone, subnet in _zones(file):
        known_zone, known_location = first.setdefault(subnet, (zone, here))
        if known_zone != zone:
            yield Fault(
                here,
                subnet,
                f"stands under {known_zone} in {path_of(known_location)}",
                "A subnet is in one zone only: correct one of the two.",
            )


def _zones_of_two_regions(file: wellformed.Written) -> Iterator[Fault]:
    if file.region is not None:
        return
    first: tuple[str, Location] | None = None
    for here, zone, _ in _zones(file):
        known, where = first = first or (region_of(zone), here)
        if region_of(zone) != known:
            yield Fault(
                here,
                zone,
                f"is in another Region than {path_of(where)}",
                "A stack is in one Region: correct the zone, or write a file for each.",
            )


def _zones(file: wellformed.Written) -> Iterator[tuple[Location, str, str]]:
    """Yield where the file says the zone of a subnet, the zone, and the subnet."""
    for group in file.groups:
        create = group.create
        if create is not None and create.says("subnets"):
            for zone, subnet in create.item.subnets.items():
                yield (*create.location, "subnets", zone), zone, subnet
        for interface in group.interfaces:
            for zone, subnet in _by_zone(interface).items():
                yield (*interface.location, "subnets", zone), zone, subnet


def _too_many_tags(
    common: frozenset[str], interfaces: Iterable[WrittenInterface]
) -> Iterator[Fault]:
    remedy = (
        f"EC2 allows {tag_rules.MAX_TAGS_PER_RESOURCE} tags on a network interface, and the product sets "
        f"{PRODUCT_TAGS} itself."
    )
    if len(common) > FREE_TAGS:
        yield Fault(("tags",), len(common), f"has more than {FREE_TAGS} tags", remedy)
        return
    for interface in interfaces:
        count = len(common | interface.tag_keys)
        if count > FREE_TAGS:
            yield Fault(
                (*interface.location, "tags"),
                count,
                f"has, with the file's own tags, more than {FREE_TAGS} tags",
                remedy,
            )


def _addresses(interface: WrittenInterface) -> Iterator[Fault]:
    item = interface.item
    if of_eni(item) or not interface.unreadable.isdisjoint({"ipv6", "pod_pool"}):
        return
    yield Fault(
        (*interface.location, "ipv4"),
        item.ipv4,
        "leaves the interface without any address",
        f"An IPv6-only interface needs `ipv6:` with a `count:`{_or_pool(item)}.",
    )


def _or_pool(item: Interface) -> str:
    """Return the other remedy, where a pool is not refused beside what is said of pods."""
    takes_pool = item.pod_ipam == "node" and item.node.pod_network != "none" and not item.pod_follow
    return ", or a `pod_pool` of IPv6 addresses" if takes_pool else ""


def _id_lists(interface: WrittenInterface) -> Iterator[Fault]:
    item = interface.item
    for key, ids in (("subnets", item.subnets), ("security_groups", item.security_groups)):
        if not isinstance(ids, tuple):
            continue
        counts = Counter(ids)
        yield from (
            Fault((*interface.location, key), name, "is in the list twice", "Keep one of them.")
            for name, count in counts.items()
            if count > 1
        )
        if key == "security_groups" and len(counts) > MAX_SECURITY_GROUPS:
            yield Fault(
                (*interface.location, key),
                len(counts),
                f"has more than {MAX_SECURITY_GROUPS} security groups",
                f"{MAX_SECURITY_GROUPS} per network interface is the default quota; Service Quotas raises it to "
                "at most 16, but this check cannot know that. Put the rules into fewer groups.",
            )


def _zones_left_out(interfaces: Iterable[WrittenInterface]) -> Iterator[Fault]:
    maps = [item for item in interfaces if _by_zone(item)]
    named_by: dict[str, str] = {}
    for interface in maps:
        for zone in _by_zone(interface):
            named_by.setdefault(zone, interface.item.name)
    for interface in maps:
        zones = _by_zone(interface)
        for zone in sorted(named_by.keys() - zones.keys()):
            yield Fault(
                (*interface.location, "subnets", zone),
                sorted(zones),
                f"is missing, while interface {named_by[zone]} has a subnet in {zone}",
                f"Add a subnet for {zone}: a node that is launched there would be abandoned for want of one.",
            )


def _device_indexes(interfaces: Iterable[WrittenInterface]) -> Iterator[Fault]:
    first: dict[tuple[int, int], Location] = {}
    for interface in interfaces:
        card, index = interface.item.network_card, interface.item.device_index
        if index is None or "network_card" in interface.unreadable:
            continue
        here = (*interface.location, "device_index")
        if (card, index) == (0, 0):
            yield Fault(here, 0, "is the primary interface's on network card 0", "Write 1 or more.")
        elif (card, index) in first:
            yield Fault(
                here,
                index,
                f"is the same as {path_of(first[card, index])}, on the same network card {card}",
                "Give each its own, or leave it out to take the next free one.",
            )
        first.setdefault((card, index), here)


def _instance_types(group: WrittenGroup) -> Iterator[Fault]:
    known = known_types()
    if not group.instance_types:
        yield from _limits_of_all(group, known.values())
    for text in group.instance_types:
        if text.value in known:
            yield from _limits(text, known[text.value], group.interfaces)
            continue
        guess = nearest(text.value, known)
        yield Fault(
            text.location,
            text.value,
            "is not a known instance type",
            (f"Did you mean {guess}? " if guess else "") + _newer(group),
        )


def _newer(group: WrittenGroup) -> str:
    """Return what to do about a type that this release does not know, as EC2 brings out new ones."""
    if group.create is None:
        return "A type newer than this release cannot be checked: leave it out of the list."
    return (
        "A group that is created launches no type whose limits are not known. For one that is newer than this release renew "
        "them (docs/configuration.md, What the limits of instance types mean), or make the group yourself and adopt it."
    )


def _limits_of_all(group: WrittenGroup, known: Collection[Limits]) -> Iterator[Fault]:
    """Hold a group that names no types against every type there is: where none has room, no node can come up."""
    wanted = Counter(
        item.item.network_card for item in group.interfaces if "network_card" not in item.unreadable
    )
    if any(limits.have_room(wanted) for limits in known):
        return
    most = {card: max(limits.on_card(card) for limits in known) for card in sorted(wanted)}
    yield Fault(
        (*group.location, "interfaces"),
        ", ".join(f"{wanted[card]} on card {card}" for card in most),
        "are more than any instance type takes",
        f"The most that one takes is {', '.join(f'{most[card]} on card {card}' for card in most)}, and card 0 has the "
        "primary one besides. Write fewer interfaces, or other network cards.",
    )


def _limits(
    text: Text, limits: Limits, interfaces: tuple[WrittenInterface, ...]
) -> Iterator[Fault]:
    cards = limits.interfaces_by_card
    wanted = Counter(item.item.network_card for item in interfaces)
    for card, count in sorted(wanted.items()):
        if card < len(cards) and not limits.have_room({card: count}):
            yield Fault(
                text.location,
                text.value,
                f"takes {cards[card]} network interfaces on card {card}, and a node would have {_need(card, count)}",
                "Name larger types, or write fewer interfaces. What is left over on card 0 is the VPC CNI's room "
                "to grow; with custom networking it needs at least one.",
            )
    for interface in interfaces:
        yield from _limits_of_interface(text.value, limits, interface)


def _need(card: int, count: int) -> str:
    if card:
        return str(count)
    return f"{count + 1}: the primary one, which the VPC CNI uses, and {count} here"


def _limits_of_interface(
    type_name: str, limits: Limits, interface: WrittenInterface
) -> Iterator[Fault]:
    item, cards = interface.item, len(limits.interfaces_by_card)
    if item.network_card >= cards:
        yield Fault(
            (*interface.location, "network_card"),
            item.network_card,
            f"is a network card that {type_name} does not have",
            f"It has {cards}, counted from 0.",
        )
    yield from _limits_of_addresses(type_name, limits, interface)
    yield from pod_follow.limits(type_name, limits, interface)


def _limits_of_addresses(
    type_name: str, limits: Limits, interface: WrittenInterface
) -> Iterator[Fault]:
    item, here = interface.item, interface.location
    own, pool = item.ipv6.count if item.ipv6 else 0, item.pod_pool
    if pool is not None and 1 + pool.ipv4 > limits.ipv4_per_interface:
        yield Fault(
            (*here, "pod_pool", "ipv4"),
            pool.ipv4,
            f"is, with the primary one, more IPv4 addresses than {type_name} takes per interface ({limits.ipv4_per_interface})",
            f"Write at most {limits.ipv4_per_interface - 1}, or name other types.",
        )
    if own + (pool.ipv6 if pool else 0) > limits.ipv6_per_interface:
        key = ("pod_pool", "ipv6") if pool and pool.ipv6 else ("ipv6", "count")
        with_own = f", with the interface's own {own}," if key[0] == "pod_pool" and own else ""
        yield Fault(
            (*here, *key),
            pool.ipv6 if pool and pool.ipv6 else own,
            f"is{with_own} more IPv6 addresses than {type_name} takes per interface ({limits.ipv6_per_interface})",
            "Write fewer, or name other types.",
        )
