"""Time for the reconcilers: whoever waits moves it on, and what falls due meanwhile happens."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from localaws.clock import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Callable


class FakeClock:
    """The reconcilers' clock over a virtual one, which an embedded account may share."""

    def __init__(self, virtual: VirtualClock | None = None) -> None:
        self.virtual = virtual or VirtualClock()
        self.waits: list[float] = []
        """Every wait, in seconds."""

    def now(self) -> datetime:
        """Return the time, in UTC."""
        return datetime.fromtimestamp(self.virtual.now(), UTC)

    def wait(self, seconds: float) -> None:
        """Let so many seconds pass, with all that falls due in them."""
        self.waits.append(seconds)
        self.virtual.advance(seconds)

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Do something in so many seconds; at once when there is nothing to wait for."""
        if seconds <= 0:
            action()
        else:
            self.virtual.call_at(self.virtual.now() + seconds, action)
