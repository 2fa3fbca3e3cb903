"""SQS messages: every one is read, and only what is unfinished comes back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from domain.errors import EventRejected, Throttled
from domain.lifecycle import Ignored, LifecycleEvent, Transition
from domain.outcome import Outcome, Result
from lambdas.runtime.batch import answer, parse_batch, settle, take, unworked
from tests.fakes.calls import PortCalls
from tests.fakes.queue import FakeQueue

if TYPE_CHECKING:
    from lambdas.aws.queue import Queue
    from lambdas.runtime.batch import Record

EVENTS = Path(__file__).parents[3] / "events"
HOOKS = {Transition.LAUNCHING: "MultusEni-example-launch"}


def message(number: int, body: str, receive_count: int = 1) -> dict[str, Any]:
    return {
        "messageId": f"message-{number}",
        "receiptHandle": f"handle-{number}",
        "attributes": {"ApproximateReceiveCount": str(receive_count)},
        "body": body,
    }


def parse(*bodies: str) -> list[Record]:
    records = [message(number, body, number + 1) for number, body in enumerate(bodies)]
    return parse_batch({"Records": records}, HOOKS)


def payload(name: str) -> str:
    return (EVENTS / f"{name}.json").read_text()


def test_each_record_is_read_by_itself() -> None:
    launch, test, broken, foreign = parse(
        payload("launch"), payload("test-notification"), "{not json", payload("schedule")
    )
    assert isinstance(launch.event, LifecycleEvent)
    assert test.event == Ignored("test notification")
    assert isinstance(broken.event, EventRejected)
    assert "the message is not JSON that can be read" in str(broken.event)
    assert isinstance(foreign.event, EventRejected)
    assert (launch.message_id, launch.receipt_handle, launch.receive_count) == (
        "message-0",
        "handle-0",
        1,
    )
    assert foreign.receive_count == 4


@pytest.mark.parametrize(
    "body", ["", "null", "7", '"launch"', "[" * 20_000, "{}", '{"detail-type": {}}', "\ud800"]
)
def test_no_body_fails_the_batch(body: str) -> None:
    (record,) = parse(body)
    assert isinstance(record.event, EventRejected)


@pytest.mark.parametrize(
    ("name", "result"),
    [
        ("launch-of-another-hook", Result.IGNORED),
        ("state-change-running", Result.IGNORED),
        ("schedule", Result.REJECTED),
        ("launch", Result.IGNORED),
    ],
)
def test_a_record_that_asks_for_nothing_has_an_outcome_too(name: str, result: Result) -> None:
    (record,) = parse(payload(name))
    outcome = unworked(record)
    assert outcome.result is result
    assert outcome.reason
    assert (outcome.error is None) is (result is Result.IGNORED)


class Case:
    """Three records and a queue."""

    def __init__(self) -> None:
        self.records = parse(*[payload("launch")] * 3)
        self.fake = FakeQueue(PortCalls())
        self.queue: Queue = self.fake  # type: ignore[assignment]  # a queue by shape

    def answered(self, *results: Result) -> list[str]:
        outcomes = [Outcome(result, "because") for result in results]
        response = answer(self.records, outcomes, self.queue)
        assert list(response) == ["batchItemFailures"]
        return [item["itemIdentifier"] for item in response["batchItemFailures"]]


def test_only_unfinished_records_come_back_each_in_its_own_time() -> None:
    case = Case()
    assert case.answered(Result.RETRY, Result.CONTINUED, Result.FAILED) == [
        "message-0",
        "message-2",
    ]
    assert case.fake.returned == [("handle-0", 5), ("handle-2", 20)]


@pytest.mark.parametrize(
    "result", [result for result in Result if result not in (Result.RETRY, Result.FAILED)]
)
def test_a_finished_record_never_comes_back(result: Result) -> None:
    case = Case()
    assert case.answered(result, result, result) == []
    assert case.fake.returned == []


def test_a_message_whose_pace_cannot_be_set_comes_back_all_the_same() -> None:
    case = Case()
    case.fake.calls.fail("return_after", Throttled("slow down"))
    assert case.answered(Result.RETRY, Result.RETRY, Result.CONTINUED) == [
        "message-0",
        "message-1",
    ]
    assert case.fake.returned == [("handle-1", 10)]


def test_taken_messages_are_records_like_delivered_ones() -> None:
    case = Case()
    case.fake.waiting = [
        {
            "MessageId": "message-7",
            "ReceiptHandle": "handle-7",
            "Attributes": {"ApproximateReceiveCount": "3"},
            "Body": payload("launch"),
        }
    ]
    (record,) = take(case.queue, HOOKS)
    assert isinstance(record.event, LifecycleEvent)
    assert (record.message_id, record.receipt_handle, record.receive_count) == (
        "message-7",
        "handle-7",
        3,
    )
    assert take(case.queue, HOOKS) == []


def test_a_queue_that_cannot_be_read_gives_nothing_and_fails_nobody() -> None:
    case = Case()
    case.fake.calls.fail("receive", Throttled("slow down"))
    assert take(case.queue, HOOKS) == []


def test_taken_messages_are_deleted_when_done_and_put_back_when_not() -> None:
    case = Case()
    outcomes = [
        Outcome(result, "because") for result in (Result.RETRY, Result.CONTINUED, Result.IGNORED)
    ]
    settle(case.records, outcomes, case.queue)
    assert case.fake.deleted == ["handle-1", "handle-2"]
    assert case.fake.returned == [("handle-0", 5)]


def test_taken_messages_that_cannot_be_deleted_come_back_and_fail_nobody() -> None:
    case = Case()
    case.fake.calls.fail("delete_messages", Throttled("slow down"))
    settle(case.records, [Outcome(Result.CONTINUED, "because")] * 3, case.queue)
    assert case.fake.deleted == []
