"""The product at work in this very process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from cli.rehearsal import Function, Rehearsal, SerialWorkers, rehearse
from localaws.account import Settings
from localaws.clock import VirtualClock
from localaws.faults import Fault, FaultKind

if TYPE_CHECKING:
    from collections.abc import Iterator

MINIMAL = Path(__file__).parents[2] / "config" / "minimal.yaml"
GROUP = "lab-workers"


@pytest.fixture
def rehearsal() -> Iterator[Rehearsal]:
    """Return a rehearsal of the minimal configuration with one node waiting."""
    document: dict[str, Any] = yaml.safe_load(MINIMAL.read_text(encoding="utf-8"))
    settings = Settings(visibility_s=0.0)
    with rehearse(document, VirtualClock(), settings, SerialWorkers()) as made:
        made.desire(GROUP, 1)
        made.account.clock.wait(5)
        yield made


def launch_events(rehearsal: Rehearsal) -> list[str]:
    """Return the launch events so far, as messages."""
    hook = rehearsal.runtime.environment.launch_hook
    return [json.dumps(event) for event in rehearsal.opened(hook)]


def test_a_served_node_comes_into_service(rehearsal: Rehearsal) -> None:
    answer = rehearsal.deliver(Function.LAUNCH, launch_events(rehearsal))
    assert answer.response == {"batchItemFailures": []}
    [record, metrics] = [json.loads(line) for line in answer.output]
    assert record["result"] == "continued"
    assert metrics["InterfacesAttached"] == [1]
    members = rehearsal.account.client("autoscaling").describe_auto_scaling_instances()
    assert [m["LifecycleState"] for m in members["AutoScalingInstances"]] == ["InService"]


@pytest.mark.parametrize("faulty", [False, True], ids=["worked", "to be tried again"])
def test_a_message_leaves_its_queue_only_when_it_was_worked(
    rehearsal: Rehearsal, faulty: bool
) -> None:
    if faulty:
        down = Fault("DescribeInstances", FaultKind.ERROR, code="Unavailable", times=None)
        rehearsal.account.faults.inject(down)
    answer = rehearsal.deliver(Function.LAUNCH, launch_events(rehearsal))
    assert len(answer.response["batchItemFailures"]) == faulty
    counted = rehearsal.account.client("sqs").get_queue_attributes(
        QueueUrl=rehearsal.runtime.environment.launch_queue_url, AttributeNames=["All"]
    )["Attributes"]
    assert int(counted["ApproximateNumberOfMessagesNotVisible"]) == faulty
    assert int(counted["ApproximateNumberOfMessages"]) == 0


def test_the_schedule_finds_the_node_that_nobody_told_of(rehearsal: Rehearsal) -> None:
    rehearsal.account.clock.wait(120)
    answer = rehearsal.reconcile()
    assert [outcome["result"] for outcome in answer.response["outcomes"]] == ["continued"]


@pytest.mark.parametrize(
    ("way", "group"),
    [
        ({"create": {"subnets": {}}}, "MultusEni-minimal-Nodes-workers"),
        ({"managed_node_group": "workers"}, "minimal-workers"),
    ],
    ids=["created", "looked up"],
)
def test_groups_that_no_stack_makes_and_nobody_finds_are_there_all_the_same(
    way: dict[str, Any], group: str
) -> None:
    document: dict[str, Any] = yaml.safe_load(MINIMAL.read_text(encoding="utf-8"))
    del document["node_groups"][0]["auto_scaling_group"]
    document["node_groups"][0] |= way
    with rehearse(document, VirtualClock(), Settings(visibility_s=0.0), SerialWorkers()) as made:
        made.desire(group, 1)
        made.account.clock.wait(5)
        made.deliver(Function.LAUNCH, launch_events(made))
        members = made.account.client("autoscaling").describe_auto_scaling_instances()
        assert [m["LifecycleState"] for m in members["AutoScalingInstances"]] == ["InService"]
