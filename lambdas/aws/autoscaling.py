"""Auto Scaling: completing and prolonging lifecycle actions, and who waits in which state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from domain.model import GroupName, InstanceId, Member
from lambdas.aws.errors import is_no_active_action, translated

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from mypy_boto3_autoscaling import AutoScalingClient

    from domain.lifecycle import LifecycleResult
    from domain.model import LifecycleActionToken

PAGE = 100
"""The largest page of DescribeAutoScalingGroups, and the most names in one call (Auto Scaling API reference)."""


class AutoScaling:
    """What the reconcilers need of Auto Scaling. Every method raises EniLifecycleError and nothing else of AWS's."""

    def __init__(self, client: AutoScalingClient) -> None:
        self._client = client

    def complete(
        self,
        group: GroupName,
        hook_name: str,
        instance_id: InstanceId,
        token: LifecycleActionToken | None,
        result: LifecycleResult,
    ) -> bool:
        """Complete a lifecycle action; return False when it was over already.

        By token where the event gave one: the instance's next lifecycle (a warm pool) has another. By instance id
        where no event came.
        """
        with translated():
            try:
                self._client.complete_lifecycle_action(
                    AutoScalingGroupName=group,
                    LifecycleHookName=hook_name,
                    LifecycleActionResult=result.value,
                    InstanceId=instance_id,
                    **_token(token),
                )
            except ClientError as error:
                if is_no_active_action(error):
                    return False
                raise
        return True

    def heartbeat(
        self,
        group: GroupName,
        hook_name: str,
        instance_id: InstanceId,
        token: LifecycleActionToken | None,
    ) -> bool:
        """Restart a lifecycle action's timer; return False when the action is over."""
        with translated():
            try:
                self._client.record_lifecycle_action_heartbeat(
                    AutoScalingGroupName=group,
                    LifecycleHookName=hook_name,
                    InstanceId=instance_id,
                    **_token(token),
                )
            except ClientError as error:
                if is_no_active_action(error):
                    return False
                raise
        return True

    def list_members(self, groups: Collection[GroupName]) -> list[Member]:
        """Return the instances of the groups with their lifecycle states."""
        names = sorted(groups)
        paginator = self._client.get_paginator("describe_auto_scaling_groups")
        members: list[Member] = []
        with translated():
            for start in range(0, len(names), PAGE):
                chunk = [str(name) for name in names[start : start + PAGE]]
                pages = paginator.paginate(
                    AutoScalingGroupNames=chunk, PaginationConfig={"PageSize": PAGE}
                )
                for page in pages:
                    for group in page["AutoScalingGroups"]:
                        members += [
                            _member(group["AutoScalingGroupName"], raw)
                            for raw in group.get("Instances", [])
                        ]
        return members


def _token(token: LifecycleActionToken | None) -> dict[str, Any]:
    return {"LifecycleActionToken": token} if token else {}


def _member(group: str, raw: Mapping[str, Any]) -> Member:
    return Member(InstanceId(raw["InstanceId"]), GroupName(group), raw["LifecycleState"])
