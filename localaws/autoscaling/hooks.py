"""Lifecycle hooks as the API gives and shows them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from localaws.autoscaling.lifecycle import Hook, Result, Transition
from localaws.autoscaling.rules import BAD_HOOK_FIELD, HEARTBEAT_OUT_OF_RANGE, TRANSITION_MISSING

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_HOOKS = 50
MIN_HEARTBEAT_S, MAX_HEARTBEAT_S = 30, 7200

_PATTERNS = {
    "LifecycleHookName": r"[A-Za-z0-9\-_/]{1,255}",
    "NotificationMetadata": r"[\t\n\r -~]{1,4000}",
}


def hook_from(params: Mapping[str, Any], existing: Hook | None = None) -> Hook:
    """Return the hook that PutLifecycleHook's parameters describe; what they leave out stays as it was.

    Raises:
        Refusal: a value is outside what botocore's model or the API reference allows.
    """
    for name, pattern in _PATTERNS.items():
        _match(params, name, pattern)
    _choice(params, "LifecycleTransition", Transition)
    _choice(params, "DefaultResult", Result)
    heartbeat = params.get("HeartbeatTimeout")
    if heartbeat is not None and not MIN_HEARTBEAT_S <= int(heartbeat) <= MAX_HEARTBEAT_S:
        raise HEARTBEAT_OUT_OF_RANGE.refusal(value=heartbeat)
    transition: str | None = params.get("LifecycleTransition")
    if transition is None and existing is not None:
        transition = existing.transition
    if transition is None:
        raise TRANSITION_MISSING.refusal()
    base = existing or Hook(params["LifecycleHookName"], Transition(transition))
    return Hook(
        name=base.name,
        transition=Transition(transition),
        heartbeat_timeout_s=int(heartbeat or base.heartbeat_timeout_s),
        default_result=Result(params.get("DefaultResult") or base.default_result),
        notification_metadata=params.get("NotificationMetadata") or base.notification_metadata,
        notification_target_arn=params.get("NotificationTargetARN", base.notification_target_arn),
        role_arn=params.get("RoleARN") or base.role_arn,
    )


def hook_view(hook: Hook, group_name: str) -> dict[str, Any]:
    """Return the hook as DescribeLifecycleHooks shows it."""
    shown: dict[str, Any] = {
        "LifecycleHookName": hook.name,
        "AutoScalingGroupName": group_name,
        "LifecycleTransition": str(hook.transition),
        "HeartbeatTimeout": hook.heartbeat_timeout_s,
        "GlobalTimeout": int(hook.global_timeout_s),
        "DefaultResult": str(hook.default_result),
        "NotificationTargetARN": hook.notification_target_arn,
        "RoleARN": hook.role_arn,
        "NotificationMetadata": hook.notification_metadata,
    }
    return {name: value for name, value in shown.items() if value is not None}


def _match(params: Mapping[str, Any], name: str, pattern: str) -> None:
    value = params.get(name)
    if value is not None and not re.fullmatch(pattern, value):
        raise BAD_HOOK_FIELD.refusal(
            value=value,
            field=name[0].lower() + name[1:],
            constraint=f"Member must satisfy regular expression pattern: {pattern}",
        )


def _choice(params: Mapping[str, Any], name: str, choices: type[Transition] | type[Result]) -> None:
    value = params.get(name)
    if value is not None and value not in set(choices):
        raise BAD_HOOK_FIELD.refusal(
            value=value,
            field=name[0].lower() + name[1:],
            constraint=f"Member must satisfy enum value set: {sorted(choices)}",
        )
