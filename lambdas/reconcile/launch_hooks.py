"""Answers the hooks of launching nodes, or keeps them open; cleans up after a launch that is given up."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from domain import launch as decide
from domain import pacing, tags
from domain.errors import DeadlineExceeded, EniLifecycleError, InstanceGone
from domain.lifecycle import LifecycleResult
from domain.outcome import Outcome, Result
from domain.termination import plan_termination
from lambdas.reconcile.executor import VISIBLE_AFTER_S

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from domain.config import Config, InterfaceSpec
    from domain.model import NetworkInterface
    from lambdas.reconcile.executor import Executor
    from lambdas.reconcile.launching_node import Launch, LaunchingNode
    from lambdas.reconcile.ports import AutoScalingPort, Clock, Ec2Port


class LaunchHooks:
    """The launch hook of each node of one stack, and what came of it."""

    def __init__(
        self,
        *,
        config: Config,
        hook_name: str,
        heartbeat_timeout_s: int,
        ec2: Ec2Port,
        autoscaling: AutoScalingPort,
        executor: Executor,
        clock: Clock,
    ) -> None:
        self._config = config
        self._hook_name = hook_name
        self._heartbeat_timeout_s = heartbeat_timeout_s
        self._ec2 = ec2
        self._autoscaling = autoscaling
        self._executor = executor
        self._clock = clock

    def proceed(self, node: LaunchingNode) -> None:
        """Complete the hook: the node has exactly what it must have."""
        ours = self._complete(node, LifecycleResult.CONTINUE)
        open_for_s = (self._clock.now() - node.launch.opened_at).total_seconds()
        outcome = self.outcome(
            node, Result.CONTINUED if ours else Result.CLOSED, "every interface is attached", None
        )
        node.outcome = replace(outcome, hook_to_continue_s=open_for_s) if ours else outcome

    def abandon(self, node: LaunchingNode, failure: EniLifecycleError) -> bool:
        """Give the launch up, with the first error as its reason, leaving nothing that the instance does not take along.

        What goes wrong while cleaning up is noted on that error and never replaces it: the orphan sweep is the backstop.

        Returns:
            Whether it was given up; otherwise the node is to be looked at once more.
        """
        try:
            left = self._left_by(node)
            if self._is_reprieved(node, left, failure):
                return False
            plan = plan_termination(node.launch.instance_id, left)
            faults = [item.error for item in self._executor.carry_out(plan.work) if item.error]
            faults += (undeleted := self._executor.delete(plan.deletions))
            node.deleted += len(plan.deletions) - len(undeleted)
            for eni in left:
                if eni.eni_id in plan.deletions and (interface := eni.tags.get(tags.INTERFACE)):
                    node.lost[interface] = node.lost.get(interface, 0) + 1
        except EniLifecycleError as error:
            faults = [error]
        for fault in faults:
            failure.add_note(f"while cleaning up: {fault}")
        node.failure = failure
        ours = self._complete(node, LifecycleResult.ABANDON)
        node.outcome = self.outcome(
            node, Result.ABANDONED if ours else Result.CLOSED, str(failure), failure
        )
        return True

    def _is_reprieved(
        self, node: LaunchingNode, left: Iterable[NetworkInterface], failure: EniLifecycleError
    ) -> bool:
        """Return whether to look once more instead: every interface is attached, so another run was at work.

        The looks of a run lag behind what another one does, each by its own time. Our own interface can then seem a
        stranger that holds the last place or the very index.
        """
        if node.reprieved or isinstance(failure, InstanceGone):
            return False
        attached = {eni.tags.get(tags.INTERFACE) for eni in left if eni.attachment is not None}
        node.reprieved = {spec.name for spec in self._interfaces_of(node)} <= attached
        return node.reprieved

    def _left_by(self, node: LaunchingNode) -> Sequence[NetworkInterface]:
        """Return the node's network interfaces, with those that this run made a moment ago.

        Raises:
            EniLifecycleError: the look failed.
        """
        for pause_s in VISIBLE_AFTER_S:
            left = self._ec2.list_interfaces(self._config.owner, {node.launch.instance_id})
            if node.created <= {eni.eni_id for eni in left}:
                return left
            self._clock.wait(pause_s)
        return self._ec2.list_interfaces(self._config.owner, {node.launch.instance_id})

    def _complete(self, node: LaunchingNode, result: LifecycleResult) -> bool:
        launch = node.launch
        return self._autoscaling.complete(
            launch.group_name, self._hook_name, launch.instance_id, launch.token, result
        )

    def give_back(self, node: LaunchingNode) -> None:
        """End the run for a node that is not done: its message comes back, its hook stays open long enough."""
        launch = node.launch
        error = node.error or DeadlineExceeded("the run ended before every interface was attached")
        open_for = decide.hook_open_for(launch.opened_at, self._clock.now())
        node.outcome = self.outcome(node, Result.RETRY, str(error), error)
        if pacing.needs_heartbeat(open_for.total_seconds(), self._heartbeat_timeout_s):
            try:
                self.heartbeat(launch)
            except EniLifecycleError as fault:
                error.add_note(f"while prolonging the hook: {fault}")

    def heartbeat(self, launch: Launch) -> bool:
        """Restart the hook's timer; return whether it was open."""
        return self._autoscaling.heartbeat(
            launch.group_name, self._hook_name, launch.instance_id, launch.token
        )

    def outcome(
        self, node: LaunchingNode, result: Result, reason: str, error: EniLifecycleError | None
    ) -> Outcome:
        """Return what came of a node, with all that the run knows of it."""
        group = self._config.node_group_of(node.launch.group_name)
        return Outcome(
            result=result,
            reason=reason,
            instance_id=node.launch.instance_id,
            group_name=node.launch.group_name,
            node_group=group.name if group else "",
            token=node.launch.token or "",
            transition="launch",
            error=error,
            attached=len(node.attached),
            deleted=node.deleted,
            rounds=node.rounds,
        )

    def _interfaces_of(self, node: LaunchingNode) -> Sequence[InterfaceSpec]:
        group = self._config.node_group_of(node.launch.group_name)
        return group.interfaces if group else ()
