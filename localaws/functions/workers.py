"""Work that must not hold up whoever caused it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from localaws.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from localaws.clock import Clock


class Workers:
    """Runs actions that may block: on threads in real time, on the advancing thread in virtual time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def run(self, action: Callable[[], None]) -> None:
        """Run the action soon, never inside this call."""
        if isinstance(self._clock, SystemClock):
            threading.Thread(target=action, name="localaws-worker", daemon=True).start()
        else:
            self._clock.call_at(self._clock.now(), action)
