"""The queue, over boto3 in the embedded account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from domain.errors import EniLifecycleError
from lambdas.aws.queue import Queue
from localaws.account import Account
from localaws.clock import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Iterator


class Case:
    """A queue, looked at from both sides."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.sqs: Any = boto3.client("sqs")
        self.url: str = self.sqs.create_queue(QueueName="launches")["QueueUrl"]
        self.queue = Queue(self.url, lambda: self.sqs)

    def send(self, **parameters: int) -> None:
        self.sqs.send_message(QueueUrl=self.url, MessageBody="{}", **parameters)

    def receive(self) -> list[str]:
        messages = self.sqs.receive_message(QueueUrl=self.url).get("Messages", [])
        return [message["ReceiptHandle"] for message in messages]


@pytest.fixture
def case() -> Iterator[Case]:
    """Return an empty queue."""
    clock = VirtualClock()
    with Account(clock).active(), mock_aws():
        yield Case(clock)


def test_an_empty_queue_has_no_backlog(case: Case) -> None:
    assert not case.queue.has_backlog()


def test_a_message_counts_whether_it_waits_is_worked_on_or_is_delayed(case: Case) -> None:
    case.send()
    assert case.queue.has_backlog()
    (handle,) = case.receive()
    assert case.queue.has_backlog()
    case.sqs.delete_message(QueueUrl=case.url, ReceiptHandle=handle)
    assert not case.queue.has_backlog()
    case.send(DelaySeconds=60)
    assert case.queue.has_backlog()


def test_a_message_comes_back_when_it_was_told_to(case: Case) -> None:
    case.send()
    (handle,) = case.receive()
    case.queue.return_after(handle, 5)
    case.clock.advance(4)
    assert case.receive() == []
    case.clock.advance(2)
    assert len(case.receive()) == 1


def test_as_many_messages_as_one_call_gives_are_taken_with_how_often_each_came(case: Case) -> None:
    for _ in range(12):
        case.send()
    taken = case.queue.receive()
    assert len(taken) == 10
    assert {message["Attributes"]["ApproximateReceiveCount"] for message in taken} == {"1"}
    assert len(case.queue.receive()) == 2
    assert case.queue.receive() == []


def test_any_number_of_messages_is_deleted_and_those_already_gone_do_not_matter(case: Case) -> None:
    for _ in range(12):
        case.send()
    handles = [message["ReceiptHandle"] for _ in range(2) for message in case.queue.receive()]
    case.queue.delete(handles)
    assert not case.queue.has_backlog()
    case.queue.delete(handles)
    case.queue.delete([])


def test_a_receipt_that_is_not_valid_is_one_of_our_errors(case: Case) -> None:
    with pytest.raises(EniLifecycleError):
        case.queue.return_after("not-a-handle", 5)


def test_the_client_is_made_when_it_is_needed_and_once() -> None:
    made = []

    def make() -> Any:  # noqa: ANN401 - a boto3 client
        made.append(1)
        return boto3.client("sqs")

    queue = Queue("https://sqs.us-east-1.amazonaws.com/123456789012/none", make)
    assert made == []
    with mock_aws():
        for _ in range(2):
            with pytest.raises(EniLifecycleError):
                queue.has_backlog()
    assert made == [1]
