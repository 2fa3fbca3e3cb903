"""What PutLifecycleHook takes and refuses."""

from __future__ import annotations

from typing import Any

import pytest

from localaws.autoscaling.hooks import hook_from
from localaws.autoscaling.lifecycle import Result
from localaws.rules import Refusal

pytestmark = pytest.mark.localaws

LAUNCHING = "autoscaling:EC2_INSTANCE_LAUNCHING"


def params(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any parameter
    given = {"LifecycleHookName": "hook", "LifecycleTransition": LAUNCHING, **changes}
    return {name: value for name, value in given.items() if value is not None}


def test_defaults() -> None:
    hook = hook_from(params())
    assert (hook.heartbeat_timeout_s, hook.default_result) == (3600, Result.ABANDON)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"HeartbeatTimeout": 29}, "between 30 and 7200"),
        ({"HeartbeatTimeout": 7201}, "between 30 and 7200"),
        ({"LifecycleHookName": "a b"}, "lifecycleHookName"),
        ({"LifecycleHookName": "a" * 256}, "lifecycleHookName"),
        ({"NotificationMetadata": "m" * 4001}, "notificationMetadata"),
        ({"NotificationMetadata": "é"}, "notificationMetadata"),
        ({"DefaultResult": "RETRY"}, "defaultResult"),
        ({"LifecycleTransition": "launch"}, "lifecycleTransition"),
        ({"LifecycleTransition": None}, "LifecycleTransition is required"),
    ],
)
def test_refusals(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(Refusal) as refused:
        hook_from(params(**changes))
    assert refused.value.code == "ValidationError"
    assert words in refused.value.message


@pytest.mark.parametrize("name", ["a" * 255, "a/b-c_D9"])
def test_names_at_the_limit(name: str) -> None:
    assert hook_from(params(LifecycleHookName=name)).name == name


def test_what_an_update_leaves_out_stays() -> None:
    first = hook_from(
        params(HeartbeatTimeout=60, DefaultResult="CONTINUE", NotificationMetadata="m")
    )
    second = hook_from({"LifecycleHookName": "hook", "HeartbeatTimeout": 90}, first)
    assert second.heartbeat_timeout_s == 90
    assert (second.default_result, second.notification_metadata) == (Result.CONTINUE, "m")
