"""Attaching and detaching: what must fit, and how long it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.localaws.ec2.conftest import Lab, Refused


def test_an_attachment_is_attaching_for_a_while_and_then_attached(lab: Lab) -> None:
    interface, instance = lab.make(), lab.launch()
    attachment = lab.attach(interface, instance)
    shown = lab.interface(interface)
    assert shown["Status"] == "in-use"
    assert shown["Attachment"] | {"AttachTime": None} == {
        "AttachmentId": attachment,
        "AttachTime": None,
        "InstanceId": instance,
        "InstanceOwnerId": "123456789012",
        "DeviceIndex": 1,
        "NetworkCardIndex": 0,
        "Status": "attaching",
        "DeleteOnTermination": False,
    }
    lab.clock.advance(lab.settings.attach_s)
    assert lab.interface(interface)["Attachment"]["Status"] == "attached"


def test_a_late_attachment_never_deletes_on_termination_by_itself(lab: Lab) -> None:
    interface, instance = lab.make(), lab.launch()
    attachment = lab.attach(interface, instance)
    lab.ec2.modify_network_interface_attribute(
        NetworkInterfaceId=interface,
        Attachment={"AttachmentId": attachment, "DeleteOnTermination": True},
    )
    lab.ec2.detach_network_interface(AttachmentId=attachment)
    lab.clock.advance(lab.settings.detach_s)
    lab.attach(interface, instance)
    assert lab.interface(interface)["Attachment"]["DeleteOnTermination"] is False


def test_the_instance_shows_every_interface_with_its_place(lab: Lab) -> None:
    instance = lab.launch()
    lab.attach(lab.make(lab.a), instance, device=2)
    lab.attach(lab.make(lab.a), instance, device=1, NetworkCardIndex=0)
    shown = lab.instance(instance)["NetworkInterfaces"]
    places = [
        (each["Attachment"]["NetworkCardIndex"], each["Attachment"]["DeviceIndex"])
        for each in shown
    ]
    assert places == [(0, 0), (0, 1), (0, 2)]
    assert [each["Attachment"]["DeleteOnTermination"] for each in shown] == [True, False, False]


@pytest.mark.parametrize("state", ["pending", "stopping", "shutting-down", "terminated"])
def test_the_instance_must_be_running_or_stopped(lab: Lab, refused: Refused, state: str) -> None:
    instance = lab.pending() if state == "pending" else lab.launch()
    if state == "stopping":
        lab.ec2.stop_instances(InstanceIds=[instance])
    if state in ("shutting-down", "terminated"):
        lab.ec2.terminate_instances(InstanceIds=[instance])
    if state == "terminated":
        lab.clock.advance(lab.settings.terminate_s)
    assert lab.state(instance) == state
    with refused("IncorrectState"):
        lab.attach(lab.make(), instance)


def test_on_a_stopped_instance_the_interface_is_attached_at_once(lab: Lab) -> None:
    instance = lab.launch()
    lab.ec2.stop_instances(InstanceIds=[instance])
    lab.clock.advance(lab.settings.stop_s)
    interface = lab.make()
    lab.attach(interface, instance)
    assert lab.interface(interface)["Attachment"]["Status"] == "attached"


def test_unknown_ids_are_refused(lab: Lab, refused: Refused) -> None:
    with refused("InvalidInstanceID.NotFound"):
        lab.attach(lab.make(), "i-0123456789abcdef0")
    with refused("InvalidInstanceID.Malformed"):
        lab.attach(lab.make(), "instance")
    with refused("InvalidNetworkInterfaceID.NotFound"):
        lab.attach("eni-0123456789abcdef0", lab.launch())


def test_zone_and_vpc_must_be_the_same(lab: Lab, refused: Refused) -> None:
    instance = lab.launch()
    with refused("InvalidParameterCombination", "availability zone"):
        lab.attach(lab.make(lab.b), instance)
    elsewhere, _ = lab.other_vpc()
    with refused("InvalidParameterCombination", "VPC"):
        lab.attach(lab.make(elsewhere), instance)


def test_a_taken_index_is_refused_and_steals_nothing(lab: Lab, refused: Refused) -> None:
    instance, first = lab.launch(), lab.make()
    lab.attach(first, instance)
    for device in (0, 1):
        with refused("InvalidParameterValue", "already has an interface attached at device index"):
            lab.attach(lab.make(), instance, device=device)
    assert lab.interface(first)["Attachment"]["DeviceIndex"] == 1


def test_an_attached_interface_is_refused(lab: Lab, refused: Refused) -> None:
    interface = lab.make()
    lab.attach(interface, lab.launch())
    with refused("InvalidNetworkInterface.InUse"):
        lab.attach(interface, lab.launch())


def test_the_type_ends_the_number_of_interfaces(lab: Lab, refused: Refused) -> None:
    instance = lab.launch(kind="m5.large")
    for device in (1, 2):
        lab.attach(lab.make(), instance, device=device)
    with refused("AttachmentLimitExceeded", "Interface count 4 exceeds the limit for m5.large"):
        lab.attach(lab.make(), instance, device=3)


def test_network_cards_have_indexes_of_their_own(lab: Lab, refused: Refused) -> None:
    instance = lab.launch(kind="p4d.24xlarge")
    on_zero, on_one = lab.make(), lab.make()
    lab.attach(on_zero, instance, device=1, NetworkCardIndex=0)
    lab.attach(on_one, instance, device=1, NetworkCardIndex=1)
    assert lab.interface(on_one)["Attachment"]["NetworkCardIndex"] == 1
    with refused("InvalidParameterValue", "card"):
        lab.attach(lab.make(), instance, device=1, NetworkCardIndex=4)
    cards = [
        each["Attachment"]["NetworkCardIndex"]
        for each in lab.instance(instance)["NetworkInterfaces"]
    ]
    assert cards == [0, 0, 1]


@pytest.mark.parametrize(
    ("subnet", "params"),
    [
        pytest.param("a", {"SecondaryPrivateIpAddressCount": 10}, id="IPv4"),
        pytest.param("dual", {"Ipv6AddressCount": 11}, id="IPv6"),
    ],
)
def test_an_interface_with_more_addresses_than_the_type_allows_is_refused(
    lab: Lab, refused: Refused, subnet: str, params: dict[str, Any]
) -> None:
    interface = lab.make(getattr(lab, subnet), **params)
    with refused("InvalidInterface.IpAddressLimitExceeded"):
        lab.attach(interface, lab.launch(kind="m5.large"))
    lab.attach(interface, lab.launch(kind="m5.4xlarge"))


# Detaching.


def test_a_detached_interface_is_available_after_a_while(lab: Lab, refused: Refused) -> None:
    interface, instance = lab.make(), lab.launch()
    attachment = lab.attach(interface, instance)
    lab.ec2.detach_network_interface(AttachmentId=attachment)
    assert lab.interface(interface)["Attachment"]["Status"] == "detaching"
    with refused("InvalidParameterValue", "device index '1'"):
        lab.attach(lab.make(), instance, device=1)
    lab.clock.advance(lab.settings.detach_s)
    shown = lab.interface(interface)
    assert shown["Status"] == "available"
    assert "Attachment" not in shown
    assert len(lab.instance(instance)["NetworkInterfaces"]) == 1
    with refused("InvalidAttachmentID.NotFound"):
        lab.ec2.detach_network_interface(AttachmentId=attachment)


def test_the_primary_interface_cannot_be_detached(lab: Lab, refused: Refused) -> None:
    primary = lab.instance(lab.launch())["NetworkInterfaces"][0]["Attachment"]["AttachmentId"]
    with refused("OperationNotPermitted"):
        lab.ec2.detach_network_interface(AttachmentId=primary)


def test_to_detach_twice_is_refused(lab: Lab, refused: Refused) -> None:
    attachment = lab.attach(lab.make(), lab.launch())
    lab.ec2.detach_network_interface(AttachmentId=attachment)
    with refused("IncorrectState"):
        lab.ec2.detach_network_interface(AttachmentId=attachment)


def test_an_instance_that_goes_while_an_interface_detaches_leaves_it_available(lab: Lab) -> None:
    lab.settings.detach_s = 30.0
    interface, instance = lab.make(), lab.launch()
    lab.ec2.detach_network_interface(AttachmentId=lab.attach(interface, instance))
    lab.ec2.terminate_instances(InstanceIds=[instance])
    lab.clock.advance(lab.settings.terminate_s)
    assert lab.interface(interface)["Status"] == "available"
    other = lab.launch()
    lab.attach(interface, other)
    lab.clock.advance(60)
    assert lab.interface(interface)["Attachment"]["InstanceId"] == other
