"""Brings launching nodes to where each has exactly its interfaces, then completes their hooks."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from domain import launch as decide
from domain import pacing, tags
from domain.errors import (
    AccessDenied,
    AddressTaken,
    DeadlineExceeded,
    EniLifecycleError,
    InvariantBroken,
    NotYetVisible,
    Permanent,
    TokenSpent,
    Transient,
)
from domain.outcome import Outcome, Result
from domain.plan import Create, NodePlan
from lambdas.reconcile.executor import as_lifecycle_error
from lambdas.reconcile.launching_node import LaunchingNode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from domain.config import Config, NodeGroup
    from domain.model import (
        Instance,
        InstanceId,
        NetworkInterface,
        SubnetId,
    )
    from lambdas.reconcile.catalog import Catalog
    from lambdas.reconcile.executor import Executor, Progress
    from lambdas.reconcile.launch_hooks import LaunchHooks
    from lambdas.reconcile.launching_node import Launch
    from lambdas.reconcile.ports import Clock, Ec2Port, Workers

LOST_AFTER = timedelta(seconds=20)
"""A network interface that is still not found so long after its create was answered is gone, not merely invisible."""
LOOKS_TO_BE_UNKNOWN = 2
"""One look that does not show an old instance may be a miss: EC2 is eventually consistent."""
MOST_REMEMBERED = 1_000
"""Of how many nodes an execution environment remembers spent tokens. Forgetting one costs LOST_AFTER, nothing else."""
ENOUGH_NODES = 25
"""With so many nodes in hand a run takes no more; a queue hands over ten at a time."""
WORTH_TAKING = timedelta(seconds=60)
"""What must be left of a run's time before it takes more work: a node needs seconds, or minutes when its calls must wait
for EC2's tokens, and what cannot be finished costs the next run its looks again."""
SLACK = timedelta(milliseconds=250)
"""Nodes due within this are looked at together: one describe serves them all."""


def _nothing() -> tuple[Launch, ...]:
    return ()


class LaunchReconciler:
    """Works a batch of launching nodes together: their describes are shared, their interfaces worked side by side.

    A run can find a node in any state that an earlier run, another run at the same time, or nobody left it in; see
    `domain.launch.plan_launch` for the list. It ends for each node with the hook completed, or with the hook open and a
    reason: then the message returns to the queue and, should that fail too, the scheduled reconciler or the hook's
    DefaultResult (ABANDON: the group replaces the node) is the backstop.
    """

    def __init__(
        self,
        *,
        config: Config,
        hooks: LaunchHooks,
        ec2: Ec2Port,
        catalog: Catalog,
        executor: Executor,
        workers: Workers,
        clock: Clock,
    ) -> None:
        self._config = config
        self._hooks = hooks
        self._ec2 = ec2
        self._catalog = catalog
        self._executor = executor
        self._workers = workers
        self._clock = clock
        self._pace = pacing.AttachPace()
        self._conflicts: dict[tuple[InstanceId, str], int] = {}
        self._taken: dict[SubnetId, set[str]] = {}
        # Generations outlive a run where they can: EC2 repeats what a token once made, deleted or not.
        self._spent: dict[tuple[InstanceId, datetime], dict[str, int]] = {}

    def run(
        self,
        launches: Sequence[Launch],
        deadline: datetime,
        take_more: Callable[[], Sequence[Launch]] = _nothing,
    ) -> list[Outcome]:
        """Return what came of each launch, in order, those taken later last.

        Args:
            launches: the nodes; one may be named twice (a duplicate event in one batch).
            deadline: when the run must have ended.
            take_more: asked for further launches when the run would otherwise only wait, for an attachment or for an
                instance to boot, and again as long as there are any. In a burst few runs then take care of many nodes, with
                few looks at all of them.
        """
        self._conflicts, self._taken = {}, {}
        if len(self._spent) > MOST_REMEMBERED:
            self._spent.clear()
        everything = list(launches)
        nodes = self._begun(everything)
        more: Sequence[Launch] = ()
        while working := self._still_working(nodes, deadline):
            if self._has_room(working, deadline) and (more or self._would_wait(working)):
                more = take_more()
                everything += more
                # One that is in hand already keeps what is known of it.
                nodes = {**self._begun(more), **nodes}
                working = [node for node in nodes.values() if node.outcome is None]
            first = min(node.due_at for node in working)
            self._wait_until(max(n.due_at for n in working if n.due_at <= first + SLACK))
            now = self._clock.now()
            due = [node for node in working if node.due_at <= now]
            if not due:
                continue  # The clock was set back while it was waited for.
            self._round(due, [node for node in working if node not in due and node.is_attaching])
        return _in_order(everything, {launch: node.ended() for launch, node in nodes.items()})

    def _begun(self, launches: Iterable[Launch]) -> dict[Launch, LaunchingNode]:
        now = self._clock.now()
        return {launch: self._begin(launch, now) for launch in launches}

    def _still_working(
        self, nodes: Mapping[Launch, LaunchingNode], deadline: datetime
    ) -> list[LaunchingNode]:
        """Return the nodes to go on with, after giving back those for which the time is up."""
        working = [node for node in nodes.values() if node.outcome is None]
        hopeless = [node for node in working if node.is_hopeless(deadline)]
        self._workers.run([partial(self._hooks.give_back, node) for node in hopeless])
        return [node for node in working if node.outcome is None]

    def _has_room(self, working: Sequence[LaunchingNode], deadline: datetime) -> bool:
        return len(working) < ENOUGH_NODES and self._clock.now() + WORTH_TAKING < deadline

    def _would_wait(self, working: Sequence[LaunchingNode]) -> bool:
        return min(node.due_at for node in working) > self._clock.now()

    def hold(self, launches: Sequence[Launch]) -> list[Launch]:
        """Restart the timers of hooks that somebody else will answer; return those whose were restarted.

        One that cannot be restarted now is tried again by the next run.
        """
        answers = self._workers.run([partial(self._hooks.heartbeat, launch) for launch in launches])
        return [launch for launch, answer in zip(launches, answers, strict=True) if answer is True]

    def answer(self, launches: Sequence[Launch]) -> list[Outcome]:
        """Complete the hooks of nodes that are known to have everything; return what came of those that were open.

        Auto Scaling tells that an instance waits, not for whom. A node that waits in another launch hook, such as the one
        that it answers itself, costs this one call and is nothing to report.
        """
        now = self._clock.now()
        nodes = [self._begin(launch, now) for launch in launches]
        self._close([(node, partial(self._hooks.proceed, node)) for node in nodes])
        for node in nodes:
            if node.outcome is None:
                reason = str(node.error)
                node.outcome = self._hooks.outcome(node, Result.RETRY, reason, node.error)
        outcomes = [node.ended() for node in nodes]
        return [outcome for outcome in outcomes if outcome.result is not Result.CLOSED]

    def _begin(self, launch: Launch, now: datetime) -> LaunchingNode:
        """Return a node to work on, or one that is done with: its group was taken out of the configuration.

        The group's hook is deleted with it and the role may not answer it any more, so a retry would only be denied again.
        A hook that is still there, because it came with its group, is answered by the reconciler of the stack that has it.
        """
        node = LaunchingNode(launch, now, now)
        if self._config.node_group_of(launch.group_name) is None:
            reason = f"group {launch.group_name} is not in this stack's configuration"
            node.outcome = self._hooks.outcome(node, Result.IGNORED, reason, None)
        return node

    def _wait_until(self, due_at: datetime) -> None:
        seconds = (due_at - self._clock.now()).total_seconds()
        if seconds > 0:
            self._clock.wait(seconds)

    def _round(self, due: Sequence[LaunchingNode], beside: Sequence[LaunchingNode]) -> None:
        """Look at the nodes, plan each, do what is planned, and close the hooks of those that are done.

        Args:
            due: whose time to be looked at has come.
            beside: whose attachments are on their way. The look shows them too, at no further cost; those that turn out to
                be done need none of their own.
        """
        nodes = list(due)
        for node in due:
            node.rounds += 1
        try:
            self._observe(due, beside)
            nodes += self._done(beside)
            plans = [self._plan(node) for node in nodes]
            plans = self._with_addresses(nodes, plans)
        except EniLifecycleError as error:
            for node in nodes:
                self._stumble(node, error)
            return
        self._learn(node for node, plan in zip(due, plans, strict=False) if plan.converged)
        self._delete_surplus(nodes, plans)
        self._end(nodes, plans)
        failures = self._work(nodes, plans)
        self._settle(nodes, plans, failures)
        for node in nodes:
            if node.stumbled_in_round != node.rounds:
                node.stumbles = 0

    def _done(self, beside: Sequence[LaunchingNode]) -> list[LaunchingNode]:
        """Return those that are done; when what one must have cannot be looked up now, no more of them are asked about.

        Each has a look of its own to come, which tells of the fault if it lasts; the nodes that are due are not to wait for it.
        """
        done: list[LaunchingNode] = []
        with suppress(Transient):
            for node in beside:
                if self._plan(node).converged:
                    node.rounds += 1
                    done.append(node)
        return done

    def _end(self, nodes: Sequence[LaunchingNode], plans: Sequence[NodePlan]) -> None:
        """Close the hooks of the nodes that are done or given up.

        Before the others are worked on: in a burst their calls wait for tokens, half a minute at a time.
        """
        closing: list[tuple[LaunchingNode, Callable[[], None]]] = []
        for node, plan in zip(nodes, plans, strict=True):
            if node.outcome is not None or not plan.is_final:
                continue
            if plan.failure is not None:
                closing.append((node, partial(self._abandon, node, plan.failure)))
            else:
                closing.append((node, partial(self._hooks.proceed, node)))
        self._close(closing)

    def _settle(
        self,
        nodes: Sequence[LaunchingNode],
        plans: Sequence[NodePlan],
        failures: Mapping[Launch, EniLifecycleError],
    ) -> None:
        """Give up the nodes whose work can never succeed, and say when to look at the others again."""
        closing: list[tuple[LaunchingNode, Callable[[], None]]] = []
        for node, plan in zip(nodes, plans, strict=True):
            if node.outcome is not None or plan.is_final:
                continue
            if (failure := failures.get(node.launch)) is not None:
                closing.append((node, partial(self._abandon, node, failure)))
            elif node.stumbled_in_round != node.rounds:
                node.due_at = self._next_look(node)
        self._close(closing)

    def _close(self, closing: Sequence[tuple[LaunchingNode, Callable[[], None]]]) -> None:
        """Complete the hooks; a node whose hook could not be completed is looked at again, unless that can never be."""
        faults = self._workers.run([close for _, close in closing])
        for (node, _), fault in zip(closing, faults, strict=True):
            unclosed = as_lifecycle_error(fault)
            if unclosed is not None and unclosed.retryable:
                self._stumble(node, unclosed)
            elif unclosed is not None:
                node.outcome = self._hooks.outcome(node, Result.FAILED, str(unclosed), unclosed)

    def _observe(self, due: Sequence[LaunchingNode], beside: Sequence[LaunchingNode]) -> None:
        """Look at all nodes with two calls, or one when every instance is known to run and nothing went wrong.

        Raises:
            EniLifecycleError: a look failed.
        """
        nodes = [*due, *beside]
        ids = {node.launch.instance_id for node in nodes}
        unsettled = {node.launch.instance_id for node in due if not node.is_settled}
        interfaces: list[NetworkInterface] = []
        instances: dict[InstanceId, Instance] = {}
        looks: list[Callable[[], None]] = [
            lambda: interfaces.extend(self._ec2.list_interfaces(self._config.owner, ids))
        ]
        if unsettled:
            looks.append(lambda: instances.update(self._ec2.describe_instances(unsettled)))
        for fault in self._workers.run(looks):
            if fault is not None:
                raise fault
        now = self._clock.now()
        for node in nodes:
            self._note_observed(
                node, interfaces, instances, now, fresh=node.launch.instance_id in unsettled
            )
        for node in due:
            node.looks += 1

    def _note_observed(
        self,
        node: LaunchingNode,
        interfaces: Iterable[NetworkInterface],
        instances: dict[InstanceId, Instance],
        now: datetime,
        *,
        fresh: bool,
    ) -> None:
        before = (node.instance, node.interfaces)
        instance_id = node.launch.instance_id
        node.interfaces = tuple(
            eni for eni in interfaces if eni.tags.get(tags.INSTANCE) == instance_id
        )
        if fresh:
            node.instance = instances.get(instance_id)
        if node.instance is not None:
            node.lost = self._spent.setdefault((instance_id, node.instance.launched_at), node.lost)
        if before != (node.instance, node.interfaces):
            node.progress_at = now

    def _plan(self, node: LaunchingNode) -> NodePlan:
        """Return what the node needs.

        Raises:
            Transient: what it must have could not be looked up; try again.
        """
        launch = node.launch
        if node.failure is not None:
            return NodePlan(str(node.failure), failure=node.failure)
        open_for = decide.hook_open_for(launch.opened_at, self._clock.now())
        unseen = decide.plan_unseen(launch.instance_id, node.instance, open_for)
        if node.instance is None and node.looks < LOOKS_TO_BE_UNKNOWN:
            unseen = None
        if node.instance is None or unseen is not None:
            return unseen or NodePlan("not visible yet", waiting=True)
        group = self._group_of(node)
        try:
            desired = self._catalog.desired(group, node.instance)
        except Permanent as failure:
            return NodePlan(str(failure), failure=failure)
        except InvariantBroken as broken:
            # One node's: the look-up is that of its zone and its VPC, and the others of the batch have their own.
            self._stumble(node, broken)
            return NodePlan(str(broken), waiting=True)
        observed = decide.Node(
            self._config.owner, group.name, node.instance, desired, node.interfaces
        )
        return decide.plan_launch(observed, node.lost)

    def _with_addresses(
        self, nodes: Sequence[LaunchingNode], plans: list[NodePlan]
    ) -> list[NodePlan]:
        """Return the plans with an address chosen wherever one must be.

        The look at the subnet is later than the look by tag, so it can show a network interface of ours that the first
        one missed; then that node is planned again. Otherwise its address, being taken, would make us create another.

        Raises:
            EniLifecycleError: a look failed.
        """
        subnet_ids = sorted(decide.subnets_to_know(plans))
        if not subnet_ids:
            return plans
        to_list = decide.subnets_to_list(plans)
        listed = self._ec2.list_subnet_interfaces(to_list, self._config.owner) if to_list else {}
        everything = [eni for use in listed.values() for eni in use.ours]
        for place, node in enumerate(nodes):
            if missed := self._missed(node, everything):
                node.interfaces += missed
                plans[place] = self._plan(node)
        taken = {
            subnet_id: use.addresses | self._taken.get(subnet_id, set())
            for subnet_id, use in listed.items()
        }
        return decide.choose_addresses(
            plans, self._catalog.subnets(subnet_ids), taken, self._conflicts
        )

    def _missed(
        self, node: LaunchingNode, everything: Iterable[NetworkInterface]
    ) -> tuple[NetworkInterface, ...]:
        known = {eni.eni_id for eni in node.interfaces}
        return tuple(
            eni
            for eni in everything
            if eni.tags.get(tags.INSTANCE) == node.launch.instance_id and eni.eni_id not in known
        )

    def _work(
        self, nodes: Sequence[LaunchingNode], plans: Sequence[NodePlan]
    ) -> dict[Launch, EniLifecycleError]:
        """Do what is planned and return, by launch, what can never work."""
        failures: dict[Launch, EniLifecycleError] = {}
        owners = [node for node, plan in zip(nodes, plans, strict=True) for _ in plan.work]
        done = self._executor.carry_out([work for plan in plans for work in plan.work])
        for node, progress in zip(owners, done, strict=True):
            self._note_progress(node, progress)
            if progress.error is not None and not self._may_pass(node, progress):
                failures.setdefault(node.launch, progress.error)
        return failures

    def _delete_surplus(self, nodes: Sequence[LaunchingNode], plans: Sequence[NodePlan]) -> None:
        for node, plan in zip(nodes, plans, strict=True):
            faults = self._executor.delete(plan.deletions)
            node.deleted += len(plan.deletions) - len(faults)
            for fault in faults:
                self._stumble(node, fault)

    def _may_pass(self, node: LaunchingNode, progress: Progress) -> bool:
        """Return whether trying again can succeed.

        The rights are conditioned on the ENI's tags, and to an authorization that does not see the ENI yet its tags are
        missing: a denial right after the create says as little as a not-found.
        """
        created_at = node.created_at.get(progress.work.interface)
        young = created_at is not None and self._clock.now() - created_at <= LOST_AFTER
        denied_later_step = isinstance(progress.error, AccessDenied) and not isinstance(
            progress.work.steps[len(progress.done)], Create
        )
        return progress.error is None or progress.error.retryable or (young and denied_later_step)

    def _note_progress(self, node: LaunchingNode, progress: Progress) -> None:
        now, interface = self._clock.now(), progress.work.interface
        if progress.done:
            node.progress_at, node.looks = now, 0
            node.note_done(progress.done)
        if any(isinstance(step, Create) for step in progress.done):
            node.created_at.setdefault(interface, now)
            node.created |= {progress.eni_id} if progress.eni_id else set()
        if progress.attached_at is not None:
            node.attach_answered_at = max(
                progress.attached_at, node.attach_answered_at or progress.attached_at
            )
            node.attached.add(interface)
        if progress.error is None:
            return
        first = progress.work.steps[0]
        if isinstance(progress.error, AddressTaken) and isinstance(first, Create) and first.address:
            key = (node.launch.instance_id, interface)
            self._conflicts[key] = self._conflicts.get(key, 0) + 1
            self._taken.setdefault(first.subnet_id, set()).add(first.address)
        if isinstance(progress.error, TokenSpent):
            node.created_at.setdefault(interface, now)
        if (
            isinstance(progress.error, (NotYetVisible, TokenSpent))
            and now - node.created_at.get(interface, now) > LOST_AFTER
        ):
            node.lost[interface] = node.lost.get(interface, 0) + 1
            del node.created_at[interface]
        self._stumble(node, progress.error)

    def _stumble(self, node: LaunchingNode, error: EniLifecycleError) -> None:
        """Remember what did not work and when to try again: after 0.5, 1, 2, 4, then 8 seconds; a defect ends it."""
        node.error = error
        if isinstance(error, InvariantBroken):
            node.outcome = self._hooks.outcome(node, Result.FAILED, str(error), error)
            return
        node.stumbles += node.stumbled_in_round != node.rounds
        node.stumbled_in_round = node.rounds
        if isinstance(error, DeadlineExceeded):
            node.due_at = datetime.max.replace(tzinfo=UTC)
            return
        pause_s = 0.0 if isinstance(error, AddressTaken) else 0.25 * 2.0 ** min(node.stumbles, 5)
        node.due_at = self._clock.now() + timedelta(seconds=pause_s)

    def _next_look(self, node: LaunchingNode) -> datetime:
        now = self._clock.now()
        since_s = (now - (node.attach_answered_at or node.progress_at)).total_seconds()
        if node.attach_answered_at is None:
            return now + timedelta(seconds=min(0.5 * 2.0 ** min(node.looks, 3), 4.0))
        if node.looks == 0 and node.corrections:
            # A modify may take effect late, or not at all: then the same work is found again and again.
            return now + timedelta(seconds=min(0.25 * 2.0 ** min(node.corrections, 5), 8.0))
        return now + timedelta(seconds=self._pace.wait_s(since_s, node.looks))

    def _learn(self, nodes: Iterable[LaunchingNode]) -> None:
        """Learn from the nodes of one look how long attachments take: of all, the one that took longest."""
        now = self._clock.now()
        took = [
            ((now - node.attach_answered_at).total_seconds(), node.looks)
            for node in nodes
            if node.attach_answered_at is not None
        ]
        if took:
            self._pace = self._pace.learned(*max(took))

    def _abandon(self, node: LaunchingNode, failure: EniLifecycleError) -> None:
        if not self._hooks.abandon(node, failure):
            self._stumble(node, failure)

    def _group_of(self, node: LaunchingNode) -> NodeGroup:
        group = self._config.node_group_of(node.launch.group_name)
        if group is None:
            raise InvariantBroken(f"{node.launch.group_name} was to be left alone")
        return group


def _in_order(launches: Sequence[Launch], outcomes: dict[Launch, Outcome]) -> list[Outcome]:
    """Return an outcome per launch; one that stands in the batch twice counts once."""
    seen: set[Launch] = set()
    ordered = []
    for launch in launches:
        outcome = outcomes[launch]
        repeated = launch in seen and not outcome.result.is_retried
        seen.add(launch)
        ordered.append(
            replace(outcome, result=Result.CLOSED, hook_to_continue_s=None) if repeated else outcome
        )
    return ordered
