"""What an execution environment remembers of the nodes that wait in a launch hook; another one begins anew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from domain.fleet import Wait

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from domain.model import Instance, InstanceId, Member


class _Key(NamedTuple):
    """One wait: a node of a warm pool waits more than once, in another state or after another start."""

    instance_id: InstanceId
    lifecycle_state: str
    launched_at: datetime


@dataclass
class _Seen:
    first_at: datetime
    opened_after: datetime
    restarted_at: datetime | None = None


class Waits:
    """When each node was first seen waiting, and when its hook's timer was last restarted from here."""

    def __init__(self) -> None:
        self._seen: dict[_Key, _Seen] = {}
        self._looked_at: datetime | None = None

    def look(self, waiting: Iterable[tuple[Member, Instance]], now: datetime) -> list[Wait]:
        """Note who waits now, forget who does not any more, and return for how long each has.

        To be called at every look, also when nobody waits: whoever waits at the next one began after this one.
        """
        before, self._seen = self._seen, {}
        waits = []
        for member, instance in waiting:
            key = _Key(member.instance_id, member.lifecycle_state, instance.launched_at)
            opened_after = max(instance.launched_at, self._looked_at or instance.launched_at)
            seen = self._seen[key] = before.get(key) or _Seen(now, opened_after)
            restarted = now - seen.restarted_at if seen.restarted_at else None
            waits.append(Wait(now - seen.first_at, now - seen.opened_after, restarted))
        self._looked_at = now
        return waits

    def restarted(self, instance_ids: Iterable[InstanceId], now: datetime) -> None:
        """Note whose hook's timer was restarted just now."""
        restarted = set(instance_ids)
        for key, seen in self._seen.items():
            if key.instance_id in restarted:
                seen.restarted_at = now
