"""Events on the default bus, over boto3 in the embedded account."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from domain import naming
from domain.errors import ServiceFault
from lambdas.aws.events import EventBus
from localaws.account import Account
from localaws.clock import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def clock() -> Iterator[VirtualClock]:
    """Return the time of an active account."""
    clock = VirtualClock()
    with Account(clock).active(), mock_aws():
        yield clock


def test_an_event_reaches_whoever_listens_for_it(clock: VirtualClock) -> None:
    sqs: Any = boto3.client("sqs")
    events: Any = boto3.client("events")
    url = sqs.create_queue(QueueName="pager")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    pattern = {"source": [naming.EVENT_SOURCE], "detail-type": [naming.LAUNCH_ABANDONED]}
    rule = events.put_rule(Name="pager", EventPattern=json.dumps(pattern))["RuleArn"]
    policy = {
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "events.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": arn,
                "Condition": {"ArnEquals": {"aws:SourceArn": rule}},
            }
        ]
    }
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    events.put_targets(Rule="pager", Targets=[{"Id": "1", "Arn": arn}])

    EventBus(lambda: events).put(naming.LAUNCH_ABANDONED, {"reason": "full"})
    clock.advance(1)

    (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
    assert json.loads(message["Body"])["detail"] == {"reason": "full"}


def test_an_entry_that_is_not_taken_is_an_error() -> None:
    events: Any = boto3.client("events")
    with Stubber(events) as stub:
        answer = {
            "FailedEntryCount": 1,
            "Entries": [{"ErrorCode": "InternalFailure", "ErrorMessage": "x"}],
        }
        stub.add_response("put_events", answer)
        with pytest.raises(ServiceFault, match="PutEvents: InternalFailure: x"):
            EventBus(lambda: events).put(naming.LAUNCH_ABANDONED, {})
