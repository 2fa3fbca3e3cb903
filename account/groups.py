"""The Auto Scaling groups behind EKS managed node groups and behind tags."""

from __future__ import annotations

from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from authoring.adoption import ManagedNodeGroup, TaggedGroups
from domain.errors import ConfigInvalid, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mypy_boto3_autoscaling.type_defs import FilterTypeDef

    from authoring.adoption import Sought

CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 6}, connect_timeout=5, read_timeout=20
)


def look_up(sought: Iterable[Sought], *, region: str | None) -> Mapping[Sought, Sequence[str]]:
    """Return the names of the Auto Scaling groups by what was looked up; none for what does not exist.

    EKS names a managed node group's Auto Scaling group itself, so it is asked (EKS API, DescribeNodegroup:
    `resources.autoScalingGroups`) and never guessed.

    Args:
        sought: what to look up.
        region: where; None leaves it to the credentials' own.

    Raises:
        ConfigInvalid: the account cannot be asked, with every look-up that failed.
    """
    found: dict[Sought, Sequence[str]] = {}
    problems = []
    for each in sought:
        try:
            found[each] = (
                _of_managed(each, region)
                if isinstance(each, ManagedNodeGroup)
                else _tagged(each, region)
            )
        except (BotoCoreError, ClientError) as error:
            problems.append(_unasked(each, error))
    if problems:
        raise ConfigInvalid(problems)
    return found


def _of_managed(group: ManagedNodeGroup, region: str | None) -> Sequence[str]:
    client = boto3.session.Session(region_name=region).client("eks", config=CONFIG)
    try:
        seen = client.describe_nodegroup(clusterName=group.cluster, nodegroupName=group.name)
    except client.exceptions.ResourceNotFoundException:
        return ()
    # Until EKS has made the group, the node group has no resources.
    resources = seen["nodegroup"].get("resources", {})
    return [each["name"] for each in resources.get("autoScalingGroups", ())]


def _tagged(groups: TaggedGroups, region: str | None) -> Sequence[str]:
    client = boto3.session.Session(region_name=region).client("autoscaling", config=CONFIG)
    # Several filters are joined with AND; an empty value is a value (Auto Scaling API, DescribeAutoScalingGroups, Filters).
    filters: list[FilterTypeDef] = [
        {"Name": f"tag:{key}", "Values": [value]} for key, value in groups.tags
    ]
    pages = client.get_paginator("describe_auto_scaling_groups").paginate(Filters=filters)
    return [
        group["AutoScalingGroupName"]
        for page in pages
        for group in page["AutoScalingGroups"]
        # A group that is being deleted has a status; it takes no hook any more.
        if "Status" not in group
    ]


_RIGHTS = {
    ManagedNodeGroup: "eks:DescribeNodegroup",
    TaggedGroups: "autoscaling:DescribeAutoScalingGroups",
}


def _unasked(sought: Sought, error: Exception) -> Problem:
    return Problem(
        path="node_groups",
        value=str(sought),
        message=f"cannot be looked up: {error}",
        remedy=f"Synthesize with credentials that may call {_RIGHTS[type(sought)]}, or write auto_scaling_group.",
    )
