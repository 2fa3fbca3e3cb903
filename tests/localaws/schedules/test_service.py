"""Schedules over boto3 in virtual time."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws
from moto.core.config import DefaultConfig

from localaws.account import Account, Settings
from localaws.clock import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.localaws

SHARED_SESSION = DefaultConfig(core={"reset_boto3_session": False})
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:reconcile"
DEAD = "arn:aws:sqs:us-east-1:123456789012:dead"


def role(name: str, trusted: str, allowed: str, **condition: object) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": trusted},
        "Action": "sts:AssumeRole",
        **condition,
    }
    iam = boto3.client("iam")
    document = {"Version": "2012-10-17", "Statement": [statement]}
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(document))["Role"][
        "Arn"
    ]
    policy = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": allowed, "Resource": "*"}],
    }
    iam.put_role_policy(RoleName=name, PolicyName="does", PolicyDocument=json.dumps(policy))
    return arn


@pytest.fixture
def account() -> Iterator[Account]:
    account = Account(VirtualClock(), Settings(throttling=False))
    with account.active(), mock_aws(config=SHARED_SESSION):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("app.py", "")
        boto3.client("lambda").create_function(
            FunctionName="reconcile",
            Role=role("runs", "lambda.amazonaws.com", "logs:*"),
            Runtime="python3.13",
            Handler="app.handler",
            Code={"ZipFile": buffer.getvalue()},
        )
        boto3.client("sqs").create_queue(QueueName="dead")
        yield account


@pytest.fixture
def events(account: Account) -> list[Any]:
    seen: list[Any] = []
    account.functions.register("reconcile", lambda event, _context: seen.append(event))
    return seen


def create(role_arn: str, **parameters: object) -> None:
    client: Any = boto3.client("scheduler")
    client.create_schedule(
        **{
            "Name": "regularly",
            "ScheduleExpression": "rate(5 minutes)",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": {"Arn": FUNCTION, "RoleArn": role_arn, "Input": '{"run": true}'},
            **parameters,
        }
    )


def test_a_rate_fires_at_once_and_then_regularly(account: Account, events: list[Any]) -> None:
    create(role("fires", "scheduler.amazonaws.com", "lambda:InvokeFunction"))
    assert events == []
    account.clock.wait(600)
    assert events == [{"run": True}] * 3


def test_an_at_expression_fires_once(account: Account, events: list[Any]) -> None:
    create(
        role("fires", "scheduler.amazonaws.com", "lambda:InvokeFunction"),
        ScheduleExpression="at(2026-01-01T00:01:00)",
    )
    account.clock.wait(59)
    assert events == []
    account.clock.wait(3600)
    assert len(events) == 1


def test_a_disabled_schedule_does_not_fire_until_it_is_enabled(
    account: Account, events: list[Any]
) -> None:
    arn = role("fires", "scheduler.amazonaws.com", "lambda:InvokeFunction")
    create(arn, State="DISABLED")
    account.clock.wait(600)
    assert events == []
    client: Any = boto3.client("scheduler")
    client.update_schedule(
        Name="regularly",
        ScheduleExpression="rate(1 minute)",
        FlexibleTimeWindow={"Mode": "OFF"},
        State="ENABLED",
        Target={"Arn": FUNCTION, "RoleArn": arn},
    )
    account.clock.wait(60)
    assert events == [{}, {}]


def test_a_deleted_schedule_fires_no_more(account: Account, events: list[Any]) -> None:
    create(role("fires", "scheduler.amazonaws.com", "lambda:InvokeFunction"))
    account.clock.wait(1)
    boto3.client("scheduler").delete_schedule(Name="regularly")
    account.clock.wait(3600)
    assert len(events) == 1


@pytest.mark.parametrize(
    ("trusted", "condition", "accepted"),
    [
        pytest.param("scheduler.amazonaws.com", {}, True, id="trusts"),
        pytest.param("lambda.amazonaws.com", {}, False, id="trusts-another-service"),
        pytest.param(
            "scheduler.amazonaws.com",
            {
                "Condition": {
                    "StringEquals": {
                        "aws:SourceArn": "arn:aws:scheduler:us-east-1:123456789012:schedule-group/default"
                    }
                }
            },
            True,
            id="trusts-for-the-group",
        ),
        pytest.param(
            "scheduler.amazonaws.com",
            {
                "Condition": {
                    "StringEquals": {
                        "aws:SourceArn": "arn:aws:scheduler:us-east-1:123456789012:schedule/default/regularly"
                    }
                }
            },
            False,
            id="trusts-for-the-schedule",
        ),
    ],
)
@pytest.mark.usefixtures("account")
def test_the_role_must_let_scheduler_assume_it(
    trusted: str, condition: dict[str, object], accepted: bool
) -> None:
    arn = role("fires", trusted, "lambda:InvokeFunction", **condition)
    if accepted:
        create(arn)
        return
    with pytest.raises(
        boto3.client("scheduler").exceptions.ValidationException, match="assume the role"
    ):
        create(arn)


@pytest.mark.parametrize(
    "parameters",
    [
        {"ScheduleExpression": "rate(0 minutes)"},
        {"FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 5}},
    ],
)
@pytest.mark.usefixtures("account")
def test_what_cannot_fire_right_is_refused(parameters: dict[str, object]) -> None:
    arn = role("fires", "scheduler.amazonaws.com", "lambda:InvokeFunction")
    with pytest.raises(boto3.client("scheduler").exceptions.ClientError):
        create(arn, **parameters)


def test_a_role_that_may_not_invoke_ends_in_the_dead_letter_queue(
    account: Account, events: list[Any]
) -> None:
    arn = role("fires", "scheduler.amazonaws.com", "sqs:SendMessage")
    create(
        arn,
        Target={"Arn": FUNCTION, "RoleArn": arn, "DeadLetterConfig": {"Arn": DEAD}},
    )
    account.clock.wait(1)
    sqs: Any = boto3.client("sqs")
    url = sqs.get_queue_url(QueueName="dead")["QueueUrl"]
    [message] = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"])["Messages"]
    attributes = {key: value["StringValue"] for key, value in message["MessageAttributes"].items()}
    assert attributes["ERROR_CODE"] == "AWS.Lambda.AccessDeniedException"
    assert attributes["SCHEDULE_ARN"].endswith("schedule/default/regularly")
    assert events == []
