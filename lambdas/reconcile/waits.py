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
    """A node of a warm pool waits more than once; while its instances run, in another state each time."""

    instance_id: InstanceId
    lifecycle_state: str


@dataclass
class _Seen:
    first_at: datetime
    looked_before_at: datetime | None
    """The last look at which it did not wait yet."""
    launched_at: datetime | None
    """None while EC2 has not shown the instance: it is eventually consistent."""
    restarted_at: datetime | None = None

    @property
    def opened_after(self) -> datetime:
        known = [each for each in (self.looked_before_at, self.launched_at) if each is not None]
        return max(known, default=self.first_at)

    def is_another(self, launched_at: datetime | None) -> bool:
        """Return whether the instance was started again since, so that this is another wait."""
        return None not in (self.launched_at, launched_at) and self.launched_at != launched_at


class Waits:
    """When each node was first seen waiting, and when its hook's timer was last restarted from here."""

    def __init__(self) -> None:
        self._seen: dict[_Key, _Seen] = {}
        self._looked_at: datetime | None = None

    def look(self, waiting: Iterable[tuple[Member, Instance | None]], now: datetime) -> list[Wait]:
        """Note who waits now, forget who does not any more, and return for how long each has.

        To be called at every look, also when nobody waits: whoever waits at the next one began after this one. An instance
        that EC2 does not show this time (None) goes on waiting: forgotten, it would seem to have begun a moment ago.
        """
        before, self._seen = self._seen, {}
        waits = []
        for member, instance in waiting:
            key = _Key(member.instance_id, member.lifecycle_state)
            launched_at = instance.launched_at if instance else None
            seen = before.get(key)
            if seen is None or seen.is_another(launched_at):
                seen = _Seen(now, self._looked_at, launched_at)
            seen.launched_at = seen.launched_at or launched_at
            self._seen[key] = seen
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
