"""Sees to it that nothing outlives a node: at its terminate hook, and once more when EC2 says that it is gone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from domain import tags
from domain.errors import DeadlineExceeded, EniLifecycleError, Permanent
from domain.lifecycle import LifecycleResult, Place
from domain.outcome import Outcome, Result
from domain.termination import plan_sweep, plan_termination
from lambdas.reconcile.executor import as_lifecycle_error

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence
    from datetime import datetime

    from domain.config import Config
    from domain.lifecycle import InstanceTerminated
    from domain.model import GroupName, InstanceId, LifecycleActionToken, NetworkInterface
    from domain.plan import NodePlan
    from lambdas.reconcile.executor import Executor
    from lambdas.reconcile.ports import AutoScalingPort, Clock, Ec2Port, Workers


@dataclass(frozen=True)
class Termination:
    """One node whose terminate hook is open."""

    instance_id: InstanceId
    group_name: GroupName
    token: LifecycleActionToken | None
    """None when the event was lost: the hook is completed by instance id."""
    destination: Place = Place.EC2


@dataclass(frozen=True)
class _Mended:
    """What was done for one instance and what was not."""

    plan: NodePlan
    deleted: int
    faults: tuple[EniLifecycleError, ...]


class TerminationReconciler:
    """Works a batch of leaving nodes with one shared describe.

    The hook is always answered with CONTINUE: an instance kept in Terminating:Wait keeps costing, and ABANDON can park it
    for good (InstanceLifecyclePolicy, Auto Scaling API reference). What could not be mended is left to the sweep after
    termination and to the scheduled reconciler. Only what may work in a moment keeps the hook open for a retry.
    """

    def __init__(
        self,
        *,
        config: Config,
        hook_name: str,
        ec2: Ec2Port,
        autoscaling: AutoScalingPort,
        executor: Executor,
        workers: Workers,
        clock: Clock,
    ) -> None:
        self._config = config
        self._hook_name = hook_name
        self._ec2 = ec2
        self._autoscaling = autoscaling
        self._executor = executor
        self._workers = workers
        self._clock = clock

    def run(
        self, leaving: Sequence[Termination | InstanceTerminated], deadline: datetime
    ) -> list[Outcome]:
        """Return what came of each, in order.

        Args:
            leaving: nodes with an open terminate hook, and instances that EC2 says are terminated.
            deadline: when the run must have ended.
        """
        if self._clock.now() >= deadline:
            late = DeadlineExceeded("the batch came too late to be worked in this run")
            return [self._outcome(item, Result.RETRY, str(late), late) for item in leaving]
        touched = {item.instance_id for item in leaving if not _returns_to_warm_pool(item)}
        try:
            interfaces = self._ec2.list_interfaces(self._config.owner, touched) if touched else []
        except EniLifecycleError as error:
            return self._each(leaving, partial(self._unseen, error=error))
        return self._each(leaving, partial(self._settle, interfaces=interfaces))

    def _each(
        self,
        leaving: Sequence[Termination | InstanceTerminated],
        settle: Callable[[Termination | InstanceTerminated], Outcome],
    ) -> list[Outcome]:
        """Settle each side by side; what one of them raises is that one's outcome."""
        outcomes = self._workers.run([partial(settle, item) for item in leaving])
        return [
            outcome if isinstance(outcome, Outcome) else self._failed(item, outcome)
            for item, outcome in zip(leaving, outcomes, strict=True)
        ]

    def _unseen(self, item: Termination | InstanceTerminated, error: EniLifecycleError) -> Outcome:
        """Answer for an instance whose network interfaces could not be listed."""
        if isinstance(item, Termination) and isinstance(error, Permanent):
            return self._complete(
                item, _Mended(plan_termination(item.instance_id, ()), 0, (error,))
            )
        return self._outcome(
            item, Result.RETRY if error.retryable else Result.FAILED, str(error), error
        )

    def _settle(
        self, item: Termination | InstanceTerminated, interfaces: Iterable[NetworkInterface]
    ) -> Outcome:
        own = [eni for eni in interfaces if eni.tags.get(tags.INSTANCE) == item.instance_id]
        if not isinstance(item, Termination):
            return self._sweep(item, own)
        if _returns_to_warm_pool(item):
            own = []
        mended = self._mend(plan_termination(item.instance_id, own))
        transient = [fault for fault in mended.faults if fault.retryable]
        if transient:
            return self._outcome(
                item, Result.RETRY, str(transient[0]), transient[0], mended.deleted
            )
        return self._complete(item, mended)

    def _sweep(self, item: InstanceTerminated, own: Collection[NetworkInterface]) -> Outcome:
        mended = self._mend(plan_sweep(item.instance_id, list(own)))
        error = mended.faults[0] if mended.faults else None
        if error is not None or mended.plan.waiting:
            reason = str(error) if error else mended.plan.reason
            failed = error is not None and not error.retryable
            return self._outcome(
                item, Result.FAILED if failed else Result.RETRY, reason, error, mended.deleted
            )
        return self._outcome(item, Result.SWEPT, mended.plan.reason, None, mended.deleted)

    def _mend(self, plan: NodePlan) -> _Mended:
        faults = [
            progress.error for progress in self._executor.carry_out(plan.work) if progress.error
        ]
        undeleted = self._executor.delete(plan.deletions)
        return _Mended(plan, len(plan.deletions) - len(undeleted), (*faults, *undeleted))

    def _complete(self, item: Termination, mended: _Mended) -> Outcome:
        """Answer the hook; one of a group taken out of the configuration is gone with it, or not ours to answer."""
        if self._config.node_group_of(item.group_name) is None:
            reason = f"group {item.group_name} is not in this stack's configuration"
            return self._outcome(item, Result.IGNORED, reason, None, mended.deleted)
        ours = self._autoscaling.complete(
            item.group_name, self._hook_name, item.instance_id, item.token, LifecycleResult.CONTINUE
        )
        error = mended.faults[0] if mended.faults else None
        for fault in mended.faults[1:]:
            mended.faults[0].add_note(f"and also: {fault}")
        reason = "returns to the warm pool" if _returns_to_warm_pool(item) else mended.plan.reason
        result = Result.CONTINUED if ours else Result.CLOSED
        return self._outcome(item, result, reason, error, mended.deleted)

    def _failed(self, item: Termination | InstanceTerminated, fault: Exception) -> Outcome:
        error = as_lifecycle_error(fault)
        retry = error is not None and error.retryable
        return self._outcome(item, Result.RETRY if retry else Result.FAILED, str(error), error)

    def _outcome(
        self,
        item: Termination | InstanceTerminated,
        result: Result,
        reason: str,
        error: EniLifecycleError | None,
        deleted: int = 0,
    ) -> Outcome:
        hooked = item if isinstance(item, Termination) else None
        group = self._config.node_group_of(hooked.group_name) if hooked else None
        return Outcome(
            result=result,
            reason=reason,
            instance_id=item.instance_id,
            group_name=hooked.group_name if hooked else "",
            node_group=group.name if group else "",
            token=(hooked.token or "") if hooked else "",
            transition="terminate" if hooked else "terminated",
            error=error,
            deleted=deleted,
            rounds=1,
        )


def _returns_to_warm_pool(item: Termination | InstanceTerminated) -> bool:
    """Return whether the instance is not terminated at all: its network interfaces stay as they are."""
    return isinstance(item, Termination) and item.destination is Place.WARM_POOL
