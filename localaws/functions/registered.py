"""Functions that run inside the test's own process."""

from __future__ import annotations

import json
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from localaws.faults import CallerCrashed
from localaws.functions.model import InvocationResult, Kind, error_payload
from localaws.functions.output import captured

if TYPE_CHECKING:
    from collections.abc import Callable

    from localaws.clock import Clock
    from localaws.functions.model import Function

    Handler = Callable[[Any, Any], Any]


@dataclass(frozen=True)
class Context:
    """What a handler gets besides its event (Lambda Developer Guide, "Using the Lambda context object")."""

    function_name: str
    function_version: str
    invoked_function_arn: str
    memory_limit_in_mb: str
    aws_request_id: str
    log_group_name: str
    log_stream_name: str
    deadline_s: float
    clock: Clock

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds left until the function would be killed."""
        return max(0, int((self.deadline_s - self.clock.now()) * 1000))


class RegisteredHost:
    """Calls the handlers that a test registered, in the account's time.

    What a handler prints is its log. It cannot be killed: one that overruns its timeout is reported as timed out
    when it returns, so what it did after its deadline stays done.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._handlers: dict[str, Handler] = {}

    def register(self, function_name: str, handler: Handler) -> None:
        """Let this callable be the code of the function from now on."""
        self._handlers[function_name] = handler

    def has(self, function_name: str) -> bool:
        """Return whether the function's code is a registered callable."""
        return function_name in self._handlers

    def invoke(self, function: Function, payload: bytes, request_id: str) -> InvocationResult:
        """Call the handler; every way in which it can end is a result."""
        deadline_s = self._clock.now() + function.timeout_s
        context = Context(
            function.name,
            function.version,
            function.arn,
            str(function.memory_mb),
            request_id,
            function.log_group,
            "in-process",
            deadline_s,
            self._clock,
        )
        with captured() as output:
            kind, answer = self._call(function, payload, context)
        lines = tuple(output.getvalue().splitlines())
        if kind is not Kind.CRASH and self._clock.now() > deadline_s:
            message = f"{request_id} Task timed out after {function.timeout_s:.2f} seconds"
            return InvocationResult(
                Kind.TIMEOUT, error_payload("Sandbox.Timedout", message), (*lines, message)
            )
        return InvocationResult(kind, answer, lines)

    def _call(self, function: Function, payload: bytes, context: Context) -> tuple[Kind, bytes]:
        try:
            answer = self._handlers[function.name](json.loads(payload), context)
            return Kind.RESPONSE, json.dumps(answer).encode()
        except CallerCrashed:
            message = f"RequestId: {context.aws_request_id} Error: Runtime exited with error: signal: killed"
            return Kind.CRASH, error_payload("Runtime.ExitError", message)
        except Exception as error:  # noqa: BLE001 - whatever a function raises is its result
            stack = tuple(traceback.format_tb(error.__traceback__)[1:])
            return Kind.ERROR, error_payload(type(error).__name__, str(error), stack)
