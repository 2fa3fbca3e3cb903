"""The Auto Scaling groups behind EKS managed node groups and behind tags."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from account.session import UNANSWERED, line
from authoring.adoption import ManagedNodeGroup, TaggedGroups
from domain.errors import ConfigInvalid, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mypy_boto3_autoscaling import AutoScalingClient
    from mypy_boto3_autoscaling.type_defs import FilterTypeDef

    from account.session import Session
    from authoring.adoption import Sought


def look_up(sought: Sequence[Sought], session: Session) -> Mapping[Sought, Sequence[str]]:
    """Return the names of the Auto Scaling groups by what was looked up; none for what does not exist.

    EKS names a managed node group's Auto Scaling group itself, so it is asked (EKS API, DescribeNodegroup:
    `resources.autoScalingGroups`) and never guessed.

    Args:
        sought: what to look up.
        session: with whose credentials, and where.

    Raises:
        ConfigInvalid: the account cannot be asked, with every look-up that failed.
    """
    found: dict[Sought, Sequence[str]] = {}
    problems = []
    for each in sought:
        try:
            found[each] = (
                _of_managed(each, session)
                if isinstance(each, ManagedNodeGroup)
                else _tagged(each, session)
            )
        except (*UNANSWERED, ClientError) as error:
            problems.append(
                Problem(
                    "node_groups",
                    str(each),
                    f"cannot be looked up: {line(error)}",
                    f"Use credentials that may call {_RIGHTS[type(each)]}, or write auto_scaling_group.",
                )
            )
    if problems:
        raise ConfigInvalid(problems)
    return found


def _of_managed(group: ManagedNodeGroup, session: Session) -> Sequence[str]:
    client = session.client("eks")
    try:
        seen = client.describe_nodegroup(clusterName=group.cluster, nodegroupName=group.name)
    except client.exceptions.ResourceNotFoundException:
        return ()
    # Until EKS has made the group, the node group has no resources.
    resources = seen["nodegroup"].get("resources", {})
    return [each["name"] for each in resources.get("autoScalingGroups", ())]


def _tagged(groups: TaggedGroups, session: Session) -> Sequence[str]:
    client: AutoScalingClient = session.client("autoscaling")
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
