"""Leaving nodes: nothing outlives them, and the hook is always answered with CONTINUE."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from domain.errors import (
    AccessDenied,
    EniLifecycleError,
    ServiceFault,
    Throttled,
    WrongState,
)
from domain.lifecycle import InstanceTerminated, LifecycleResult, Place
from domain.model import EniStatus, GroupName, InstanceId
from domain.outcome import Result

if TYPE_CHECKING:
    from domain.model import NetworkInterface
    from domain.outcome import Outcome
    from lambdas.reconcile.termination import Termination
    from tests.fakes.world import World

CONTINUE = LifecycleResult.CONTINUE


def run(world: World, *leaving: Termination | InstanceTerminated) -> list[Outcome]:
    return world.terminations.run(leaving, world.clock.now() + timedelta(seconds=60))


def a_leaving_node(world: World) -> InstanceId:
    (node,) = world.launch_and_serve()
    world.scale_in(node)
    return node


def drop_delete_on_termination(world: World, eni: NetworkInterface) -> None:
    """Let a network interface stay behind when its node goes."""
    assert eni.attachment is not None
    attachment = dataclasses.replace(eni.attachment, delete_on_termination=False)
    world.ec2.edit(eni.eni_id, attachment=attachment)


def terminated(world: World, node: InstanceId) -> InstanceTerminated:
    return InstanceTerminated(node, world.clock.now())


# The terminate hook.


def test_a_node_as_it_should_be_costs_one_look_and_one_completion(world: World) -> None:
    node = a_leaving_node(world)
    before = world.calls.total
    (outcome,) = run(world, world.leaving(node))
    assert (outcome.result, outcome.reason) == (Result.CONTINUED, "complete")
    assert world.calls.log[before:] == ["list_interfaces", "complete"]
    world.clock.wait(60)
    assert world.enis() == []


def test_a_batch_shares_its_look(world: World) -> None:
    nodes = world.launch_and_serve(10)
    for node in nodes:
        world.scale_in(node)
    before = world.calls.counts["list_interfaces"]
    outcomes = run(world, *(world.leaving(node) for node in nodes))
    assert {outcome.result for outcome in outcomes} == {Result.CONTINUED}
    assert world.calls.counts["list_interfaces"] == before + 1


def test_what_would_stay_behind_is_set_to_go_and_nothing_is_detached(world: World) -> None:
    node = a_leaving_node(world)
    drop_delete_on_termination(world, world.enis(node)[0])
    (outcome,) = run(world, world.leaving(node))
    assert outcome.result is Result.CONTINUED
    assert all(eni.attachment for eni in world.enis(node))
    world.clock.wait(60)
    assert world.enis() == []


def test_what_is_unattached_is_deleted(world: World) -> None:
    node = a_leaving_node(world)
    world.ec2.detach(world.enis(node)[0].eni_id)
    world.clock.wait(5)
    (outcome,) = run(world, world.leaving(node))
    assert (outcome.result, outcome.deleted) == (Result.CONTINUED, 1)


def test_a_node_that_returns_to_the_warm_pool_is_not_touched(world: World) -> None:
    node = a_leaving_node(world)
    drop_delete_on_termination(world, world.enis(node)[0])
    before = world.calls.total
    (outcome,) = run(world, world.leaving(node, Place.WARM_POOL))
    assert (outcome.result, outcome.reason) == (Result.CONTINUED, "returns to the warm pool")
    assert world.calls.log[before:] == ["complete"]


def test_an_instance_that_is_gone_already_is_cleaned_up_after(world: World) -> None:
    node = a_leaving_node(world)
    left = world.enis(node)[0]
    drop_delete_on_termination(world, left)
    world.ec2.terminate(node)
    world.clock.wait(60)
    assert [eni.eni_id for eni in world.enis()] == [left.eni_id]
    (outcome,) = run(world, world.leaving(node))
    assert (outcome.result, outcome.deleted) == (Result.CONTINUED, 1)
    assert world.enis() == []


def test_a_duplicate_finds_the_hook_closed(world: World) -> None:
    node = a_leaving_node(world)
    leaving = world.leaving(node)
    outcomes = [*run(world, leaving, leaving), *run(world, leaving)]
    assert [each.result for each in outcomes] == [Result.CONTINUED, Result.CLOSED, Result.CLOSED]
    assert world.action(node).results == [CONTINUE]


@pytest.mark.parametrize(
    ("method", "error"),
    [
        ("list_interfaces", Throttled("slow down")),
        ("set_delete_on_termination", Throttled("slow down")),
        ("delete", WrongState("busy")),
        ("delete", ServiceFault("no answer")),
        ("complete", Throttled("slow down")),
    ],
    ids=lambda value: value if isinstance(value, str) else value.code,
)
def test_what_may_pass_keeps_the_hook_open_for_a_retry(
    world: World, method: str, error: EniLifecycleError
) -> None:
    node = a_leaving_node(world)
    first, second = world.enis(node)
    world.ec2.detach(first.eni_id)
    world.clock.wait(5)
    drop_delete_on_termination(world, second)
    world.calls.fail(method, error)
    (outcome,) = run(world, world.leaving(node))
    assert (outcome.result, outcome.error) == (Result.RETRY, error)
    assert world.action(node).is_open
    (outcome,) = run(world, world.leaving(node))
    assert outcome.result is Result.CONTINUED
    world.clock.wait(60)
    assert world.enis() == []


@pytest.mark.parametrize("method", ["list_interfaces", "delete"])
def test_what_will_not_pass_does_not_keep_the_node(world: World, method: str) -> None:
    node = a_leaving_node(world)
    world.ec2.detach(world.enis(node)[0].eni_id)
    world.clock.wait(5)
    error = AccessDenied("may not")
    world.calls.fail(method, error, times=1000)
    (outcome,) = run(world, world.leaving(node))
    assert (outcome.result, outcome.error) == (Result.CONTINUED, error)
    assert world.action(node).results == [CONTINUE]


def test_every_further_fault_is_noted_on_the_first(world: World) -> None:
    node = a_leaving_node(world)
    for eni in world.enis(node):
        world.ec2.detach(eni.eni_id)
    world.clock.wait(5)
    first = AccessDenied("may not delete the one")
    world.calls.fail("delete", first)
    world.calls.fail("delete", AccessDenied("nor the other"), on_call=2)
    (outcome,) = run(world, world.leaving(node))
    assert outcome.error is first
    assert outcome.to_log()["notes"] == ["and also: nor the other"]


def test_without_a_look_a_hook_that_cannot_be_completed_fails_its_own_message_only(
    world: World,
) -> None:
    one, other = world.launch_and_serve(2)
    for node in (one, other):
        world.scale_in(node)
    world.calls.fail("list_interfaces", AccessDenied("may not look"))
    world.calls.fail("complete", Throttled("slow down"))
    outcomes = run(world, world.leaving(one), world.leaving(other))
    assert [outcome.result for outcome in outcomes] == [Result.RETRY, Result.CONTINUED]


def test_a_defect_is_one_nodes_failure(world: World) -> None:
    nodes = world.launch_and_serve(2)
    for node in nodes:
        world.scale_in(node)
    world.calls.fail("complete", ZeroDivisionError("a defect"))
    outcomes = run(world, *(world.leaving(node) for node in nodes))
    assert [outcome.result for outcome in outcomes] == [Result.FAILED, Result.CONTINUED]
    assert world.action(nodes[0]).is_open


def test_a_batch_that_comes_too_late_is_given_back(world: World) -> None:
    node = a_leaving_node(world)
    before = world.calls.total
    (outcome,) = world.terminations.run([world.leaving(node)], world.clock.now())
    assert outcome.result is Result.RETRY
    assert world.calls.total == before


# The state change to terminated.


def test_nothing_left_is_the_end_of_it(world: World) -> None:
    node = a_leaving_node(world)
    run(world, world.leaving(node))
    world.clock.wait(60)
    (outcome,) = run(world, terminated(world, node))
    assert (outcome.result, outcome.reason) == (Result.SWEPT, "nothing attached")


def test_what_outlived_the_instance_is_deleted(world: World) -> None:
    (node,) = world.launch_and_serve()
    drop_delete_on_termination(world, world.enis(node)[0])
    world.ec2.terminate(node)
    world.clock.wait(60)
    (outcome,) = run(world, terminated(world, node))
    assert (outcome.result, outcome.deleted) == (Result.SWEPT, 1)
    assert world.enis() == []


def test_what_is_still_leaving_is_looked_at_again(world: World) -> None:
    (node,) = world.launch_and_serve()
    world.ec2.edit(world.enis(node)[0].eni_id, status=EniStatus.DETACHING)
    (outcome,) = run(world, terminated(world, node))
    assert (outcome.result, outcome.error) == (Result.RETRY, None)
    assert outcome.reason == "2 still leaving with the instance"


def test_a_sweep_does_not_wait_for_what_somebody_attached_to_another_instance(
    world: World,
) -> None:
    """It would wait for as long as that instance lives, and its message end with the dead letters."""
    gone, other = world.launch_and_serve(2)
    moved, _ = world.enis(gone)
    assert moved.attachment is not None
    world.ec2.edit(
        moved.eni_id, attachment=dataclasses.replace(moved.attachment, instance_id=other)
    )
    world.ec2.terminate(gone)
    world.clock.wait(60)
    (outcome,) = run(world, terminated(world, gone))
    assert outcome.result is Result.SWEPT
    assert [eni.eni_id for eni in world.enis(gone)] == [moved.eni_id]


@pytest.mark.parametrize(
    ("error", "result"),
    [(Throttled("slow down"), Result.RETRY), (AccessDenied("may not"), Result.FAILED)],
    ids=["passing", "lasting"],
)
@pytest.mark.parametrize("method", ["list_interfaces", "delete"])
def test_a_sweep_that_did_not_work_comes_back(
    world: World, method: str, error: EniLifecycleError, result: Result
) -> None:
    (node,) = world.launch_and_serve()
    drop_delete_on_termination(world, world.enis(node)[0])
    world.ec2.terminate(node)
    world.clock.wait(60)
    world.calls.fail(method, error)
    (outcome,) = run(world, terminated(world, node))
    assert (outcome.result, outcome.error) == (result, error)


def test_an_instance_that_was_never_ours_is_no_concern(world: World) -> None:
    (outcome,) = run(world, terminated(world, InstanceId("i-stranger")))
    assert outcome.result is Result.SWEPT
    assert (outcome.group_name, outcome.token) == ("", "")


def test_events_of_all_kinds_are_worked_together_each_by_its_own(world: World) -> None:
    leaving, pooled, gone = world.launch_and_serve(3)
    for node in (leaving, pooled):
        world.scale_in(node)
    for node in (leaving, pooled, gone):
        drop_delete_on_termination(world, world.enis(node)[0])
    world.ec2.terminate(gone)
    world.clock.wait(60)
    outcomes = run(
        world,
        world.leaving(leaving),
        world.leaving(pooled, Place.WARM_POOL),
        terminated(world, gone),
    )
    assert [outcome.result for outcome in outcomes] == [
        Result.CONTINUED,
        Result.CONTINUED,
        Result.SWEPT,
    ]
    assert [outcome.transition for outcome in outcomes] == ["terminate", "terminate", "terminated"]
    assert world.enis(gone) == []
    assert len(world.enis(pooled)) == 2


def test_a_message_of_a_group_taken_out_of_the_configuration_cleans_up_and_ends_there(
    world: World,
) -> None:
    """Its hook goes with it and the role may not answer any more: a retry would only be denied again."""
    (node,) = world.launch_and_serve()
    world.ec2.detach(world.enis(node)[0].eni_id)
    world.clock.wait(5)
    world.scale_in(node)
    leaving = dataclasses.replace(world.leaving(node), group_name=GroupName("former"))
    world.calls.fail("complete", AccessDenied("may not complete"), times=1000)
    (outcome,) = run(world, leaving)
    assert (outcome.result, outcome.deleted) == (Result.IGNORED, 1)
    assert outcome.reason == "group former is not in this stack's configuration"
