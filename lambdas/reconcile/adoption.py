"""Gives nodes in service the interfaces that they lack, which a person asked for with `adopt_running`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from domain import fleet as decide
from domain import tags
from domain.errors import EniLifecycleError, InvariantBroken, NotYetVisible, TokenSpent
from domain.launch import Node, choose_addresses, subnets_to_know, subnets_to_list
from domain.outcome import Outcome, Result
from domain.plan import Create, NodePlan

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from domain.config import Config, NodeGroup
    from domain.launch import Desired
    from domain.model import Instance, InstanceId, NetworkInterface
    from lambdas.reconcile.catalog import Catalog
    from lambdas.reconcile.executor import Executor, Progress
    from lambdas.reconcile.ports import Ec2Port

MOST_REMEMBERED = 1_000
"""Of how many interfaces an execution environment remembers lost creates. Forgetting one costs a run, nothing else."""


@dataclass(frozen=True)
class Adoptee:
    """One node in service that lacks interfaces."""

    instance_id: InstanceId
    group: NodeGroup


class _Step(NamedTuple):
    """What is to be done for one interface of one node."""

    adoptee: Adoptee
    instance: Instance
    interface: str
    plan: NodePlan


class AdoptionReconciler:
    """Tries each missing interface once per run; the next run is a few minutes away.

    The node serves, so it is never given up: no hook is completed here, with whatever result, and nothing is deleted. What
    was made and could not be attached keeps its address and waits for the next try, which then costs one call; it goes
    with the node, by the sweep after its termination or as an orphan.
    """

    def __init__(
        self, *, config: Config, ec2: Ec2Port, catalog: Catalog, executor: Executor
    ) -> None:
        self._config = config
        self._ec2 = ec2
        self._catalog = catalog
        self._executor = executor
        self._lost: dict[tuple[InstanceId, datetime, str], int] = {}

    def run(self, adoptees: Sequence[Adoptee]) -> list[Outcome]:
        """Return what came of each node that still lacks something."""
        if len(self._lost) > MOST_REMEMBERED:
            self._lost.clear()
        try:
            steps = self._planned(adoptees)
        except EniLifecycleError as error:
            return [_outcome(adoptee, str(error), error) for adoptee in adoptees]
        work = [item for step in steps for item in step.plan.work]
        done = {
            (progress.work.instance_id, progress.work.interface): progress
            for progress in self._executor.carry_out(work)
        }
        for step in steps:
            self._note_lost(step, done.get((step.adoptee.instance_id, step.interface)))
        return [
            _told(adoptee, own, done)
            for adoptee in adoptees
            if (own := [step for step in steps if step.adoptee is adoptee])
        ]

    def _planned(self, adoptees: Sequence[Adoptee]) -> list[_Step]:
        """Look at the nodes once more, for the run's list is minutes old by now, and plan each missing interface.

        Raises:
            EniLifecycleError: a look failed.
        """
        ids = {adoptee.instance_id for adoptee in adoptees}
        interfaces = self._ec2.list_interfaces(self._config.owner, ids)
        instances = self._ec2.describe_instances(ids)
        steps = [
            step
            for adoptee in adoptees
            if (instance := instances.get(adoptee.instance_id)) and not instance.state.is_gone
            for step in self._plan(adoptee, instance, interfaces)
        ]
        plans = self._with_addresses([step.plan for step in steps])
        return [step._replace(plan=plan) for step, plan in zip(steps, plans, strict=True)]

    def _plan(
        self, adoptee: Adoptee, instance: Instance, interfaces: Iterable[NetworkInterface]
    ) -> list[_Step]:
        specs = adoptee.group.interfaces
        own = tuple(eni for eni in interfaces if eni.tags.get(tags.INSTANCE) == adoptee.instance_id)
        lacking = decide.missing(adoptee.instance_id, specs, own)
        desired: list[Desired] = []
        steps: list[_Step] = []
        for spec in specs:
            if spec.name not in lacking:
                continue
            try:
                desired.append(self._catalog.settle(spec, instance))
            except EniLifecycleError as error:
                steps.append(_Step(adoptee, instance, spec.name, NodePlan("", failure=error)))
        node = Node(self._config.owner, adoptee.group.name, instance, tuple(desired), own)
        lost = {
            spec.name: self._lost.get((adoptee.instance_id, instance.launched_at, spec.name), 0)
            for spec in specs
        }
        plans = decide.plan_adoption(node, specs, lost)
        return steps + [
            _Step(adoptee, instance, each.spec.name, plan)
            for each, plan in zip(desired, plans, strict=True)
        ]

    def _with_addresses(self, plans: Sequence[NodePlan]) -> Sequence[NodePlan]:
        known = subnets_to_know(plans)
        if not known:
            return plans
        listed = subnets_to_list(plans)
        use = self._ec2.list_subnet_interfaces(listed, self._config.owner) if listed else {}
        taken = {subnet_id: each.addresses for subnet_id, each in use.items()}
        return choose_addresses(plans, self._catalog.subnets(known), taken, {})

    def _note_lost(self, step: _Step, progress: Progress | None) -> None:
        """Remember a create whose answer cannot be found: EC2 may have repeated it for one that is deleted.

        Should it have been slow to show, the next run sees it and creates nothing.
        """
        if (
            progress is not None
            and isinstance(progress.error, (NotYetVisible, TokenSpent))
            and isinstance(progress.work.steps[0], Create)
        ):
            key = (step.adoptee.instance_id, step.instance.launched_at, step.interface)
            self._lost[key] = self._lost.get(key, 0) + 1


def _told(
    adoptee: Adoptee, steps: Iterable[_Step], done: Mapping[tuple[InstanceId, str], Progress]
) -> Outcome:
    """Return one outcome for a node: what was attached, and why the rest was not."""
    told, errors, attached = [], [], 0
    for step in steps:
        progress = done.get((adoptee.instance_id, step.interface))
        error = progress.error if progress else step.plan.failure
        if progress is not None and progress.attached_at is not None:
            attached += 1
            told.append(f"{step.interface} is being attached")
        if error is not None:
            errors.append(error)
            told.append(f"{step.interface}: {error}")
        elif progress is None:
            told.append(step.plan.reason)
    lasting = next((error for error in errors if not error.retryable), None)
    error = lasting or next(iter(errors), None)
    return _outcome(adoptee, "; ".join(told), error, attached)


def _outcome(
    adoptee: Adoptee, reason: str, error: EniLifecycleError | None, attached: int = 0
) -> Outcome:
    result = Result.REPAIRED if attached and error is None else Result.REPORTED
    return Outcome(
        Result.FAILED if isinstance(error, InvariantBroken) else result,
        reason,
        instance_id=adoptee.instance_id,
        group_name=adoptee.group.auto_scaling_group,
        node_group=adoptee.group.name,
        transition="adopt",
        error=error,
        attached=attached,
    )
