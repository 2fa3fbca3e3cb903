"""The life of one instance, without a clock or an account."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localaws.autoscaling.lifecycle import (
    SETTLED,
    ActionOpened,
    Arrived,
    Began,
    Completed,
    Effect,
    FoundGone,
    Heartbeat,
    Hook,
    HookDeleted,
    Input,
    InstanceChanged,
    InstanceWanted,
    LaunchAbandoned,
    Member,
    Place,
    Result,
    Route,
    TimePassed,
    Transition,
    step,
)

pytestmark = pytest.mark.localaws

EC2, GROUP, POOL = Place.EC2, Place.GROUP, Place.WARM_POOL
LAUNCH, TERMINATE = Route(EC2, GROUP), Route(GROUP, EC2)
ROUTES = [
    LAUNCH,
    TERMINATE,
    Route(EC2, POOL),
    Route(POOL, GROUP),
    Route(GROUP, POOL),
    Route(POOL, EC2),
]


def hook(
    route: Route, name: str = "hook", *, default: Result = Result.ABANDON, heartbeat_s: int = 300
) -> Hook:
    return Hook(name, route.transition, heartbeat_s, default)


def began(
    route: Route, *hooks: Hook, instance: str = "running", pool: str = "Stopped"
) -> tuple[Member, tuple[Effect, ...]]:
    member = Member("i-1", route, "", instance_state=instance)
    return step(member, Began(route, tuple((each.name, each) for each in hooks), pool), 0)


def kinds(effects: tuple[Effect, ...]) -> list[type]:
    return [type(effect) for effect in effects]


@pytest.mark.parametrize(
    ("route", "transition", "waiting"),
    [
        (LAUNCH, Transition.LAUNCHING, "Pending:Wait"),
        (TERMINATE, Transition.TERMINATING, "Terminating:Wait"),
        (Route(EC2, POOL), Transition.LAUNCHING, "Warmed:Pending:Wait"),
        (Route(POOL, GROUP), Transition.LAUNCHING, "Pending:Wait"),
        (Route(GROUP, POOL), Transition.TERMINATING, "Terminating:Wait"),
        (Route(POOL, EC2), Transition.TERMINATING, "Warmed:Terminating:Wait"),
    ],
)
def test_each_move_waits_in_its_own_state(
    route: Route, transition: Transition, waiting: str
) -> None:
    member, effects = began(route, hook(route))
    assert route.transition is transition
    assert member.state == waiting
    assert ActionOpened in kinds(effects)


@pytest.mark.parametrize(
    ("route", "instance", "pool", "state", "wanted"),
    [
        pytest.param(LAUNCH, "running", "Stopped", "InService", None, id="launch"),
        pytest.param(LAUNCH, "pending", "Stopped", "Pending", None, id="launch-still-pending"),
        pytest.param(TERMINATE, "running", "Stopped", "Terminating", "terminated", id="terminate"),
        pytest.param(TERMINATE, "terminated", "Stopped", "Terminated", None, id="already-gone"),
        pytest.param(TERMINATE, "shutting-down", "Stopped", "Terminating", None, id="going"),
        pytest.param(
            Route(EC2, POOL), "running", "Stopped", "Warmed:Pending", "stopped", id="warm"
        ),
        pytest.param(
            Route(EC2, POOL), "running", "Running", "Warmed:Running", None, id="warm-running"
        ),
        pytest.param(
            Route(EC2, POOL),
            "stopped",
            "Hibernated",
            "Warmed:Hibernated",
            None,
            id="warm-hibernated",
        ),
        pytest.param(
            Route(POOL, GROUP), "stopped", "Stopped", "Pending", "running", id="out-of-pool"
        ),
        pytest.param(
            Route(GROUP, POOL), "running", "Stopped", "Warmed:Pending", "stopped", id="back-to-pool"
        ),
        pytest.param(
            Route(POOL, EC2),
            "stopped",
            "Stopped",
            "Warmed:Terminating",
            "terminated",
            id="pool-end",
        ),
    ],
)
def test_a_move_without_hooks(
    route: Route, instance: str, pool: str, state: str, wanted: str | None
) -> None:
    member, effects = began(route, instance=instance, pool=pool)
    assert member.state == state
    asked = [effect.instance_state for effect in effects if isinstance(effect, InstanceWanted)]
    assert asked == ([] if wanted is None else [wanted])


def test_a_launch_found_gone_after_its_hooks_is_reported() -> None:
    member, _ = began(LAUNCH, hook(LAUNCH))
    member, effects = step(member, InstanceChanged("terminated"), 1)
    assert (member.state, effects) == ("Pending:Wait", ())
    _, effects = step(member, Completed("hook", Result.CONTINUE), 2)
    assert kinds(effects) == [FoundGone]


def test_abandon_ends_every_action_of_a_launch() -> None:
    member, _ = began(LAUNCH, hook(LAUNCH, "one"), hook(LAUNCH, "two"))
    member, effects = step(member, Completed("one", Result.ABANDON), 1)
    assert kinds(effects) == [LaunchAbandoned]
    assert step(member, Completed("two", Result.CONTINUE), 2) == (member, ())


def test_the_default_results_of_several_hooks_apply_each_in_its_time() -> None:
    first = hook(LAUNCH, "one", default=Result.CONTINUE, heartbeat_s=100)
    second = hook(LAUNCH, "two", default=Result.CONTINUE, heartbeat_s=200)
    member, _ = began(LAUNCH, first, second)
    assert member.due_s() == 100
    member, effects = step(member, TimePassed(), 100)
    assert (member.state, effects, member.due_s()) == ("Pending:Wait", (), 200)
    member, effects = step(member, TimePassed(), 200)
    assert (member.state, kinds(effects)) == ("InService", [Arrived])


@pytest.mark.parametrize(
    ("route", "expected"),
    [(LAUNCH, [LaunchAbandoned]), (TERMINATE, [InstanceWanted])],
    ids=["launching", "terminating"],
)
def test_deleting_a_hook_ends_its_actions(route: Route, expected: list[type]) -> None:
    member, _ = began(route, replace(hook(route), default_result=Result.CONTINUE))
    _, effects = step(member, HookDeleted("hook"), 1)
    assert kinds(effects) == expected
    assert step(member, HookDeleted("other"), 1) == (member, ())


@pytest.mark.parametrize(("heartbeat_s", "longest_s"), [(30, 3000), (300, 30_000), (7200, 172_800)])
def test_the_longest_wait_is_the_smaller_of_two_days_and_a_hundred_heartbeats(
    heartbeat_s: int, longest_s: float
) -> None:
    assert hook(LAUNCH, heartbeat_s=heartbeat_s).global_timeout_s == longest_s


INPUTS: st.SearchStrategy[Input] = st.one_of(
    st.builds(Completed, st.sampled_from(["one", "two", "none"]), st.sampled_from(Result)),
    st.builds(Heartbeat, st.sampled_from(["one", "two"])),
    st.just(TimePassed()),
    st.builds(HookDeleted, st.sampled_from(["one", "two"])),
    st.builds(
        InstanceChanged,
        st.sampled_from(
            ["pending", "running", "stopping", "stopped", "shutting-down", "terminated"]
        ),
    ),
)


@given(
    route=st.sampled_from(ROUTES),
    defaults=st.lists(st.sampled_from(Result), max_size=2),
    inputs=st.lists(st.tuples(INPUTS, st.floats(0, 400)), max_size=15),
)
def test_whatever_happens_nobody_arrives_while_a_hook_is_open(
    route: Route, defaults: list[Result], inputs: list[tuple[Input, float]]
) -> None:
    hooks = [
        hook(route, name, default=default)
        for name, default in zip(("one", "two"), defaults, strict=False)
    ]
    member, effects = began(route, *hooks, instance="pending")
    now_s = 0.0
    ended = False
    for received, later_s in [(None, 0.0), *inputs]:
        now_s += later_s
        if received is not None:
            member, effects = step(member, received, now_s)
        assert member.state.endswith(":Wait") or not member.waiting or ended
        assert not (
            member.waiting
            and any(isinstance(e, Arrived | InstanceWanted) for e in effects if received)
        )
        assert all(
            action.expires_s <= action.last_s or action.last_s < now_s for action in member.actions
        )
        if any(isinstance(effect, Arrived) for effect in effects):
            assert member.state in SETTLED
        # What an abandoned or vanished launch does next is its group's business.
        ended = ended or any(isinstance(e, LaunchAbandoned | FoundGone) for e in effects)
        if ended:
            return
