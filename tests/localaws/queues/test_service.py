"""SQS in the account's time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.localaws.queues.conftest import Line

pytestmark = pytest.mark.localaws


def test_a_received_message_is_hidden_until_its_visibility_ends(line: Line) -> None:
    line.send("a")
    assert len(line.sqs.receive_message(QueueUrl=line.url)["Messages"]) == 1
    line.clock.advance(59)
    assert "Messages" not in line.sqs.receive_message(QueueUrl=line.url)
    line.clock.advance(1)
    assert len(line.sqs.receive_message(QueueUrl=line.url)["Messages"]) == 1


def test_visibility_zero_shows_a_message_at_once(line: Line) -> None:
    line.send("a")
    [message] = line.sqs.receive_message(QueueUrl=line.url)["Messages"]
    line.sqs.change_message_visibility(
        QueueUrl=line.url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
    )
    assert len(line.sqs.receive_message(QueueUrl=line.url)["Messages"]) == 1


def test_a_long_poll_returns_when_a_message_comes_or_its_time_is_over(line: Line) -> None:
    line.clock.call_at(line.clock.now() + 7, lambda: line.send("late"))
    found = line.sqs.receive_message(QueueUrl=line.url, WaitTimeSeconds=20)["Messages"]
    assert [message["Body"] for message in found] == ["late"]
    assert line.clock.now() - line.start_s == pytest.approx(7, abs=0.2)
    assert "Messages" not in line.sqs.receive_message(QueueUrl=line.url, WaitTimeSeconds=20)
    assert line.clock.now() - line.start_s == pytest.approx(27, abs=0.4)


def test_a_message_older_than_the_retention_is_gone_and_blocks_nothing(line: Line) -> None:
    line.sqs.set_queue_attributes(QueueUrl=line.url, Attributes={"MessageRetentionPeriod": "60"})
    line.send("old")
    line.clock.advance(61)
    line.send("new")
    found = line.sqs.receive_message(QueueUrl=line.url, MaxNumberOfMessages=10)["Messages"]
    assert [message["Body"] for message in found] == ["new"]
    assert line.waiting() == (0, 1)


def test_setting_one_attribute_leaves_the_policy_and_the_others_as_they_are(line: Line) -> None:
    # SQS API Reference, SetQueueAttributes: what is not in the map of attributes to set is not set.
    line.queue("dead")
    redrive = {
        "deadLetterTargetArn": "arn:aws:sqs:us-east-1:123456789012:dead",
        "maxReceiveCount": 3,
    }
    statement = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    for name, value in (("Policy", policy), ("RedrivePolicy", redrive)):
        line.sqs.set_queue_attributes(QueueUrl=line.url, Attributes={name: json.dumps(value)})

    line.sqs.set_queue_attributes(QueueUrl=line.url, Attributes={"VisibilityTimeout": "90"})

    shown = line.sqs.get_queue_attributes(QueueUrl=line.url, AttributeNames=["All"])["Attributes"]
    assert json.loads(shown["Policy"]) == policy
    assert json.loads(shown["RedrivePolicy"]) == redrive
    assert shown["VisibilityTimeout"] == "90"


def test_an_empty_policy_takes_the_queue_s_policy_away(line: Line) -> None:
    statement = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    for value in (policy, ""):
        line.sqs.set_queue_attributes(QueueUrl=line.url, Attributes={"Policy": value})
    shown = line.sqs.get_queue_attributes(QueueUrl=line.url, AttributeNames=["All"])["Attributes"]
    assert "Policy" not in shown


def test_callers_of_a_service_that_is_down_are_told_so(line: Line) -> None:
    line.send("a")
    line.account.queues.fail_for(120)
    sqs = boto3.client("sqs", config=Config(retries={"total_max_attempts": 1}))
    with pytest.raises(ClientError) as refused:
        sqs.receive_message(QueueUrl=line.url)
    assert refused.value.response["Error"]["Code"] == "ServiceUnavailable"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    line.clock.advance(120)
    assert len(sqs.receive_message(QueueUrl=line.url)["Messages"]) == 1


def test_what_a_function_did_while_the_service_went_down_is_done_once_more(line: Line) -> None:
    line.map()
    line.answer = lambda _: line.account.queues.fail_for(120) if len(line.seen) == 1 else None
    line.send("a")
    line.clock.advance(119)
    assert len(line.seen) == 1
    line.clock.advance(1)
    assert line.bodies() == [["a"], ["a"]]
    assert line.waiting() == (0, 0)


def test_a_service_that_is_down_is_not_read(line: Line) -> None:
    line.map()
    line.send("a", DelaySeconds=10)
    line.account.queues.fail_for(30)
    line.clock.advance(29)
    assert line.seen == []
    line.clock.advance(1)
    assert [moment for moment, _ in line.seen] == [30]
