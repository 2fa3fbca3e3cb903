"""Asynchronous invocations: retries and where the failed ones go."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from localaws.account import Account

pytestmark = pytest.mark.localaws

QUEUE = "arn:aws:sqs:us-east-1:123456789012:sink"


class Recorder:
    """Fails so many times, then answers; remembers when it ran."""

    def __init__(self, account: Account, failures: int) -> None:
        self.account = account
        self.failures = failures
        self.start_s = account.clock.now()
        self.ran_at_s: list[float] = []

    def __call__(self, event: object, _context: object) -> object:
        self.ran_at_s.append(self.account.clock.now() - self.start_s)
        if len(self.ran_at_s) <= self.failures:
            raise RuntimeError("not yet")
        return {"did": event}


def sink() -> list[dict[str, Any]]:
    sqs: Any = boto3.client("sqs")
    url = sqs.get_queue_url(QueueName="sink")["QueueUrl"]
    answer = sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
    )
    messages: list[dict[str, Any]] = answer.get("Messages", [])
    return messages


def invoke() -> int:
    answer = boto3.client("lambda").invoke(
        FunctionName="probe", InvocationType="Event", Payload=b'{"n": 1}'
    )
    assert answer["Payload"].read() == b""
    status: int = answer["StatusCode"]
    return status


@pytest.mark.parametrize(
    ("failures", "at_s"),
    [(0, [0.0]), (1, [0.0, 60.0]), (2, [0.0, 60.0, 180.0]), (9, [0.0, 60.0, 180.0])],
)
def test_a_failed_event_is_tried_after_one_and_two_minutes(
    account: Account, deploy: Callable[..., str], failures: int, at_s: list[float]
) -> None:
    deploy("probe")
    recorder = Recorder(account, failures)
    account.functions.register("probe", recorder)
    assert invoke() == 202
    assert recorder.ran_at_s == []
    account.clock.wait(3600)
    assert recorder.ran_at_s == at_s


@pytest.mark.parametrize(
    ("config", "runs", "condition"),
    [
        pytest.param({"MaximumRetryAttempts": 0}, 1, "RetriesExhausted", id="no-retries"),
        pytest.param({"MaximumRetryAttempts": 1}, 2, "RetriesExhausted", id="one-retry"),
        pytest.param({"MaximumEventAgeInSeconds": 60}, 2, "EventAgeExceeded", id="age"),
    ],
)
def test_an_exhausted_event_goes_to_the_failure_destination(
    account: Account,
    deploy: Callable[..., str],
    config: dict[str, int],
    runs: int,
    condition: str,
) -> None:
    arn = deploy("probe")
    boto3.client("sqs").create_queue(QueueName="sink")
    client: Any = boto3.client("lambda")
    client.put_function_event_invoke_config(
        FunctionName="probe", MaximumRetryAttempts=2, MaximumEventAgeInSeconds=21_600
    )
    client.put_function_event_invoke_config(
        FunctionName="probe",
        DestinationConfig={"OnFailure": {"Destination": QUEUE}},
        **config,
    )
    account.functions.register("probe", Recorder(account, 9))
    invoke()
    account.clock.wait(3600)
    [message] = sink()
    record = json.loads(message["Body"])
    assert record["version"] == "1.0"
    assert record["requestContext"]["condition"] == condition
    assert record["requestContext"]["approximateInvokeCount"] == runs
    assert record["requestContext"]["functionArn"] == f"{arn}:$LATEST"
    assert record["requestPayload"] == {"n": 1}
    assert record["responseContext"]["functionError"] == "Unhandled"
    assert record["responsePayload"]["errorType"] == "RuntimeError"


def test_a_success_goes_to_its_own_destination(
    account: Account, deploy: Callable[..., str]
) -> None:
    deploy("probe")
    boto3.client("sqs").create_queue(QueueName="sink")
    boto3.client("lambda").put_function_event_invoke_config(
        FunctionName="probe", DestinationConfig={"OnSuccess": {"Destination": QUEUE}}
    )
    account.functions.register("probe", Recorder(account, 1))
    invoke()
    account.clock.wait(60)
    [message] = sink()
    record = json.loads(message["Body"])
    assert record["requestContext"]["condition"] == "Success"
    assert record["responsePayload"] == {"did": {"n": 1}}


def test_a_dead_letter_is_the_event_itself(account: Account, deploy: Callable[..., str]) -> None:
    boto3.client("sqs").create_queue(QueueName="sink")
    deploy("probe", DeadLetterConfig={"TargetArn": QUEUE})
    account.functions.register("probe", Recorder(account, 9))
    invoke()
    account.clock.wait(3600)
    [message] = sink()
    assert message["Body"] == '{"n": 1}'
    assert message["MessageAttributes"]["ErrorMessage"]["StringValue"] == "not yet"


def test_a_throttled_event_backs_off_and_does_not_use_up_its_retries(
    account: Account, deploy: Callable[..., str]
) -> None:
    deploy("probe")
    client: Any = boto3.client("lambda")
    client.put_function_concurrency(FunctionName="probe", ReservedConcurrentExecutions=0)
    recorder = Recorder(account, 2)
    account.functions.register("probe", recorder)
    invoke()
    account.clock.wait(60)
    assert recorder.ran_at_s == []
    client.delete_function_concurrency(FunctionName="probe")
    account.clock.wait(3600)
    # Backing off for 1, 2, 4, 8, 16 and 32 s; then failing twice.
    assert recorder.ran_at_s == [63.0, 123.0, 243.0]


def test_a_destination_that_the_role_may_not_reach_gets_nothing(
    account: Account, deploy: Callable[..., str]
) -> None:
    boto3.client("sqs").create_queue(QueueName="sink")
    deploy("probe", DeadLetterConfig={"TargetArn": QUEUE})
    boto3.client("iam").delete_role_policy(RoleName="runs", PolicyName="works")
    account.functions.register("probe", Recorder(account, 9))
    invoke()
    account.clock.wait(3600)
    assert sink() == []


def test_a_message_of_another_service_is_accepted_and_runs_later(
    account: Account, deploy: Callable[..., str]
) -> None:
    arn = deploy("probe")
    recorder = Recorder(account, 1)
    account.functions.register("probe", recorder)
    sns: Any = boto3.client("sns")
    topic = sns.create_topic(Name="told")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=arn)
    sns.publish(TopicArn=topic, Message="hello")
    assert recorder.ran_at_s == []
    account.clock.wait(60)
    assert recorder.ran_at_s == [0.0, 60.0]
