"""The account's time: real for the demo, virtual for tests. Nothing in localaws reads any other clock."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(order=True)
class Timer:
    """An action due at a moment; of two due at once the one set first runs first."""

    when_s: float
    order: int
    action: Callable[[], None] = field(compare=False)
    cancelled: bool = field(default=False, compare=False)

    def cancel(self) -> None:
        """Keep the action from running, if it has not run yet."""
        self.cancelled = True


class Clock(Protocol):
    """Time in seconds since the epoch, actions at a later time, and waiting."""

    def now(self) -> float:
        """Return the time in seconds since the epoch."""
        ...

    def call_at(self, when_s: float, action: Callable[[], None]) -> Timer:
        """Run the action at a time (at once when it has passed), never inside this call."""
        ...

    def wait(self, seconds: float) -> None:
        """Return when so many seconds have passed."""
        ...


class VirtualClock:
    """Time that stands still until someone advances it; single-threaded, the same at every run."""

    def __init__(self, start_s: float = 1_767_225_600.0) -> None:
        self._now_s = start_s
        self._order = itertools.count()
        self._timers: list[Timer] = []

    def now(self) -> float:
        """Return the virtual time in seconds since the epoch."""
        return self._now_s

    def call_at(self, when_s: float, action: Callable[[], None]) -> Timer:
        """Run the action when the clock is advanced to or past this time."""
        timer = Timer(max(when_s, self._now_s), next(self._order), action)
        heapq.heappush(self._timers, timer)
        return timer

    def wait(self, seconds: float) -> None:
        """Advance: whoever waits is the only one running."""
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Run everything that falls due within so many seconds, in order, each at its own time."""
        end_s = self._now_s + seconds
        while self._timers and self._timers[0].when_s <= end_s:
            timer = heapq.heappop(self._timers)
            self._now_s = max(self._now_s, timer.when_s)
            if not timer.cancelled:
                self._run(timer.action)
        self._now_s = max(self._now_s, end_s)

    def _run(self, action: Callable[[], None]) -> None:
        """Run what has fallen due."""
        action()


class SystemClock:
    """The machine's clock, with one thread that runs what falls due."""

    def __init__(self) -> None:
        self._order = itertools.count()
        self._timers: list[Timer] = []
        self._changed = threading.Condition()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="localaws-clock", daemon=True)
        self._thread.start()

    def now(self) -> float:
        """Return the time in seconds since the epoch."""
        return time.time()

    def call_at(self, when_s: float, action: Callable[[], None]) -> Timer:
        """Run the action at this time on the clock's thread; it must not block."""
        timer = Timer(when_s, next(self._order), action)
        with self._changed:
            heapq.heappush(self._timers, timer)
            self._changed.notify()
        return timer

    def wait(self, seconds: float) -> None:
        """Block for so many seconds."""
        threading.Event().wait(seconds)

    def stop(self) -> None:
        """Run nothing more and end the thread."""
        with self._changed:
            self._stopped = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                if self._stopped:
                    return
                due_s = self._timers[0].when_s - time.time() if self._timers else None
                if due_s is None or due_s > 0:
                    self._changed.wait(due_s)
                    continue
                timer = heapq.heappop(self._timers)
            if not timer.cancelled:
                timer.action()
