"""When a run must have ended."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Deadline:
    """A point on the monotonic clock, which no correction of the time of day moves."""

    def __init__(self, timeout_s: float, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._started_s = now_s()
        self._timeout_s = timeout_s

    def within(self, timeout_s: float) -> Deadline:
        """Return a deadline so many seconds from now, or this one where that is earlier."""
        return Deadline(min(timeout_s, self.left_s()), self._now_s)

    def left_s(self) -> float:
        """Return the seconds left, 0 at least."""
        return max(0.0, self._timeout_s - self.passed_s())

    def passed_s(self) -> float:
        """Return the seconds since it was set."""
        return self._now_s() - self._started_s

    def is_over(self) -> bool:
        """Return whether the time is up."""
        return self.left_s() == 0.0
