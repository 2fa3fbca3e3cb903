"""The envelope of an event (EventBridge User Guide, "Structure of an EventBridge event")."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

Event = dict[str, Any]


@dataclass(frozen=True)
class Occurrence:
    """Something that a service of the account has to tell."""

    source: str
    detail_type: str
    detail: Mapping[str, Any] = field(hash=False)
    resources: tuple[str, ...] = ()


def moment(at_s: float) -> str:
    """Return a time as events carry it: UTC, whole seconds."""
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def enveloped(
    occurrence: Occurrence, *, event_id: str, account_id: str, region: str, at_s: float
) -> Event:
    """Return the event that tells of an occurrence."""
    return {
        "version": "0",
        "id": event_id,
        "detail-type": occurrence.detail_type,
        "source": occurrence.source,
        "account": account_id,
        "time": moment(at_s),
        "region": region,
        "resources": list(occurrence.resources),
        "detail": dict(occurrence.detail),
    }
