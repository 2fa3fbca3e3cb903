"""A queue, a function, and the mapping between them."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws
from moto.core.config import DefaultConfig

from localaws.account import Account, Settings
from localaws.clock import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Iterator

SHARED_SESSION = DefaultConfig(core={"reset_boto3_session": False})
WORK = "arn:aws:sqs:us-east-1:123456789012:work"


@dataclass
class Line:
    """A queue with a function behind it; `seen` has (time since the start, records) of every invocation."""

    account: Account
    clock: VirtualClock
    sqs: Any
    functions: Any
    start_s: float
    url: str = ""
    seen: list[tuple[float, list[dict[str, Any]]]] = field(default_factory=list)
    answer: Any = None

    def handler(self, event: dict[str, Any], _context: object) -> object:
        """Note the records, then return or do what the test wants."""
        self.seen.append((self.clock.now() - self.start_s, event["Records"]))
        return self.answer(event) if callable(self.answer) else self.answer

    def queue(self, name: str = "work", **attributes: str) -> str:
        """Create a queue and return its URL."""
        url: str = self.sqs.create_queue(
            QueueName=name, Attributes={"VisibilityTimeout": "60", **attributes}
        )["QueueUrl"]
        return url

    def map(self, **parameters: object) -> str:
        """Create the mapping and return its UUID."""
        created: str = self.functions.create_event_source_mapping(
            **{"EventSourceArn": WORK, "FunctionName": "probe", **parameters}
        )["UUID"]
        return created

    def send(self, *bodies: str, **parameters: object) -> None:
        """Send messages."""
        for body in bodies:
            self.sqs.send_message(QueueUrl=self.url, MessageBody=body, **parameters)

    def bodies(self) -> list[list[str]]:
        """Return the bodies of each batch so far."""
        return [[record["body"] for record in records] for _, records in self.seen]

    def waiting(self, url: str | None = None) -> tuple[int, int]:
        """Return how many messages are visible and how many are not."""
        attributes = self.sqs.get_queue_attributes(QueueUrl=url or self.url, AttributeNames=["All"])
        shown = attributes["Attributes"]
        return (
            int(shown["ApproximateNumberOfMessages"]),
            int(shown["ApproximateNumberOfMessagesNotVisible"]),
        )


@pytest.fixture
def line() -> Iterator[Line]:
    """A function of 30 seconds and a queue of 60, not mapped yet."""
    clock = VirtualClock()
    account = Account(clock, Settings(throttling=False))
    with account.active(), mock_aws(config=SHARED_SESSION):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("app.py", "")
        trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}
        iam = boto3.client("iam")
        role = iam.create_role(
            RoleName="runs",
            AssumeRolePolicyDocument=json.dumps(
                {"Version": "2012-10-17", "Statement": [{**trust, "Action": "sts:AssumeRole"}]}
            ),
        )["Role"]["Arn"]
        read = {"Effect": "Allow", "Action": "sqs:*", "Resource": WORK}
        iam.put_role_policy(
            RoleName="runs",
            PolicyName="reads",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [read]}),
        )
        functions: Any = boto3.client("lambda")
        functions.create_function(
            FunctionName="probe",
            Role=role,
            Runtime="python3.13",
            Handler="app.handler",
            Timeout=30,
            Code={"ZipFile": buffer.getvalue()},
        )
        made = Line(account, clock, boto3.client("sqs"), functions, clock.now())
        made.url = made.queue()
        account.functions.register("probe", made.handler)
        yield made
