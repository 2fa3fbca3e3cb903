"""Lambda's own queue: asynchronous invocations, their retries, and where the failed ones go.

Source: Lambda Developer Guide, "How Lambda handles errors and retries with asynchronous invocation" (two more tries,
after one and two minutes; throttles and system errors back off from 1 s to 5 min for up to 6 h) and "Capturing
records of Lambda asynchronous invocations".
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from moto.sns.models import sns_backends
from moto.utilities.arns import parse_arn

from localaws.functions.model import Kind
from localaws.functions.roles import may
from localaws.queues.sending import queue_at, send

if TYPE_CHECKING:
    from moto.sqs.models import Queue

    from localaws.account import Account
    from localaws.functions.model import InvocationResult
    from localaws.functions.service import Functions

RETRY_DELAYS_S = (60.0, 120.0)
FIRST_BACKOFF_S = 1.0
LONGEST_BACKOFF_S = 300.0


@dataclass(frozen=True)
class InvokeConfig:
    """How a function wants its asynchronous invocations handled (PutFunctionEventInvokeConfig)."""

    retries: int = 2
    max_age_s: float = 21_600.0
    on_success_arn: str | None = None
    on_failure_arn: str | None = None
    dead_letter_arn: str | None = None


@dataclass(frozen=True)
class QueuedEvent:
    """One event that Lambda has accepted."""

    function_arn: str
    payload: bytes
    request_id: str
    accepted_s: float
    runs: int = 0
    throttles: int = 0


@dataclass(frozen=True)
class Again:
    """Try once more after a delay."""

    event: QueuedEvent
    delay_s: float


@dataclass(frozen=True)
class Over:
    """Nothing more will be tried; the condition is None after a success."""

    event: QueuedEvent
    condition: str | None


def decide(
    event: QueuedEvent, result: InvocationResult, config: InvokeConfig, now_s: float
) -> Again | Over:
    """Return what becomes of an event after an attempt."""
    if result.kind is Kind.THROTTLED:
        delay_s = min(LONGEST_BACKOFF_S, FIRST_BACKOFF_S * 2**event.throttles)
        event = replace(event, throttles=event.throttles + 1)
    else:
        event = replace(event, runs=event.runs + 1)
        if not result.failed:
            return Over(event, None)
        if event.runs > config.retries:
            return Over(event, "RetriesExhausted")
        delay_s = RETRY_DELAYS_S[event.runs - 1]
    if now_s + delay_s - event.accepted_s > config.max_age_s:
        return Over(event, "EventAgeExceeded")
    return Again(event, delay_s)


class AsynchronousInvocations:
    """Accepts events and keeps trying them."""

    def __init__(self, account: Account, functions: Functions) -> None:
        self._account = account
        self._functions = functions

    def accept(self, function_arn: str, payload: bytes, request_id: str) -> None:
        """Queue an event; it runs soon, never inside this call."""
        event = QueuedEvent(function_arn, payload, request_id, self._account.clock.now())
        self._functions.workers.run(lambda: self._attempt(event))

    def _attempt(self, event: QueuedEvent) -> None:
        with self._account.lock:
            config = self._functions.invoke_config(event.function_arn)
        if config is None:
            return
        result = self._functions.invoke(event.function_arn, event.payload, event.request_id)
        now_s = self._account.clock.now()
        outcome = decide(event, result, config, now_s)
        if isinstance(outcome, Again):
            again = outcome.event
            self._account.clock.call_at(
                now_s + outcome.delay_s,
                lambda: self._functions.workers.run(lambda: self._attempt(again)),
            )
            return
        with self._account.lock:
            self._report(outcome, result, config)

    def _report(self, over: Over, result: InvocationResult, config: InvokeConfig) -> None:
        destination = config.on_success_arn if over.condition is None else config.on_failure_arn
        if destination is not None:
            self._deliver(over, destination, self._record(over, result))
        if over.condition is not None and config.dead_letter_arn is not None:
            queue = queue_at(config.dead_letter_arn)
            if queue is not None and self._may_send(over, queue):
                send(queue, over.event.payload.decode(), _dead_letter_attributes(over, result))

    def _may_send(self, over: Over, queue: Queue) -> bool:
        """Return whether the function's role lets Lambda send to a queue; without it the record is dropped."""
        function = self._functions.find(over.event.function_arn)
        params = {"QueueUrl": queue.physical_resource_id}
        call = ("sqs", "SendMessage")
        return function is not None and may(
            self._account, function.role_arn, call, queue.region, params
        )

    def _deliver(self, over: Over, destination: str, record: dict[str, Any]) -> None:
        body = json.dumps(record)
        arn = parse_arn(destination)
        if arn.service == "sqs":
            queue = queue_at(destination)
            if queue is not None and self._may_send(over, queue):
                send(queue, body)
        elif arn.service == "lambda":
            self.accept(destination, body.encode(), record["requestContext"]["requestId"])
        elif arn.service == "sns":
            sns_backends[arn.account][arn.region].publish(message=body, arn=destination)
        else:
            raise NotImplementedError(f"no delivery to a {arn.service} destination: {destination}")

    def _record(self, over: Over, result: InvocationResult) -> dict[str, Any]:
        moment = datetime.fromtimestamp(self._account.clock.now(), UTC)
        context: dict[str, Any] = {"statusCode": 200, "executedVersion": "$LATEST"}
        if result.failed:
            context["functionError"] = "Unhandled"
        return {
            "version": "1.0",
            "timestamp": moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
            "requestContext": {
                "requestId": over.event.request_id,
                "functionArn": f"{over.event.function_arn}:$LATEST",
                "condition": over.condition or "Success",
                "approximateInvokeCount": over.event.runs,
            },
            "requestPayload": json.loads(over.event.payload),
            "responseContext": context,
            "responsePayload": json.loads(result.payload or b"null"),
        }


def _dead_letter_attributes(over: Over, result: InvocationResult) -> dict[str, str]:
    """Return what Lambda adds to a dead letter (Developer Guide, "Adding a dead-letter queue")."""
    document = json.loads(result.payload or b"{}")
    message = document.get("errorMessage", "") if isinstance(document, dict) else ""
    return {
        "RequestID": over.event.request_id,
        "ErrorCode": "200",
        "ErrorMessage": message[:1024],
    }
