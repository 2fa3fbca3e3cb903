"""Moto's other services and CloudFormation meet the same EC2 as any caller."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from moto.ec2.models import ec2_backends

if TYPE_CHECKING:
    from moto.ec2.models import EC2Backend

    from tests.localaws.ec2.conftest import Lab, Refused


def backend() -> EC2Backend:
    return ec2_backends["123456789012"]["us-east-1"]


def test_an_interface_made_inside_moto_has_an_address_of_the_subnet(lab: Lab) -> None:
    made = backend().create_network_interface(lab.small, [])
    assert made.private_ip_address is not None
    assert made.private_ip_address.startswith("10.0.2.")
    assert lab.available(lab.small) == 10
    assert backend().get_network_interface(made.id) is made
    backend().delete_network_interface(made.id)
    assert lab.available(lab.small) == 11


def test_a_nat_gateway_takes_an_address_of_its_subnet(lab: Lab) -> None:
    gateway = lab.ec2.create_nat_gateway(SubnetId=lab.small, ConnectivityType="private")[
        "NatGateway"
    ]
    assert gateway["SubnetId"] == lab.small
    assert lab.available(lab.small) == 10


def test_interfaces_of_a_launch_template_are_in_the_subnet_of_the_launch(lab: Lab) -> None:
    interfaces = [
        {"DeviceIndex": 0, "Groups": [lab.group], "SubnetId": lab.b},
        {"DeviceIndex": 1, "DeleteOnTermination": True, "SubnetId": lab.b},
    ]
    template = lab.ec2.create_launch_template(
        LaunchTemplateName="node",
        LaunchTemplateData={
            "ImageId": "ami-12345678",
            "InstanceType": "m5.large",
            "NetworkInterfaces": interfaces,
        },
    )["LaunchTemplate"]["LaunchTemplateId"]
    launched = lab.ec2.run_instances(
        MinCount=1, MaxCount=1, SubnetId=lab.a, LaunchTemplate={"LaunchTemplateId": template}
    )["Instances"][0]
    assert [each["SubnetId"] for each in launched["NetworkInterfaces"]] == [lab.a, lab.a]
    assert [
        each["Attachment"]["DeleteOnTermination"] for each in launched["NetworkInterfaces"]
    ] == [
        True,
        True,
    ]
    assert launched["SecurityGroups"][0]["GroupId"] == lab.group


def test_moto_can_ask_a_terminated_instance_for_its_address(lab: Lab) -> None:
    instance = lab.launch()
    lab.ec2.terminate_instances(InstanceIds=[instance])
    lab.clock.advance(lab.settings.terminate_s)
    gone = backend().get_instance(instance)
    assert gone.private_ip is None
    assert gone.public_dns_name is None


def test_instance_status_follows_the_state(lab: Lab) -> None:
    instance = lab.pending()
    statuses = lab.ec2.describe_instance_status
    assert statuses()["InstanceStatuses"] == []
    lab.clock.advance(lab.settings.launch_s)
    assert [each["InstanceId"] for each in statuses()["InstanceStatuses"]] == [instance]


def test_the_instance_attribute_of_an_unknown_instance_is_refused(
    lab: Lab, refused: Refused
) -> None:
    with refused("InvalidInstanceID.NotFound"):
        lab.ec2.describe_instance_attribute(
            InstanceId="i-0123456789abcdef0", Attribute="instanceType"
        )


@pytest.mark.parametrize("count", [3])
def test_subnets_of_moto_count_the_same_addresses(lab: Lab, count: int) -> None:
    for _ in range(count):
        lab.make(lab.small)
    assert (
        backend().get_subnet(lab.small).available_ip_address_count == lab.available(lab.small) == 8
    )


def test_an_image_is_there_once_it_is_registered(lab: Lab) -> None:
    assert lab.ec2.describe_images()["Images"] == []
    registered = lab.ec2.register_image(Name="node")["ImageId"]
    assert [image["ImageId"] for image in lab.ec2.describe_images()["Images"]] == [registered]
