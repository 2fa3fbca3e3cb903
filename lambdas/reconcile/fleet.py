"""Repairs, on a schedule, what events cannot promise: lost hooks, drift, missing interfaces, orphans."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from domain import fleet as decide
from domain import tags
from domain.errors import EniLifecycleError, InvariantBroken
from domain.launch import Node, plan_launch
from domain.model import InstanceId
from domain.outcome import Outcome, Result
from lambdas.reconcile.adoption import Adoptee
from lambdas.reconcile.launching_node import Launch
from lambdas.reconcile.termination import Termination
from lambdas.reconcile.waits import Waits

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from domain.config import Config, NodeGroup
    from domain.fleet import Orphans, Promise
    from domain.model import Instance, Member, NetworkInterface
    from lambdas.reconcile.adoption import AdoptionReconciler
    from lambdas.reconcile.catalog import Catalog
    from lambdas.reconcile.executor import Executor
    from lambdas.reconcile.launch import LaunchReconciler
    from lambdas.reconcile.ports import AutoScalingPort, Clock, Ec2Port, QueuePort
    from lambdas.reconcile.termination import TerminationReconciler

WORTH_STARTING = timedelta(seconds=30)
"""What must be left of a run's time before it takes over a launch or mends another node."""
NODES_AT_ONCE = 10
"""Lost launches and adopted nodes are worked in batches of as many as a queue hands over."""


@dataclass(frozen=True)
class Bounds:
    """What a run may do."""

    heartbeat_timeout_s: int
    orphan_min_age: timedelta
    max_deletions: int
    max_adoptions: int
    """Nodes in service that are given interfaces."""
    dry_run: bool


@dataclass(frozen=True)
class Report:
    """What a run found and did."""

    outcomes: tuple[Outcome, ...]
    nodes: int
    """In service, in the adopted groups."""
    orphans: Orphans
    deleted: int
    heartbeats: int


@dataclass(frozen=True)
class _Fleet:
    interfaces: tuple[NetworkInterface, ...]
    members: tuple[Member, ...]
    instances: Mapping[InstanceId, Instance]


class FleetReconciler:
    """Looks at everything this stack owns in a few pages and mends what is not as it should be.

    A run may overlap another, or the queues' runs: every step it takes observes first and repeats harmlessly. A look at EC2
    or Auto Scaling that fails ends the run before anything is deleted; the next run is a few minutes away.
    """

    def __init__(
        self,
        *,
        config: Config,
        bounds: Bounds,
        ec2: Ec2Port,
        autoscaling: AutoScalingPort,
        catalog: Catalog,
        executor: Executor,
        launches: LaunchReconciler,
        terminations: TerminationReconciler,
        adoptions: AdoptionReconciler,
        launch_queue: QueuePort,
        terminate_queue: QueuePort,
        clock: Clock,
    ) -> None:
        self._config = config
        self._bounds = bounds
        self._ec2 = ec2
        self._autoscaling = autoscaling
        self._catalog = catalog
        self._executor = executor
        self._launches = launches
        self._terminations = terminations
        self._adoptions = adoptions
        self._launch_queue = launch_queue
        self._terminate_queue = terminate_queue
        self._clock = clock
        self._waits = Waits()
        self._leaving = Waits()

    def run(self, deadline: datetime) -> Report:
        """Look, mend, and report.

        Args:
            deadline: when the run must have ended.

        Raises:
            EniLifecycleError: what there is could not be listed; nothing was deleted.
        """
        began = self._clock.now()
        fleet = self._observe()
        now = self._clock.now()
        outcomes, heartbeats = self._waiting_launches(fleet, began, deadline)
        outcomes += self._waiting_terminations(fleet, began, deadline)
        repairs, nodes = self._repair(fleet, deadline)
        # The list is from before: whatever was done for these nodes since is not in it.
        worked = {outcome.instance_id for outcome in outcomes}
        orphans = decide.find_orphans(
            [eni for eni in fleet.interfaces if eni.tags.get(tags.INSTANCE) not in worked],
            fleet.instances,
            now=now,
            min_age=self._bounds.orphan_min_age,
            max_deletions=self._bounds.max_deletions,
        )
        deleted = 0
        if not self._bounds.dry_run:
            deleted = len(orphans.delete) - len(self._executor.delete(orphans.delete))
        return Report((*outcomes, *repairs), nodes, orphans, deleted, heartbeats)

    def _observe(self) -> _Fleet:
        """List network interfaces first and instances last: see `domain.fleet.find_orphans` for why the order matters."""
        interfaces = tuple(self._ec2.list_interfaces(self._config.owner))
        groups = [group.auto_scaling_group for group in self._config.node_groups]
        members = tuple(self._autoscaling.list_members(groups))
        instances = dict(self._ec2.describe_group_instances(groups))
        named = {InstanceId(eni.tags.get(tags.INSTANCE, "")) for eni in interfaces}
        unknown = {
            instance_id for instance_id in named if instance_id and instance_id not in instances
        }
        if unknown:
            instances.update(self._ec2.describe_instances(unknown))
        return _Fleet(interfaces, members, instances)

    def _waiting_launches(
        self, fleet: _Fleet, now: datetime, deadline: datetime
    ) -> tuple[list[Outcome], int]:
        waiting = [
            (member, fleet.instances.get(member.instance_id))
            for member in fleet.members
            if member.lifecycle_state in decide.LAUNCH_WAIT
        ]
        waits = self._waits.look(waiting, now)
        if not waiting:
            return [], 0
        backlog, unasked = _backlog(self._launch_queue, "launch")
        timeout_s = self._bounds.heartbeat_timeout_s
        by_instance = _by_instance(fleet.interfaces)
        lost: list[Launch] = []
        held: list[Launch] = []
        complete: list[Launch] = []
        for (member, instance), wait in zip(waiting, waits, strict=True):
            began = wait.began(now, timeout_s)
            launch = Launch(member.instance_id, member.group_name, None, began)
            if wait.at_most >= decide.TAKE_OVER_AFTER and self._has_everything(
                member, instance, by_instance.get(member.instance_id, ())
            ):
                complete.append(launch)
                continue
            if decide.is_lost(wait, backlog=backlog, heartbeat_timeout_s=timeout_s):
                lost.append(launch)
            # A launch to take over is held too: it may be a while, or another run, before its turn comes.
            if decide.needs_hold(wait, timeout_s):
                held.append(launch)
        heartbeats = 0 if self._bounds.dry_run else self._hold(held)
        worked = [*self._answer(complete), *self._take_over(lost, deadline)]
        return [*unasked, *worked], heartbeats

    def _hold(self, launches: Sequence[Launch]) -> int:
        """Restart timers, the longest wait first: in a large burst not all of them may have their turn in this run."""
        launches = sorted(launches, key=lambda launch: launch.opened_at)
        restarted = self._launches.hold(launches)
        self._waits.restarted((launch.instance_id for launch in restarted), self._clock.now())
        return len(restarted)

    def _has_everything(
        self, member: Member, instance: Instance | None, interfaces: tuple[NetworkInterface, ...]
    ) -> bool:
        """Return whether a waiting node needs nothing of us but, at most, the answer to its hook.

        It is then in one of these states, which Auto Scaling does not tell apart:
          1. our hook is answered and another launch hook is open, such as the one that the node answers itself;
          2. a run ended between its last step and the answer, and its event will not come again.

        One that EC2 does not show is not known to have anything: taking the launch over looks at it again, and gives it up
        when it stays unknown.
        """
        group = self._config.node_group_of(member.group_name)
        if group is None or instance is None:
            return False
        if decide.missing(member.instance_id, group.interfaces, interfaces):
            return False
        try:
            desired = self._catalog.desired(group, instance)
        except EniLifecycleError:
            return False  # What it must have is not known now: taking the launch over tells why.
        node = Node(self._config.owner, group.name, instance, desired, interfaces)
        return plan_launch(node).converged

    def _answer(self, complete: Sequence[Launch]) -> list[Outcome]:
        if self._bounds.dry_run:
            return [
                _reported(launch.instance_id, "waits in a launch hook, ours or another (dry run)")
                for launch in complete
            ]
        return self._launches.answer(complete)

    def _take_over(self, lost: Sequence[Launch], deadline: datetime) -> list[Outcome]:
        if self._bounds.dry_run:
            return [
                _reported(launch.instance_id, "its launch event was lost (dry run)")
                for launch in lost
            ]
        outcomes: list[Outcome] = []
        for start in range(0, len(lost), NODES_AT_ONCE):
            if self._clock.now() + WORTH_STARTING >= deadline:
                break
            outcomes += self._launches.run(lost[start : start + NODES_AT_ONCE], deadline)
        return outcomes

    def _waiting_terminations(
        self, fleet: _Fleet, now: datetime, deadline: datetime
    ) -> list[Outcome]:
        waiting = [
            member for member in fleet.members if member.lifecycle_state in decide.TERMINATE_WAIT
        ]
        stuck = self._stuck(waiting, fleet, now)
        if not waiting:
            return []
        backlog, unasked = _backlog(self._terminate_queue, "terminate")
        # Working on a termination twice costs few calls, so it waits for nobody who may not come.
        if backlog and not unasked:
            waiting = [member for member in waiting if member.instance_id in stuck]
        if self._bounds.dry_run:
            return [
                *unasked,
                *(
                    _reported(member.instance_id, "its terminate event was lost (dry run)")
                    for member in waiting
                ),
            ]
        leaving = [Termination(member.instance_id, member.group_name, None) for member in waiting]
        return [*unasked, *self._terminations.run(leaving, deadline)] if leaving else unasked

    def _stuck(
        self, waiting: Sequence[Member], fleet: _Fleet, now: datetime
    ) -> frozenset[InstanceId]:
        """Return the nodes that have waited in a terminate hook for so long that nobody else will come."""
        waits = self._leaving.look(
            [(member, fleet.instances.get(member.instance_id)) for member in waiting], now
        )
        return frozenset(
            member.instance_id
            for member, wait in zip(waiting, waits, strict=True)
            if decide.is_stuck(wait, self._bounds.heartbeat_timeout_s)
        )

    def _repair(self, fleet: _Fleet, deadline: datetime) -> tuple[list[Outcome], int]:
        """Mend drift on every node in service; give adopted ones what they lack, as far as the time goes."""
        by_instance = _by_instance(fleet.interfaces)
        serving = [
            (member, fleet.instances[member.instance_id])
            for member in fleet.members
            if member.lifecycle_state in decide.IN_SERVICE
            and member.instance_id in fleet.instances
            and not fleet.instances[member.instance_id].state.is_gone
        ]
        outcomes: list[Outcome] = []
        adoptees: list[Adoptee] = []
        for member, instance in serving:
            group = self._config.node_group_of(member.group_name)
            if group is None:
                continue
            interfaces = by_instance.get(member.instance_id, ())
            if self._clock.now() + WORTH_STARTING >= deadline:
                break
            outcome = self._mend(group, instance, interfaces)
            if outcome is not None:
                outcomes.append(outcome)
            lacking = decide.missing(instance.instance_id, group.interfaces, interfaces)
            if lacking and group.adopt_running and not self._bounds.dry_run:
                adoptees.append(Adoptee(member.instance_id, group))
            elif lacking:
                why = "dry run" if group.adopt_running else "adopt_running is off"
                reason = f"lacks {', '.join(lacking)}; {why}"
                outcomes.append(_reported(instance.instance_id, reason))
        most = self._bounds.max_adoptions
        turn = decide.whose_turn(
            [adoptee.instance_id for adoptee in adoptees], most, self._clock.now()
        )
        outcomes += [
            _reported(adoptee.instance_id, f"waits for its turn to be adopted, {most} nodes a run")
            for adoptee in adoptees
            if adoptee.instance_id not in turn
        ]
        now = [adoptee for adoptee in adoptees if adoptee.instance_id in turn]
        return [*outcomes, *self._adopt(now, deadline)], len(serving)

    def _adopt(self, adoptees: Sequence[Adoptee], deadline: datetime) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for start in range(0, len(adoptees), NODES_AT_ONCE):
            if self._clock.now() + WORTH_STARTING >= deadline:
                break
            outcomes += self._adoptions.run(adoptees[start : start + NODES_AT_ONCE])
        return outcomes

    def _mend(
        self, group: NodeGroup, instance: Instance, interfaces: tuple[NetworkInterface, ...]
    ) -> Outcome | None:
        """Mend what is attached; return what came of it, if anything."""
        instance_id = instance.instance_id
        lacking = decide.missing(instance_id, group.interfaces, interfaces)
        promises, fault = self._promised(group, instance, lacking)
        plan = decide.plan_repair(instance_id, interfaces, promises)
        if not plan.work and fault is None:
            return None
        if self._bounds.dry_run:
            reason = f"{plan.reason} (dry run)" if plan.work else str(fault)
            return _reported(instance_id, reason, fault)
        done = self._executor.carry_out(plan.work)
        fault = next((progress.error for progress in done if progress.error), fault)
        result = Result.REPORTED if fault else Result.REPAIRED
        return Outcome(
            Result.FAILED if isinstance(fault, InvariantBroken) else result,
            plan.reason if plan.work else str(fault),
            instance_id=instance_id,
            group_name=group.auto_scaling_group,
            node_group=group.name,
            transition="repair",
            error=fault,
        )

    def _promised(
        self, group: NodeGroup, instance: Instance, lacking: Sequence[str]
    ) -> tuple[list[Promise], EniLifecycleError | None]:
        """Return what each attached interface must be like, and the first selector's fault; one stops no other."""
        promises: list[Promise] = []
        first: EniLifecycleError | None = None
        for spec in group.interfaces:
            if spec.name in lacking:
                continue
            try:
                promise = decide.Promise(spec, self._catalog.security_groups(spec, instance))
            except EniLifecycleError as error:
                first = first or error
                promise = decide.Promise(spec, None)
            promises.append(promise)
        return promises, first


def _backlog(queue: QueuePort, transition: str) -> tuple[bool, list[Outcome]]:
    """Return whether a queue holds any message, and what there is to report about it.

    One that cannot be asked counts as holding some. Whoever waits is held meanwhile, and after a whole time-out worked on: a
    node whose hook nobody restarts while SQS is down would be given up, though it lacks nothing.
    """
    try:
        return queue.has_backlog(), []
    except EniLifecycleError as error:
        reason = f"the {transition} queue cannot be asked whether it is empty: {error}"
        return True, [Outcome(Result.REPORTED, reason, transition=transition, error=error)]


def _by_instance(
    interfaces: Iterable[NetworkInterface],
) -> Mapping[str, tuple[NetworkInterface, ...]]:
    found: dict[str, tuple[NetworkInterface, ...]] = {}
    for eni in interfaces:
        instance_id = eni.tags.get(tags.INSTANCE, "")
        found[instance_id] = (*found.get(instance_id, ()), eni)
    return found


def _reported(
    instance_id: InstanceId, reason: str, error: EniLifecycleError | None = None
) -> Outcome:
    return Outcome(
        Result.REPORTED, reason, instance_id=instance_id, transition="repair", error=error
    )
