"""What was called, and what goes wrong at which call."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from domain.errors import EniLifecycleError


class Killed(BaseException):
    """The process ended here. Not an Exception: nothing in it gets to react."""


@dataclass
class _Fault:
    """One planned failure."""

    error: EniLifecycleError | Exception
    first: int
    last: int
    after: bool


class PortCalls:
    """Counts the calls of all fakes of one world and makes chosen ones fail."""

    def __init__(self) -> None:
        self.log: list[str] = []
        """The methods called, in order."""
        self._counts: Counter[str] = Counter()
        self._faults: dict[str, list[_Fault]] = {}
        self._dies_at: int | None = None
        self._dies_after = False

    @property
    def counts(self) -> Counter[str]:
        """How often each method was called."""
        return self._counts.copy()

    @property
    def total(self) -> int:
        """How many calls there were."""
        return len(self.log)

    def fail(
        self,
        method: str,
        error: EniLifecycleError | Exception,
        *,
        on_call: int = 1,
        times: int = 1,
        after: bool = False,
    ) -> None:
        """Let a method fail.

        Args:
            method: the port's method.
            error: what it raises.
            on_call: at which of its calls from now on, counted from 1.
            times: how often in a row.
            after: whether the call takes effect all the same (the answer is lost).
        """
        first = self._counts[method] + on_call
        self._faults.setdefault(method, []).append(_Fault(error, first, first + times - 1, after))

    def kill_at(self, call: int, *, after: bool) -> None:
        """End the process at the n-th call of any method from now on, before or after it takes effect."""
        self._dies_at, self._dies_after = self.total + call, after

    def mend(self) -> None:
        """Let nothing fail any more."""
        self._faults.clear()
        self._dies_at = None

    @contextmanager
    def made(self, method: str) -> Iterator[None]:
        """Count a call and, where that was planned, fail it before or after its effect."""
        self.log.append(method)
        self._counts[method] += 1
        place, number = self.total, self._counts[method]
        self._die(place, after=False)
        self._raise(method, number, after=False)
        yield
        self._raise(method, number, after=True)
        self._die(place, after=True)

    def _die(self, place: int, *, after: bool) -> None:
        if self._dies_at == place and self._dies_after is after:
            self._dies_at = None
            raise Killed

    def _raise(self, method: str, number: int, *, after: bool) -> None:
        for fault in self._faults.get(method, ()):
            if fault.first <= number <= fault.last and fault.after is after:
                raise fault.error
