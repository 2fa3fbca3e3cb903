"""An account in virtual time with a rule that matches launches."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws
from moto.core.config import DefaultConfig

from localaws.account import Account, Settings
from localaws.clock import VirtualClock
from localaws.events.envelope import Occurrence

if TYPE_CHECKING:
    from collections.abc import Iterator

SHARED_SESSION = DefaultConfig(core={"reset_boto3_session": False})
RULE = "arn:aws:events:us-east-1:123456789012:rule/launches"


@dataclass
class Bus:
    """The account's default bus, its queues, and what arrived in them."""

    account: Account
    clock: VirtualClock
    events: Any
    sqs: Any

    def queue(self, name: str, *, allow: str | None = RULE, **attributes: str) -> str:
        """Create a queue that lets a rule in (or nobody), and return its ARN."""
        arn = f"arn:aws:sqs:us-east-1:123456789012:{name}"
        if allow is not None:
            attributes["Policy"] = json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": "events.amazonaws.com"},
                            "Action": "sqs:SendMessage",
                            "Resource": arn,
                            "Condition": {"ArnEquals": {"aws:SourceArn": allow}},
                        }
                    ],
                }
            )
        self.sqs.create_queue(QueueName=name, Attributes=attributes)
        return arn

    def rule(self, *targets: dict[str, Any], state: str = "ENABLED") -> None:
        """Put the rule with these targets."""
        pattern = {"source": ["aws.autoscaling"], "detail": {"LifecycleHookName": ["ours"]}}
        self.events.put_rule(Name="launches", EventPattern=json.dumps(pattern), State=state)
        self.events.put_targets(
            Rule="launches",
            Targets=[{"Id": str(number), **target} for number, target in enumerate(targets)],
        )

    def emit(self, number: int = 1, hook: str = "ours") -> dict[str, Any]:
        """Emit an event of a hook and let it arrive."""
        occurrence = Occurrence(
            "aws.autoscaling", "launch", {"LifecycleHookName": hook, "n": number}, ("arn:group",)
        )
        event = self.account.events.emit(occurrence, account_id="123456789012", region="us-east-1")
        self.clock.advance(0)
        return event

    def received(self, name: str) -> list[dict[str, Any]]:
        """Take the messages of a queue, with their attributes."""
        url = self.sqs.get_queue_url(QueueName=name)["QueueUrl"]
        answer = self.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        )
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        return messages

    def bodies(self, name: str) -> list[Any]:
        """Take what arrived in a queue."""
        return [json.loads(message["Body"]) for message in self.received(name)]


@pytest.fixture
def bus() -> Iterator[Bus]:
    """A bus without rules."""
    clock = VirtualClock()
    account = Account(clock, Settings(throttling=False))
    with account.active(), mock_aws(config=SHARED_SESSION):
        yield Bus(account, clock, boto3.client("events"), boto3.client("sqs"))
