"""Carries out the steps planned for one network interface."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, TypeVar, assert_never

from domain.errors import EniLifecycleError, InvariantBroken, NotYetVisible
from domain.plan import (
    AddTags,
    Attach,
    Create,
    SetDeleteOnTermination,
    SetSecurityGroups,
    SetSourceDestCheck,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from domain.model import AttachmentId, EniId
    from domain.plan import InterfaceWork, Step
    from lambdas.reconcile.ports import Clock, Ec2Port, Workers

T = TypeVar("T")

VISIBLE_AFTER_S = (0.25, 0.5, 1.0)
"""How long to wait, one after the other, for a network interface made a moment ago. EC2 promises no figure (EC2 API
developer guide, "Eventual consistency"); what takes longer is left to the next look."""


@dataclass
class Progress:
    """How far one network interface got; what the steps brought so far feeds the next."""

    work: InterfaceWork
    eni_id: EniId | None = None
    attachment_id: AttachmentId | None = None
    done: list[Step] = field(default_factory=list)
    attached_at: datetime | None = None
    """When the attach call was answered."""
    error: EniLifecycleError | None = None
    """Why the rest was not done."""


class Executor:
    """Works several network interfaces side by side, each one step after the other."""

    def __init__(self, ec2: Ec2Port, clock: Clock, workers: Workers) -> None:
        self._ec2 = ec2
        self._clock = clock
        self._workers = workers

    def carry_out(self, work: Sequence[InterfaceWork]) -> list[Progress]:
        """Do all the work and return how far each got; every step is safe to repeat."""
        progress = [Progress(item, item.eni_id, item.attachment_id) for item in work]
        faults = self._workers.run([partial(self._work, item) for item in progress])
        for item, fault in zip(progress, faults, strict=True):
            item.error = as_lifecycle_error(fault)
        return progress

    def delete(self, eni_ids: Sequence[EniId]) -> list[EniLifecycleError]:
        """Delete network interfaces and return what went wrong; the others are gone."""
        faults = self._workers.run([partial(self._ec2.delete, eni_id) for eni_id in eni_ids])
        return [error for fault in faults if (error := as_lifecycle_error(fault)) is not None]

    def _work(self, progress: Progress) -> None:
        for step in progress.work.steps:
            self._do_when_visible(step, progress)
            progress.done.append(step)

    def _do_when_visible(self, step: Step, progress: Progress) -> None:
        """Do a step; to one that this very run created, give EC2 a moment to make it visible everywhere.

        Looking at everything again, as any other failure makes the run do, would cost two describes per node.
        """
        young = any(isinstance(earlier, Create) for earlier in progress.done)
        for pause_s in VISIBLE_AFTER_S if young else ():
            try:
                return self._do(step, progress)
            except NotYetVisible:
                self._clock.wait(pause_s)
        return self._do(step, progress)

    def _do(self, step: Step, progress: Progress) -> None:
        match step:
            case Create():
                progress.eni_id = self._ec2.create(step)
            case Attach(device_index, card):
                eni_id, instance_id = _known(progress.eni_id), progress.work.instance_id
                progress.attachment_id = self._ec2.attach(eni_id, instance_id, device_index, card)
                progress.attached_at = self._clock.now()
            case SetDeleteOnTermination():
                self._ec2.set_delete_on_termination(
                    _known(progress.eni_id), _known(progress.attachment_id)
                )
            case SetSourceDestCheck(enabled):
                self._ec2.set_source_dest_check(_known(progress.eni_id), enabled=enabled)
            case SetSecurityGroups(ids):
                self._ec2.set_security_groups(_known(progress.eni_id), ids)
            case AddTags(tags):
                self._ec2.add_tags(_known(progress.eni_id), tags)
            case _:
                assert_never(step)


def as_lifecycle_error(fault: object) -> EniLifecycleError | None:
    """Return what a task raised as one of our errors, or None when it returned.

    Anything else that was raised is a defect; it becomes one node's InvariantBroken, its cause kept for the log, so
    that the other nodes of the batch are not made to pay for it.
    """
    if fault is None or isinstance(fault, EniLifecycleError):
        return fault
    if not isinstance(fault, Exception):
        return None
    broken = InvariantBroken(f"{type(fault).__name__}: {fault}")
    broken.__cause__ = fault
    return broken


def _known(value: T | None) -> T:
    if value is None:
        raise InvariantBroken("a step needs what no step before it brought")
    return value
