"""The context of real resources, as moto's backends hold them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from moto import mock_aws

from localaws.account import Account, Settings
from localaws.clock import VirtualClock
from localaws.iam.resources import MotoResources, scope_of
from localaws.identity import ACCOUNT_ID

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localaws.iam.conditions import Context

REGION = "us-east-1"
ZONE = "us-east-1a"
ARN = f"arn:aws:ec2:{REGION}:{ACCOUNT_ID}:"


@pytest.fixture
def account() -> Iterator[Account]:
    account = Account(VirtualClock(), Settings(visibility_s=0.0))
    with account.active(), mock_aws():
        yield account


@pytest.fixture
def resources(account: Account) -> MotoResources:
    with account.lock:
        return MotoResources(ACCOUNT_ID, REGION)


@pytest.fixture
def ids(account: Account) -> dict[str, str]:
    """Return a network interface attached to an instance, and where they are."""
    ec2 = account.client("ec2")
    vpc_id = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc_id, CidrBlock="10.0.0.0/24", AvailabilityZone=ZONE)
    subnet_id = subnet["Subnet"]["SubnetId"]
    group_id = ec2.create_security_group(GroupName="g", Description="g", VpcId=vpc_id)["GroupId"]
    instances: Any = ec2.run_instances(
        ImageId="ami-12345678", MinCount=1, MaxCount=1, SubnetId=subnet_id, InstanceType="m5.large"
    )
    interface = ec2.create_network_interface(SubnetId=subnet_id, Groups=[group_id])
    made = {
        "vpc": vpc_id,
        "subnet": subnet_id,
        "security-group": group_id,
        "instance": instances["Instances"][0]["InstanceId"],
        "network-interface": interface["NetworkInterface"]["NetworkInterfaceId"],
    }
    ec2.create_tags(Resources=list(made.values()), Tags=[{"Key": "Owner", "Value": "me"}])
    return made


@pytest.mark.parametrize(
    ("kind", "place"),
    [
        ("subnet", {"ec2:subnetid": "{subnet}", "ec2:vpc": ARN + "vpc/{vpc}", "ec2:availabilityzone": ZONE}),
        ("security-group", {"ec2:securitygroupid": "{security-group}", "ec2:vpc": ARN + "vpc/{vpc}"}),
        ("instance", {"ec2:instanceid": "{instance}", "ec2:instancetype": "m5.large", "ec2:availabilityzone": ZONE}),
        (
            "network-interface",
            {
                "ec2:networkinterfaceid": "{network-interface}",
                "ec2:subnet": ARN + "subnet/{subnet}",
                "ec2:vpc": ARN + "vpc/{vpc}",
                "ec2:availabilityzone": ZONE,
            },
        ),
    ],
)  # fmt: skip
def test_a_resource_has_its_tags_and_its_place(
    resources: MotoResources, ids: dict[str, str], kind: str, place: dict[str, str]
) -> None:
    expected: Context = {key: (value.format(**ids),) for key, value in place.items()}
    expected["aws:resourcetag/owner"] = expected["ec2:resourcetag/owner"] = ("me",)
    assert resources.ec2_context(kind, ids[kind]) == expected


@pytest.mark.parametrize("kind", ["subnet", "security-group", "instance", "network-interface"])
def test_of_what_does_not_exist_nothing_is_known(resources: MotoResources, kind: str) -> None:
    assert resources.ec2_context(kind, "gone-1") == {}


def test_an_attachment_leads_to_interface_and_instance(
    account: Account, resources: MotoResources, ids: dict[str, str]
) -> None:
    account.clock.wait(60)
    attached = account.client("ec2").attach_network_interface(
        NetworkInterfaceId=ids["network-interface"], InstanceId=ids["instance"], DeviceIndex=1
    )
    assert resources.attachment(attached["AttachmentId"]) == (
        ids["network-interface"],
        ids["instance"],
    )
    assert resources.attachment("eni-attach-0") is None


def test_a_group_is_found_by_name_and_by_arn(
    account: Account, resources: MotoResources, ids: dict[str, str]
) -> None:
    autoscaling = account.client("autoscaling")
    template = account.client("ec2").create_launch_template(
        LaunchTemplateName="t", LaunchTemplateData={"InstanceType": "m5.large", "ImageId": "ami-1"}
    )
    autoscaling.create_auto_scaling_group(
        AutoScalingGroupName="nodes",
        MinSize=0,
        MaxSize=1,
        DesiredCapacity=0,
        VPCZoneIdentifier=ids["subnet"],
        LaunchTemplate={"LaunchTemplateId": template["LaunchTemplate"]["LaunchTemplateId"]},
        Tags=[{"Key": "owner", "Value": "me", "PropagateAtLaunch": True}],
    )
    found = resources.auto_scaling_group("nodes")
    assert found is not None
    arn, tags = found
    assert arn.endswith(":autoScalingGroupName/nodes")
    assert tags == {"owner": "me"}
    assert resources.auto_scaling_group(arn) == found
    assert resources.auto_scaling_group("gone") is None


@pytest.mark.parametrize(
    ("region", "partition"),
    [("us-east-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")],
)
@pytest.mark.usefixtures("account")
def test_arns_are_of_the_regions_partition(region: str, partition: str) -> None:
    assert scope_of(ACCOUNT_ID, region).arn("sqs", "q") == (
        f"arn:{partition}:sqs:{region}:{ACCOUNT_ID}:q"
    )
