"""Virtual time in which many things go on at once, and yet the same way at every run.

Whatever falls due runs in a fiber of its own (a greenlet). Waiting puts that fiber aside and lets others go on, on one
thread and in the order of time. Nothing is preempted: between two waits a fiber has the account to itself.
"""

from __future__ import annotations

import contextvars
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import greenlet

from localaws.clock import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")


@dataclass
class Signal:
    """Something that happens once and that fibers can wait for."""

    clock: FiberClock
    is_set: bool = False
    _waiting: list[greenlet.greenlet] = field(default_factory=list)

    def set(self) -> None:
        """Let everybody who waits go on, in this very moment of virtual time but never inside this call."""
        self.is_set = True
        for fiber in self._waiting:
            self.clock.resume(fiber)
        self._waiting.clear()

    def wait(self) -> None:
        """Put the running fiber aside until the signal is set."""
        if not self.is_set:
            self._waiting.append(greenlet.getcurrent())
            self.clock.suspend()


class FiberClock(VirtualClock):
    """Virtual time for callers that overlap.

    Whoever advances it drives the fibers and is none itself: the driver's own waiting is an advance.
    """

    _driver: greenlet.greenlet | None = None

    def wait(self, seconds: float) -> None:
        """Put the running fiber aside for so many seconds."""
        if not self._in_fiber():
            self.advance(seconds)
            return
        self.resume(greenlet.getcurrent(), after_s=seconds)
        self.suspend()

    def advance(self, seconds: float) -> None:
        """Run everything that falls due within so many seconds; what a fiber raises ends the advance.

        Raises:
            RuntimeError: a fiber calls, which can only wait.
        """
        if self._in_fiber():
            raise RuntimeError("a fiber cannot advance the clock that drives it")
        self._driver = greenlet.getcurrent()
        super().advance(seconds)

    def suspend(self) -> None:
        """Put the running fiber aside until somebody resumes it.

        Raises:
            RuntimeError: the driver calls: nobody would be left to resume it.
        """
        if self._driver is None or not self._in_fiber():
            raise RuntimeError("only a fiber can be suspended")
        self._driver.switch()

    def resume(self, fiber: greenlet.greenlet, after_s: float = 0.0) -> None:
        """Let a suspended fiber go on after so many seconds."""
        self.call_at(self.now() + after_s, fiber.switch)

    def signal(self) -> Signal:
        """Return something to wait for."""
        return Signal(self)

    def start(self, action: Callable[[], None]) -> None:
        """Run an action soon in a fiber of its own, which sees a copy of the caller's context variables."""
        self.call_at(self.now(), _InContext(contextvars.copy_context(), action))

    def gather(self, tasks: Sequence[Callable[[], T]], at_once: int) -> list[T | BaseException]:
        """Run tasks in fibers, so many at once, and return what each returned or raised, in order."""
        results: list[T | BaseException | None] = [None] * len(tasks)
        left = deque(enumerate(tasks))
        running = min(at_once, len(tasks))
        done = self.signal()

        def work() -> None:
            nonlocal running
            while left:
                place, task = left.popleft()
                results[place] = _outcome(task)
            running -= 1
            if not running:
                done.set()

        for _ in range(running):
            self.start(work)
        if tasks:
            done.wait()
        return results  # type: ignore[return-value]  # each task has put its result there

    def _in_fiber(self) -> bool:
        return self._driver is not None and greenlet.getcurrent() is not self._driver

    def _run(self, action: Callable[[], None]) -> None:
        if isinstance(getattr(action, "__self__", None), greenlet.greenlet):
            action()
            return
        fiber = greenlet.greenlet(action)
        fiber.gr_context = (
            action.context if isinstance(action, _InContext) else contextvars.Context()
        )
        fiber.switch()


@dataclass(frozen=True)
class _InContext:
    """An action with the context variables it sees."""

    context: contextvars.Context
    action: Callable[[], None]

    def __call__(self) -> None:
        self.action()


def _outcome(task: Callable[[], T]) -> T | BaseException:
    try:
        return task()
    except BaseException as error:  # noqa: BLE001 - handed to the caller as a value; nothing is swallowed
        return error
