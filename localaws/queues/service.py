"""SQS of one embedded account: visibility, delay and retention in the account's time, and event source mappings."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

from moto.awslambda.models import LambdaBackend
from moto.sqs import models as sqs_models

from localaws.faults import ANY, Fault, FaultKind
from localaws.patching import Patch
from localaws.queues.mappings import Mappings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from moto.sqs.models import Message, Queue, SQSBackend

    from localaws.account import Account

LONG_POLL_STEP_S = 0.1
TOLERANCE_MS = 0.5
"""Times pass through floats in seconds and in milliseconds; a message due at a timer's moment must be seen by it."""


class Queues:
    """SQS's behaviour in one account, and the mappings that read its queues."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._down_until_s = -math.inf
        self.mappings = Mappings(account)

    def fail_for(self, seconds: float) -> None:
        """Let SQS answer nobody from now on for so long; whatever is on its queues stays there and grows older.

        Callers get ServiceUnavailable (SQS API Reference, "Common Error Types": status 503, a temporary failure of the
        server), EventBridge tries its deliveries again, and Lambda's pollers neither receive nor delete.
        """
        clock = self._account.clock
        self._down_until_s = max(self._down_until_s, clock.now() + seconds)
        refusal = Fault(
            ANY,
            FaultKind.ERROR,
            times=None,
            service="sqs",
            code="ServiceUnavailable",
            when=lambda _: self.is_down,
        )
        self._account.faults.inject(refusal)
        clock.call_at(self._down_until_s, self._look_at_all)

    @property
    def is_down(self) -> bool:
        """Return whether SQS answers nobody now."""
        return self._account.clock.now() < self._down_until_s

    def _look_at_all(self) -> None:
        with self._account.lock:
            for regions in sqs_models.sqs_backends.values():
                for backend in regions.values():
                    for queue in backend.queues.values():
                        self.mappings.look_at(queue)

    def patches(self) -> Iterable[Patch]:
        """Yield what stands in the place of moto's SQS and of Lambda's event source mappings."""
        yield Patch(sqs_models, "unix_time", lambda _: self._unix_time)
        yield Patch(sqs_models, "unix_time_millis", lambda _: self._unix_time_millis)
        yield Patch(sqs_models.Message, "visible", lambda _: property(self._visible))
        yield Patch(sqs_models.SQSBackend, "receive_message", self._receiving)
        yield Patch(sqs_models.SQSBackend, "change_message_visibility", self._changing_visibility)
        # What is too old has left the queue before it is read; moto would stop at it, and counts the queue each time.
        yield Patch(
            sqs_models.SQSBackend,
            "is_message_valid_based_on_retention_period",
            lambda _: _always_valid,
        )
        yield Patch(sqs_models.Queue, "add_message", self._adding)
        yield Patch(sqs_models.Queue, "_set_attributes", _keeping_policy)
        yield Patch(LambdaBackend, "create_event_source_mapping", self.mappings.creating)
        yield Patch(LambdaBackend, "update_event_source_mapping", self.mappings.updating)
        yield Patch(LambdaBackend, "delete_event_source_mapping", self.mappings.deleting)

    def _unix_time(self, *_: object) -> float:
        return self._account.clock.now()

    def _unix_time_millis(self, *_: object) -> float:
        return self._account.clock.now() * 1000

    def _visible(self, message: Message) -> bool:
        return self._unix_time_millis() >= message.visible_at - TOLERANCE_MS

    def _receiving(self, original: Callable[..., list[Message]]) -> Callable[..., list[Message]]:
        """Receive without holding anything while waiting: a long poll asks again and again until its time is over."""

        def receive_message(  # noqa: PLR0917 - moto passes them by position
            backend: SQSBackend,
            queue_name: str,
            count: int,
            wait_seconds_timeout: int,
            visibility_timeout: int,
            message_attribute_names: list[str] | None = None,
        ) -> list[Message]:
            clock = self._account.clock
            end_s = clock.now() + wait_seconds_timeout
            while True:
                with self._account.lock:
                    queue = backend.get_queue(queue_name)
                    self._expire(queue)
                    found = original(
                        backend, queue_name, count, 0, visibility_timeout, message_attribute_names
                    )
                    self.mappings.look_at(queue)
                if found or clock.now() >= end_s:
                    return found
                clock.wait(min(LONG_POLL_STEP_S, max(0.0, end_s - clock.now())))

        return receive_message

    def _expire(self, queue: Queue) -> None:
        """Drop what is older than the queue's retention; moto leaves it there and stops at it."""
        retention_s: int = queue.message_retention_period  # type: ignore[attr-defined]  # set by name
        oldest_ms = (self._account.clock.now() - retention_s) * 1000
        queue._messages = [message for message in queue._messages if _sent_ms(message) > oldest_ms]

    def _changing_visibility(self, original: Callable[..., None]) -> Callable[..., None]:
        def change_message_visibility(
            backend: SQSBackend, queue_name: str, receipt_handle: str, visibility_timeout: int
        ) -> None:
            with self._account.lock:
                original(backend, queue_name, receipt_handle, visibility_timeout)
                self.mappings.look_at(backend.get_queue(queue_name))

        return change_message_visibility

    def _adding(self, original: Callable[..., Any]) -> Callable[..., None]:
        def add_message(queue: Queue, message: Message) -> None:
            with self._account.lock:
                original(queue, message)
                self.mappings.look_at(queue)

        return add_message


def _keeping_policy(original: Callable[..., None]) -> Callable[..., None]:
    """Set the attributes that are given and no others; moto takes a policy away that is not among them.

    Source: SQS API Reference, SetQueueAttributes: "Sets the value of one or more queue attributes, like a policy",
    with Attributes as "a map of attributes to set".
    """

    def set_attributes(
        queue: Queue, attributes: Mapping[str, Any], now: float | None = None
    ) -> None:
        # A new queue comes with every attribute, so one that lacks the policy has one already, if only an empty one.
        given = attributes if "Policy" in attributes else {**attributes, "Policy": queue.policy}
        original(queue, given, now)

    return set_attributes


def _always_valid(_backend: SQSBackend, _queue_name: str, _message: Message) -> bool:
    """Answer for a message that was not dropped."""
    return True


def _sent_ms(message: Message) -> float:
    """Return when the message was sent; moto types it as never set."""
    return float(cast("int", message.sent_timestamp))
