"""SQS: pacing our own retries, taking more work, and telling a long queue from a lost event."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from lambdas.aws.errors import translated

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mypy_boto3_sqs import SQSClient

MOST_MESSAGES = 10
"""The most that one ReceiveMessage or DeleteMessageBatch handles (SQS API reference)."""
_COUNTS: Final = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


class Queue:
    """One queue. The client is made when it is first needed, which in most runs is never."""

    def __init__(self, url: str, make_client: Callable[[], SQSClient]) -> None:
        self._url = url
        self._make_client = make_client

    @cached_property
    def _client(self) -> SQSClient:
        return self._make_client()

    def return_after(self, receipt_handle: str, seconds: int) -> None:
        """Let a received message come back after so many seconds instead of the queue's visibility time-out."""
        with translated():
            self._client.change_message_visibility(
                QueueUrl=self._url, ReceiptHandle=receipt_handle, VisibilityTimeout=seconds
            )

    def receive(self) -> Sequence[Mapping[str, Any]]:
        """Take messages, which the queue then hides from others for its visibility time-out; do not wait for any."""
        with translated():
            answer = self._client.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=MOST_MESSAGES,
                # Its successor, MessageSystemAttributeNames, is younger than the boto3 of some Lambda runtimes.
                AttributeNames=["ApproximateReceiveCount"],
            )
        return answer.get("Messages", [])

    def delete(self, receipt_handles: Sequence[str]) -> None:
        """Delete received messages; one that is gone already is success."""
        for start in range(0, len(receipt_handles), MOST_MESSAGES):
            chunk = receipt_handles[start : start + MOST_MESSAGES]
            with translated():
                self._client.delete_message_batch(
                    QueueUrl=self._url,
                    Entries=[
                        {"Id": str(place), "ReceiptHandle": handle}
                        for place, handle in enumerate(chunk)
                    ],
                )

    def has_backlog(self) -> bool:
        """Return whether the queue holds any message, waiting, in flight or delayed."""
        with translated():
            answer = self._client.get_queue_attributes(QueueUrl=self._url, AttributeNames=_COUNTS)
        return any(int(answer["Attributes"].get(name, "0")) for name in _COUNTS)
