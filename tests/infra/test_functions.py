"""The functions: what they run, what they are told, what feeds them."""

from __future__ import annotations

import importlib
import re
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import aws_lambda as lambda_

from domain import naming
from domain.call_pace import SHARE
from domain.environment import FunctionEnvironment, from_environ

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.infra.conftest import Synthesized

pytestmark = [pytest.mark.infra, pytest.mark.subprocesses("node")]

HANDLERS = ("launch", "terminate", "reconcile", "reserve")


def environ(function: Mapping[str, Any]) -> dict[str, str]:
    """Return a function's variables with each reference in place of what it becomes."""
    return {
        name: value if isinstance(value, str) else value["Ref"]
        for name, value in function["Environment"]["Variables"].items()
    }


@pytest.mark.parametrize("name", HANDLERS)
def test_the_handlers_parser_reads_the_environment_that_the_stack_writes(
    fleet: Synthesized, name: str
) -> None:
    function = fleet.of_type("AWS::Lambda::Function")[fleet.function_id(name)]
    queues = {q.partition("Queue")[0]: q for q in fleet.of_type("AWS::SQS::Queue")}
    assert from_environ(environ(function)) == FunctionEnvironment(
        owner="MultusEni-fleet",
        launch_hook="MultusEni-fleet-launch",
        terminate_hook="MultusEni-fleet-terminate",
        heartbeat_timeout_s=900,
        launch_queue_url=queues["Launches"],
        terminate_queue_url=queues["Terminations"],
        orphan_min_age_s=900,
        max_deletions=50,
        max_adoptions=50,
        dry_run=False,
    )


@pytest.mark.parametrize("name", HANDLERS)
def test_powertools_is_told_names_that_the_alarms_expect(fleet: Synthesized, name: str) -> None:
    variables = environ(fleet.of_type("AWS::Lambda::Function")[fleet.function_id(name)])
    assert {k: v for k, v in variables.items() if k.startswith("POWERTOOLS_")} == {
        "POWERTOOLS_SERVICE_NAME": naming.SERVICE,
        "POWERTOOLS_METRICS_NAMESPACE": naming.METRICS_NAMESPACE,
        "POWERTOOLS_LOG_LEVEL": "INFO",
    }


@pytest.mark.parametrize("name", HANDLERS)
def test_a_handler_string_names_a_function(fleet: Synthesized, name: str) -> None:
    handler = fleet.of_type("AWS::Lambda::Function")[fleet.function_id(name)]["Handler"]
    module, _, attribute = handler.rpartition(".")
    assert callable(getattr(importlib.import_module(module), attribute))


def test_functions_run_on_arm_and_the_newest_python_that_cdk_knows(fleet: Synthesized) -> None:
    newest = max(
        (int(minor), f"python3.{minor}")
        for minor in re.findall(r"PYTHON_3_(\d+)", " ".join(dir(lambda_.Runtime)))
    )[1]
    functions = fleet.of_type("AWS::Lambda::Function").values()
    assert {function["Runtime"] for function in functions} == {newest}
    assert {tuple(function["Architectures"]) for function in functions} == {("arm64",)}


def test_each_function_logs_to_a_group_of_its_own_that_forgets(fleet: Synthesized) -> None:
    groups = [
        function["LoggingConfig"]["LogGroup"]["Ref"]
        for function in fleet.of_type("AWS::Lambda::Function").values()
    ]
    assert sorted(groups) == sorted(fleet.of_type("AWS::Logs::LogGroup"))
    assert {g["RetentionInDays"] for g in fleet.of_type("AWS::Logs::LogGroup").values()} == {90}


@pytest.mark.parametrize(
    ("name", "queue", "concurrency"),
    [("launch", "LaunchesQueue", 2), ("terminate", "TerminationsQueue", 2)],
)
def test_a_queue_feeds_its_function_with_partial_batches_and_a_bound(
    fleet: Synthesized, name: str, queue: str, concurrency: int
) -> None:
    (mapping,) = (
        mapping
        for mapping in fleet.of_type("AWS::Lambda::EventSourceMapping").values()
        if mapping["FunctionName"] == {"Ref": fleet.function_id(name)}
    )
    assert mapping["EventSourceArn"]["Fn::GetAtt"][0].startswith(queue)
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": concurrency}
    assert mapping["BatchSize"] == 10
    assert "MaximumBatchingWindowInSeconds" not in mapping


@pytest.mark.parametrize("name", HANDLERS)
def test_no_concurrency_is_reserved(fleet: Synthesized, name: str) -> None:
    function = fleet.of_type("AWS::Lambda::Function")[fleet.function_id(name)]
    assert "ReservedConcurrentExecutions" not in function


@pytest.mark.parametrize("name", ["launch", "terminate"])
def test_a_message_is_hidden_for_at_least_its_functions_timeout(
    fleet: Synthesized, name: str
) -> None:
    (mapping,) = (
        mapping
        for mapping in fleet.of_type("AWS::Lambda::EventSourceMapping").values()
        if mapping["FunctionName"] == {"Ref": fleet.function_id(name)}
    )
    queue = fleet.of_type("AWS::SQS::Queue")[mapping["EventSourceArn"]["Fn::GetAtt"][0]]
    function = fleet.of_type("AWS::Lambda::Function")[fleet.function_id(name)]
    assert queue["VisibilityTimeout"] >= function["Timeout"]


def test_the_reconciler_runs_on_a_schedule_whose_failures_are_kept(fleet: Synthesized) -> None:
    (schedule,) = fleet.of_type("AWS::Scheduler::Schedule").values()
    assert schedule["ScheduleExpression"] == "rate(3 minutes)"
    assert schedule["Target"]["Arn"] == {"Fn::GetAtt": [fleet.function_id("reconcile"), "Arn"]}
    assert schedule["Target"]["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0].startswith("Schedule")
    (invoke,) = (
        config
        for config in fleet.of_type("AWS::Lambda::EventInvokeConfig").values()
        if config["FunctionName"] == {"Ref": fleet.function_id("reconcile")}
    )
    assert (invoke["MaximumRetryAttempts"], invoke["Qualifier"]) == (0, "$LATEST")


def test_the_schedules_role_is_for_this_schedule_group_alone(fleet: Synthesized) -> None:
    (schedule,) = fleet.of_type("AWS::Scheduler::Schedule").values()
    role = fleet.of_type("AWS::IAM::Role")[schedule["Target"]["RoleArn"]["Fn::GetAtt"][0]]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert trust["Condition"]["StringEquals"] == {
        "aws:SourceAccount": {"Ref": "AWS::AccountId"},
        "aws:SourceArn": {"Fn::GetAtt": [schedule["GroupName"]["Ref"], "Arn"]},
    }


def test_the_runs_that_there_are_count_on_no_more_than_the_whole_of_each_bucket(
    fleet: Synthesized,
) -> None:
    (mapping,) = (
        mapping
        for mapping in fleet.of_type("AWS::Lambda::EventSourceMapping").values()
        if mapping["FunctionName"] == {"Ref": fleet.function_id("launch")}
    )
    assert mapping["ScalingConfig"]["MaximumConcurrency"] * SHARE <= 1
