"""Events at the edge: every payload means one thing, and whatever else arrives is rejected, never a crash."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import EventRejected
from domain.lifecycle import (
    Ignored,
    InstanceTerminated,
    LifecycleEvent,
    Place,
    Transition,
    parse_event,
)
from domain.model import GroupName, InstanceId, LifecycleActionToken

EVENTS = Path(__file__).parents[2] / "events"
HOOKS = {
    Transition.LAUNCHING: "MultusEni-example-launch",
    Transition.TERMINATING: "MultusEni-example-terminate",
}


def load(name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return event


def a_launch(**changes: object) -> dict[str, Any]:
    event = load("launch")
    return event | {"detail": event["detail"] | changes}


@pytest.mark.parametrize(
    ("name", "transition", "origin", "destination"),
    [
        ("launch", Transition.LAUNCHING, Place.EC2, Place.GROUP),
        ("launch-into-warm-pool", Transition.LAUNCHING, Place.EC2, Place.WARM_POOL),
        ("launch-from-warm-pool", Transition.LAUNCHING, Place.WARM_POOL, Place.GROUP),
        ("terminate", Transition.TERMINATING, Place.GROUP, Place.EC2),
        ("terminate-into-warm-pool", Transition.TERMINATING, Place.GROUP, Place.WARM_POOL),
        ("terminate-from-warm-pool", Transition.TERMINATING, Place.WARM_POOL, Place.EC2),
    ],
)
def test_a_hook_of_ours_is_read_with_where_the_instance_comes_from_and_goes(
    name: str, transition: Transition, origin: Place, destination: Place
) -> None:
    raw = load(name)
    event = parse_event(raw, HOOKS)
    assert isinstance(event, LifecycleEvent)
    assert (event.transition, event.origin, event.destination) == (transition, origin, destination)
    assert event.hook_name == HOOKS[transition]
    assert event.group_name == GroupName("multus-workers")
    assert event.instance_id == InstanceId("i-0a1b2c3d4e5f60718")
    assert event.token == LifecycleActionToken(raw["detail"]["LifecycleActionToken"])


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("launch-of-another-hook", "hook cluster-autoscaler-launch is not ours"),
        ("test-notification", "test notification"),
        ("test-notification-enveloped", "test notification"),
        ("state-change-running", "instance state running"),
    ],
)
def test_what_is_not_for_us_is_ignored_with_a_reason(name: str, reason: str) -> None:
    assert parse_event(load(name), HOOKS) == Ignored(reason)


def test_a_terminated_instance_is_read_from_its_state_change() -> None:
    assert parse_event(load("state-change-terminated"), HOOKS) == InstanceTerminated(
        InstanceId("i-0a1b2c3d4e5f60718"), datetime(2026, 1, 1, 1, 30, 20, tzinfo=UTC)
    )


def test_every_payload_is_named_in_the_table() -> None:
    table = (EVENTS / "README.md").read_text()
    assert [path.name for path in EVENTS.glob("*.json") if f"`{path.name}`" not in table] == []


@pytest.mark.parametrize("hooks", [{}, {Transition.TERMINATING: HOOKS[Transition.LAUNCHING]}])
def test_a_launch_that_the_function_was_given_no_hook_for_is_ignored(
    hooks: dict[Transition, str],
) -> None:
    assert isinstance(parse_event(load("launch"), hooks), Ignored)


def test_without_origin_and_destination_it_goes_the_ordinary_way() -> None:
    for name, origin, destination in [
        ("launch", Place.EC2, Place.GROUP),
        ("terminate", Place.GROUP, Place.EC2),
    ]:
        raw = load(name)
        del raw["detail"]["Origin"], raw["detail"]["Destination"]
        event = parse_event(raw, HOOKS)
        assert isinstance(event, LifecycleEvent)
        assert (event.origin, event.destination) == (origin, destination)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        pytest.param("2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=UTC), id="seconds"),
        pytest.param(
            "2026-01-31T12:00:00.214Z",
            datetime(2026, 1, 31, 12, 0, 0, 214000, tzinfo=UTC),
            id="milliseconds, as in warm pool events",
        ),
    ],
)
def test_the_time_is_read_with_and_without_a_fraction(written: str, read: datetime) -> None:
    event = parse_event(load("launch") | {"time": written}, HOOKS)
    assert isinstance(event, LifecycleEvent)
    assert event.opened_at == read


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        pytest.param(["launch"], "must be a JSON object, got list", id="no object"),
        pytest.param({}, "detail-type None is none", id="empty"),
        pytest.param({"detail-type": ["launch"]}, "is none that this function", id="unhashable"),
        pytest.param(load("schedule"), "'Scheduled Event' is none", id="a schedule"),
        pytest.param(load("launch") | {"detail": "{}"}, "must be a JSON object", id="text detail"),
        pytest.param(load("launch") | {"time": "yesterday"}, "time must look like", id="bad time"),
        pytest.param(load("launch") | {"time": None}, "time must look like", id="no time"),
        pytest.param(
            load("state-change-terminated") | {"time": 0}, "time must look like", id="epoch"
        ),
        pytest.param(a_launch(EC2InstanceId=""), "EC2InstanceId must be a non-empty", id="no id"),
        pytest.param(a_launch(EC2InstanceId=7), "EC2InstanceId must be a non-empty", id="number"),
        pytest.param(a_launch(LifecycleActionToken=None), "LifecycleActionToken must", id="token"),
        pytest.param(a_launch(AutoScalingGroupName={}), "AutoScalingGroupName must", id="group"),
        pytest.param(a_launch(LifecycleHookName=None), "LifecycleHookName must", id="no hook"),
        pytest.param(a_launch(Origin="Mars"), "Origin 'Mars' is none of", id="place"),
        pytest.param(a_launch(Destination=["EC2"]), "Destination .* is none of", id="places"),
        pytest.param(
            a_launch(LifecycleTransition="autoscaling:EC2_INSTANCE_TERMINATING"),
            "contradicts detail-type",
            id="contradiction",
        ),
    ],
)
def test_a_payload_that_breaks_its_promise_is_rejected_with_what_is_wrong(
    raw: dict[str, Any], message: str
) -> None:
    with pytest.raises(EventRejected, match=message):
        parse_event(raw, HOOKS)


@pytest.mark.parametrize("written", ["i-0a1b2c3d", "i-0a1b2c3d4e5f60718"])
def test_an_instance_id_has_eight_or_seventeen_digits(written: str) -> None:
    event = parse_event(a_launch(EC2InstanceId=written), HOOKS)
    assert isinstance(event, LifecycleEvent)
    assert event.instance_id == InstanceId(written)


@pytest.mark.parametrize(
    "written",
    [
        pytest.param("not-an-id", id="a word"),
        pytest.param("i-*", id="a wildcard of filters"),
        pytest.param("i-0a1b2c3?", id="the other wildcard"),
        pytest.param("i-0a1b2c3d4e5f6071", id="a digit short"),
        pytest.param("i-0a1b2c3d4e5f607181", id="a digit long"),
        pytest.param("i-0A1B2C3D", id="capitals"),
        pytest.param("i-0a1b2c3d\n", id="a line end"),
        pytest.param("i-٣٣٣٣٣٣٣٣", id="digits of another script"),
        pytest.param("eni-0a1b2c3d", id="another resource"),
    ],
)
def test_what_is_no_instance_id_is_rejected_before_anything_is_asked_about_it(written: str) -> None:
    stopped = load("state-change-terminated")
    stopped["detail"]["instance-id"] = written
    for raw in (a_launch(EC2InstanceId=written), stopped):
        with pytest.raises(EventRejected, match="is no instance id"):
            parse_event(raw, HOOKS)


@pytest.mark.parametrize("token", ["z", "7" * 35, "7" * 37])
def test_a_token_that_auto_scaling_could_not_have_given_is_rejected(token: str) -> None:
    with pytest.raises(EventRejected, match="LifecycleActionToken must have 36 characters"):
        parse_event(a_launch(LifecycleActionToken=token), HOOKS)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
mutilated = st.builds(
    lambda event, top, detail: (
        event
        | top
        | ({"detail": event["detail"] | detail} if isinstance(event["detail"], dict) else {})
    ),
    st.sampled_from([load(path.stem) for path in sorted(EVENTS.glob("*.json"))]).filter(
        lambda event: "detail" in event
    ),
    st.dictionaries(
        st.sampled_from(["detail-type", "time", "Event", "source"]), json_values, max_size=2
    ),
    st.dictionaries(
        st.sampled_from(
            ["LifecycleHookName", "EC2InstanceId", "Origin", "Destination", "state", "Event"]
        ),
        json_values,
        max_size=2,
    ),
)


@given(json_values | mutilated)
def test_nothing_that_json_can_hold_makes_the_parser_crash(raw: Any) -> None:  # noqa: ANN401 - arbitrary JSON is the point
    try:
        event = parse_event(raw, HOOKS)
    except EventRejected:
        return
    assert isinstance(event, (LifecycleEvent, InstanceTerminated, Ignored))
