"""A group in a VPC with two zones, and what a test asks of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws
from moto.core.config import DefaultConfig

from localaws.account import Account, Settings
from localaws.clock import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LAUNCHING = "autoscaling:EC2_INSTANCE_LAUNCHING"
TERMINATING = "autoscaling:EC2_INSTANCE_TERMINATING"

SHARED_SESSION = DefaultConfig(core={"reset_boto3_session": False})
"""A session reads botocore's models once; a new one per test costs more than the test."""


@dataclass
class Group:
    """A group over boto3, and the account that it is in."""

    account: Account
    clock: VirtualClock
    subnets: list[str]
    api: Any
    ec2: Any
    name: str = "workers"

    def create(self, **parameters: object) -> None:
        """Create the group; keywords go to CreateAutoScalingGroup, but those that are None."""
        wanted: dict[str, object] = {
            "AutoScalingGroupName": self.name,
            "MinSize": 0,
            "MaxSize": 8,
            "DesiredCapacity": 0,
            "LaunchTemplate": {"LaunchTemplateName": "node", "Version": "$Latest"},
            "VPCZoneIdentifier": ",".join(self.subnets),
            **parameters,
        }
        self.api.create_auto_scaling_group(
            **{key: value for key, value in wanted.items() if value is not None}
        )

    def hook(self, name: str = "launch", transition: str = LAUNCHING, **parameters: object) -> None:
        """Put a hook of 300 seconds; keywords go to PutLifecycleHook."""
        self.api.put_lifecycle_hook(
            **{
                "AutoScalingGroupName": self.name,
                "LifecycleHookName": name,
                "LifecycleTransition": transition,
                "HeartbeatTimeout": 300,
                **parameters,
            }
        )

    def scale(self, capacity: int) -> None:
        """Set the desired capacity."""
        self.api.set_desired_capacity(AutoScalingGroupName=self.name, DesiredCapacity=capacity)

    def answer(self, event: dict[str, Any], result: str = "CONTINUE") -> None:
        """Complete the action that an event tells of, by its token."""
        self.api.complete_lifecycle_action(
            AutoScalingGroupName=self.name,
            LifecycleHookName=event["detail"]["LifecycleHookName"],
            LifecycleActionToken=event["detail"]["LifecycleActionToken"],
            LifecycleActionResult=result,
        )

    def events(self, hook: str | None = None) -> list[dict[str, Any]]:
        """Return the lifecycle events so far, of one hook or of all."""
        return [
            event
            for event in self.account.events.emitted
            if event["source"] == "aws.autoscaling"
            and hook in (None, event["detail"]["LifecycleHookName"])
        ]

    def shown(self) -> dict[str, Any]:
        """Return the group as DescribeAutoScalingGroups shows it."""
        shown: dict[str, Any] = self.api.describe_auto_scaling_groups(
            AutoScalingGroupNames=[self.name]
        )["AutoScalingGroups"][0]
        return shown

    def states(self) -> Counter[str]:
        """Count the group's instances by lifecycle state."""
        return Counter(instance["LifecycleState"] for instance in self.shown()["Instances"])

    def ids(self) -> list[str]:
        """Return the ids of the group's instances."""
        return [instance["InstanceId"] for instance in self.shown()["Instances"]]

    def activities(self) -> list[dict[str, Any]]:
        """Return the scaling activities, the newest first."""
        shown: list[dict[str, Any]] = self.api.describe_scaling_activities(
            AutoScalingGroupName=self.name
        )["Activities"]
        return shown


@pytest.fixture
def settings() -> Settings:
    """The account's settings; a test may change them before it creates a group."""
    return Settings(throttling=False)


@pytest.fixture
def group(settings: Settings) -> Iterator[Group]:
    """A group that is not created yet."""
    clock = VirtualClock()
    account = Account(clock, settings)
    with account.active(), mock_aws(config=SHARED_SESSION):
        ec2: Any = boto3.client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnets = [
            ec2.create_subnet(
                VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=f"us-east-1{zone}"
            )["Subnet"]["SubnetId"]
            for number, zone in enumerate("ab")
        ]
        ec2.create_launch_template(
            LaunchTemplateName="node",
            LaunchTemplateData={"ImageId": "ami-12c6146b", "InstanceType": "m5.xlarge"},
        )
        yield Group(account, clock, subnets, boto3.client("autoscaling"), ec2)


@pytest.fixture
def refused() -> Callable[[Callable[[], object]], str]:
    """Return what calls and gives the refusal's message."""

    def call(action: Callable[[], object]) -> str:
        with pytest.raises(boto3.client("autoscaling").exceptions.ClientError) as error:
            action()
        return (
            f"{error.value.response['Error']['Code']}: {error.value.response['Error']['Message']}"
        )

    return call
