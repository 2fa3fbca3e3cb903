"""Event source mappings: queues that Lambda reads on a function's behalf.

Source: Lambda Developer Guide, "Using Lambda with Amazon SQS", "Configuring scaling behavior for SQS event source
mappings" and "Handling errors for an SQS event source in Lambda". What a function did not handle stays invisible until
its visibility ends, and goes to the dead-letter queue once it was received maxReceiveCount times.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from moto.sqs.models import sqs_backends
from moto.utilities.arns import parse_arn

from localaws.functions.model import InvocationResult, Kind
from localaws.functions.roles import may
from localaws.functions.rules import (
    BATCH_NEEDS_WINDOW,
    CONCURRENCY_OUT_OF_RANGE,
    MAPPING_EXISTS,
    ROLE_CANNOT_READ,
    SOURCE_NOT_FOUND,
    VISIBILITY_TOO_SHORT,
)
from localaws.queues.records import REPORT_BATCH_ITEM_FAILURES, failed_messages, record
from localaws.queues.sending import queue_at, visibility_timeout_s

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from moto.awslambda.models import EventSourceMapping, LambdaBackend
    from moto.sqs.models import Message, Queue

    from localaws.account import Account
    from localaws.clock import Timer

DEFAULT_BATCH_SIZE = 10
DEFAULT_CONCURRENCY = 1000
"""A mapping without MaximumConcurrency scales to 1 000 concurrent invocations ("Configuring scaling behavior")."""
READING_ACTIONS = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")


@dataclass
class _Poller:
    """What reads one queue for one function."""

    mapping: EventSourceMapping
    running: int = 0
    timer: Timer | None = field(default=None, repr=False)
    window_ends_s: float | None = None

    @property
    def concurrency(self) -> int:
        """Return how many batches may run at once."""
        config = self.mapping.scaling_config or {}
        return int(config.get("MaximumConcurrency", DEFAULT_CONCURRENCY))

    @property
    def window_s(self) -> float:
        """Return how long a batch may be gathered."""
        return float(self.mapping.max_batch_window or 0)

    @property
    def reports_failures(self) -> bool:
        """Return whether the function's answer names the messages that failed."""
        return REPORT_BATCH_ITEM_FAILURES in (self.mapping.function_response_types or ())


class Mappings:
    """Reads queues as soon as there is something to read; the caller of each method holds the account's lock."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._pollers: dict[str, _Poller] = {}

    def running(self, uuid: str) -> int:
        """Return how many batches of a mapping run now."""
        return self._pollers[uuid].running

    def look_at(self, queue: Queue) -> None:
        """Notice that something about a queue's messages has changed."""
        for poller in self._pollers.values():
            if poller.mapping.event_source_arn == queue.queue_arn:
                self._plan(poller, queue)

    def creating(
        self, original: Callable[..., EventSourceMapping]
    ) -> Callable[..., EventSourceMapping]:
        """Return CreateEventSourceMapping as Lambda has it."""

        def create(backend: LambdaBackend, spec: dict[str, Any]) -> EventSourceMapping:
            queue = self._check(backend, spec)
            mapping = original(backend, spec)
            # Moto would call the function inside SendMessage.
            queue.lambda_event_source_mappings.clear()
            self._pollers[mapping.uuid] = _Poller(mapping)
            self.look_at(queue)
            return mapping

        return create

    def updating(
        self, original: Callable[..., EventSourceMapping | None]
    ) -> Callable[..., EventSourceMapping | None]:
        """Return UpdateEventSourceMapping as Lambda has it."""

        def update(
            backend: LambdaBackend, uuid: str, spec: dict[str, Any]
        ) -> EventSourceMapping | None:
            _check_scaling(spec)
            mapping = original(backend, uuid, spec)
            if mapping is not None and (queue := queue_at(mapping.event_source_arn)) is not None:
                self.look_at(queue)
            return mapping

        return update

    def deleting(
        self, original: Callable[..., EventSourceMapping | None]
    ) -> Callable[..., EventSourceMapping | None]:
        """Return DeleteEventSourceMapping: what runs ends, nothing more is read."""

        def delete(backend: LambdaBackend, uuid: str) -> EventSourceMapping | None:
            poller = self._pollers.pop(uuid, None)
            if poller is not None and poller.timer is not None:
                poller.timer.cancel()
            return original(backend, uuid)

        return delete

    def _check(self, backend: LambdaBackend, spec: Mapping[str, Any]) -> Queue:
        source_arn = spec["EventSourceArn"]
        queue = queue_at(source_arn)
        if queue is None:
            raise SOURCE_NOT_FOUND.refusal()
        function = backend.get_function(spec["FunctionName"])
        visibility_s = visibility_timeout_s(queue)
        if visibility_s < int(function.timeout):
            raise VISIBILITY_TOO_SHORT.refusal(
                visibility_s=visibility_s, timeout_s=function.timeout
            )
        for existing in self._pollers.values():
            same_function = existing.mapping.function_arn == function.function_arn
            if same_function and existing.mapping.event_source_arn == source_arn:
                raise MAPPING_EXISTS.refusal(
                    source=source_arn,
                    function=function.function_name,
                    uuid=existing.mapping.uuid,
                )
        _check_scaling(spec)
        for action in READING_ACTIONS:
            if not self._may_read(function.role, action, queue):
                raise ROLE_CANNOT_READ.refusal(action=action)
        return queue

    def _may_read(self, role_arn: str, action: str, queue: Queue) -> bool:
        params = {"QueueUrl": queue.physical_resource_id}
        return may(self._account, role_arn, ("sqs", action), queue.region, params)

    def _plan(self, poller: _Poller, queue: Queue) -> None:
        """Set the timer of the next read to when the next message can be received."""
        next_s = self._next_message_s(queue)
        busy = poller.running >= poller.concurrency
        if not poller.mapping.enabled or busy or self._account.queues.is_down:
            next_s = None
        if poller.timer is not None:
            if next_s is not None and poller.timer.when_s <= next_s:
                return
            poller.timer.cancel()
            poller.timer = None
        if next_s is not None:
            self._set(poller, next_s)

    def _set(self, poller: _Poller, when_s: float) -> None:
        poller.timer = self._account.clock.call_at(when_s, lambda: self._read(poller))

    def _next_message_s(self, queue: Queue) -> float | None:
        now_s = self._account.clock.now()
        times = (max(m.visible_at, m.delayed_until) / 1000 for m in queue._messages)
        next_s = min(times, default=None)
        return None if next_s is None else max(now_s, next_s)

    def _read(self, poller: _Poller) -> None:
        with self._account.lock:
            poller.timer = None
            queue = queue_at(poller.mapping.event_source_arn)
            if (
                queue is None
                or not poller.mapping.enabled
                or poller.mapping.uuid not in self._pollers
                or self._account.queues.is_down
            ):
                return
            if self._still_gathering(poller, queue):
                return
            batches = self._batches(poller, queue)
            self._plan(poller, queue)
        for batch in batches:
            self._account.functions.workers.run(lambda batch=batch: self._run(poller, batch))  # type: ignore[misc]  # binds the loop's value

    def _still_gathering(self, poller: _Poller, queue: Queue) -> bool:
        """Return whether a batch window is open and its batch not full."""
        if poller.window_s <= 0 or len(queue.messages) >= poller.mapping.batch_size:
            return False
        now_s = self._account.clock.now()
        if poller.window_ends_s is None and queue.messages:
            poller.window_ends_s = now_s + poller.window_s
        if poller.window_ends_s is None or now_s >= poller.window_ends_s:
            return False
        self._set(poller, poller.window_ends_s)
        return True

    def _batches(self, poller: _Poller, queue: Queue) -> list[list[Message]]:
        batches = []
        role_arn = self._role_of(poller)
        while poller.running < poller.concurrency and queue.messages:
            if role_arn is None or not self._may_read(role_arn, "ReceiveMessage", queue):
                break
            visibility_s = visibility_timeout_s(queue)
            messages = sqs_backends[queue.account_id][queue.region].receive_message(
                queue.name, poller.mapping.batch_size, 0, visibility_s, ["All"]
            )
            poller.window_ends_s = None
            if not messages:
                break
            poller.running += 1
            batches.append(messages)
        return batches

    def _role_of(self, poller: _Poller) -> str | None:
        function = self._account.functions.find(poller.mapping.function_arn)
        return None if function is None else function.role_arn

    def _run(self, poller: _Poller, batch: list[Message]) -> None:
        mapping = poller.mapping
        region = parse_arn(mapping.event_source_arn).region
        records = [record(message, mapping.event_source_arn, region) for message in batch]
        payload = json.dumps({"Records": records}).encode()
        try:
            result = self._account.functions.invoke(mapping.function_arn, payload)
        except LookupError:
            result = InvocationResult(Kind.ERROR, b"{}")
        with self._account.lock:
            poller.running -= 1
            queue = queue_at(mapping.event_source_arn)
            if queue is not None:
                self._delete(poller, queue, batch, self._failed(poller, batch, result))
                self._plan(poller, queue)

    def _failed(self, poller: _Poller, batch: list[Message], result: InvocationResult) -> set[str]:
        ids = {message.id for message in batch}
        if result.failed:
            return ids
        return failed_messages(result.payload, ids) if poller.reports_failures else set()

    def _delete(
        self, poller: _Poller, queue: Queue, batch: list[Message], failed: set[str]
    ) -> None:
        if self._account.queues.is_down:
            return  # What was done comes back when its visibility ends, and is done once more.
        role_arn = self._role_of(poller)
        backend = sqs_backends[queue.account_id][queue.region]
        for message in batch:
            if message.id in failed or message.receipt_handle is None:
                continue
            if role_arn is None or not self._may_read(role_arn, "DeleteMessage", queue):
                return
            backend.delete_message_batch(
                queue.name, [{"Id": message.id, "ReceiptHandle": message.receipt_handle}]
            )


def _check_scaling(spec: Mapping[str, Any]) -> None:
    concurrency = (spec.get("ScalingConfig") or {}).get("MaximumConcurrency")
    if concurrency is not None and not 2 <= int(concurrency) <= DEFAULT_CONCURRENCY:  # noqa: PLR2004 - the documented range
        raise CONCURRENCY_OUT_OF_RANGE.refusal(value=concurrency)
    batch_size = int(spec.get("BatchSize") or DEFAULT_BATCH_SIZE)
    if batch_size > DEFAULT_BATCH_SIZE and not spec.get("MaximumBatchingWindowInSeconds"):
        raise BATCH_NEEDS_WINDOW.refusal()
