"""Events through the real handlers, over boto3, in the embedded account."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from domain.addressing import SPREAD
from domain.model import EniId, InstanceId
from localaws.faults import Fault, FaultKind

if TYPE_CHECKING:
    from localaws.faults import CallerCrashed
    from tests.fakes.stage import Stage

pytestmark = pytest.mark.scenario

EVENTS = Path(__file__).parents[2] / "events"


def payload(name: str, event: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return a payload of events/, about the instance and the action of a real event."""
    raw: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    if event is not None:
        raw["time"] = event["time"]
        for key in ("EC2InstanceId", "LifecycleActionToken"):
            raw["detail"][key] = event["detail"][key]
    return raw


def the_launch(stage: Stage) -> tuple[InstanceId, dict[str, Any]]:
    """Launch a node and return it with its event."""
    stage.desire(len(stage.states()) + 1)
    (event,) = stage.collect()
    return InstanceId(event["detail"]["EC2InstanceId"]), event


def serve(stage: Stage, nodes: int = 1) -> list[InstanceId]:
    """Bring nodes into service."""
    stage.desire(nodes)
    stage.work_off()
    return stage.in_service()


# The payloads, one by one.


@pytest.mark.parametrize("name", ["launch", "launch-into-warm-pool", "launch-from-warm-pool"])
def test_every_kind_of_launch_gets_its_interfaces_and_continues(stage: Stage, name: str) -> None:
    node, event = the_launch(stage)
    stage.send(payload(name, event))
    assert stage.poll(launching=True) == []
    stage.clock.wait(0)
    assert stage.faults_of(node) == []
    assert stage.states()[node] == "InService"


@pytest.mark.parametrize(
    ("name", "touched"),
    [
        ("terminate", True),
        ("terminate-from-warm-pool", True),
        ("terminate-into-warm-pool", False),
    ],
)
def test_every_kind_of_termination_continues(stage: Stage, name: str, touched: bool) -> None:
    (node,) = serve(stage)
    eni = stage.enis(node)[0]
    assert eni.attachment is not None
    stage.ec2.modify_network_interface_attribute(
        NetworkInterfaceId=eni.eni_id,
        Attachment={
            "AttachmentId": eni.attachment.attachment_id,
            "DeleteOnTermination": False,
        },
    )
    stage.desire(0)
    (event,) = stage.collect()
    stage.send(payload(name, event))
    assert stage.poll(launching=False) == []
    stage.clock.wait(30)
    assert node not in stage.states()
    assert [each.eni_id for each in stage.enis()] == ([] if touched else [eni.eni_id])


def test_the_last_sweep_deletes_what_outlived_its_instance(stage: Stage) -> None:
    (node,) = serve(stage)
    strand(stage, stage.enis(node)[0].eni_id)
    stage.ec2.terminate_instances(InstanceIds=[node])
    stage.clock.wait(4)
    assert len(stage.enis()) == 1
    raw = payload("state-change-terminated")
    raw["detail"]["instance-id"] = node
    stage.send(raw)
    assert stage.poll(launching=False) == []
    assert stage.enis() == []


def strand(stage: Stage, eni_id: EniId) -> None:
    """Take a network interface off its node."""
    (eni,) = [each for each in stage.enis() if each.eni_id == eni_id]
    assert eni.attachment is not None
    stage.ec2.detach_network_interface(AttachmentId=eni.attachment.attachment_id)
    stage.clock.wait(2)


@pytest.mark.parametrize(
    ("name", "launching"),
    [
        ("launch-of-another-hook", True),
        ("test-notification", True),
        ("test-notification-enveloped", False),
        ("state-change-running", False),
        ("schedule", True),
        ("terminate", True),
        ("launch", False),
    ],
)
def test_what_is_not_for_a_function_is_acknowledged_and_costs_nothing(
    stage: Stage, name: str, launching: bool
) -> None:
    stage.send_text((EVENTS / f"{name}.json").read_text(), launching=launching)
    stage.account.calls.clear()
    assert stage.poll(launching=launching) == []
    assert not stage.backlog()
    assert {call.service for call in stage.account.calls.all()} <= {"sqs"}


@pytest.mark.parametrize(
    ("name", "key", "value", "launching"),
    [
        ("launch", "EC2InstanceId", "not-an-id", True),
        ("launch", "LifecycleActionToken", "z", True),
        ("terminate", "EC2InstanceId", "i-*", False),
        ("state-change-terminated", "instance-id", "i-*", False),
    ],
)
def test_a_malformed_event_is_rejected_once_and_nothing_is_asked_about_it(
    stage: Stage, name: str, key: str, value: str, launching: bool
) -> None:
    raw = payload(name)
    raw["detail"][key] = value
    stage.send_text(json.dumps(raw), launching=launching)
    stage.account.calls.clear()
    assert stage.poll(launching=launching) == []
    assert not stage.backlog()
    assert {call.service for call in stage.account.calls.all()} <= {"sqs"}


def test_the_schedule_reconciles(stage: Stage) -> None:
    assert stage.reconcile() == {
        "nodes": 0,
        "orphans_found": 0,
        "orphans_deleted": 0,
        "outcomes": [],
    }


# Batches.


def test_of_a_mixed_batch_only_the_unfinished_come_back_and_soon(stage: Stage) -> None:
    ready, ready_event = the_launch(stage)
    stage.clock.wait(5)
    unseen = payload("launch", ready_event)
    unseen["detail"]["EC2InstanceId"] = "i-0ffffffffffffffff"
    stage.send(ready_event, unseen, payload("test-notification-enveloped"))
    stage.send_text("{broken", launching=True)
    stage.send_text(json.dumps(payload("launch-of-another-hook")), launching=True)
    (back,) = stage.poll(launching=True)
    assert json.loads(back) == unseen
    assert stage.faults_of(ready) == []
    assert stage.poll(launching=True) == []
    stage.clock.wait(5)
    assert stage.poll(launching=True) == [back]


def test_ten_nodes_in_one_batch_are_all_served(stage: Stage) -> None:
    stage.desire(10)
    stage.send(*stage.collect())
    assert stage.poll(launching=True) == []
    stage.clock.wait(0)
    nodes = stage.in_service()
    assert len(nodes) == 10
    assert all(stage.faults_of(node) == [] for node in nodes)
    addresses = {
        eni.ipv4_addresses[0] for eni in stage.enis() if eni.tags["multus-eni:interface"] == "n2"
    }
    assert len(addresses) == 10
    assert addresses <= {f"10.0.2.{host}" for host in range(4, 4 + (SPREAD + 1) * 10)}


# Duplicates, loss, disorder.


def test_a_duplicate_changes_nothing_whenever_it_comes(stage: Stage) -> None:
    node, event = the_launch(stage)
    stage.send(event, event)
    assert stage.poll(launching=True) == []
    stage.clock.wait(3600)
    stage.send(event)
    assert stage.poll(launching=True) == []
    assert stage.faults_of(node) == []
    assert stage.completed() == [(node, stage.environment.launch_hook)]
    assert stage.asked_for("ABANDON") == []


def test_a_lost_launch_is_taken_over(stage: Stage) -> None:
    node, _lost = the_launch(stage)
    stage.clock.wait(61)
    stage.reconcile()
    stage.clock.wait(0)
    assert stage.states()[node] == "InService"
    assert stage.faults_of(node) == []


def test_a_lost_termination_is_taken_over(stage: Stage) -> None:
    (node,) = serve(stage)
    stage.desire(0)
    stage.reconcile()
    stage.clock.wait(30)
    assert node not in stage.states()
    assert stage.enis() == []


def test_a_launch_event_after_the_end_of_its_node_leaves_nothing(stage: Stage) -> None:
    node, late = the_launch(stage)
    stage.clock.wait(5)
    stage.desire(0)
    stage.clock.wait(20)
    stage.work_off()
    assert node not in stage.states()
    stage.send(late)
    stage.poll(launching=True)
    stage.work_off()
    assert stage.enis() == []


def test_a_node_terminated_behind_the_groups_back_is_cleaned_up_after(stage: Stage) -> None:
    (node,) = serve(stage)
    strand(stage, stage.enis(node)[0].eni_id)
    stage.ec2.terminate_instances(InstanceIds=[node])
    stage.clock.wait(20)
    stage.work_off()
    (other,) = stage.in_service()
    assert other != node
    assert stage.enis(node) == []
    assert stage.faults_of(other) == []


def serve_without_hooks(stage: Stage) -> InstanceId:
    """Bring a node into service before there is a launch hook."""
    stage.groups.delete_lifecycle_hook(
        AutoScalingGroupName="multus-workers", LifecycleHookName=stage.environment.launch_hook
    )
    stage.desire(1)
    stage.clock.wait(5)
    (node,) = stage.in_service()
    assert stage.enis() == []
    stage.groups.put_lifecycle_hook(
        AutoScalingGroupName="multus-workers",
        LifecycleHookName=stage.environment.launch_hook,
        LifecycleTransition="autoscaling:EC2_INSTANCE_LAUNCHING",
        HeartbeatTimeout=600,
        DefaultResult="ABANDON",
    )
    return node


def test_a_node_older_than_the_hooks_is_adopted(stage: Stage) -> None:
    node = serve_without_hooks(stage)
    stage.reconcile()
    stage.clock.wait(5)
    assert stage.faults_of(node) == []
    assert stage.states()[node] == "InService"


def test_a_node_that_can_take_no_interface_is_asked_about_once_a_run_and_left_in_service(
    stage: Stage,
) -> None:
    node = serve_without_hooks(stage)
    stage.account.faults.inject(
        Fault(
            "AttachNetworkInterface",
            FaultKind.ERROR,
            times=None,
            code="AttachmentLimitExceeded",
        )
    )
    stage.reconcile()
    stage.clock.wait(5)
    made = stage.enis(node)
    assert len(made) == 2
    for _ in range(2):
        stage.clock.wait(300)
        stage.account.calls.clear()
        stage.reconcile()
        changes = {call.action for call in stage.account.calls.all()} & {
            *CHANGES,
            "DeleteNetworkInterface",
        }
        assert changes == {"AttachNetworkInterface"}
    assert stage.enis(node) == made
    assert stage.states()[node] == "InService"


# Faults.

CHANGES = [
    "CreateNetworkInterface",
    "AttachNetworkInterface",
    "ModifyNetworkInterfaceAttribute",
    "CompleteLifecycleAction",
]


@pytest.mark.parametrize("action", ["DescribeNetworkInterfaces", "DescribeInstances", *CHANGES])
@pytest.mark.parametrize("kind", [FaultKind.THROTTLE, FaultKind.LOST_ANSWER])
def test_what_passes_is_outlived_within_the_run(stage: Stage, action: str, kind: FaultKind) -> None:
    node, event = the_launch(stage)
    stage.account.faults.inject(Fault(action, kind))
    stage.send(event)
    assert stage.poll(launching=True) == []
    stage.clock.wait(0)
    assert stage.faults_of(node) == []
    assert stage.states()[node] == "InService"
    assert stage.asked_for("ABANDON") == []


@pytest.mark.parametrize("action", CHANGES)
@pytest.mark.parametrize("kind", [FaultKind.CRASH_BEFORE, FaultKind.CRASH_AFTER])
def test_a_function_that_dies_is_followed_by_one_that_finishes(
    stage: Stage, crashed: type[CallerCrashed], action: str, kind: FaultKind
) -> None:
    node, event = the_launch(stage)
    stage.account.faults.inject(Fault(action, kind))
    stage.send(event)
    with pytest.raises(crashed):
        stage.poll(launching=True)
    stage.restart()
    assert stage.backlog()
    stage.clock.wait(151)
    assert stage.poll(launching=True) == []
    stage.clock.wait(0)
    assert stage.faults_of(node) == []
    assert stage.states()[node] == "InService"
    assert stage.asked_for("ABANDON") == []


def test_no_free_address_abandons_cleans_up_and_says_why(stage: Stage) -> None:
    node, event = the_launch(stage)
    fault = Fault(
        "CreateNetworkInterface",
        FaultKind.ERROR,
        on_call=2,
        code="InsufficientFreeAddressesInSubnet",
    )
    stage.account.faults.inject(fault)
    stage.send(event)
    assert stage.poll(launching=True) == []
    assert stage.asked_for("ABANDON") == [node]
    assert stage.asked_for("CONTINUE") == []
    assert all(eni.attachment for eni in stage.enis(node))
    stage.clock.wait(60)
    assert stage.enis(node) == []


# What a run takes from its queue besides its batch.


def batch_of_one(stage: Stage) -> None:
    """Hand the oldest message alone to the launch function, as the first of a burst comes."""
    stage.poll(launching=True, most=1)


def test_a_run_takes_what_comes_after_its_batch_and_leaves_nothing_in_the_queue(
    stage: Stage,
) -> None:
    stage.desire(3)
    stage.send(*stage.collect())
    batch_of_one(stage)
    stage.clock.wait(5)
    assert len(stage.in_service()) == 3
    assert not stage.backlog()


def test_what_a_run_took_and_could_not_finish_comes_back(stage: Stage) -> None:
    stage.desire(2)
    stage.send(*stage.collect())
    stage.account.faults.inject(
        Fault("CompleteLifecycleAction", FaultKind.ERROR, on_call=2, times=40)
    )
    batch_of_one(stage)
    stage.clock.wait(1)
    assert len(stage.in_service()) == 1
    assert stage.backlog()
    stage.account.faults.clear()
    stage.work_off()
    assert len(stage.in_service()) == 2


def test_a_message_that_cannot_be_read_is_taken_and_gone(stage: Stage) -> None:
    stage.desire(1)
    stage.send(*stage.collect())
    stage.send_text("{not json", launching=True)
    batch_of_one(stage)
    assert not stage.backlog()
