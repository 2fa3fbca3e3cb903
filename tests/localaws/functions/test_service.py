"""Invoke, concurrency, logs and metrics, over boto3 in the test's own process."""

from __future__ import annotations

import base64
import json
import sys
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from localaws.faults import CallerCrashed

if TYPE_CHECKING:
    from collections.abc import Callable

    from localaws.account import Account
    from localaws.functions.registered import Context

pytestmark = pytest.mark.localaws

METRIC = {
    "_aws": {
        "Timestamp": 1,
        "CloudWatchMetrics": [
            {"Namespace": "N", "Dimensions": [["owner"]], "Metrics": [{"Name": "Launched"}]}
        ],
    },
    "owner": "one",
    "Launched": 3,
}


def raising(error: BaseException) -> Callable[[object, object], object]:
    def handler(_event: object, _context: object) -> object:
        raise error

    return handler


def test_a_response_comes_back_with_the_tail_of_the_log(
    account: Account, deploy: Callable[..., str]
) -> None:
    deploy("probe")

    def handler(event: dict[str, int], context: Context) -> object:
        sys.stdout.write(f"seen {event['n']}\n")
        return {"left_ms": context.get_remaining_time_in_millis()}

    account.functions.register("probe", handler)
    answer = boto3.client("lambda").invoke(
        FunctionName="probe", Payload=b'{"n": 1}', LogType="Tail"
    )
    assert json.loads(answer["Payload"].read()) == {"left_ms": 30_000}
    assert answer.get("FunctionError") is None
    assert answer["ExecutedVersion"] == "$LATEST"
    log = base64.b64decode(answer["LogResult"]).decode().splitlines()
    assert log[0].startswith("START RequestId: ")
    assert log[1] == "seen 1"
    assert log[-1].startswith("REPORT RequestId: ")


def test_an_exception_is_a_function_error(account: Account, deploy: Callable[..., str]) -> None:
    deploy("probe")

    account.functions.register("probe", raising(LookupError("no such card")))
    answer = boto3.client("lambda").invoke(FunctionName="probe")
    assert answer["StatusCode"] == 200
    assert answer["FunctionError"] == "Unhandled"
    assert json.loads(answer["Payload"].read())["errorType"] == "LookupError"


def test_a_handler_that_overruns_its_timeout_has_timed_out(
    account: Account, deploy: Callable[..., str]
) -> None:
    arn = deploy("probe", Timeout=30)
    account.functions.register("probe", lambda _event, _context: account.clock.wait(31))
    result = account.functions.invoke(arn, b"{}")
    assert result.kind == "timeout"
    assert "Task timed out after 30.00 seconds" in result.payload.decode()


def test_a_crash_of_the_caller_is_a_crash_of_the_function(
    account: Account, deploy: Callable[..., str]
) -> None:
    arn = deploy("probe")
    account.functions.register("probe", raising(CallerCrashed("here")))
    result = account.functions.invoke(arn, b"{}")
    assert result.kind == "crash"
    assert "Runtime.ExitError" in result.payload.decode()


@pytest.mark.parametrize(
    ("reserved", "inner"), [(1, "throttled"), (2, "response"), (None, "response")]
)
def test_reserved_concurrency_bounds_what_runs_at_once(
    account: Account, deploy: Callable[..., str], reserved: int | None, inner: str
) -> None:
    arn = deploy("probe")
    if reserved is not None:
        boto3.client("lambda").put_function_concurrency(
            FunctionName="probe", ReservedConcurrentExecutions=reserved
        )

    def handler(event: int, _context: object) -> object:
        return account.functions.invoke(arn, b"1").kind if event == 0 else "inner"

    account.functions.register("probe", handler)
    assert json.loads(account.functions.invoke(arn, b"0").payload) == inner
    assert json.loads(account.functions.invoke(arn, b"0").payload) == inner


def test_a_throttled_invoke_is_refused_with_429(deploy: Callable[..., str]) -> None:
    deploy("probe")
    client = boto3.client("lambda", config=Config(retries={"total_max_attempts": 1}))
    client.put_function_concurrency(FunctionName="probe", ReservedConcurrentExecutions=0)
    with pytest.raises(client.exceptions.TooManyRequestsException) as refused:
        client.invoke(FunctionName="probe")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429


def test_a_payload_that_is_no_json_is_refused(deploy: Callable[..., str]) -> None:
    deploy("probe")
    with pytest.raises(ClientError, match="InvalidRequestContentException"):
        boto3.client("lambda").invoke(FunctionName="probe", Payload=b"{")


@pytest.mark.parametrize(
    ("configured", "group"),
    [
        pytest.param({}, "/aws/lambda/probe", id="default"),
        pytest.param({"LoggingConfig": {"LogGroup": "/own"}}, "/own", id="configured"),
    ],
)
def test_lines_go_to_the_log_group_when_it_exists(
    account: Account, deploy: Callable[..., str], configured: dict[str, Any], group: str
) -> None:
    arn = deploy("probe", **configured)
    account.functions.register("probe", lambda *_: sys.stdout.write(f"{json.dumps(METRIC)}\n"))
    account.functions.invoke(arn, b"{}")
    logs = boto3.client("logs")
    logs.create_log_group(logGroupName=group)
    account.functions.invoke(arn, b"{}")

    events = logs.filter_log_events(logGroupName=group)["events"]
    assert [event["timestamp"] for event in events] == [int(account.clock.now() * 1000)] * 4
    assert json.loads(events[1]["message"]) == METRIC
    assert account.functions.metrics("probe") == [METRIC, METRIC]
    assert account.functions.metrics("other") == []
    shown = boto3.client("lambda").get_function_configuration(FunctionName="probe")
    assert shown["LoggingConfig"]["LogGroup"] == group
