"""What a function gets from a queue, and what its answer means for each message.

Source: Lambda Developer Guide, "Using Lambda with Amazon SQS" (the record) and "Handling errors for an SQS event
source in Lambda" (when a batch counts as a complete success or a complete failure).
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from moto.sqs.models import Message

REPORT_BATCH_ITEM_FAILURES = "ReportBatchItemFailures"


def record(message: Message, queue_arn: str, region: str) -> dict[str, Any]:
    """Return the record of one received message."""
    return {
        "messageId": message.id,
        "receiptHandle": message.receipt_handle,
        "body": message.body,
        "attributes": {
            "ApproximateReceiveCount": str(message.approximate_receive_count),
            "SentTimestamp": str(message.sent_timestamp),
            "SenderId": message.sender_id,
            "ApproximateFirstReceiveTimestamp": str(message.approximate_first_receive_timestamp),
        },
        "messageAttributes": {
            name: _attribute(attribute) for name, attribute in message.message_attributes.items()
        },
        "md5OfBody": message.body_md5,
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": region,
    }


def _attribute(attribute: Mapping[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "stringListValues": [],
        "binaryListValues": [],
        "dataType": attribute["DataType"],
    }
    if "StringValue" in attribute:
        shown["stringValue"] = attribute["StringValue"]
    elif "BinaryValue" in attribute:
        value = attribute["BinaryValue"]
        raw = value if isinstance(value, bytes) else str(value).encode()
        shown["binaryValue"] = base64.b64encode(raw).decode()
    return shown


def failed_messages(answer: bytes, message_ids: Collection[str]) -> set[str]:
    """Return the ids that a function's answer leaves on the queue, when it reports batch item failures.

    Nothing, null, `{}` and an empty or null list mean that all succeeded. What cannot be read, an empty or missing
    itemIdentifier, and an id that is not in the batch mean that all failed.
    """
    everything = set(message_ids)
    try:
        document = json.loads(answer or b"null")
    except ValueError:
        return everything
    if document is None:
        return set()
    if not isinstance(document, dict):
        return everything
    failures = document.get("batchItemFailures") or []
    if not isinstance(failures, list):
        return everything
    ids = {
        failure.get("itemIdentifier") if isinstance(failure, dict) else None for failure in failures
    }
    return {str(name) for name in ids} if ids <= everything else everything
