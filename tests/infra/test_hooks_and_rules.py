"""Hooks, rules and queues: what happens between an instance launching and a handler hearing of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import pytest
from moto.events.models import EventPattern

from domain import naming
from domain.lifecycle import Ignored, InstanceTerminated, LifecycleEvent, Transition, parse_event

if TYPE_CHECKING:
    from moto.events.utils import EventMessageType

    from tests.infra.conftest import Synthesized

pytestmark = [pytest.mark.infra, pytest.mark.subprocesses("node")]

OWNER = "MultusEni-fleet"
TIME = "2026-01-31T12:00:00Z"
MACHINERY = (
    "AWS::SQS::Queue",
    "AWS::SQS::QueuePolicy",
    "AWS::Events::Rule",
    "AWS::Lambda::Function",
    "AWS::Lambda::EventSourceMapping",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::IAM::Role",
    "AWS::Scheduler::Schedule",
)


def hook_event(detail_type: str, transition: Transition, hook: str) -> dict[str, Any]:
    """Return an event of a hook opening, as EC2 Auto Scaling's user guide shows it."""
    return {
        "version": "0",
        "id": "12345678-1234-1234-1234-123456789012",
        "detail-type": detail_type,
        "source": "aws.autoscaling",
        "account": "123456789012",
        "time": TIME,
        "region": "us-east-1",
        "resources": [],
        "detail": {
            "LifecycleActionToken": "87654321-4321-4321-4321-210987654321",
            "AutoScalingGroupName": "core-user-plane",
            "LifecycleHookName": hook,
            "EC2InstanceId": "i-1234567890abcdef0",
            "LifecycleTransition": transition.value,
            "Origin": "EC2",
            "Destination": "AutoScalingGroup",
        },
    }


def state_event(state: str) -> dict[str, Any]:
    """Return an EC2 state-change event."""
    return {
        "version": "0",
        "id": "7bf73129-1428-4cd3-a780-95db273d1602",
        "detail-type": "EC2 Instance State-change Notification",
        "source": "aws.ec2",
        "account": "123456789012",
        "time": TIME,
        "region": "us-east-1",
        "resources": [],
        "detail": {"instance-id": "i-1234567890abcdef0", "state": state},
    }


LAUNCH = ("EC2 Instance-launch Lifecycle Action", Transition.LAUNCHING)
TERMINATE = ("EC2 Instance-terminate Lifecycle Action", Transition.TERMINATING)


@pytest.mark.parametrize(
    ("event", "queues"),
    [
        pytest.param(hook_event(*LAUNCH, f"{OWNER}-launch"), ["Launches"], id="our launch hook"),
        pytest.param(
            hook_event(*TERMINATE, f"{OWNER}-terminate"), ["Terminations"], id="our terminate hook"
        ),
        pytest.param(state_event("terminated"), ["Terminations"], id="instance terminated"),
        pytest.param(hook_event(*LAUNCH, f"{OWNER}-ready"), [], id="the node's own hook"),
        pytest.param(hook_event(*LAUNCH, "Launch-LC-Hook"), [], id="another's launch hook"),
        pytest.param(hook_event(*TERMINATE, "drain"), [], id="another's terminate hook"),
        pytest.param(
            hook_event(*LAUNCH, "MultusEni-other-launch"), [], id="another stack's launch hook"
        ),
        pytest.param(state_event("shutting-down"), [], id="instance not yet terminated"),
    ],
)
def test_an_event_reaches_the_queue_it_belongs_to(
    fleet: Synthesized, event: dict[str, Any], queues: list[str]
) -> None:
    reached = [
        rule["Targets"][0]["Arn"]["Fn::GetAtt"][0]
        for rule in fleet.of_type("AWS::Events::Rule").values()
        if EventPattern.load(json.dumps(rule["EventPattern"])).matches_event(
            cast("EventMessageType", event)
        )
    ]
    assert [name.partition("Queue")[0] for name in reached] == queues


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        pytest.param(hook_event(*LAUNCH, f"{OWNER}-launch"), LifecycleEvent, id="launch"),
        pytest.param(hook_event(*TERMINATE, f"{OWNER}-terminate"), LifecycleEvent, id="terminate"),
        pytest.param(state_event("terminated"), InstanceTerminated, id="terminated"),
        pytest.param(hook_event(*LAUNCH, "Launch-LC-Hook"), Ignored, id="another's hook"),
    ],
)
def test_the_handlers_read_what_the_rules_let_through(event: dict[str, Any], kind: type) -> None:
    hooks = {
        Transition.LAUNCHING: naming.launch_hook(OWNER),
        Transition.TERMINATING: naming.terminate_hook(OWNER),
    }
    assert isinstance(parse_event(event, hooks), kind)


def test_each_adopted_group_has_both_hooks_and_a_third_where_nodes_answer_one(
    fleet: Synthesized,
) -> None:
    hooks = sorted(
        (
            hook["AutoScalingGroupName"],
            hook["LifecycleTransition"],
            hook["LifecycleHookName"],
            hook["DefaultResult"],
            hook["HeartbeatTimeout"],
        )
        for hook in fleet.of_type("AWS::AutoScaling::LifecycleHook").values()
    )
    launch = ("autoscaling:EC2_INSTANCE_LAUNCHING", f"{OWNER}-launch", "ABANDON", 900)
    ready = ("autoscaling:EC2_INSTANCE_LAUNCHING", f"{OWNER}-ready", "ABANDON", 900)
    terminate = ("autoscaling:EC2_INSTANCE_TERMINATING", f"{OWNER}-terminate", "CONTINUE", 900)
    assert hooks == [
        ("core-control-plane", *launch),
        ("core-control-plane", *terminate),
        ("core-user-plane", *launch),
        ("core-user-plane", *ready),
        ("core-user-plane", *terminate),
    ]


@pytest.mark.parametrize("resource_type", MACHINERY)
def test_hooks_come_after_and_go_before_all_that_answers_them(
    fleet: Synthesized, resource_type: str
) -> None:
    needed = set(fleet.of_type(resource_type))
    assert needed
    for logical_id in fleet.of_type("AWS::AutoScaling::LifecycleHook"):
        assert needed <= set(fleet.resources[logical_id]["DependsOn"])


def test_nothing_waits_for_a_hook(fleet: Synthesized) -> None:
    hooks = fleet.of_type("AWS::AutoScaling::LifecycleHook")
    waiting = {
        logical_id
        for logical_id, resource in fleet.resources.items()
        if set(hooks) & set(resource.get("DependsOn", []))
    }
    assert waiting == set()


def test_an_event_that_cannot_be_delivered_is_kept(fleet: Synthesized) -> None:
    for rule in fleet.of_type("AWS::Events::Rule").values():
        (target,) = rule["Targets"]
        assert target["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0].startswith("Undeliverable")
        assert target["RetryPolicy"] == {
            "MaximumEventAgeInSeconds": 900,
            "MaximumRetryAttempts": 185,
        }


def test_every_target_may_be_sent_to_by_its_own_rule_and_by_nobody_else(
    fleet: Synthesized,
) -> None:
    wanted = {
        (queue["Fn::GetAtt"][0], rule_id)
        for rule_id, rule in fleet.of_type("AWS::Events::Rule").items()
        for target in rule["Targets"]
        for queue in (target["Arn"], target["DeadLetterConfig"]["Arn"])
    }
    allowed = set()
    for policy in fleet.of_type("AWS::SQS::QueuePolicy").values():
        (queue,) = policy["Queues"]
        for statement in policy["PolicyDocument"]["Statement"]:
            if statement["Effect"] == "Allow":
                assert statement["Action"] == "sqs:SendMessage"
                assert statement["Principal"] == {"Service": "events.amazonaws.com"}
                assert statement["Resource"] == {"Fn::GetAtt": [queue["Ref"], "Arn"]}
                source = statement["Condition"]["ArnEquals"]["aws:SourceArn"]["Fn::GetAtt"][0]
                allowed.add((queue["Ref"], source))
    assert allowed == wanted


def test_every_queue_is_encrypted_and_refuses_plain_http(fleet: Synthesized) -> None:
    queues = fleet.of_type("AWS::SQS::Queue")
    assert len(queues) == 6
    assert all(queue["SqsManagedSseEnabled"] for queue in queues.values())
    denied = {
        policy["Queues"][0]["Ref"]
        for policy in fleet.of_type("AWS::SQS::QueuePolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny"
        and statement["Action"] == "sqs:*"
        and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    }
    assert denied == set(queues)


def test_dead_letters_outlive_the_queue_they_come_from(fleet: Synthesized) -> None:
    queues = fleet.of_type("AWS::SQS::Queue")
    redrives = [q for q in queues.values() if "RedrivePolicy" in q]
    assert len(redrives) == 2
    for queue in redrives:
        target = queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]
        assert queues[target]["MessageRetentionPeriod"] > queue["MessageRetentionPeriod"]
        assert "RedrivePolicy" not in queues[target]
