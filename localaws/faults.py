"""Failures on purpose: which call they hit, and what the caller sees of it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class FaultKind(StrEnum):
    """What goes wrong."""

    THROTTLE = "throttle"
    """Refused for its rate, in the service's own words; no effect."""
    ERROR = "error"
    """Refused with the fault's code, that code's status, and the fault's message; no effect."""
    TIMEOUT = "timeout"
    """No effect and no answer."""
    LOST_ANSWER = "lost-answer"
    """Took effect, and the answer is lost."""
    CRASH_BEFORE = "crash-before"
    """The calling process dies before the call takes effect."""
    CRASH_AFTER = "crash-after"
    """The calling process dies after the call took effect."""

    @property
    def is_after(self) -> bool:
        """Whether the call takes effect first."""
        return self in (FaultKind.LOST_ANSWER, FaultKind.CRASH_AFTER)


ANY = "*"
"""In place of an action: whatever it is."""

_SERVER_ERRORS: Mapping[str, int] = {
    **dict.fromkeys(
        ("InternalError", "InternalFailure", "InternalServiceError", "ServerInternal"), 500
    ),
    **dict.fromkeys(("ServiceUnavailable", "Unavailable", "SlowDown", "RequestLimitExceeded"), 503),
}
"""What is the service's fault and not the caller's; SDKs send such a call again by themselves.

Source: EC2 API Reference, "Error codes", server error codes; for SlowDown, S3 API Reference, "Error responses"."""
CLIENT_ERROR = 400
"""Any other code: the caller's fault, which no SDK sends again (EC2 API Reference, "Error codes", client errors)."""


class CallerCrashed(BaseException):
    """The calling process died here. Not an Exception: code that is dead catches nothing."""


@dataclass(frozen=True)
class Fault:
    """One failure and the calls that it hits.

    Calls are counted from the injection on, one attempt at a time (an SDK's retries are calls too), and only
    those that match action, service, principal and `when`.

    Attributes:
        action: the operation's name in botocore's model, or ANY.
        on_call: the first matching call that is hit, from 1.
        times: how many matching calls in a row are hit; None: every one from then on.
        service: botocore's service name, for the few actions that several services have.
        principal: the caller's role ARN or access key.
        when: looks at the call's parameters.
        code: the AWS error code; for ERROR alone, as is `message`.
    """

    action: str
    kind: FaultKind
    on_call: int = 1
    times: int | None = 1
    service: str | None = None
    principal: str | None = None
    when: Callable[[Mapping[str, Any]], bool] | None = None
    code: str = "InternalError"
    message: str = "An internal error has occurred"

    @property
    def status(self) -> int:
        """The HTTP status that comes with the code: SDKs retry by it, so a wrong one makes another failure of this."""
        return _SERVER_ERRORS.get(self.code, CLIENT_ERROR)

    def hits(self, nth: int) -> bool:
        """Whether the n-th matching call is hit."""
        return nth >= self.on_call and (self.times is None or nth < self.on_call + self.times)

    def matches(
        self, *, service: str, action: str, principal: str, params: Mapping[str, Any]
    ) -> bool:
        """Whether the fault counts this call."""
        return (
            self.action in (ANY, action)
            and self.service in (None, service)
            and self.principal in (None, principal)
            and (self.when is None or self.when(params))
        )


@dataclass
class InjectedFault:
    """A fault at work, and what it has done so far."""

    fault: Fault
    seen: int = 0
    """How many matching calls there were."""
    fired: list[int] = field(default_factory=list)
    """The numbers of the calls that were hit, as the call log counts them."""


class Faults:
    """The faults at work in an account; several may hit the same call."""

    def __init__(self) -> None:
        self._injected: list[InjectedFault] = []
        self._lock = threading.Lock()

    def inject(self, fault: Fault) -> InjectedFault:
        """Put a fault to work and return what will record its hits."""
        injected = InjectedFault(fault)
        with self._lock:
            self._injected.append(injected)
        return injected

    def clear(self) -> None:
        """Take every fault out."""
        with self._lock:
            self._injected.clear()

    def hitting(
        self, number: int, *, service: str, action: str, principal: str, params: Mapping[str, Any]
    ) -> tuple[Fault, ...]:
        """Count one call and return the faults that hit it, in the order in which they were injected."""
        hits = []
        with self._lock:
            for injected in self._injected:
                if not injected.fault.matches(
                    service=service, action=action, principal=principal, params=params
                ):
                    continue
                injected.seen += 1
                if injected.fault.hits(injected.seen):
                    injected.fired.append(number)
                    hits.append(injected.fault)
        return tuple(hits)
