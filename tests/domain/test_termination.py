"""A leaving node: nothing is detached, nothing outlives it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from domain.model import AttachmentStatus, EniStatus, InstanceId
from domain.plan import SetDeleteOnTermination
from domain.termination import plan_sweep, plan_termination

if TYPE_CHECKING:
    from domain.model import NetworkInterface
    from tests.fakes.builders import Builders


@pytest.mark.parametrize("status", [AttachmentStatus.ATTACHING, AttachmentStatus.ATTACHED])
def test_an_attached_interface_that_would_stay_is_made_to_go_with_the_node(
    build: Builders, status: AttachmentStatus
) -> None:
    eni = build.attached(attachment_status=status, delete_on_termination=False)
    plan = plan_termination(build.instance_id, [eni])
    assert eni.attachment is not None
    (work,) = plan.work
    assert work.steps == (SetDeleteOnTermination(),)
    assert (work.eni_id, work.attachment_id) == (eni.eni_id, eni.attachment.attachment_id)
    assert plan.deletions == ()


def test_what_leaves_by_itself_is_left_alone(build: Builders) -> None:
    leaving = [
        build.attached("n1", 1),
        build.attached(
            "n2", 2, attachment_status=AttachmentStatus.DETACHING, delete_on_termination=False
        ),
    ]
    plan = plan_termination(build.instance_id, leaving)
    assert (plan.work, plan.deletions, plan.reason) == ((), (), "complete")


def test_an_unattached_interface_is_deleted(build: Builders) -> None:
    eni = build.eni()
    plan = plan_termination(build.instance_id, [eni, build.attached("n2", 2)])
    assert plan.deletions == (eni.eni_id,)
    assert plan.reason == "0 need DeleteOnTermination, 1 unattached"


@pytest.mark.parametrize(
    ("status", "deleted"),
    [
        (EniStatus.AVAILABLE, True),
        (EniStatus.PENDING, True),
        (EniStatus.DETACHING, False),
        (EniStatus.ASSOCIATED, False),
        (EniStatus.ATTACHING, False),
        (EniStatus.IN_USE, False),
    ],
)
def test_the_last_sweep_deletes_what_is_free_and_nothing_else(
    build: Builders, status: EniStatus, deleted: bool
) -> None:
    eni = build.eni(status=status)
    assert (plan_sweep(build.instance_id, [eni]).deletions == (eni.eni_id,)) is deleted


def still_leaving(build: Builders) -> list[list[NetworkInterface]]:
    return [[build.attached()], [build.eni(status=EniStatus.DETACHING)]]


def test_the_last_sweep_waits_for_what_is_still_leaving(build: Builders) -> None:
    for interfaces in still_leaving(build):
        plan = plan_sweep(build.instance_id, interfaces)
        assert plan.waiting
        assert plan.reason == "1 still leaving with the instance"
    assert not plan_sweep(build.instance_id, [build.eni()]).waiting


def test_what_another_instance_holds_by_now_is_neither_waited_for_nor_touched(
    build: Builders,
) -> None:
    elsewhere = build.attached(instance_id=InstanceId("i-other"), delete_on_termination=False)
    theirs = dataclasses.replace(elsewhere, tags=build.tags("n3"))
    for plan in (
        plan_sweep(build.instance_id, [theirs]),
        plan_termination(build.instance_id, [theirs]),
    ):
        assert (plan.work, plan.deletions, plan.waiting) == ((), (), False)
