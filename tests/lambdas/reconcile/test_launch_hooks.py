"""The hooks of launching nodes: answered, kept open, given back or given up, and what is left behind then."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from domain.errors import (
    AccessDenied,
    AttachmentLimitReached,
    EniLifecycleError,
    QuotaReached,
    SpecRejected,
    SubnetExhausted,
    Throttled,
    WrongState,
)
from domain.lifecycle import LifecycleResult
from domain.outcome import Result

if TYPE_CHECKING:
    from tests.fakes.builders import Builders
    from tests.fakes.calls import Killed
    from tests.fakes.world import World

CONTINUE, ABANDON = LifecycleResult.CONTINUE, LifecycleResult.ABANDON


# Kept open, and given back.


@pytest.mark.parametrize(
    ("age_s", "heartbeats"),
    [
        pytest.param(0, 0, id="young: the timer is still long"),
        pytest.param(400, 1, id="past half of the time-out"),
        pytest.param(4 * 600, 0, id="held long enough: the hook's default decides"),
    ],
)
def test_a_launch_given_back_is_held_by_a_heartbeat(
    world: World, age_s: int, heartbeats: int
) -> None:
    launch = world.launching(world.launch(running_in_s=10_000))
    world.clock.wait(age_s)
    world.run_launches(launch)
    assert world.action(launch.instance_id).heartbeats == heartbeats


def test_a_heartbeat_that_fails_is_noted_on_the_reason(world: World) -> None:
    launch = world.launching(world.launch(running_in_s=10_000))
    world.clock.wait(400)
    world.calls.fail("heartbeat", Throttled("slow down"))
    (outcome,) = world.run_launches(launch)
    assert outcome.result is Result.RETRY
    assert outcome.to_log()["notes"] == ["while prolonging the hook: slow down"]


def test_an_instance_that_stays_pending_is_given_back_with_its_interfaces(world: World) -> None:
    launch = world.launching(world.launch(running_in_s=300))
    (outcome,) = world.run_launches(launch)
    assert outcome.result is Result.RETRY
    assert len(world.enis()) == 2
    assert world.action(launch.instance_id).is_open


def test_a_run_out_of_time_keeps_what_there_is(world: World) -> None:
    world.ec2.pace = dataclasses.replace(world.ec2.pace, attach_s=30.0)
    launch = world.launching(world.launch())
    (outcome,) = world.launches.run([launch], world.clock.now() + timedelta(seconds=10))
    assert outcome.result is Result.RETRY
    assert outcome.error is not None
    assert outcome.error.code == "deadline-exceeded"
    assert len(world.enis()) == 2
    assert world.action(launch.instance_id).is_open


# Given up, and cleaned up after.


@pytest.mark.parametrize(
    ("method", "error"),
    [
        ("create", SubnetExhausted("no free address")),
        ("create", QuotaReached("no more interfaces")),
        ("create", AccessDenied("may not create")),
        ("create", SpecRejected("no such subnet")),
        ("attach", AttachmentLimitReached("no more")),
        ("attach", AccessDenied("may not attach")),
    ],
    ids=lambda value: value if isinstance(value, str) else value.code,
)
def test_a_launch_that_can_never_succeed_is_abandoned_and_leaves_nothing(
    world: World, method: str, error: EniLifecycleError
) -> None:
    launch = world.launching(world.launch())
    world.calls.fail(method, error, on_call=2, times=1000)
    (outcome,) = world.run_launches(launch)
    assert (outcome.result, outcome.error, outcome.reason) == (Result.ABANDONED, error, str(error))
    assert world.action(launch.instance_id).results == [ABANDON]
    world.clock.wait(60)
    assert world.enis() == []


def test_what_cannot_be_set_to_go_with_its_node_is_left_to_the_orphan_sweep(world: World) -> None:
    launch = world.launching(world.launch())
    world.calls.fail("set_delete_on_termination", AccessDenied("may not modify"), times=1000)
    (outcome,) = world.run_launches(launch)
    assert outcome.result is Result.ABANDONED
    assert "while cleaning up: may not modify" in str(outcome.to_log()["notes"])
    world.clock.wait(3600)
    assert len(world.enis()) == 2
    world.run_fleet()
    assert world.enis() == []


def test_the_first_error_is_kept_and_what_cleaning_up_met_is_noted(world: World) -> None:
    launch = world.launching(world.launch())
    first = SubnetExhausted("no free address")
    world.calls.fail("create", first, on_call=2)
    world.calls.fail("attach", Throttled("slow down"))
    world.calls.fail("delete", WrongState("still busy"))
    (outcome,) = world.run_launches(launch)
    assert outcome.error is first
    assert first.__notes__ == ["while cleaning up: still busy"]


def test_cleaning_up_that_cannot_even_look_does_not_hold_the_hook(world: World) -> None:
    launch = world.launching(world.launch())
    world.calls.fail("create", SubnetExhausted("no free address"))
    world.calls.fail("list_interfaces", Throttled("slow down"), on_call=2)
    (outcome,) = world.run_launches(launch)
    assert outcome.result is Result.ABANDONED
    assert outcome.to_log()["notes"] == ["while cleaning up: slow down"]


def test_a_node_that_another_run_finished_meanwhile_is_not_abandoned(
    build: Builders, make_world: type[World], killed: type[Killed]
) -> None:
    """The look by tag lags behind the look at the instance: our own interface holds the index we insist on."""
    world = make_world([build.spec("n1", 1, device_index_fixed=True)])
    launch = world.launching(world.launch())
    world.calls.kill_at(5, after=True)
    with pytest.raises(killed):
        world.run_launches(launch)
    world.restart()
    world.clock.wait(5)
    world.ec2.lists_to_miss = 1
    (outcome,) = world.run_launches(launch)
    assert outcome.result is Result.CONTINUED
    assert world.action(launch.instance_id).results == [CONTINUE]


def test_what_fails_on_a_node_with_all_its_interfaces_is_looked_at_twice_and_no_more(
    world: World,
) -> None:
    launch = world.launching(world.launch())
    error = AccessDenied("may not modify")
    world.calls.fail("set_delete_on_termination", error, times=1000)
    (outcome,) = world.run_launches(launch)
    assert (outcome.result, outcome.error) == (Result.ABANDONED, error)


# Answered.


def test_a_launch_given_up_stays_given_up_while_its_hook_cannot_be_answered(world: World) -> None:
    launch = world.launching(world.launch(max_interfaces=2))
    world.calls.fail("complete", Throttled("slow down"), times=3)
    (outcome,) = world.run_launches(launch)
    assert outcome.result is Result.ABANDONED
    assert outcome.error is not None
    assert outcome.error.code == "attachment-limit-reached"
    assert world.calls.counts["create"] == 2


def test_an_answer_that_is_refused_for_good_ends_the_run_at_once(world: World) -> None:
    launch = world.launching(world.launch())
    world.calls.fail("complete", AccessDenied("may not complete"), times=1000)
    started = world.clock.now()
    (outcome,) = world.run_launches(launch)
    assert outcome.result is Result.FAILED
    assert world.calls.counts["complete"] == 1
    assert (world.clock.now() - started).total_seconds() < 5
    assert world.faults_of(launch.instance_id) == []
