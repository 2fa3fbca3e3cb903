"""SQS: pacing our own retries, and telling a long queue from a lost event."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

from lambdas.aws.errors import translated

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_sqs import SQSClient

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

    def has_backlog(self) -> bool:
        """Return whether the queue holds any message, waiting, in flight or delayed."""
        with translated():
            answer = self._client.get_queue_attributes(QueueUrl=self._url, AttributeNames=_COUNTS)
        return any(int(answer["Attributes"].get(name, "0")) for name in _COUNTS)
