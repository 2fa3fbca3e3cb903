"""Steps carried out: in order, each using what those before it brought, one interface's fault its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain import tags
from domain.errors import InvariantBroken, NotYetVisible, Throttled
from domain.launch import plan_launch
from domain.model import EniId, SecurityGroupId
from domain.plan import AddTags, InterfaceWork, SetDeleteOnTermination, SetSecurityGroups
from lambdas.reconcile.executor import VISIBLE_AFTER_S, as_lifecycle_error

if TYPE_CHECKING:
    from tests.fakes.builders import Builders
    from tests.fakes.world import World


def planned(build: Builders, world: World) -> tuple[InterfaceWork, ...]:
    """Return the work of a node that has nothing yet, which exists in the world."""
    node = world.launch()
    return plan_launch(build.node(world.specs, instance=world.ec2.instance(node))).work


def test_what_a_step_brings_feeds_the_next(build: Builders, world: World) -> None:
    progress = world.executor.carry_out(planned(build, world))
    assert [each.error for each in progress] == [None, None]
    assert [each.eni_id for each in progress] == [eni.eni_id for eni in world.enis()]
    assert all(each.attachment_id and each.attached_at for each in progress)
    assert all(each.done == list(each.work.steps) for each in progress)


def test_a_fault_ends_one_interfaces_steps_and_no_others(build: Builders, world: World) -> None:
    error = Throttled("slow down")
    world.calls.fail("attach", error)
    first, second = world.executor.carry_out(planned(build, world))
    assert (first.error, second.error) == (error, None)
    assert [type(step).__name__ for step in first.done] == ["Create"]


def test_what_was_created_a_moment_ago_is_given_a_moment(build: Builders, world: World) -> None:
    world.calls.fail("attach", NotYetVisible("not yet"), times=len(VISIBLE_AFTER_S))
    first, _ = world.executor.carry_out(planned(build, world))
    assert first.error is None
    assert world.clock.waits == list(VISIBLE_AFTER_S)


def test_what_is_older_and_not_found_is_for_the_next_look(build: Builders, world: World) -> None:
    eni = build.eni()
    work = InterfaceWork(build.instance_id, "n3", (AddTags({"a": "b"}),), eni.eni_id)
    (progress,) = world.executor.carry_out([work])
    assert isinstance(progress.error, NotYetVisible)
    assert world.clock.waits == []


def test_a_step_whose_ground_is_missing_is_a_defect(build: Builders, world: World) -> None:
    work = InterfaceWork(build.instance_id, "n3", (SetDeleteOnTermination(),))
    (progress,) = world.executor.carry_out([work])
    assert isinstance(progress.error, InvariantBroken)


def test_tags_and_security_groups_are_set(build: Builders, world: World) -> None:
    world.launch_and_serve()
    world.ec2.add_security_group("sg-new")
    eni = world.enis()[0]
    steps = (AddTags({"team": "ran"}), SetSecurityGroups((SecurityGroupId("sg-new"),)))
    world.executor.carry_out([InterfaceWork(build.instance_id, "n1", steps, eni.eni_id)])
    (changed,) = [each for each in world.enis() if each.eni_id == eni.eni_id]
    assert changed.tags == {**eni.tags, "team": "ran"}
    assert changed.security_group_ids == {"sg-new"}
    assert changed.tags[tags.NO_MANAGE] == "true"


def test_deleting_tells_what_went_wrong_and_does_the_rest(world: World) -> None:
    (node,) = world.launch_and_serve()
    enis = world.enis(node)
    for eni in enis:
        world.ec2.detach(eni.eni_id)
    world.clock.wait(5)
    error = Throttled("slow down")
    world.calls.fail("delete", error)
    assert world.executor.delete([eni.eni_id for eni in enis] + [EniId("eni-unknown")]) == [error]
    assert [eni.eni_id for eni in world.enis()] == [enis[0].eni_id]


def test_whatever_a_task_returned_is_no_error() -> None:
    assert as_lifecycle_error(None) is None
    assert as_lifecycle_error("eni-1") is None


def test_an_error_of_ours_is_itself_and_any_other_is_a_defect_with_its_cause() -> None:
    ours, other = Throttled("slow down"), KeyError("x")
    assert as_lifecycle_error(ours) is ours
    broken = as_lifecycle_error(other)
    assert isinstance(broken, InvariantBroken)
    assert broken.__cause__ is other
    assert str(broken) == "KeyError: 'x'"
