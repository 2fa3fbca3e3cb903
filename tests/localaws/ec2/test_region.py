"""What is new is not known everywhere at once, and what is gone may still be shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.localaws.ec2.conftest import Lab, Refused

BY_ID: dict[str, Callable[[Lab, str], Any]] = {
    "describe": lambda lab, eni: lab.interface(eni),
    "attach": lambda lab, eni: lab.attach(eni, lab.launch()),
    "modify": lambda lab, eni: lab.ec2.modify_network_interface_attribute(
        NetworkInterfaceId=eni, Description={"Value": "x"}
    ),
    "delete": lambda lab, eni: lab.ec2.delete_network_interface(NetworkInterfaceId=eni),
    "tag": lambda lab, eni: lab.ec2.create_tags(Resources=[eni], Tags=[{"Key": "a", "Value": "b"}]),
    "assign": lambda lab, eni: lab.ec2.assign_private_ip_addresses(
        NetworkInterfaceId=eni, SecondaryPrivateIpAddressCount=1
    ),
}


@pytest.mark.parametrize("use", BY_ID.values(), ids=BY_ID)
def test_a_new_interface_is_unknown_to_other_calls_for_a_while(
    lab: Lab, refused: Refused, use: Callable[[Lab, str], Any]
) -> None:
    lab.settings.visibility_s = 30.0
    interface = lab.make()
    assert lab.interfaces(tag_key="none") == lab.interfaces() == []
    with refused("InvalidNetworkInterfaceID.NotFound"):
        use(lab, interface)
    lab.clock.advance(30)
    assert lab.interfaces() != []
    use(lab, interface)


def test_its_token_is_known_at_once(lab: Lab) -> None:
    lab.settings.visibility_s = 30.0
    assert lab.make(ClientToken="t") == lab.make(ClientToken="t")


def test_its_addresses_are_taken_at_once(lab: Lab, refused: Refused) -> None:
    lab.settings.visibility_s = 30.0
    lab.make(PrivateIpAddress="10.0.0.77")
    with refused("InvalidIPAddress.InUse"):
        lab.make(PrivateIpAddress="10.0.0.77")


def test_the_interfaces_of_a_new_instance_are_visible_with_it(lab: Lab) -> None:
    lab.settings.visibility_s = 30.0
    assert len(lab.instance(lab.pending())["NetworkInterfaces"]) == len(lab.interfaces()) == 1


def test_a_deleted_interface_may_still_be_described_but_not_used(
    lab: Lab, refused: Refused
) -> None:
    lab.settings.deletion_visibility_s = 10.0
    tags = [{"ResourceType": "network-interface", "Tags": [{"Key": "a", "Value": "b"}]}]
    interface = lab.make(TagSpecifications=tags)
    lab.ec2.delete_network_interface(NetworkInterfaceId=interface)
    assert lab.interfaces(**{"tag:a": "b"}) == [interface]
    with refused("InvalidNetworkInterfaceID.NotFound"):
        lab.ec2.delete_network_interface(NetworkInterfaceId=interface)
    lab.clock.advance(10)
    assert lab.interfaces() == []


def test_a_new_instance_may_be_unknown_for_a_while(lab: Lab, refused: Refused) -> None:
    lab.settings.instance_visibility_s = 0.5
    instance = lab.pending()
    for use in (
        lambda: lab.instance(instance),
        lambda: lab.ec2.terminate_instances(InstanceIds=[instance]),
        lambda: lab.ec2.create_tags(Resources=[instance], Tags=[{"Key": "a", "Value": "b"}]),
        lambda: lab.attach(lab.make(), instance),
    ):
        with refused("InvalidInstanceID.NotFound"):
            use()
    assert lab.ec2.describe_instances()["Reservations"] == []
    lab.clock.advance(0.5)
    assert lab.state(instance) == "pending"


def test_an_ipv6_block_may_come_later(lab: Lab) -> None:
    lab.ec2.associate_subnet_cidr_block(SubnetId=lab.a, Ipv6CidrBlock="2001:db8:0:9::/64")
    assert len(lab.create(Ipv6AddressCount=1)["Ipv6Addresses"]) == 1
