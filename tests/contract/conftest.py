"""Two legs that must behave as one: the fakes, and the boto3 adapters over the embedded account."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import boto3
import pytest
from moto import mock_aws
from moto.core.config import DefaultConfig

from domain.lifecycle import Transition
from domain.model import (
    GroupName,
    InstanceId,
    InstanceState,
    LifecycleActionToken,
    SecurityGroupId,
    SubnetId,
)
from lambdas.aws.autoscaling import AutoScaling
from lambdas.aws.ec2 import Ec2
from localaws.account import Account, Settings
from localaws.clock import VirtualClock
from tests.fakes.autoscaling import FakeAutoScaling
from tests.fakes.builders import Builders
from tests.fakes.calls import PortCalls
from tests.fakes.clock import FakeClock
from tests.fakes.ec2 import FakeEc2, Pace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lambdas.reconcile.ports import AutoScalingPort, Ec2Port

LAUNCH_HOOK, TERMINATE_HOOK = "MultusEni-example-launch", "MultusEni-example-terminate"
GROUP = GroupName("multus-workers")
VISIBLE_S, LAUNCH_S, ATTACH_S, TERMINATE_S = 0.3, 1.0, 1.0, 1.0
CIDRS = {"a": "10.0.0.0/24", "b": "10.0.1.0/24", "small": "10.0.2.0/28", "nodes": "10.0.8.0/22"}
ZONES = {"a": "us-east-1a", "b": "us-east-1b", "small": "us-east-1a", "nodes": "us-east-1a"}
SHARED_SESSION = DefaultConfig(core={"reset_boto3_session": False})


@dataclass(frozen=True)
class Waiting:
    """An instance that waits in a hook."""

    instance_id: InstanceId
    token: LifecycleActionToken


class Leg(Protocol):
    """What a contract test may ask of either side besides the ports themselves."""

    ec2: Ec2Port
    autoscaling: AutoScalingPort
    clock: FakeClock
    subnets: dict[str, SubnetId]
    """`a` and `small` (a /28) in one zone with the nodes', `b` in another; `a` has the tag use=multus."""
    security_group: SecurityGroupId
    """With the tag use=multus."""

    def run_instance(self, *, wait: bool = True) -> InstanceId:
        """Run an instance that takes four interfaces; it is pending for a second."""
        ...

    def stop(self, instance_id: InstanceId) -> None:
        """Stop it and wait until it is stopped."""
        ...

    def terminate(self, instance_id: InstanceId) -> None:
        """Begin to terminate it."""
        ...

    def occupy(self, subnet: str, address: str) -> None:
        """Take an address with a network interface that is not ours."""
        ...

    def reserve(self, subnet: str, cidr: str) -> None:
        """Reserve a part of a subnet."""
        ...

    def launch(self) -> Waiting:
        """Let the group launch an instance, which waits in the launch hook."""
        ...

    def scale_in(self) -> Waiting:
        """Let the group terminate its only instance, which waits in the terminate hook."""
        ...


class FakeLeg:
    """The fakes."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        calls = PortCalls()
        pace = Pace(VISIBLE_S, ATTACH_S, detach_s=1.0, terminate_s=TERMINATE_S)
        self._ec2 = FakeEc2(self.clock, calls, pace)
        self._autoscaling = FakeAutoScaling(calls, self._ec2.terminate)
        self._ec2.on_terminated = self._autoscaling.leave
        self.ec2: Ec2Port = self._ec2
        self.autoscaling: AutoScalingPort = self._autoscaling
        self.security_group = Builders.security_group
        self._ec2.add_security_group(self.security_group, {"use": "multus"})
        self.subnets = {name: SubnetId(f"subnet-{name}") for name in CIDRS}
        for name, cidr in CIDRS.items():
            marks = {"use": "multus"} if name == "a" else {}
            self._ec2.add_subnet(self.subnets[name], ZONES[name], cidr, with_tags=marks)
        hooks = {LAUNCH_HOOK: Transition.LAUNCHING, TERMINATE_HOOK: Transition.TERMINATING}
        self._autoscaling.add_group(GROUP, hooks)
        self._numbers = itertools.count(1)
        self._member: InstanceId | None = None

    def run_instance(self, *, wait: bool = True) -> InstanceId:
        """Run an instance outside of any group."""
        instance_id = self._launch(None)
        if wait:
            self.clock.wait(LAUNCH_S)
        return instance_id

    def _launch(self, group: GroupName | None) -> InstanceId:
        instance_id = InstanceId(f"i-{next(self._numbers):017x}")
        self._ec2.launch(
            instance_id, group, self.subnets["nodes"], running_in_s=LAUNCH_S, max_interfaces=4
        )
        return instance_id

    def stop(self, instance_id: InstanceId) -> None:
        """Stop it at once."""
        self._ec2.set_state(instance_id, InstanceState.STOPPED)

    def terminate(self, instance_id: InstanceId) -> None:
        """Begin to terminate it."""
        self._ec2.terminate(instance_id)

    def occupy(self, subnet: str, address: str) -> None:
        """Take an address."""
        self._ec2.occupy(self.subnets[subnet], address)

    def reserve(self, subnet: str, cidr: str) -> None:
        """Replace the subnet by one with a reservation."""
        self._ec2.add_subnet(
            self.subnets[subnet], ZONES[subnet], CIDRS[subnet], reservations=[cidr]
        )

    def launch(self) -> Waiting:
        """Launch an instance into the hook."""
        self._member = self._launch(GROUP)
        action = self._autoscaling.open(GROUP, LAUNCH_HOOK, self._member)
        self.clock.wait(LAUNCH_S)
        return Waiting(self._member, action.token)

    def scale_in(self) -> Waiting:
        """Open the terminate hook of the group's instance."""
        if self._member is None:
            raise AssertionError("nothing was launched")
        action = self._autoscaling.open(GROUP, TERMINATE_HOOK, self._member)
        return Waiting(self._member, action.token)


class EmbeddedLeg:
    """The adapters over the embedded account, set up by plain boto3."""

    def __init__(self, account: Account, clock: VirtualClock) -> None:
        self.clock = FakeClock(clock)
        self._account = account
        self._raw: Any = boto3.client("ec2")
        self._groups: Any = boto3.client("autoscaling")
        self.ec2: Ec2Port = Ec2(self._raw)
        self.autoscaling: AutoScalingPort = AutoScaling(self._groups)
        vpc = self._raw.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.subnets = {
            name: SubnetId(
                self._raw.create_subnet(VpcId=vpc, CidrBlock=cidr, AvailabilityZone=ZONES[name])[
                    "Subnet"
                ]["SubnetId"]
            )
            for name, cidr in CIDRS.items()
        }
        made = self._raw.create_security_group(GroupName="multus", Description="multus", VpcId=vpc)
        self.security_group = SecurityGroupId(made["GroupId"])
        self._raw.create_tags(
            Resources=[self.subnets["a"], self.security_group],
            Tags=[{"Key": "use", "Value": "multus"}],
        )
        self._image = "ami-12c6146b"
        self._create_group()

    def _create_group(self) -> None:
        self._raw.create_launch_template(
            LaunchTemplateName="node",
            LaunchTemplateData={"ImageId": self._image, "InstanceType": "m5.xlarge"},
        )
        self._groups.create_auto_scaling_group(
            AutoScalingGroupName=GROUP,
            MinSize=0,
            MaxSize=4,
            DesiredCapacity=0,
            LaunchTemplate={"LaunchTemplateName": "node", "Version": "$Latest"},
            VPCZoneIdentifier=self.subnets["nodes"],
        )
        for name, transition in (
            (LAUNCH_HOOK, Transition.LAUNCHING),
            (TERMINATE_HOOK, Transition.TERMINATING),
        ):
            self._groups.put_lifecycle_hook(
                AutoScalingGroupName=GROUP,
                LifecycleHookName=name,
                LifecycleTransition=transition.value,
                HeartbeatTimeout=600,
                DefaultResult="CONTINUE",
            )

    def run_instance(self, *, wait: bool = True) -> InstanceId:
        """Run an instance outside of any group."""
        launched = self._raw.run_instances(
            ImageId=self._image,
            InstanceType="m5.xlarge",
            SubnetId=self.subnets["nodes"],
            MinCount=1,
            MaxCount=1,
        )["Instances"][0]
        if wait:
            self.clock.wait(LAUNCH_S)
        return InstanceId(launched["InstanceId"])

    def stop(self, instance_id: InstanceId) -> None:
        """Stop it."""
        self._raw.stop_instances(InstanceIds=[instance_id])
        self.clock.wait(1.0)

    def terminate(self, instance_id: InstanceId) -> None:
        """Begin to terminate it."""
        self._raw.terminate_instances(InstanceIds=[instance_id])

    def occupy(self, subnet: str, address: str) -> None:
        """Take an address."""
        self._raw.create_network_interface(SubnetId=self.subnets[subnet], PrivateIpAddress=address)
        self.clock.wait(VISIBLE_S)

    def reserve(self, subnet: str, cidr: str) -> None:
        """Reserve a part of a subnet."""
        self._raw.create_subnet_cidr_reservation(
            SubnetId=self.subnets[subnet], Cidr=cidr, ReservationType="explicit"
        )

    def launch(self) -> Waiting:
        """Scale out by one."""
        self._groups.set_desired_capacity(AutoScalingGroupName=GROUP, DesiredCapacity=1)
        self.clock.wait(LAUNCH_S)
        return self._waiting(LAUNCH_HOOK)

    def scale_in(self) -> Waiting:
        """Scale in to nothing."""
        self._groups.set_desired_capacity(AutoScalingGroupName=GROUP, DesiredCapacity=0)
        self.clock.wait(0)
        return self._waiting(TERMINATE_HOOK)

    def _waiting(self, hook: str) -> Waiting:
        details = [event["detail"] for event in self._account.events.emitted]
        detail = [each for each in details if each.get("LifecycleHookName") == hook][-1]
        return Waiting(
            InstanceId(detail["EC2InstanceId"]),
            LifecycleActionToken(detail["LifecycleActionToken"]),
        )


@pytest.fixture(params=["fakes", "adapters"])
def leg(request: pytest.FixtureRequest) -> Iterator[Leg]:
    """Return one side after the other."""
    if request.param == "fakes":
        yield FakeLeg()
        return
    clock = VirtualClock()
    settings = Settings(
        launch_s=LAUNCH_S,
        attach_s=ATTACH_S,
        terminate_s=TERMINATE_S,
        visibility_s=VISIBLE_S,
        throttling=False,
    )
    account = Account(clock, settings)
    with account.active(), mock_aws(config=SHARED_SESSION):
        yield EmbeddedLeg(account, clock)


@pytest.fixture
def build() -> Builders:
    """Return short ways to write inputs down."""
    return Builders()
