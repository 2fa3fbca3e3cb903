"""The demo's faults: each says what it does, and knows whether it did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cli.demo import platform
from cli.demo.faults import DemoFault, inject

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


@pytest.mark.parametrize("fault", [DemoFault.DUPLICATE, DemoFault.LOST_EVENT])
def test_a_disturbed_event_has_happened(
    document: dict[str, Any], empty_account: Account, fault: DemoFault
) -> None:
    made = platform.build(empty_account, document)
    autoscaling = empty_account.client("autoscaling")
    autoscaling.put_lifecycle_hook(
        AutoScalingGroupName=made.groups[0],
        LifecycleHookName="hook",
        LifecycleTransition="autoscaling:EC2_INSTANCE_LAUNCHING",
    )
    injection = inject(fault, empty_account, made.subnets)
    autoscaling.set_desired_capacity(AutoScalingGroupName=made.groups[0], DesiredCapacity=1)
    empty_account.clock.wait(5)
    assert injection.happened()


def test_a_full_subnet_is_emptied_again(document: dict[str, Any], empty_account: Account) -> None:
    made = platform.build(empty_account, document)
    full = next(iter(made.subnets))
    injection = inject(DemoFault.NO_ADDRESSES, empty_account, made.subnets)
    assert _free(empty_account, full) == 0
    assert injection.undo is not None
    empty_account.clock.wait(5)  # a new interface is not visible at once
    injection.undo()
    assert _free(empty_account, full) > 0


def _free(account: Account, subnet_id: str) -> int:
    [subnet] = account.client("ec2").describe_subnets(SubnetIds=[subnet_id])["Subnets"]
    return int(subnet["AvailableIpAddressCount"])
