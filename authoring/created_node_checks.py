"""What no single value shows of what a created group's nodes are given: taints, tags, security groups, policies, arguments."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from authoring import cluster_checks
from authoring.autoscaler_tags import (
    autoscaler_tags,
    label_tag,
    pool_resource,
    resource_tag,
    taint_tag,
)
from authoring.node_policies import (
    MAX_FURTHER_POLICIES,
    MAX_POLICIES,
    NODE_POLICIES,
    aws_managed,
    partition,
)
from authoring.problems import Fault, path_of
from domain import tags

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authoring.created import Create, Taint
    from authoring.problems import Location
    from authoring.wellformed import Map, Written, WrittenGroup

GROUP_TAGS = 2
"""`Name` and the one by which the cluster knows its nodes."""


def faults(create: Map[Create], group: WrittenGroup, file: Written) -> Iterator[Fault]:
    """Yield every fault between what is said of one group's nodes."""
    yield from _taints(create)
    yield from _tags(create, group, file)
    yield from _cluster_tag(create, file)
    yield from _long_tags(create, group)
    yield from _security_groups(create, file)
    yield from _policies(create)
    yield from _policies_elsewhere(create, file)
    yield from _policies_of_others(create, file)
    yield from _arguments(create)


def _taints(create: Map[Create]) -> Iterator[Fault]:
    if not create.says("taints"):
        return
    first: dict[str, tuple[Taint, Location]] = {}
    seen: dict[tuple[str, str], Location] = {}
    for position, taint in enumerate(create.item.taints):
        here = (*create.location, "taints", position)
        before, where = first.setdefault(taint.key, (taint, here))
        twice = seen.get((taint.key, taint.effect))
        seen.setdefault((taint.key, taint.effect), here)
        if twice is not None:
            yield Fault(
                here,
                f"{taint.key}:{taint.effect}",
                f"has the key and the effect of {path_of(twice)}",
                "Keep one of them: the API server takes no node with both, whatever their values.",
            )
        elif before.effect != taint.effect and _wants_tags(create):
            yield Fault(
                (*here, "effect"),
                taint.effect,
                f"is a second effect of {taint.key}, beside {before.effect} in {path_of(where)}, and cluster-autoscaler "
                "can be told one",
                "Give it a key of its own; or write `cluster_autoscaler: false`: without nodes to look at, it would scale "
                "the group up for pods that its nodes then refuse.",
            )


def _wants_tags(create: Map[Create]) -> bool:
    return create.item.cluster_autoscaler and create.says("cluster_autoscaler")


def _tags(create: Map[Create], group: WrittenGroup, file: Written) -> Iterator[Fault]:
    """Hold all of the group's tags against each other, and their number against what Auto Scaling takes."""
    if not create.says("tags", "labels", "taints", "cluster_autoscaler"):
        return
    for_autoscaler = autoscaler_tags(
        file.cluster_name.value if file.cluster_name else "",
        group.name.value if group.name else "",
        create.item,
        group.node.item,
        [interface.node.item.resource for interface in group.interfaces],
    ).keys()
    own = file.tag_keys | create.item.tags.keys()
    for key in sorted(own & for_autoscaler):
        yield Fault(
            (*create.location, "tags", key) if key in create.item.tags else ("tags", key),
            key,
            f"is a tag that {path_of((*create.location, 'cluster_autoscaler'))} makes as well",
            "Leave it out, or write `cluster_autoscaler: false` and all of its tags yourself.",
        )
    count = GROUP_TAGS + len(own | for_autoscaler)
    if count > tags.MAX_TAGS_PER_RESOURCE:
        yield Fault(
            (*create.location, "tags"),
            count,
            f"are, with the file's own and those for cluster-autoscaler, more than {tags.MAX_TAGS_PER_RESOURCE}",
            "Leave some out; with `cluster_autoscaler: false` labels, taints, pools and huge pages need none.",
        )


def _cluster_tag(create: Map[Create], file: Written) -> Iterator[Fault]:
    if file.cluster_name is None:
        return
    key = tags.of_cluster(file.cluster_name.value)
    for here, keys in (
        ((*create.location, "tags"), create.item.tags if create.says("tags") else ()),
        (("tags",), file.tag_keys),
    ):
        if key in keys:
            yield Fault(
                (*here, key),
                key,
                f"is the tag by which the cluster knows the nodes of {path_of(create.location)}, and which they have anyway",
                "Leave it out.",
            )


def _long_tags(create: Map[Create], group: WrittenGroup) -> Iterator[Fault]:
    """Hold the keys of cluster-autoscaler's tags against what a tag's key may be; no value comes near its 256 characters."""
    if not _wants_tags(create):
        return
    for here, value, tag in _told_by_tags(create, group):
        over = len(tag) - tags.MAX_KEY_LENGTH
        if over > 0:
            yield Fault(
                here,
                value,
                f"makes a tag key of {len(tag)} characters for cluster-autoscaler, and a key has at most {tags.MAX_KEY_LENGTH}",
                f"Shorten it by {over}, or write `cluster_autoscaler: false`.",
            )


def _told_by_tags(create: Map[Create], group: WrittenGroup) -> Iterator[tuple[Location, str, str]]:
    """Yield where the part of a tag's key that the file says stands, the part, and the key."""
    if create.says("labels"):
        for key in create.item.labels:
            yield (*create.location, "labels", key), key, label_tag(key)
    if create.says("taints"):
        for position, taint in enumerate(create.item.taints):
            here = (*create.location, "taints", position, "key")
            yield here, taint.key, taint_tag(taint.key)
    pools = set()
    for interface in group.interfaces:
        pool = interface.node.item.resource
        if pool is not None and pool not in pools:
            pools.add(pool)
            name = pool_resource(group.node.item, pool)
            yield (*interface.node.location, "resource"), name, resource_tag(name)


def _security_groups(create: Map[Create], file: Written) -> Iterator[Fault]:
    if not create.says("security_groups", "cluster_security_group"):
        return
    here = (*create.location, "security_groups")
    yield from _twice(here, create.item.security_groups)
    yield from cluster_checks.security_groups(create.location, create.item, file.cluster)


def _policies(create: Map[Create]) -> Iterator[Fault]:
    policies, here = create.item.policies, (*create.location, "policies")
    if not create.says("policies"):
        return
    yield from _twice(here, policies)
    for arn in dict.fromkeys(policies):
        if aws_managed(arn) in NODE_POLICIES:
            yield Fault(here, arn, "is a policy that the role has anyway", "Leave it out.")
    count = len(set(policies))
    if count > MAX_FURTHER_POLICIES:
        yield Fault(
            here,
            count,
            f"are more than the {MAX_FURTHER_POLICIES} for which a role has room",
            f"Put their statements into fewer policies: IAM attaches 10 to a role unless Service Quotas raised it, to at most "
            f"{MAX_POLICIES}, and {MAX_POLICIES - MAX_FURTHER_POLICIES} are there already.",
        )


def _policies_elsewhere(create: Map[Create], file: Written) -> Iterator[Fault]:
    if file.region is None or not create.says("policies"):
        return
    region = file.region.value
    ours = partition(region)
    for arn in dict.fromkeys(create.item.policies):
        if not arn.startswith(f"arn:{ours}:"):
            yield Fault(
                (*create.location, "policies"),
                arn,
                f"is of another partition than {region}, where ARNs begin with arn:{ours}:",
                "Correct the ARN, or `region` at the top of the file: IAM attaches no policy of another partition.",
            )


def _policies_of_others(create: Map[Create], file: Written) -> Iterator[Fault]:
    if file.account is None or not create.says("policies"):
        return
    account = file.account.value
    for arn in dict.fromkeys(create.item.policies):
        if arn.split(":")[4] not in ("aws", account):
            yield Fault(
                (*create.location, "policies"),
                arn,
                f"is of another account than {account}",
                "Make the policy in the account that is deployed into: IAM attaches its own and AWS's, and no other.",
            )


def _twice(here: Location, written: tuple[str, ...]) -> Iterator[Fault]:
    for value, count in Counter(written).items():
        if count > 1:
            yield Fault(here, value, "is in the list twice", "Keep one of them.")


def _arguments(create: Map[Create]) -> Iterator[Fault]:
    if not create.says("kubelet_arguments"):
        return
    first: dict[str, Location] = {}
    has_reserved = create.says("reserved_cpus") and create.item.reserved_cpus is not None
    for position, text in enumerate(create.item.kubelet_arguments):
        here, name = (*create.location, "kubelet_arguments", position), text.partition("=")[0]
        if has_reserved and _names_a_cgroup(text):
            yield Fault(
                here,
                text,
                f"names a control group, and with reserved_cpus ({create.item.reserved_cpus}) kubelet ends at once",
                "Leave one of the two out.",
            )
        if name in first:
            yield Fault(
                here,
                text,
                f"is the argument of {path_of(first[name])} once more",
                "Write it once: an argument that takes several values, like --feature-gates, takes them with commas.",
            )
        first.setdefault(name, here)


def _names_a_cgroup(argument: str) -> bool:
    """Return whether kubelet would have to keep the system's or its own programs in a control group, which it does not together
    with reserved CPUs (Kubernetes, "Reserve Compute Resources for System Daemons", Explicitly Reserved CPU List)."""
    name, _, value = argument.partition("=")
    if name in ("--system-reserved-cgroup", "--kube-reserved-cgroup"):
        return value != ""
    return name == "--enforce-node-allocatable" and not {
        "system-reserved",
        "kube-reserved",
    }.isdisjoint(value.split(","))
