"""Whether what a warning would have a person write of pods is right in their file."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from authoring import pod_checks, pod_follow
from authoring.instance_types import known_types
from authoring.models import subnets_of
from authoring.wellformed import Map, Text, WrittenGroup, WrittenInterface

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from authoring.models import Interface, NodeGroup
    from authoring.problems import Fault


def may_write(
    groups: Sequence[NodeGroup], group: NodeGroup, interface: Interface, **keys: object
) -> bool:
    """Return whether nothing of pods is refused with other values of an interface's keys.

    Args:
        groups: all of a file that is right.
        group: the interface's.
        interface: whose keys.
        keys: what they would be.
    """
    changed = interface.model_copy(update=keys)
    others = [
        each
        for other in groups
        for each in other.interfaces
        if each is not interface and _concerns(each, interface)
    ]
    return next(_faults(changed, others, group), None) is None


def _concerns(one: Interface, other: Interface) -> bool:
    return one.name == other.name or not subnets_of(one).isdisjoint(subnets_of(other))


def _faults(changed: Interface, others: Sequence[Interface], group: NodeGroup) -> Iterator[Fault]:
    here = _written(changed, 0)
    written = [_written(each, 1 + place) for place, each in enumerate(others)]
    alone, beside = _group(group, [here]), _group(group, written)
    yield from pod_checks.of_interface(here, alone)
    yield from pod_follow.of_interface(here)
    yield from pod_follow.pools_of_one_name([alone, beside])
    yield from chain.from_iterable(pod_checks.between(here, each) for each in written)
    known = known_types()
    for name in group.instance_types:
        yield from pod_follow.limits(name, known[name], here)


def _written(item: Interface, place: int) -> WrittenInterface:
    here = ("interfaces", place)
    node = Map((*here, "node"), item.node, frozenset())
    return WrittenInterface(here, item, frozenset(), node, frozenset(item.tags))


def _group(group: NodeGroup, interfaces: Sequence[WrittenInterface]) -> WrittenGroup:
    create = Map(("create",), group.create, frozenset()) if group.create is not None else None
    return WrittenGroup(
        location=(),
        name=Text(("name",), group.name),
        named_by=(),
        auto_scaling_group=None,
        managed_node_group=None,
        create=create,
        instance_types=(),
        node=Map(("node",), group.node, frozenset()),
        huge_pages=(),
        interfaces=tuple(interfaces),
    )
