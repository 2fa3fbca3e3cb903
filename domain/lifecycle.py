"""Events parsed once, at the edge: an EventBridge envelope becomes a typed event, or a reason to leave it alone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timezone
from enum import Enum
from typing import TYPE_CHECKING, Any, Union

from domain.errors import EventRejected
from domain.model import GroupName, InstanceId, LifecycleActionToken

if TYPE_CHECKING:
    from collections.abc import Mapping


class Transition(str, Enum):
    """The two lifecycle transitions that have hooks."""

    LAUNCHING = "autoscaling:EC2_INSTANCE_LAUNCHING"
    TERMINATING = "autoscaling:EC2_INSTANCE_TERMINATING"


class Place(str, Enum):
    """Where an instance comes from and goes to; only warm pools make this interesting."""

    EC2 = "EC2"
    GROUP = "AutoScalingGroup"
    WARM_POOL = "WarmPool"


class LifecycleResult(str, Enum):
    """How a lifecycle action is completed."""

    CONTINUE = "CONTINUE"
    ABANDON = "ABANDON"


@dataclass(frozen=True)
class LifecycleEvent:
    """One opened lifecycle hook."""

    transition: Transition
    hook_name: str
    group_name: GroupName
    instance_id: InstanceId
    token: LifecycleActionToken
    opened_at: datetime
    origin: Place
    destination: Place


@dataclass(frozen=True)
class InstanceTerminated:
    """EC2 says that an instance has reached the state `terminated`."""

    instance_id: InstanceId
    terminated_at: datetime


@dataclass(frozen=True)
class Ignored:
    """An event that is not for us; a value, not an error."""

    reason: str


Event = Union[LifecycleEvent, InstanceTerminated, Ignored]

_DETAIL_TYPES = {
    "EC2 Instance-launch Lifecycle Action": Transition.LAUNCHING,
    "EC2 Instance-terminate Lifecycle Action": Transition.TERMINATING,
}
_STATE_CHANGE = "EC2 Instance State-change Notification"

_INSTANCE_ID = re.compile(r"i-(?:[0-9a-f]{8}|[0-9a-f]{17})")
"""Eight digits until 2016, seventeen since; existing short ones stay (EC2 user guide, "Resource IDs"). An id goes into
filters, in which `*` and `?` stand for anything, so nothing else may pass."""
TOKEN_LENGTH = 36
"""The only length of LifecycleActionToken that CompleteLifecycleAction takes (Auto Scaling API reference)."""


def parse_event(raw: Mapping[str, Any], hooks: Mapping[Transition, str]) -> Event:
    """Turn an EventBridge envelope into what it means for us.

    Args:
        raw: the envelope (version, id, source, detail-type, time, detail).
        hooks: our own hook name by transition; another hook's event is ignored.

    Raises:
        EventRejected: the envelope lacks what its kind promises. Never worth a retry.
    """
    if not isinstance(raw, dict):
        raise EventRejected(f"an event must be a JSON object, got {type(raw).__name__}")
    if _is_test_notification(raw):
        return Ignored("test notification")
    detail_type = raw.get("detail-type")
    if detail_type == _STATE_CHANGE:
        return _state_change(raw)
    if not isinstance(detail_type, str) or detail_type not in _DETAIL_TYPES:
        raise EventRejected(f"detail-type {detail_type!r} is none that this function reads")
    return _lifecycle(raw, _DETAIL_TYPES[detail_type], hooks)


def _is_test_notification(raw: Mapping[str, Any]) -> bool:
    """Auto Scaling sends one when a notification target is configured, bare or as an envelope's detail."""
    detail = raw.get("detail")
    nested = detail.get("Event") if isinstance(detail, dict) else None
    return "autoscaling:TEST_NOTIFICATION" in (raw.get("Event"), nested)


def _state_change(raw: Mapping[str, Any]) -> Event:
    detail = _detail(raw)
    state = _text(detail, "state")
    if state != "terminated":
        return Ignored(f"instance state {state}")
    return InstanceTerminated(_instance_id(detail, "instance-id"), _time(raw))


def _lifecycle(
    raw: Mapping[str, Any], transition: Transition, hooks: Mapping[Transition, str]
) -> Event:
    detail = _detail(raw)
    hook_name = _text(detail, "LifecycleHookName")
    if hook_name != hooks.get(transition):
        return Ignored(f"hook {hook_name} is not ours")
    stated = _text(detail, "LifecycleTransition")
    if stated != transition.value:
        raise EventRejected(
            f"LifecycleTransition {stated!r} contradicts detail-type {raw['detail-type']!r}"
        )
    launching = transition is Transition.LAUNCHING
    return LifecycleEvent(
        transition=transition,
        hook_name=hook_name,
        group_name=GroupName(_text(detail, "AutoScalingGroupName")),
        instance_id=_instance_id(detail, "EC2InstanceId"),
        token=_token(detail),
        opened_at=_time(raw),
        origin=_place(detail, "Origin", Place.EC2 if launching else Place.GROUP),
        destination=_place(detail, "Destination", Place.GROUP if launching else Place.EC2),
    )


def _detail(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    detail = raw.get("detail")
    if not isinstance(detail, dict):
        raise EventRejected(f"detail must be a JSON object, got {detail!r}")
    return detail


def _text(detail: Mapping[str, Any], key: str) -> str:
    value = detail.get(key)
    if not isinstance(value, str) or not value:
        raise EventRejected(f"detail.{key} must be a non-empty string, got {value!r}")
    return value


def _instance_id(detail: Mapping[str, Any], key: str) -> InstanceId:
    value = _text(detail, key)
    if not _INSTANCE_ID.fullmatch(value):
        raise EventRejected(f"detail.{key} {value!r} is no instance id")
    return InstanceId(value)


def _token(detail: Mapping[str, Any]) -> LifecycleActionToken:
    value = _text(detail, "LifecycleActionToken")
    if len(value) != TOKEN_LENGTH:
        raise EventRejected(
            f"detail.LifecycleActionToken must have {TOKEN_LENGTH} characters, got {value!r}"
        )
    return LifecycleActionToken(value)


def _place(detail: Mapping[str, Any], key: str, default: Place) -> Place:
    """Read Origin or Destination, which the user guide ties to warm pools: absent means the ordinary way."""
    value = detail.get(key, default.value)
    try:
        return Place(value)
    except ValueError:
        raise EventRejected(
            f"detail.{key} {value!r} is none of {[place.value for place in Place]}"
        ) from None


def _time(raw: Mapping[str, Any]) -> datetime:
    """Read the envelope's time, with or without a fraction of a second.

    The user guide's warm pool events have one ("Warm pool example events and patterns"), its other events do not.
    """
    value = raw.get("time")
    for form in ("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S.%fZ"):
        try:
            return datetime.strptime(str(value), form).replace(tzinfo=timezone.utc)
        except ValueError:
            continue
    raise EventRejected(f"time must look like 2026-01-31T12:00:00Z, got {value!r}")
