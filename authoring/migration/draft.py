"""The configuration that does what deployments of the sample do, with what a person must know beside it."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from authoring.migration import interfaces, templates
from authoring.migration.interfaces import Reading
from authoring.migration.templates import Template
from domain.errors import ConfigInvalid, Problem

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from authoring.migration.interfaces import Attached
    from authoring.migration.source import Source, Subnet

Location = tuple["str | int", ...]
GROUP = "AWS::AutoScaling::AutoScalingGroup"
_STACK_NAME_LENGTH = 32
_LABEL_LENGTH = 63


@dataclass(frozen=True)
class Wishes:
    """What a person says because the sample's parameters do not."""

    name: str | None = None
    cluster: str | None = None
    auto_scaling_groups: tuple[str, ...] = ()


@dataclass(frozen=True)
class Draft:
    """A configuration file, before it is text."""

    document: Mapping[str, object]
    comments: Mapping[Location, str]
    """What stands above a key."""
    notes: tuple[str, ...]
    """What stands above everything: what a person has to know, do or look at."""


@dataclass(frozen=True)
class _Group:
    """One node group to be written."""

    source: Source
    template: Template
    label: str
    auto_scaling_group: str
    attached: Sequence[Attached]
    tags: Mapping[str, str]


@dataclass
class _Writing:
    """The document as it grows."""

    document: dict[str, object] = field(default_factory=dict)
    comments: dict[Location, str] = field(default_factory=dict)


def subnets_to_know(sources: Iterable[Source]) -> list[str]:
    """Return the subnets of which a draft needs to know the zone; none of a deployment that is not understood."""
    pairs = [
        (source, told)
        for source in sources
        if isinstance(told := templates.recognize(source), Template)
    ]
    return sorted(set(interfaces.ids_to_know(pairs)))


def draft(
    sources: Sequence[Source],
    subnets: Mapping[str, Subnet],
    wishes: Wishes,
    known_types: Collection[str],
) -> Draft:
    """Return the configuration of all these deployments: one cluster, a node group for each Auto Scaling group.

    Args:
        sources: the deployments.
        subnets: what is known of the subnets that they name.
        wishes: what the parameters do not say.
        known_types: the instance types whose limits can be checked.

    Raises:
        ConfigInvalid: with every reason for which there is none.
    """
    reading = Reading()
    groups: list[_Group] = []
    understood: list[tuple[Source, Template]] = []
    for source in sources:
        template = templates.recognize(source)
        if isinstance(template, Problem):
            reading.problems.append(template)
            continue
        understood.append((source, template))
        reading.problems += templates.lacking(source, template)
        group_names = _group_names(source, template, wishes, reading)
        if not all(source.listed(name) for name in (*template.subnets, *template.groups)):
            continue
        attached = interfaces.read(source, template, subnets, reading)
        carried = interfaces.carried_tags(source, template, reading)
        for called in group_names:
            label = _label(source, template, called)
            groups.append(_Group(source, template, label, called, attached, carried))
    cluster = _cluster(understood, wishes, reading)
    name = _name(wishes, cluster, reading) if cluster else None
    _look_for_different_places(understood, reading)
    if reading.problems or not cluster or not name:
        raise ConfigInvalid(reading.problems)
    groups = _told_apart(groups)
    writing = _Writing()
    _write_top(writing, name, cluster, wishes, groups)
    for place, group in enumerate(groups):
        _write_group(writing, place, group, known_types, reading)
    notes = (*_notes(groups), *dict.fromkeys(reading.notes), *_strangers(understood))
    return Draft(writing.document, writing.comments, notes)


def _group_names(
    source: Source, template: Template, wishes: Wishes, reading: Reading
) -> tuple[str, ...]:
    """Return the Auto Scaling groups that a deployment serves."""
    wished, found = wishes.auto_scaling_groups, source.physical_ids(GROUP)
    where = f"{source.label}: Auto Scaling group"
    if template.is_managed:
        tag = source.says("EksNodeGroupTagKey") or "EksNodeGroupTagKey"
        if not wished:
            reading.problems.append(
                Problem(
                    where,
                    None,
                    f"is not in the stack: the sample serves every instance with the tag key {tag}",
                    "Add --auto-scaling-group NAME for each of their groups (aws eks describe-nodegroup --query "
                    "nodegroup.resources.autoScalingGroups).",
                )
            )
        return wished
    if source.resources:
        if len(found) != 1 or wished:
            reading.problems.append(
                Problem(
                    where,
                    ", ".join((*found, *wished)),
                    "is not the one group of the sample's stack",
                    "Leave --auto-scaling-group out where the stack has a group; a stack without one, or with several, "
                    "is not the sample: write the file by hand.",
                )
            )
        return found
    if len(wished) != 1:
        reading.problems.append(
            Problem(
                where,
                ", ".join(wished) or None,
                "must be named once: parameters do not tell what CloudFormation called it",
                "Add --auto-scaling-group NAME (aws cloudformation describe-stack-resource --stack-name STACK "
                "--logical-resource-id NodeGroup).",
            )
        )
    return wished


def _cluster(
    understood: Sequence[tuple[Source, Template]], wishes: Wishes, reading: Reading
) -> str | None:
    """Return the one cluster of all deployments."""
    told = {
        name: source.label
        for source, _ in understood
        if (name := source.says("ClusterName")) is not None
    }
    if wishes.cluster:
        told.setdefault(wishes.cluster, "--cluster")
    if len(told) > 1:
        reading.problems.append(
            Problem(
                "ClusterName",
                ", ".join(f"{name} ({label})" for name, label in told.items()),
                "are several clusters, and a file is for one",
                "Migrate the stacks of each cluster into a file of its own.",
            )
        )
    if not told and any(template.is_managed for _, template in understood):
        reading.problems.append(
            Problem(
                "ClusterName",
                None,
                "is no parameter of the sample for managed node groups",
                "Add --cluster NAME (aws eks list-clusters).",
            )
        )
    return next(iter(told), None)


def _name(wishes: Wishes, cluster: str, reading: Reading) -> str | None:
    """Return the configuration's name: as a person wishes, or the cluster's where that will do."""
    if wishes.name:
        return wishes.name
    name = re.sub(r"[^A-Za-z0-9-]", "-", cluster)
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", name) and len(name) <= _STACK_NAME_LENGTH:
        return name
    reading.problems.append(
        Problem(
            "name",
            cluster,
            "is the cluster's name and will not do for the stack's",
            f"Add --name NAME: a letter, then letters, digits and hyphens, at most {_STACK_NAME_LENGTH} characters.",
        )
    )
    return None


def _look_for_different_places(
    understood: Sequence[tuple[Source, Template]], reading: Reading
) -> None:
    places = {
        f"{source.region} in {source.account}": source.label
        for source, _ in understood
        if source.region
    }
    if len(places) > 1:
        reading.problems.append(
            Problem(
                "StackId",
                ", ".join(f"{place} ({label})" for place, label in places.items()),
                "are several Regions or accounts, and a file is for one",
                "Migrate the stacks of each into a file of its own.",
            )
        )


def _label(source: Source, template: Template, group: str) -> str:
    told = group if template.is_managed else source.says("NodeGroupName") or source.label
    label = re.sub(r"[^a-z0-9]+", "-", told.lower()).strip("-")[:_LABEL_LENGTH].strip("-")
    return label or "nodes"


def _told_apart(groups: Sequence[_Group]) -> list[_Group]:
    """Return the groups with labels that are there once: a second one gets a number."""
    seen: Counter[str] = Counter()
    apart = []
    for group in groups:
        label = group.label
        while seen[label]:
            seen[group.label] += 1
            ending = f"-{seen[group.label]}"
            label = group.label[: _LABEL_LENGTH - len(ending)] + ending
        seen[label] += 1
        apart.append(replace(group, label=label))
    return apart


def _write_top(
    writing: _Writing, name: str, cluster: str, wishes: Wishes, groups: Sequence[_Group]
) -> None:
    document, comments = writing.document, writing.comments
    document["name"] = name
    if not wishes.name:
        comments[("name",)] = (
            f"Names the stack, MultusEni-{name}. From ClusterName; --name takes another."
        )
    document["cluster_name"] = cluster
    comments[("cluster_name",)] = "ClusterName." if cluster != wishes.cluster else "As asked for."
    source = groups[0].source
    if source.region:
        document["region"], document["account"] = source.region, source.account
        comments[("region",)] = "From the stack's ARN."
    carried = groups[0].tags
    if carried and all(group.tags == carried for group in groups):
        document["tags"] = dict(carried)
        comments[("tags",)] = f"{groups[0].template.tags}."
    document["node_groups"] = []


def _write_group(
    writing: _Writing, place: int, group: _Group, known_types: Collection[str], reading: Reading
) -> None:
    here: Location = ("node_groups", place)
    source, comments = group.source, writing.comments
    written: dict[str, object] = {
        "name": group.label,
        "auto_scaling_group": group.auto_scaling_group,
        "adopt_running": False,
    }
    told = "" if group.template.is_managed else "NodeGroupName. "
    comments[(*here, "name")] = f"{told}Read from {source.label} ({group.template.where})."
    comments[(*here, "auto_scaling_group")] = (
        f"Physical id of {_logical_id(group)}." if source.resources else "As asked for."
    )
    comments[(*here, "adopt_running")] = (
        "Leave it off: nodes in service have the sample's interfaces, which are not known here. Switched on, each would "
        "get a second set beside them."
    )
    kind = source.says("NodeInstanceType")
    if kind in known_types:
        written["instance_types"] = [kind]
        comments[(*here, "instance_types")] = "NodeInstanceType; the limits are checked for it."
    elif not group.template.is_managed:
        reading.notes.append(
            f"{source.label}: NodeInstanceType {kind or 'is not there'}, so no instance_types are written and the limits "
            "of the type are not checked. Write every type that the group launches."
        )
    written["interfaces"] = [
        _write_interface(writing, (*here, "interfaces", number), group, one, reading)
        for number, one in enumerate(group.attached)
    ]
    groups = writing.document["node_groups"]
    assert isinstance(groups, list)  # noqa: S101 - made a few lines above
    groups.append(written)


def _logical_id(group: _Group) -> str:
    name = group.auto_scaling_group
    return next(
        (one.logical_id for one in group.source.resources if one.physical_id == name),
        "what was asked for",
    )


def _write_interface(
    writing: _Writing, here: Location, group: _Group, one: Attached, reading: Reading
) -> dict[str, object]:
    source, template, comments = group.source, group.template, writing.comments
    index = int(here[-1]) + 1
    written: dict[str, object] = {
        "name": f"net{index}",
        "subnets": dict(one.subnets),
        "security_groups": [one.security_group],
    }
    comments[(*here, "name")] = (
        f"{one.came_from}. Device index {index}, or the next free one; the sample insists on {index}."
    )
    if template.from_start and source.says(template.from_start) == "true":
        written["ipv4"] = "from_start"
        comments[(*here, "ipv4")] = f"{template.from_start}."
    if one.ipv6:
        written["ipv6"] = {"count": 1}
        comments[(*here, "ipv6")] = (
            f"{template.ipv6[index - 1]}."
            if template.ipv6
            else "The subnet has an IPv6 range, so the sample gives an address."
        )
    elif one.ipv6 is None:
        reading.notes.append(
            f"{source.label}: whether the subnets have IPv6 ranges is not known. Where they have, the sample gives each "
            "interface an IPv6 address: write `ipv6: {count: 1}` there."
        )
    written["source_dest_check"] = False
    if index == 1:
        comments[(*here, "source_dest_check")] = (
            "As the sample, which always turns it off. Take the line out where every address of a pod is assigned to the "
            "interface: one call less per interface (docs/configuration.md, Source/destination check)."
        )
    if group.tags and "tags" not in writing.document:
        written["tags"] = dict(group.tags)
        comments[(*here, "tags")] = f"{template.tags}."
    return written


_HOOKS = "AWS::AutoScaling::LifecycleHook"
_RULES = "AWS::Events::Rule"


def _notes(groups: Sequence[_Group]) -> list[str]:
    """Return what is to be known of every migration."""
    notes = [
        "DO NOT DEPLOY YET. While the sample's rule is there, its function also answers our hooks: it attaches a second set "
        "or abandons each new node. docs/migration.md has the order in which no node is lost."
    ]
    for source in dict.fromkeys(group.source.label for group in groups):
        notes.append(_what_goes(next(group for group in groups if group.source.label == source)))
    if any(not group.template.is_managed for group in groups):
        notes.append(
            "The sample's function behind CustomResource terminates every node of the group, when its stack is created and "
            "also when CustomResource is updated or removed. It stays in the sample's stack until you disarm it "
            "(docs/migration.md). Nothing here terminates nodes."
        )
    from_start = any(
        group.template.from_start and group.source.says(group.template.from_start) == "true"
        for group in groups
    )
    if from_start:
        notes.append(
            "The sample knows no ranges for pods. Write what your IPAM plugin hands out as `pod_ranges` of each interface, or "
            "reserve it in the subnet: from_start then never takes an address of a pod's."
        )
    notes += [
        "Not carried over, because it is always so here: the no_manage tag (set at birth, not afterwards), "
        "DeleteOnTermination, and the answers to the hooks. A hook waits 900 s for its answer instead of 300 "
        "(hook.heartbeat_timeout_s).",
        "Not carried over, because it stays where it is: the nodes' user data (rp_filter, links up, rc.local) and the rights "
        "of their role. Our interfaces come at the same time of the boot and, where nobody else has them, at the same "
        "indexes, so it goes on working; docs/node-bootstrap.md has what takes its place.",
        "The sample serves the zones of its parameters and no other. For another zone, add a subnet there to every interface "
        "of the group and deploy, before the group launches nodes in it.",
    ]
    if any(group.template.tags == "MultusInterfaceTags" and group.tags for group in groups):
        notes.append(
            "MultusInterfaceTags: the published function for managed node groups never reads them, so interfaces may have "
            "been without until now."
        )
    return notes


def _what_goes(group: _Group) -> str:
    """Return what of the sample must be gone before our stack is deployed."""
    source = group.source
    rules, hooks = source.physical_ids(_RULES), source.physical_ids(_HOOKS)
    rule = f"rule {', '.join(rules)}" if rules else "the rule NewInstanceEventRule"
    if group.template.is_managed:
        return f"To go before this is deployed, of {source.label}: {rule}. EKS's own hooks on the group stay."
    named = ", ".join(hooks) if hooks else "LchookEc2Ins and LchookEc2Term"
    how = (
        ""
        if source.resources
        else " (aws cloudformation describe-stack-resources tells what they are called)"
    )
    return f"To go before this is deployed, of {source.label}: {rule}, and the hooks {named}{how}."


def _strangers(understood: Iterable[tuple[Source, Template]]) -> list[str]:
    return [
        f"{source.label}: not a parameter of the published {template.where}, so nothing was taken from it: {', '.join(names)}."
        for source, template in understood
        if (names := templates.unfamiliar(source, template))
    ]
