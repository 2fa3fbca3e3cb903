"""The account's own CloudTrail: every API call that passed the gate, and how it ended."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

OK = "ok"

THROTTLE_CODES = frozenset(
    {"RequestLimitExceeded", "Throttling", "ThrottlingException", "TooManyRequestsException"}
)
"""What AWS calls a refusal for the rate, by service (botocore's retry tables list the same names)."""


@dataclass(frozen=True)
class Call:
    """One API call that has ended.

    Attributes:
        number: counts the calls of the account from 1, in the order in which they arrived.
        service: botocore's service name (`lambda`, `logs`).
        action: the operation's name in botocore's model.
        params: the request's members as botocore's model names them.
        principal: the caller's role ARN, or its access key when no role is known for it.
        at_s: when it arrived, in seconds since the epoch.
        outcome: `ok`, the AWS error code, or what the caller saw instead of an answer (`timeout`, `crash`).
    """

    number: int
    service: str
    action: str
    params: Mapping[str, Any] = field(hash=False)
    principal: str
    region: str
    at_s: float
    outcome: str = OK

    @property
    def throttled(self) -> bool:
        """Whether it was refused for the rate."""
        return self.outcome in THROTTLE_CODES


class CallLog:
    """The calls that have ended; safe to read and write from several threads."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._calls: list[Call] = []
        self._lock = threading.Lock()

    def next_number(self) -> int:
        """Return the number of a call that arrives now."""
        with self._lock:
            return next(self._numbers)

    def record(self, call: Call) -> None:
        """Keep a call that has ended."""
        with self._lock:
            self._calls.append(call)

    def clear(self) -> None:
        """Forget every call; numbers go on."""
        with self._lock:
            self._calls.clear()

    def all(self) -> tuple[Call, ...]:
        """Return the calls that have ended, in the order in which they arrived."""
        with self._lock:
            return tuple(sorted(self._calls, key=lambda call: call.number))

    def ended_after(self, count: int) -> tuple[Call, ...]:
        """Return the calls that ended after so many others had, in the order in which they ended."""
        with self._lock:
            return tuple(self._calls[count:])

    def where(self, wanted: Callable[[Call], bool]) -> tuple[Call, ...]:
        """Return the calls that `wanted` says yes to."""
        return tuple(call for call in self.all() if wanted(call))

    def of_action(self, action: str) -> tuple[Call, ...]:
        """Return the calls of one action, whatever their outcome."""
        return self.where(lambda call: call.action == action)

    def of_principal(self, principal: str) -> tuple[Call, ...]:
        """Return the calls that one role (or access key) made."""
        return self.where(lambda call: call.principal == principal)

    def throttled(self) -> tuple[Call, ...]:
        """Return the calls that were refused for their rate."""
        return self.where(lambda call: call.throttled)

    def counts(self) -> Counter[str]:
        """Return how often each action was called, whatever the outcome."""
        return Counter(call.action for call in self.all())
