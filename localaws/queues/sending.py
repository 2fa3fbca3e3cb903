"""How AWS's own services put a message on a queue."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from moto.sqs.models import sqs_backends
from moto.utilities.arns import parse_arn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moto.sqs.models import Queue


def queue_at(arn: str) -> Queue | None:
    """Return the queue with this ARN, or None; the caller holds the account's lock."""
    parsed = parse_arn(arn)
    queue: Queue | None = sqs_backends[parsed.account][parsed.region].queues.get(parsed.resource_id)
    return queue


def policy_of(queue: Queue) -> Mapping[str, Any] | None:
    """Return the queue's resource policy, or None when it has none."""
    policy: Mapping[str, Any] | None = json.loads(queue.policy) if queue.policy else None
    return policy


def visibility_timeout_s(queue: Queue) -> int:
    """Return how long the queue hides a received message."""
    seconds: int = queue.visibility_timeout  # type: ignore[attr-defined]  # moto sets it by name
    return int(seconds)


def send(queue: Queue, body: str, attributes: Mapping[str, str] | None = None) -> None:
    """Put a message with string attributes on the queue; the caller holds the account's lock."""
    sqs_backends[queue.account_id][queue.region].send_message(
        queue.name,
        body,
        message_attributes={
            name: {"DataType": "String", "StringValue": value}
            for name, value in (attributes or {}).items()
        },
    )
