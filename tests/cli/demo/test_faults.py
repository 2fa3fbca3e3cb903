"""The demo's faults: each says what it does, and knows whether it did."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from cli.demo import platform
from cli.demo.faults import DemoFault, inject
from localaws.identity import ACCOUNT_ID, REGION

if TYPE_CHECKING:
    from localaws.account import Account


@pytest.mark.parametrize("fault", DemoFault)
def test_a_fault_that_met_nothing_has_not_happened(
    document: dict[str, Any], empty_account: Account, fault: DemoFault
) -> None:
    made = platform.build(empty_account, document)
    injection = inject(fault, empty_account, made.subnets)
    assert fault.story
    assert not injection.happened()


def test_an_event_that_was_lost_has_happened(
    document: dict[str, Any], empty_account: Account
) -> None:
    made = platform.build(empty_account, document)
    injection = inject(DemoFault.LOST_EVENT, empty_account, made.subnets)
    _launch(empty_account, made.groups[0])
    assert injection.happened()


@pytest.mark.parametrize("served", [True, False], ids=["a queue takes them", "nobody takes them"])
def test_a_duplicate_has_happened_only_when_one_event_was_taken_twice(
    document: dict[str, Any], empty_account: Account, served: bool
) -> None:
    made = platform.build(empty_account, document)
    if served:
        _send_launches_to_a_queue(empty_account)
    injection = inject(DemoFault.DUPLICATE, empty_account, made.subnets)
    _launch(empty_account, made.groups[0])
    assert injection.happened() is served


def test_two_events_that_arrive_once_each_are_no_duplicate(
    document: dict[str, Any], empty_account: Account
) -> None:
    made = platform.build(empty_account, document)
    _send_launches_to_a_queue(empty_account)
    for group in made.groups:
        _launch(empty_account, group)
    assert len(empty_account.events.delivered) > 1
    assert not inject(DemoFault.DUPLICATE, empty_account, made.subnets).happened()


def _launch(account: Account, group: str) -> None:
    autoscaling = account.client("autoscaling")
    autoscaling.put_lifecycle_hook(
        AutoScalingGroupName=group,
        LifecycleHookName="hook",
        LifecycleTransition="autoscaling:EC2_INSTANCE_LAUNCHING",
    )
    autoscaling.set_desired_capacity(AutoScalingGroupName=group, DesiredCapacity=1)
    account.clock.wait(5)


def _send_launches_to_a_queue(account: Account) -> None:
    sqs, events = account.client("sqs"), account.client("events")
    allowed = {"Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage"}
    statement = {"Effect": "Allow", "Resource": "*", **allowed}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    sqs.create_queue(QueueName="launches", Attributes={"Policy": json.dumps(policy)})
    events.put_rule(Name="launches", EventPattern=json.dumps({"source": ["aws.autoscaling"]}))
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT_ID}:launches"
    events.put_targets(Rule="launches", Targets=[{"Id": "queue", "Arn": arn}])


def test_a_full_subnet_is_emptied_again(document: dict[str, Any], empty_account: Account) -> None:
    made = platform.build(empty_account, document)
    full = next(iter(made.subnets))
    injection = inject(DemoFault.NO_ADDRESSES, empty_account, made.subnets)
    assert _free(empty_account, full) == 0
    assert injection.undo is not None
    empty_account.clock.wait(5)  # a new interface is not visible at once
    injection.undo()
    assert _free(empty_account, full) > 0


def test_the_subnet_that_is_filled_is_one_with_ipv4(
    document: dict[str, Any], empty_account: Account
) -> None:
    first = document["node_groups"][0]["interfaces"][0]
    first |= {"ipv4": "none", "ipv6": {"count": 1}}
    made = platform.build(empty_account, document)
    inject(DemoFault.NO_ADDRESSES, empty_account, made.subnets)
    second = document["node_groups"][0]["interfaces"][1]["subnets"]["us-east-1a"]
    assert _free(empty_account, second) == 0


def _free(account: Account, subnet_id: str) -> int:
    [subnet] = account.client("ec2").describe_subnets(SubnetIds=[subnet_id])["Subnets"]
    return int(subnet["AvailableIpAddressCount"])
