"""The life of an instance, and what becomes of its interfaces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.localaws.ec2.conftest import Lab, Refused


def primary(lab: Lab, instance: str) -> str:
    return str(lab.instance(instance)["NetworkInterfaces"][0]["NetworkInterfaceId"])


# Launch.


def test_an_instance_is_pending_and_then_running(lab: Lab) -> None:
    instance = lab.pending()
    assert lab.state(instance) == "pending"
    lab.clock.advance(lab.settings.launch_s - 0.01)
    assert lab.state(instance) == "pending"
    lab.clock.advance(0.02)
    assert lab.state(instance) == "running"


def test_the_primary_interface_takes_an_address_and_goes_with_the_instance(lab: Lab) -> None:
    instance = lab.launch(SecurityGroupIds=[lab.group])
    shown = lab.interface(primary(lab, instance))
    assert shown["SubnetId"] == lab.a
    assert shown["Attachment"]["DeviceIndex"] == 0
    assert shown["Attachment"]["DeleteOnTermination"] is True
    assert shown["Attachment"]["Status"] == "attached"
    assert [group["GroupId"] for group in shown["Groups"]] == [lab.group]
    assert shown["PrivateIpAddress"] == lab.instance(instance)["PrivateIpAddress"]
    assert lab.available(lab.a) == 250


def test_the_primary_address_may_be_chosen(lab: Lab, refused: Refused) -> None:
    assert lab.instance(lab.launch(PrivateIpAddress="10.0.0.77"))["PrivateIpAddress"] == "10.0.0.77"
    with refused("InvalidIPAddress.InUse"):
        lab.pending(PrivateIpAddress="10.0.0.77")


def test_interfaces_may_be_made_and_brought_along_at_launch(lab: Lab) -> None:
    brought = lab.make()
    instance = lab.launch(
        NetworkInterfaces=[
            {"DeviceIndex": 0, "SubnetId": lab.a, "Groups": [lab.group]},
            {"DeviceIndex": 1, "SubnetId": lab.a, "DeleteOnTermination": True},
            {"DeviceIndex": 2, "NetworkInterfaceId": brought},
        ]
    )
    shown = [each["Attachment"] for each in lab.instance(instance)["NetworkInterfaces"]]
    assert [each["DeviceIndex"] for each in shown] == [0, 1, 2]
    assert [each["DeleteOnTermination"] for each in shown] == [True, True, False]


def test_an_instance_may_start_from_an_existing_primary_interface(lab: Lab) -> None:
    brought = lab.make(lab.b)
    instance = lab.launch(NetworkInterfaces=[{"DeviceIndex": 0, "NetworkInterfaceId": brought}])
    shown = lab.instance(instance)
    assert shown["Placement"]["AvailabilityZone"] == "us-east-1b"
    assert shown["SubnetId"] == lab.b
    lab.ec2.terminate_instances(InstanceIds=[instance])
    lab.clock.advance(lab.settings.terminate_s)
    assert lab.interface(brought)["Status"] == "available"


def test_ipv6_at_launch(lab: Lab) -> None:
    shown = lab.instance(lab.launch(lab.dual, Ipv6AddressCount=1))
    assert shown["Ipv6Address"].startswith("2001:db8:0:3:")
    assert "PrivateIpAddress" not in lab.instance(lab.launch(lab.v6))


@pytest.mark.parametrize(
    ("params", "code"),
    [
        pytest.param({"kind": "m5.tiny"}, "InvalidParameterValue", id="unknown type"),
        pytest.param(
            {"PrivateIpAddress": "10.0.0.1"}, "InvalidParameterValue", id="address of AWS"
        ),
        pytest.param(
            {
                "NetworkInterfaces": [
                    {"DeviceIndex": device, "SubnetId": "a"} for device in range(4)
                ]
            },
            "AttachmentLimitExceeded",
            id="too many interfaces",
        ),
        pytest.param(
            {
                "NetworkInterfaces": [
                    {"DeviceIndex": 0, "SubnetId": "a"},
                    {"DeviceIndex": 0, "SubnetId": "a"},
                ]
            },
            "InvalidParameterValue",
            id="index twice",
        ),
    ],
)
def test_a_refused_launch_leaves_nothing(
    lab: Lab, refused: Refused, params: dict[str, Any], code: str
) -> None:
    for each in params.get("NetworkInterfaces", ()):
        each["SubnetId"] = lab.a
    with refused(code):
        lab.pending(**params)
    assert lab.interfaces() == []
    assert lab.ec2.describe_instances()["Reservations"] == []
    assert lab.available(lab.a) == 251


def test_a_launch_of_several_is_all_or_none(lab: Lab, refused: Refused) -> None:
    with refused("InsufficientFreeAddressesInSubnet"):
        lab.ec2.run_instances(
            ImageId="ami-12345678",
            InstanceType="m5.large",
            MinCount=12,
            MaxCount=12,
            SubnetId=lab.small,
        )
    assert lab.available(lab.small) == 11
    assert lab.ec2.describe_instances()["Reservations"] == []


def test_without_a_subnet_the_default_one_of_the_zone_is_taken(lab: Lab) -> None:
    launched = lab.ec2.run_instances(
        ImageId="ami-12345678", InstanceType="m5.large", MinCount=1, MaxCount=1
    )
    assert launched["Instances"][0]["NetworkInterfaces"][0]["PrivateIpAddress"].startswith(
        "172.31."
    )


# Stop and start.


def test_a_stopped_instance_keeps_its_interfaces_and_starts_again(lab: Lab) -> None:
    instance, interface = lab.launch(), lab.make()
    lab.attach(interface, instance)
    lab.ec2.stop_instances(InstanceIds=[instance])
    assert lab.state(instance) == "stopping"
    lab.clock.advance(lab.settings.stop_s)
    assert lab.state(instance) == "stopped"
    assert lab.interface(interface)["Attachment"]["InstanceId"] == instance
    lab.ec2.start_instances(InstanceIds=[instance])
    assert lab.state(instance) == "pending"
    lab.clock.advance(lab.settings.launch_s)
    assert lab.state(instance) == "running"


def test_only_what_runs_stops_and_only_what_is_stopped_starts(lab: Lab, refused: Refused) -> None:
    instance = lab.pending()
    with refused("IncorrectInstanceState", "stopped"):
        lab.ec2.stop_instances(InstanceIds=[instance])
    lab.clock.advance(lab.settings.launch_s)
    lab.ec2.start_instances(InstanceIds=[instance])
    lab.ec2.stop_instances(InstanceIds=[instance])
    lab.ec2.stop_instances(InstanceIds=[instance])
    with refused("IncorrectInstanceState", "started"):
        lab.ec2.start_instances(InstanceIds=[instance])


# Termination.


def test_interfaces_go_or_stay_as_delete_on_termination_says(lab: Lab) -> None:
    instance, kept, gone = lab.launch(), lab.make(), lab.make(PrivateIpAddress="10.0.0.77")
    lab.attach(kept, instance, device=1)
    attachment = lab.attach(gone, instance, device=2)
    lab.ec2.modify_network_interface_attribute(
        NetworkInterfaceId=gone,
        Attachment={"AttachmentId": attachment, "DeleteOnTermination": True},
    )
    lab.ec2.terminate_instances(InstanceIds=[instance])
    assert lab.state(instance) == "shutting-down"
    assert len(lab.instance(instance)["NetworkInterfaces"]) == 3
    lab.clock.advance(lab.settings.terminate_s)
    assert lab.state(instance) == "terminated"
    assert lab.interfaces() == [kept]
    assert lab.interface(kept)["Status"] == "available"
    assert lab.available(lab.a) == 250
    lab.make(PrivateIpAddress="10.0.0.77")


def test_a_terminated_instance_has_no_network(lab: Lab) -> None:
    instance = lab.launch()
    lab.ec2.terminate_instances(InstanceIds=[instance])
    lab.clock.advance(lab.settings.terminate_s)
    shown = lab.instance(instance)
    assert shown["NetworkInterfaces"] == []
    assert "PrivateIpAddress" not in shown
    assert "SubnetId" not in shown


def test_to_terminate_twice_is_harmless(lab: Lab) -> None:
    instance = lab.launch()
    for _ in range(2):
        lab.ec2.terminate_instances(InstanceIds=[instance])
    lab.clock.advance(lab.settings.terminate_s)
    lab.ec2.terminate_instances(InstanceIds=[instance])
    assert lab.state(instance) == "terminated"
    lab.clock.advance(0)
    assert [state for _, state in lab.states].count("terminated") == 1


def test_an_instance_terminated_while_pending_never_runs(lab: Lab) -> None:
    lab.settings.terminate_s = 5.0
    instance = lab.pending()
    lab.ec2.terminate_instances(InstanceIds=[instance])
    lab.clock.advance(10)
    assert [state for _, state in lab.states] == ["pending", "shutting-down", "terminated"]
    assert lab.state(instance) == "terminated"


def test_one_unknown_id_terminates_none(lab: Lab, refused: Refused) -> None:
    instance = lab.launch()
    with refused("InvalidInstanceID.NotFound"):
        lab.ec2.terminate_instances(InstanceIds=[instance, "i-0123456789abcdef0"])
    assert lab.state(instance) == "running"


def test_a_terminated_instance_is_known_for_an_hour(lab: Lab, refused: Refused) -> None:
    instance = lab.launch()
    lab.ec2.terminate_instances(InstanceIds=[instance])
    lab.clock.advance(lab.settings.terminate_s + 3599)
    assert lab.state(instance) == "terminated"
    lab.clock.advance(1)
    with refused("InvalidInstanceID.NotFound"):
        lab.instance(instance)
    assert lab.ec2.describe_instances()["Reservations"] == []
