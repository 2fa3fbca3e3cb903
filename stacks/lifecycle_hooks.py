"""The launch and terminate hooks on every adopted Auto Scaling group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_autoscaling as autoscaling
from constructs import Construct

from domain import naming
from domain.lifecycle import LifecycleResult, Transition

if TYPE_CHECKING:
    from collections.abc import Sequence

    from constructs import IDependable

    from domain.config import Config


class LifecycleHooks(Construct):
    """Two hooks per group: a launch that is not answered is abandoned, a termination goes on."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: Config,
        heartbeat_timeout_s: int,
        answered_by: Sequence[IDependable],
    ) -> None:
        """Hook each group, after everything in `answered_by` is complete.

        A hook without its rule, queue, mapping and function would hold each new node until the heartbeat ends and then
        abandon it, and events are not kept for a rule that comes later. CloudFormation deletes in the reverse order, so
        `cdk destroy` takes the hooks away while there is still somebody to answer the ones that are open.
        """
        super().__init__(scope, construct_id)
        for group in config.node_groups:
            for transition, name, result in (
                (
                    Transition.LAUNCHING,
                    naming.launch_hook(config.owner),
                    LifecycleResult.ABANDON,
                ),
                # Never ABANDON: a group whose InstanceLifecyclePolicy retains on it would keep the instance for ever.
                (
                    Transition.TERMINATING,
                    naming.terminate_hook(config.owner),
                    LifecycleResult.CONTINUE,
                ),
            ):
                hook = autoscaling.CfnLifecycleHook(
                    self,
                    f"{group.name}-{transition.name.title()}",
                    auto_scaling_group_name=group.auto_scaling_group,
                    lifecycle_transition=transition.value,
                    lifecycle_hook_name=name,
                    default_result=result.value,
                    heartbeat_timeout=heartbeat_timeout_s,
                )
                hook.node.add_dependency(*answered_by)
