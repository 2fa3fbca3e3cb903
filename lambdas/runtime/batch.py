"""SQS messages, delivered or taken: what each record means, and which of them must come back, and when."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from domain import pacing
from domain.errors import EniLifecycleError, EventRejected
from domain.lifecycle import Ignored, parse_event
from domain.outcome import Outcome, Result

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from domain.lifecycle import Event, Transition
    from lambdas.aws.queue import Queue


class Record(NamedTuple):
    """One message of the batch, parsed."""

    message_id: str
    receipt_handle: str
    receive_count: int
    event: Event | EventRejected


def parse_batch(event: Mapping[str, Any], hooks: Mapping[Transition, str]) -> list[Record]:
    """Return the delivered records; one that cannot be read is a record like any other, with the reason in it."""
    return [
        Record(
            message_id=raw["messageId"],
            receipt_handle=raw["receiptHandle"],
            receive_count=int(raw["attributes"]["ApproximateReceiveCount"]),
            event=_parsed(raw["body"], hooks),
        )
        for raw in event["Records"]
    ]


def take(queue: Queue, hooks: Mapping[Transition, str]) -> list[Record]:
    """Take more messages from the queue; none when it has none or cannot be read: Lambda delivers what is left there."""
    try:
        messages = queue.receive()
    except EniLifecycleError:
        return []
    return [
        Record(
            message_id=message["MessageId"],
            receipt_handle=message["ReceiptHandle"],
            receive_count=int(message["Attributes"]["ApproximateReceiveCount"]),
            event=_parsed(message["Body"], hooks),
        )
        for message in messages
    ]


def _parsed(body: str, hooks: Mapping[Transition, str]) -> Event | EventRejected:
    try:
        return parse_event(json.loads(body), hooks)
    except (json.JSONDecodeError, RecursionError) as error:
        return EventRejected(f"the message is not JSON that can be read: {error}")
    except EventRejected as rejected:
        return rejected


def unworked(record: Record) -> Outcome:
    """Return the outcome of a record that asks for nothing: not for us, or not readable."""
    if isinstance(record.event, EventRejected):
        return Outcome(Result.REJECTED, str(record.event), error=record.event)
    reason = record.event.reason if isinstance(record.event, Ignored) else "not for this function"
    return Outcome(Result.IGNORED, reason)


def answer(records: Sequence[Record], outcomes: Iterable[Outcome], queue: Queue) -> dict[str, Any]:
    """Return the partial batch response for delivered records, with each failed one put back for as long as its turn
    asks for."""
    failed = _put_back(records, outcomes, queue)
    return {"batchItemFailures": [{"itemIdentifier": record.message_id} for record in failed]}


def settle(records: Sequence[Record], outcomes: Iterable[Outcome], queue: Queue) -> None:
    """Do with taken records what Lambda does with delivered ones: delete what is done, let the rest come back.

    One that could not be deleted comes back too and finds its hook closed.
    """
    failed = _put_back(records, outcomes, queue)
    done = [record.receipt_handle for record in records if record not in failed]
    with suppress(EniLifecycleError):
        queue.delete(done)


def _put_back(records: Sequence[Record], outcomes: Iterable[Outcome], queue: Queue) -> list[Record]:
    """Set when each failed message comes back, and return those.

    A message whose pace could not be set comes back after the queue's own visibility time-out instead.
    """
    failed = [
        record
        for record, outcome in zip(records, outcomes, strict=True)
        if outcome.result.is_retried
    ]
    for record in failed:
        try:
            queue.return_after(record.receipt_handle, pacing.retry_delay_s(record.receive_count))
        except EniLifecycleError as error:
            error.add_note("the queue's visibility time-out applies instead")
    return failed
