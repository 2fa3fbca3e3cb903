"""One payload on its way through the real handler, in its parts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cli.invocation import changes, log_lines, rewritten

EVENTS = Path(__file__).parents[2] / "events"
AN_ID = "i-0a1b2c3d4e5f60718"
HAPPENED = {
    "account": "111122223333",
    "region": "eu-west-1",
    "time": "2026-02-02T00:00:00Z",
    "resources": ["arn:real"],
    "id": "real",
    "detail": {
        "LifecycleActionToken": "real-token",
        "AutoScalingGroupName": "real-group",
        "LifecycleHookName": "MultusEni-real-launch",
        "EC2InstanceId": "i-real",
        "Origin": "EC2",
        "Destination": "AutoScalingGroup",
    },
}


def test_a_payload_gets_the_ids_of_what_happened_and_keeps_the_rest() -> None:
    payload: dict[str, Any] = json.loads((EVENTS / "launch-into-warm-pool.json").read_text("utf-8"))
    fresh = rewritten(payload, HAPPENED)
    assert fresh["id"] == payload["id"]
    assert (fresh["account"], fresh["time"]) == ("111122223333", "2026-02-02T00:00:00Z")
    assert fresh["detail"] == {
        **payload["detail"],
        "LifecycleActionToken": "real-token",
        "AutoScalingGroupName": "real-group",
        "LifecycleHookName": "MultusEni-real-launch",
        "EC2InstanceId": "i-real",
    }
    assert fresh["detail"]["Destination"] == "WarmPool"


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"detail": 3}, {"detail": 3}),
        ({"detail": {"EC2InstanceId": AN_ID}}, {"detail": {"EC2InstanceId": "i-real"}}),
        (
            {"detail": {"LifecycleHookName": "theirs"}},
            {"detail": {"LifecycleHookName": "theirs"}},
        ),
        ({"detail": {"instance-id": AN_ID}}, {"detail": {"instance-id": AN_ID}}),
    ],
    ids=["no object", "members that are missing stay so", "another hook", "nothing to put in"],
)
def test_what_is_wrong_with_a_payload_stays_wrong(
    payload: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert rewritten(payload, HAPPENED) == expected


@pytest.mark.parametrize(
    "wrong",
    [
        {"time": "yesterday"},
        {"time": "2026-02-31T00:00:00Z"},
        {"time": 1767225600},
        {"account": 111122223333},
        {"region": "here"},
        {"resources": "arn:one"},
        {"resources": [3]},
        {"detail": {"LifecycleActionToken": "token"}},
        {"detail": {"AutoScalingGroupName": ""}},
        {"detail": {"LifecycleHookName": ["MultusEni-example-launch"]}},
        {"detail": {"EC2InstanceId": None}},
        {"detail": {"EC2InstanceId": "i-*"}},
    ],
    ids=str,
)
def test_a_value_of_the_wrong_form_is_not_put_right(wrong: dict[str, Any]) -> None:
    assert rewritten(wrong, HAPPENED) == wrong


def test_changes_tell_what_came_what_went_and_what_stayed() -> None:
    before = {"a": "here", "b": "waits", "c": "same"}
    after = {"b": "runs", "c": "same", "d": "new"}
    assert changes(before, after) == ["- a here", "- b waits", "+ b runs", "= c same", "+ d new"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("plain text", ["plain text"]),
        (
            '{"level":"INFO","message":"launch continued","location":"x:1","rounds":2,"reason":"done"}',
            ["INFO launch continued", "    rounds: 2", "    reason: done"],
        ),
        ('{"_aws":{},"owner":"o","ApiCalls":[7.0]}', ["metrics owner=o, ApiCalls=7.0"]),
    ],
    ids=["text", "a log record", "metrics"],
)
def test_a_printed_line_is_shown_for_a_person(line: str, expected: list[str]) -> None:
    assert list(log_lines(line)) == expected
