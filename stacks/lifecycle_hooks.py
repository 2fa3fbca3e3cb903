"""The launch and terminate hooks on every adopted Auto Scaling group, and the ready hook where nodes answer one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_cdk import aws_autoscaling as autoscaling
from constructs import Construct

from domain import naming
from domain.lifecycle import LifecycleResult, Transition

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from constructs import IDependable

    from domain.config import Config, NodeGroup


@dataclass(frozen=True)
class Hook:
    """A lifecycle hook of a group, however it gets there."""

    label: str
    """What it is for, as part of a logical id."""
    transition: Transition
    name: str
    default: LifecycleResult
    timeout_s: int


def hooks_of(owner: str, *, heartbeat_timeout_s: int, ready_timeout_s: int | None) -> list[Hook]:
    """Return a group's hooks: a launch that is not answered is abandoned, a termination goes on.

    A group with a ready hook has a second launch hook, which the node itself answers. Both open at the same moment, and
    the instance is in service when both are answered. The stack's rules filter on a hook's name, so no event of the ready
    hook reaches a queue. Its default is ABANDON: a node that never says that it is ready is replaced.

    Args:
        owner: the stack's name.
        heartbeat_timeout_s: of the launch and terminate hooks.
        ready_timeout_s: of the ready hook; None: there is none.
    """
    hooks = [
        Hook(
            "Launching",
            Transition.LAUNCHING,
            naming.launch_hook(owner),
            LifecycleResult.ABANDON,
            heartbeat_timeout_s,
        ),
        # Never ABANDON: a group whose InstanceLifecyclePolicy retains on it would keep the instance for ever.
        Hook(
            "Terminating",
            Transition.TERMINATING,
            naming.terminate_hook(owner),
            LifecycleResult.CONTINUE,
            heartbeat_timeout_s,
        ),
    ]
    if ready_timeout_s is not None:
        hooks.append(
            Hook(
                "Ready",
                Transition.LAUNCHING,
                naming.ready_hook(owner),
                LifecycleResult.ABANDON,
                ready_timeout_s,
            )
        )
    return hooks


class LifecycleHooks(Construct):
    """The hooks on groups that are there already; a group that is created has its hooks inline, from its first node on."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: Config,
        heartbeat_timeout_s: int,
        ready_timeouts_s: Mapping[str, int],
        hooked_inline: Collection[str],
        answered_by: Sequence[IDependable],
    ) -> None:
        """Hook each group, after everything in `answered_by` is complete.

        A hook without its rule, queue, mapping and function would hold each new node until the heartbeat ends and then
        abandon it, and events are not kept for a rule that comes later. CloudFormation deletes in the reverse order, so
        `cdk destroy` takes the hooks away while there is still somebody to answer the ones that are open.

        Args:
            scope: the construct's parent.
            construct_id: its id there.
            config: which groups.
            heartbeat_timeout_s: of the launch and terminate hooks.
            ready_timeouts_s: of the ready hook, by node group; a group that is not in it gets none.
            hooked_inline: the node groups that are left out.
            answered_by: what must be there before the first hook opens.
        """
        super().__init__(scope, construct_id)
        self._answered_by = answered_by
        for group in config.node_groups:
            if group.name in hooked_inline:
                continue
            for hook in hooks_of(
                config.owner,
                heartbeat_timeout_s=heartbeat_timeout_s,
                ready_timeout_s=ready_timeouts_s.get(group.name),
            ):
                self._put(group, hook)

    def _put(self, group: NodeGroup, hook: Hook) -> None:
        resource = autoscaling.CfnLifecycleHook(
            self,
            # Of the Auto Scaling group, whatever the node group is called and however the file names it: under another logical
            # id CloudFormation would put the same hook and then delete the old one, which is the same.
            f"{group.auto_scaling_group}-{hook.label}",
            auto_scaling_group_name=group.auto_scaling_group,
            lifecycle_transition=hook.transition.value,
            lifecycle_hook_name=hook.name,
            default_result=hook.default.value,
            heartbeat_timeout=hook.timeout_s,
        )
        resource.node.add_dependency(*self._answered_by)
