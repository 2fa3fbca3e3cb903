"""Node groups of which the account alone can tell the Auto Scaling groups: what to look up, and the file with what was found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from authoring.autoscaler_tags import autoscaler_tags
from authoring.problems import path_of
from authoring.resolution import named
from domain import naming, tags
from domain.errors import ConfigInvalid, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from authoring.models import Authored, NodeGroup


@dataclass(frozen=True)
class ManagedNodeGroup:
    """An EKS managed node group, by the names of its cluster and its own."""

    cluster: str
    name: str

    def __str__(self) -> str:
        return f"managed node group {self.name} of cluster {self.cluster}"


@dataclass(frozen=True)
class TaggedGroups:
    """Auto Scaling groups that carry all of these tags: pairs of key and value, sorted."""

    tags: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return f"Auto Scaling groups with the tags {', '.join(f'{key}={value}' for key, value in self.tags)}"


Sought = ManagedNodeGroup | TaggedGroups


def sought(authored: Authored) -> tuple[Sought, ...]:
    """Return what is to be looked up, each once, in the order of the file; nothing where every group is named."""
    asked = (_sought(group, authored.cluster_name) for group in authored.node_groups)
    return tuple(dict.fromkeys(each for each in asked if each is not None))


def adopted(authored: Authored, found: Mapping[Sought, Sequence[str]]) -> Authored:
    """Return the file with the names of the Auto Scaling groups that were found, a node group for each.

    Args:
        authored: what was written.
        found: the names by what was looked up.

    Raises:
        ConfigInvalid: nothing was found for a node group, or a group that another one has as well, or that a stack creates.
    """
    groups = [
        (position, group, name)
        for position, group in enumerate(authored.node_groups)
        for name in _names(group, authored, found)
    ]
    problems = [
        *_not_found(authored, found),
        *_created_by_stacks(authored, found),
        *_found_twice(authored, groups),
        *_not_one(authored, found),
    ]
    if problems:
        raise ConfigInvalid(problems)
    known = tuple(
        group
        if group.create is not None
        else group.model_copy(
            update={
                "auto_scaling_group": name,
                "managed_node_group": None,
                "auto_scaling_groups": None,
            }
        )
        for _, group, name in groups
    )
    return authored.model_copy(update={"node_groups": known})


def _sought(group: NodeGroup, cluster: str) -> Sought | None:
    if group.managed_node_group is not None:
        return ManagedNodeGroup(cluster, group.managed_node_group)
    if group.auto_scaling_groups is not None:
        return TaggedGroups(tuple(sorted(group.auto_scaling_groups.tags.items())))
    return None


def _names(
    group: NodeGroup, authored: Authored, found: Mapping[Sought, Sequence[str]]
) -> Sequence[str]:
    asked = _sought(group, authored.cluster_name)
    if asked is not None:
        return sorted(found[asked])
    return (named(group, naming.owner(authored.name)),)


def _not_found(authored: Authored, found: Mapping[Sought, Sequence[str]]) -> Iterator[Problem]:
    for position, group in enumerate(authored.node_groups):
        asked = _sought(group, authored.cluster_name)
        if asked is None or found[asked]:
            continue
        if isinstance(asked, ManagedNodeGroup):
            message = f"is no managed node group of {asked.cluster} with an Auto Scaling group in this account and Region"
            remedy = f"`aws eks list-nodegroups --cluster-name {asked.cluster}` shows those that there are."
            yield Problem(_path(position, "managed_node_group"), asked.name, message, remedy)
            continue
        yield Problem(
            _path(position, "auto_scaling_groups", "tags"),
            dict(asked.tags),
            "are tags that no Auto Scaling group has in this account and Region",
            "Correct them, or create the group before this stack is deployed.",
        )


def _created_by_stacks(
    authored: Authored, found: Mapping[Sought, Sequence[str]]
) -> Iterator[Problem]:
    """Yield tags that mean groups which a stack creates too, this one's before they are there: their nodes would be served
    twice, by their own hooks and by those of the adoption."""
    for position, group in enumerate(authored.node_groups):
        asked = _sought(group, authored.cluster_name)
        if not isinstance(asked, TaggedGroups):
            continue
        names = {name for name in found[asked] if naming.creator_of(name) is not None}
        for name in sorted(names.union(_to_be_created(authored, asked))):
            yield Problem(
                _path(position, "auto_scaling_groups", "tags"),
                dict(asked.tags),
                f"are tags of the Auto Scaling group {name} too, which the stack {naming.creator_of(name)} creates and serves",
                "Write a tag that the groups to adopt have and no created group has, or name each by auto_scaling_group.",
            )


def _to_be_created(authored: Authored, asked: TaggedGroups) -> Iterator[str]:
    """Yield the names of the file's created groups that will have all of these tags."""
    owner = naming.owner(authored.name)
    for group in authored.node_groups:
        if group.create is not None:
            name = naming.created_group(owner, group.name)
            theirs = {
                **authored.tags,
                **group.create.tags,
                tags.NAME: name,
                tags.of_cluster(authored.cluster_name): "owned",
                **autoscaler_tags(
                    authored.cluster_name,
                    group.name,
                    group.create,
                    group.node,
                    [interface.node.resource for interface in group.interfaces],
                ),
            }
            if theirs.items() >= set(asked.tags):
                yield name


def _found_twice(
    authored: Authored, groups: Sequence[tuple[int, NodeGroup, str]]
) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for position, group, name in groups:
        other = first.setdefault(name, position)
        if other != position and naming.creator_of(name) is None:
            yield Problem(
                _path(position),
                group.name,
                f"has the Auto Scaling group {name}, which is that of {authored.node_groups[other].name} too",
                "Adopt an Auto Scaling group once, with all its interfaces in one node group.",
            )


def _not_one(authored: Authored, found: Mapping[Sought, Sequence[str]]) -> Iterator[Problem]:
    """Yield node groups whose nodes answer a hook of their own but cannot know of which of several groups."""
    for position, group in enumerate(authored.node_groups):
        asked = _sought(group, authored.cluster_name)
        if asked is not None and len(found[asked]) > 1 and group.has_ready_hook:
            yield Problem(
                _path(position, "node", "ready_hook"),
                True,
                f"is for one Auto Scaling group, and there are {len(found[asked])}: {', '.join(sorted(found[asked]))}",
                "Write a node group for each, by auto_scaling_group: a node answers the hook by its group's name.",
            )


def _path(position: int, *keys: str) -> str:
    return path_of(("node_groups", position, *keys))
