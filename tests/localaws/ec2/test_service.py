"""What the account as a whole promises of its EC2: listeners, tags, and a state that dies with moto's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import boto3
import moto
import pytest
from moto.moto_api._internal.models import moto_api_backend

from localaws.account import Account, Settings
from localaws.clock import VirtualClock

if TYPE_CHECKING:
    from tests.localaws.ec2.conftest import Lab, Refused

PERSONAL = [{"Key": "a", "Value": "b"}]


def test_listeners_hear_of_each_state_at_its_time(lab: Lab) -> None:
    heard: list[tuple[str, float]] = []
    start_s = lab.clock.now()
    lab.account.ec2.on_state_change(
        lambda _, state: heard.append((state, round(lab.clock.now() - start_s, 3)))
    )
    instance = lab.pending()
    assert heard == []
    lab.clock.advance(2)
    lab.ec2.terminate_instances(InstanceIds=[instance])
    lab.clock.advance(2)
    assert heard == [
        ("pending", 0.0),
        ("running", 1.0),
        ("shutting-down", 2.0),
        ("terminated", 3.0),
    ]


def test_a_listener_may_call_the_account(lab: Lab) -> None:
    seen: list[str] = []
    lab.account.ec2.on_state_change(lambda instance, _: seen.append(lab.state(instance)))
    lab.launch()
    assert seen[-1] == "running"


def test_without_delays_everything_happens_at_once() -> None:
    instant = Settings(
        throttling=False, launch_s=0, attach_s=0, detach_s=0, terminate_s=0, visibility_s=0
    )
    account = Account(VirtualClock(), instant)
    with account.active(), moto.mock_aws():
        ec2 = boto3.client("ec2")
        launched = ec2.run_instances(
            ImageId="ami-12345678", InstanceType="m5.large", MinCount=1, MaxCount=1
        )["Instances"][0]
        assert launched["State"]["Name"] == "running"
        ec2.terminate_instances(InstanceIds=[launched["InstanceId"]])
        assert ec2.describe_network_interfaces()["NetworkInterfaces"] == []


def test_timers_of_a_reset_account_do_nothing(lab: Lab) -> None:
    lab.pending()
    lab.clock.advance(0)
    lab.states.clear()
    moto_api_backend.reset()
    lab.clock.advance(10)
    assert lab.states == []


def test_tags_of_an_interface_follow_create_and_delete(lab: Lab) -> None:
    interface = lab.make()
    lab.ec2.create_tags(Resources=[interface], Tags=PERSONAL)
    assert lab.interface(interface)["TagSet"] == PERSONAL
    lab.ec2.delete_tags(Resources=[interface], Tags=[{"Key": "a"}])
    assert lab.interface(interface)["TagSet"] == []


@pytest.mark.parametrize("key", ["aws:owner", "k" * 129], ids=["reserved", "too long"])
def test_tags_that_ec2_does_not_accept_are_refused(lab: Lab, refused: Refused, key: str) -> None:
    with refused("InvalidParameterValue"):
        lab.ec2.create_tags(Resources=[lab.make()], Tags=[{"Key": key, "Value": ""}])


def test_the_fifty_first_tag_is_refused(lab: Lab, refused: Refused) -> None:
    interface = lab.make()
    fifty = [{"Key": str(number), "Value": ""} for number in range(50)]
    lab.ec2.create_tags(Resources=[interface], Tags=fifty)
    with refused("TagLimitExceeded"):
        lab.ec2.create_tags(Resources=[interface], Tags=PERSONAL)


def test_aws_itself_may_use_reserved_keys(lab: Lab) -> None:
    instance = lab.launch()
    lab.account.client("ec2").create_tags(
        Resources=[instance], Tags=[{"Key": "aws:autoscaling:groupName", "Value": "g"}]
    )
    assert lab.instance(instance)["Tags"] == [{"Key": "aws:autoscaling:groupName", "Value": "g"}]


def test_tags_of_what_does_not_exist_are_refused(lab: Lab, refused: Refused) -> None:
    with refused("InvalidNetworkInterfaceID.NotFound"):
        lab.ec2.create_tags(Resources=["eni-0123456789abcdef0"], Tags=PERSONAL)
    with refused("InvalidInstanceID.NotFound"):
        lab.ec2.create_tags(Resources=["i-0123456789abcdef0"], Tags=PERSONAL)


@pytest.mark.parametrize(("asked", "kept"), [({}, "i386"), ({"Architecture": "arm64"}, "arm64")])
def test_an_image_keeps_its_architecture(lab: Lab, asked: dict[str, str], kept: str) -> None:
    image = lab.ec2.register_image(Name="node", **asked)["ImageId"]
    [shown] = lab.ec2.describe_images(ImageIds=[image])["Images"]
    assert (shown["Architecture"], shown["State"]) == (kept, "available")
