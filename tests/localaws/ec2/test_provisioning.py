"""Interfaces are made, changed and deleted as the EC2 API reference and user guides say."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from tests.localaws.ec2.conftest import Lab, Refused

TAGS = [{"ResourceType": "network-interface", "Tags": [{"Key": "owner", "Value": "me"}]}]


def secondary(*addresses: str) -> list[dict[str, Any]]:
    return [{"PrivateIpAddress": address, "Primary": False} for address in addresses]


def addresses(described: dict[str, Any]) -> list[str]:
    return [each["PrivateIpAddress"] for each in described["PrivateIpAddresses"]]


# Creation.


def test_a_new_interface_is_pending_in_the_answer_and_available_when_described(lab: Lab) -> None:
    made = lab.create(Description="d", Groups=[lab.group], TagSpecifications=TAGS)
    assert made["Status"] == "pending"
    shown = lab.interface(made["NetworkInterfaceId"])
    assert shown["Status"] == "available"
    assert shown["Description"] == "d"
    assert [group["GroupId"] for group in shown["Groups"]] == [lab.group]
    assert shown["TagSet"] == [{"Key": "owner", "Value": "me"}]
    assert shown["SourceDestCheck"] is True
    assert (shown["SubnetId"], shown["VpcId"]) == (lab.a, lab.vpc)
    assert "Attachment" not in shown


def test_without_groups_the_default_group_of_the_vpc_is_taken(lab: Lab) -> None:
    assert [group["GroupName"] for group in lab.create()["Groups"]] == ["default"]


def test_mac_addresses_are_unique(lab: Lab) -> None:
    macs = [lab.create()["MacAddress"] for _ in range(20)]
    assert len(set(macs)) == 20


def test_dry_run_makes_nothing(lab: Lab, refused: Refused) -> None:
    with refused("DryRunOperation"):
        lab.create(DryRun=True)
    assert lab.interfaces() == []


@pytest.mark.parametrize(
    ("subnet", "params", "code"),
    [
        pytest.param(
            "subnet-0123456789abcdef0", {}, "InvalidSubnetID.NotFound", id="unknown subnet"
        ),
        pytest.param(
            None,
            {"Groups": ["sg-0123456789abcdef0"]},
            "InvalidSecurityGroupID.NotFound",
            id="unknown group",
        ),
        pytest.param(
            None, {"PrivateIpAddress": "10.0.1.5"}, "InvalidParameterValue", id="address outside"
        ),
        pytest.param(
            None, {"PrivateIpAddress": "10.0.0.3"}, "InvalidParameterValue", id="address of AWS"
        ),
        pytest.param(
            None,
            {"PrivateIpAddress": "10.0.0.255"},
            "InvalidParameterValue",
            id="broadcast address",
        ),
        pytest.param(None, {"PrivateIpAddress": "ten"}, "InvalidParameterValue", id="no address"),
        pytest.param(
            None, {"SecondaryPrivateIpAddressCount": 0}, "InvalidParameterValue", id="count of none"
        ),
        pytest.param(
            None,
            {"SecondaryPrivateIpAddressCount": 1, "PrivateIpAddresses": secondary("10.0.0.9")},
            "InvalidParameterCombination",
            id="addresses and a count",
        ),
        pytest.param(
            None,
            {"Ipv4PrefixCount": 1, "SecondaryPrivateIpAddressCount": 1},
            "InvalidParameterCombination",
            id="prefixes and addresses",
        ),
        pytest.param(
            None,
            {"Ipv6AddressCount": 1, "Ipv6Addresses": [{"Ipv6Address": "2001:db8::9"}]},
            "InvalidParameterCombination",
            id="IPv6 addresses and a count",
        ),
        pytest.param(
            None,
            {
                "PrivateIpAddress": "10.0.0.9",
                "PrivateIpAddresses": [{"PrivateIpAddress": "10.0.0.8", "Primary": True}],
            },
            "InvalidParameterCombination",
            id="two primaries",
        ),
        pytest.param(
            None, {"Ipv6AddressCount": 1}, "InvalidParameterValue", id="IPv6 in an IPv4 subnet"
        ),
        pytest.param(
            "v6",
            {"PrivateIpAddress": "10.0.4.9"},
            "InvalidParameterCombination",
            id="IPv4 in an IPv6 subnet",
        ),
        pytest.param(None, {"ClientToken": "x" * 65}, "InvalidClientToken", id="token too long"),
        pytest.param(
            None,
            {
                "TagSpecifications": [
                    {"ResourceType": "instance", "Tags": [{"Key": "a", "Value": "b"}]}
                ]
            },
            "InvalidParameterValue",
            id="tags of another resource",
        ),
        pytest.param(
            None,
            {
                "TagSpecifications": [
                    {
                        "ResourceType": "network-interface",
                        "Tags": [{"Key": str(number), "Value": ""} for number in range(51)],
                    }
                ]
            },
            "TagLimitExceeded",
            id="too many tags",
        ),
    ],
)
def test_a_refused_creation_leaves_nothing(
    lab: Lab, refused: Refused, subnet: str | None, params: dict[str, Any], code: str
) -> None:
    before = {each: lab.available(each) for each in (lab.a, lab.dual)}
    with refused(code):
        lab.create(lab.v6 if subnet == "v6" else subnet, **params)
    assert lab.interfaces() == []
    assert {each: lab.available(each) for each in (lab.a, lab.dual)} == before


def test_a_group_of_another_vpc_is_refused(lab: Lab, refused: Refused) -> None:
    _, group = lab.other_vpc()
    with refused("InvalidParameter", "belong to different networks"):
        lab.create(Groups=[group])


def test_five_groups_and_no_more(lab: Lab, refused: Refused) -> None:
    groups = [lab.security_group(f"g{number}") for number in range(6)]
    assert len(lab.create(Groups=groups[:5])["Groups"]) == 5
    with refused("SecurityGroupsPerInterfaceLimitExceeded"):
        lab.create(Groups=groups)


def test_the_quota_of_the_region_ends_creation(lab: Lab, refused: Refused) -> None:
    lab.settings.interfaces_per_region = 2
    first, _ = lab.make(), lab.make()
    with refused("NetworkInterfaceLimitExceeded"):
        lab.make()
    lab.ec2.delete_network_interface(NetworkInterfaceId=first)
    lab.make()


def test_prefixes_are_not_modelled_and_say_so(lab: Lab) -> None:
    with pytest.raises(NotImplementedError, match="Ipv4PrefixCount"):
        lab.create(Ipv4PrefixCount=1)


# Client tokens.


def test_the_same_request_with_the_same_token_makes_one_interface(lab: Lab) -> None:
    request: dict[str, Any] = {"ClientToken": "t", "TagSpecifications": TAGS, "Description": "d"}
    assert lab.create(**request) == lab.create(**request)
    assert len(lab.interfaces()) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"Description": "other"},
        {"PrivateIpAddress": "10.0.0.77"},
        {"SourceDest": None},
        {"SubnetId": "b"},
    ],
    ids=["description", "address", "tags", "subnet"],
)
def test_a_token_with_other_parameters_is_a_mismatch(
    lab: Lab, refused: Refused, change: dict[str, Any]
) -> None:
    lab.create(ClientToken="t", TagSpecifications=TAGS)
    if "SourceDest" in change:
        other: dict[str, Any] = {}
    else:
        other = {"TagSpecifications": TAGS, **change}
    subnet = lab.b if other.pop("SubnetId", None) else None
    with refused("IdempotentParameterMismatch"):
        lab.create(subnet, ClientToken="t", **other)
    assert len(lab.interfaces()) == 1


def test_a_token_whose_interface_is_gone_still_gets_the_old_answer(lab: Lab) -> None:
    made = lab.create(ClientToken="t")
    lab.ec2.delete_network_interface(NetworkInterfaceId=made["NetworkInterfaceId"])
    assert lab.create(ClientToken="t") == made
    assert lab.interfaces() == []


def test_a_refused_request_does_not_use_up_its_token(lab: Lab, refused: Refused) -> None:
    with refused("InvalidParameterValue"):
        lab.create(ClientToken="t", PrivateIpAddress="10.0.0.1")
    lab.create(ClientToken="t")


# Addresses.


def test_a_chosen_primary_is_taken_once(lab: Lab, refused: Refused) -> None:
    made = lab.create(PrivateIpAddress="10.0.0.77")
    assert made["PrivateIpAddress"] == "10.0.0.77"
    with refused("InvalidIPAddress.InUse"):
        lab.create(PrivateIpAddress="10.0.0.77")


def test_deleting_frees_the_addresses(lab: Lab) -> None:
    made = lab.make(PrivateIpAddress="10.0.0.77", SecondaryPrivateIpAddressCount=2)
    assert lab.available(lab.a) == 248
    lab.ec2.delete_network_interface(NetworkInterfaceId=made)
    assert lab.available(lab.a) == 251
    lab.make(PrivateIpAddress="10.0.0.77")


def test_secondary_addresses_come_after_the_primary(lab: Lab) -> None:
    # 10.0.0.4 is the next address EC2 would choose by itself.
    made = lab.create(PrivateIpAddresses=secondary("10.0.0.4", "10.0.0.9"))
    assert addresses(made)[1:] == ["10.0.0.4", "10.0.0.9"]
    assert [each["Primary"] for each in made["PrivateIpAddresses"]] == [True, False, False]
    assert addresses(made)[0] == made["PrivateIpAddress"]


def test_secondary_addresses_can_be_counted_instead(lab: Lab) -> None:
    made = lab.create(PrivateIpAddress="10.0.0.77", SecondaryPrivateIpAddressCount=3)
    assert made["PrivateIpAddress"] == "10.0.0.77"
    assert len(set(addresses(made))) == 4


def test_the_primary_may_be_given_in_the_list(lab: Lab) -> None:
    listed = [
        {"PrivateIpAddress": "10.0.0.8", "Primary": False},
        {"PrivateIpAddress": "10.0.0.9", "Primary": True},
    ]
    assert addresses(lab.create(PrivateIpAddresses=listed)) == ["10.0.0.9", "10.0.0.8"]


def test_a_subnet_runs_out_of_addresses(lab: Lab, refused: Refused) -> None:
    given_out = [lab.create(lab.small)["PrivateIpAddress"] for _ in range(11)]
    assert len(set(given_out)) == 11
    assert lab.available(lab.small) == 0
    with refused("InsufficientFreeAddressesInSubnet"):
        lab.create(lab.small)


def test_too_many_secondaries_take_nothing(lab: Lab, refused: Refused) -> None:
    with refused("InsufficientFreeAddressesInSubnet"):
        lab.create(lab.small, SecondaryPrivateIpAddressCount=11)
    assert lab.available(lab.small) == 11


def ipv6(described: dict[str, Any]) -> list[str]:
    return [each["Ipv6Address"] for each in described["Ipv6Addresses"]]


@pytest.mark.parametrize(
    ("subnet", "params", "count", "has_ipv4"),
    [
        pytest.param("dual", {}, 0, True, id="dual-stack, nothing asked"),
        pytest.param("dual", {"Ipv6AddressCount": 2}, 2, True, id="dual-stack, two"),
        pytest.param(
            "dual", {"Ipv6Addresses": [{"Ipv6Address": "2001:db8:0:3::99"}]}, 1, True, id="chosen"
        ),
        pytest.param("dual", {"EnablePrimaryIpv6": True}, 1, True, id="primary IPv6 brings one"),
        pytest.param("v6", {}, 1, False, id="IPv6-only brings one"),
        pytest.param("v6", {"Ipv6AddressCount": 3}, 3, False, id="IPv6-only, three"),
    ],
)
def test_ipv6_addresses(
    lab: Lab, subnet: str, params: dict[str, Any], count: int, has_ipv4: bool
) -> None:
    made = lab.create(getattr(lab, subnet), **params)
    assert len(set(ipv6(made))) == count
    assert ("PrivateIpAddress" in made) is has_ipv4


def test_a_subnet_may_give_ipv6_by_itself_and_a_count_of_none_prevents_it(lab: Lab) -> None:
    lab.ec2.modify_subnet_attribute(SubnetId=lab.dual, AssignIpv6AddressOnCreation={"Value": True})
    assert len(ipv6(lab.create(lab.dual))) == 1
    assert ipv6(lab.create(lab.dual, Ipv6AddressCount=0)) == []


def test_a_chosen_ipv6_address_is_taken_once_in_whatever_form(lab: Lab, refused: Refused) -> None:
    lab.create(lab.dual, Ipv6Addresses=[{"Ipv6Address": "2001:db8:0:3::99"}])
    before = lab.available(lab.dual)
    with refused("InvalidIPAddress.InUse"):
        lab.create(lab.dual, Ipv6Addresses=[{"Ipv6Address": "2001:DB8:0:3:0:0:0:99"}])
    assert lab.available(lab.dual) == before


# Deletion.


def test_an_unknown_interface_cannot_be_deleted(lab: Lab, refused: Refused) -> None:
    interface = lab.make()
    lab.ec2.delete_network_interface(NetworkInterfaceId=interface)
    with refused("InvalidNetworkInterfaceID.NotFound", interface):
        lab.ec2.delete_network_interface(NetworkInterfaceId=interface)


def test_a_malformed_id_is_refused_as_such(lab: Lab, refused: Refused) -> None:
    with refused("InvalidNetworkInterfaceId.Malformed"):
        lab.ec2.delete_network_interface(NetworkInterfaceId="eni-nonsense")


def test_an_attached_interface_cannot_be_deleted_nor_one_that_is_detaching(
    lab: Lab, refused: Refused
) -> None:
    interface = lab.make()
    attachment = lab.attach(interface, lab.launch())
    with refused("InvalidParameterValue", "is currently in use"):
        lab.ec2.delete_network_interface(NetworkInterfaceId=interface)
    lab.ec2.detach_network_interface(AttachmentId=attachment)
    with refused("InvalidNetworkInterface.InUse"):
        lab.ec2.delete_network_interface(NetworkInterfaceId=interface)
    lab.clock.advance(lab.settings.detach_s)
    lab.ec2.delete_network_interface(NetworkInterfaceId=interface)
    assert interface not in lab.interfaces()


# Attributes.


def test_each_attribute_can_be_modified_and_is_described(lab: Lab) -> None:
    interface = lab.make()
    attachment = lab.attach(interface, lab.launch())
    change = {"NetworkInterfaceId": interface}
    modify = lab.ec2.modify_network_interface_attribute
    modify(**change, Description={"Value": "new"})
    modify(**change, SourceDestCheck={"Value": False})
    modify(**change, Groups=[lab.group])
    modify(**change, Attachment={"AttachmentId": attachment, "DeleteOnTermination": True})
    shown = lab.interface(interface)
    assert shown["Description"] == "new"
    assert shown["SourceDestCheck"] is False
    assert [group["GroupId"] for group in shown["Groups"]] == [lab.group]
    assert shown["Attachment"]["DeleteOnTermination"] is True
    asked = lab.ec2.describe_network_interface_attribute
    assert asked(**change, Attribute="description")["Description"] == {"Value": "new"}
    assert asked(**change, Attribute="sourceDestCheck")["SourceDestCheck"] == {"Value": False}
    assert asked(**change, Attribute="groupSet")["Groups"] == shown["Groups"]
    assert asked(**change, Attribute="attachment")["Attachment"] == shown["Attachment"]


def test_delete_on_termination_can_be_taken_back(lab: Lab) -> None:
    interface = lab.make()
    attachment = lab.attach(interface, lab.launch())
    for value in (True, False):
        lab.ec2.modify_network_interface_attribute(
            NetworkInterfaceId=interface,
            Attachment={"AttachmentId": attachment, "DeleteOnTermination": value},
        )
        assert lab.interface(interface)["Attachment"]["DeleteOnTermination"] is value


def test_an_attribute_that_is_none_is_refused(lab: Lab, refused: Refused) -> None:
    with refused("InvalidParameterValue"):
        lab.ec2.describe_network_interface_attribute(
            NetworkInterfaceId=lab.make(), Attribute="associatePublicIpAddress"
        )


@pytest.mark.parametrize(
    ("change", "code"),
    [
        pytest.param({}, "InvalidParameterCombination", id="none"),
        pytest.param(
            {"Description": {"Value": "x"}, "SourceDestCheck": {"Value": False}},
            "InvalidParameterCombination",
            id="two",
        ),
        pytest.param(
            {"Attachment": {"DeleteOnTermination": True}}, "MissingParameter", id="no attachment id"
        ),
        pytest.param(
            {
                "Attachment": {
                    "AttachmentId": "eni-attach-0123456789abcdef0",
                    "DeleteOnTermination": True,
                }
            },
            "InvalidAttachmentID.NotFound",
            id="attachment of another",
        ),
        pytest.param(
            {"Groups": ["sg-0123456789abcdef0"]},
            "InvalidSecurityGroupID.NotFound",
            id="unknown group",
        ),
    ],
)
def test_a_refused_modification_changes_nothing(
    lab: Lab, refused: Refused, change: dict[str, Any], code: str
) -> None:
    interface = lab.make()
    lab.attach(interface, lab.launch())
    before = lab.interface(interface)
    with refused(code):
        lab.ec2.modify_network_interface_attribute(NetworkInterfaceId=interface, **change)
    assert lab.interface(interface) == before


def test_groups_are_checked_when_modified(lab: Lab, refused: Refused) -> None:
    _, foreign = lab.other_vpc()
    interface = lab.make()
    with refused("InvalidParameter"):
        lab.ec2.modify_network_interface_attribute(NetworkInterfaceId=interface, Groups=[foreign])
    many = [lab.security_group(f"g{number}") for number in range(6)]
    with refused("SecurityGroupsPerInterfaceLimitExceeded"):
        lab.ec2.modify_network_interface_attribute(NetworkInterfaceId=interface, Groups=many)


# Secondary addresses of an existing interface.


def test_assigned_addresses_are_described_and_can_be_taken_away(lab: Lab) -> None:
    interface = lab.make()
    answer = lab.ec2.assign_private_ip_addresses(
        NetworkInterfaceId=interface, PrivateIpAddresses=["10.0.0.70", "10.0.0.71"]
    )
    assert [each["PrivateIpAddress"] for each in answer["AssignedPrivateIpAddresses"]] == [
        "10.0.0.70",
        "10.0.0.71",
    ]
    lab.ec2.assign_private_ip_addresses(
        NetworkInterfaceId=interface, SecondaryPrivateIpAddressCount=1
    )
    assert len(addresses(lab.interface(interface))) == 4
    assert lab.available(lab.a) == 247
    lab.ec2.unassign_private_ip_addresses(
        NetworkInterfaceId=interface, PrivateIpAddresses=["10.0.0.70"]
    )
    assert "10.0.0.70" not in addresses(lab.interface(interface))
    lab.make(PrivateIpAddress="10.0.0.70")


def test_an_address_moves_only_when_reassignment_is_allowed(lab: Lab, refused: Refused) -> None:
    old = lab.make(PrivateIpAddresses=secondary("10.0.0.70"))
    new = lab.make()
    move = {"NetworkInterfaceId": new, "PrivateIpAddresses": ["10.0.0.70"]}
    with refused("InvalidParameterValue", "move is not allowed"):
        lab.ec2.assign_private_ip_addresses(**move)
    lab.ec2.assign_private_ip_addresses(**move, AllowReassignment=True)
    assert "10.0.0.70" in addresses(lab.interface(new))
    assert "10.0.0.70" not in addresses(lab.interface(old))


def test_a_primary_address_never_moves_nor_goes(lab: Lab, refused: Refused) -> None:
    old, new = lab.make(PrivateIpAddress="10.0.0.70"), lab.make()
    with refused("InvalidParameterValue"):
        lab.ec2.assign_private_ip_addresses(
            NetworkInterfaceId=new, PrivateIpAddresses=["10.0.0.70"], AllowReassignment=True
        )
    with refused("InvalidParameterValue"):
        lab.ec2.unassign_private_ip_addresses(
            NetworkInterfaceId=old, PrivateIpAddresses=["10.0.0.70"]
        )


@pytest.mark.parametrize(
    ("params", "code"),
    [
        pytest.param({}, "MissingParameter", id="nothing"),
        pytest.param(
            {"PrivateIpAddresses": ["10.0.0.9"], "SecondaryPrivateIpAddressCount": 1},
            "InvalidParameterCombination",
            id="both",
        ),
        pytest.param(
            {"SecondaryPrivateIpAddressCount": -1}, "InvalidParameterValue", id="negative"
        ),
        pytest.param({"PrivateIpAddresses": ["10.0.1.9"]}, "InvalidParameterValue", id="outside"),
        pytest.param(
            {"SecondaryPrivateIpAddressCount": 10}, "PrivateIpAddressLimitExceeded", id="too many"
        ),
    ],
)
def test_a_refused_assignment_changes_nothing(
    lab: Lab, refused: Refused, params: dict[str, Any], code: str
) -> None:
    interface = lab.make()
    lab.attach(interface, lab.launch())
    before = lab.interface(interface), lab.available(lab.a)
    with refused(code):
        lab.ec2.assign_private_ip_addresses(NetworkInterfaceId=interface, **params)
    assert (lab.interface(interface), lab.available(lab.a)) == before


def test_only_assigned_addresses_can_be_taken_away(lab: Lab, refused: Refused) -> None:
    with refused("InvalidParameterValue"):
        lab.ec2.unassign_private_ip_addresses(
            NetworkInterfaceId=lab.make(), PrivateIpAddresses=["10.0.0.70"]
        )


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        pytest.param("10.0.0.60", "InvalidParameterValue", id="another's primary one"),
        pytest.param("10.0.0.3", "InvalidParameterValue", id="one that AWS keeps at the start"),
        pytest.param("10.0.0.255", "InvalidParameterValue", id="the one that AWS keeps at the end"),
        pytest.param("10.0.1.9", "InvalidParameterValue", id="one of another subnet"),
        pytest.param("none", "InvalidParameterValue", id="no address"),
    ],
)
def test_a_move_with_an_address_that_cannot_be_had_leaves_the_others_where_they_are(
    lab: Lab, refused: Refused, wanted: str, code: str
) -> None:
    old = lab.make(PrivateIpAddress="10.0.0.60")
    lab.ec2.assign_private_ip_addresses(NetworkInterfaceId=old, PrivateIpAddresses=["10.0.0.70"])
    new = lab.make()
    lab.make(lab.b, PrivateIpAddresses=secondary("10.0.1.9"))
    before = [lab.interface(each) for each in (old, new)]
    with refused(code):
        lab.ec2.assign_private_ip_addresses(
            NetworkInterfaceId=new,
            PrivateIpAddresses=["10.0.0.70", wanted],
            AllowReassignment=True,
        )
    assert [lab.interface(each) for each in (old, new)] == before


def test_an_address_moves_only_where_there_is_room_and_makes_room_where_it_was(
    lab: Lab, refused: Refused
) -> None:
    full, other = lab.make(SecondaryPrivateIpAddressCount=9), lab.make()
    lab.ec2.assign_private_ip_addresses(NetworkInterfaceId=other, PrivateIpAddresses=["10.0.0.200"])
    for each in (full, other):
        lab.attach(each, lab.launch())
    move = {"PrivateIpAddresses": ["10.0.0.200"], "AllowReassignment": True}
    with refused("PrivateIpAddressLimitExceeded", "Number of private addresses will exceed limit"):
        lab.ec2.assign_private_ip_addresses(NetworkInterfaceId=full, **move)
    assert "10.0.0.200" in addresses(lab.interface(other))
    (_, away, *_) = addresses(lab.interface(full))
    lab.ec2.assign_private_ip_addresses(
        NetworkInterfaceId=other, PrivateIpAddresses=[away], AllowReassignment=True
    )
    lab.ec2.assign_private_ip_addresses(NetworkInterfaceId=full, **move)
    assert "10.0.0.200" in addresses(lab.interface(full))


def test_an_address_that_the_interface_has_already_is_no_reason_to_refuse(lab: Lab) -> None:
    interface = lab.make(PrivateIpAddresses=secondary("10.0.0.70"))
    again = {"NetworkInterfaceId": interface, "PrivateIpAddresses": ["10.0.0.70"]}
    before = lab.interface(interface)
    lab.ec2.assign_private_ip_addresses(**again, AllowReassignment=True)
    assert lab.interface(interface) == before


def test_an_ipv6_only_subnet_has_no_ipv4_address_to_assign(lab: Lab, refused: Refused) -> None:
    with refused("InvalidParameterCombination", "IPv6-only"):
        lab.ec2.assign_private_ip_addresses(
            NetworkInterfaceId=lab.make(lab.v6), SecondaryPrivateIpAddressCount=1
        )


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        pytest.param("2001:db8:0:3::70", "InvalidIPAddress.InUse", id="another's"),
        pytest.param("2001:db8:0:3::3", "InvalidParameterValue", id="one that AWS keeps"),
        pytest.param("2001:db8:0:4::9", "InvalidParameterValue", id="one of another subnet"),
        pytest.param("none", "InvalidParameterValue", id="no address"),
    ],
)
def test_several_ipv6_addresses_are_assigned_all_or_none(
    lab: Lab, refused: Refused, wanted: str, code: str
) -> None:
    lab.make(lab.dual, Ipv6Addresses=[{"Ipv6Address": "2001:db8:0:3::70"}])
    interface = lab.make(lab.dual)
    with refused(code):
        lab.ec2.assign_ipv6_addresses(
            NetworkInterfaceId=interface, Ipv6Addresses=["2001:db8:0:3::99", wanted]
        )
    assert ipv6(lab.interface(interface)) == []
    lab.make(lab.dual, Ipv6Addresses=[{"Ipv6Address": "2001:db8:0:3::99"}])


@pytest.mark.parametrize("foreign", ["2001:db8:0:3::70", "2001:db8:0:3::71"])
def test_several_ipv6_addresses_are_taken_away_all_or_none(
    lab: Lab, refused: Refused, foreign: str
) -> None:
    """Neither what another interface has nor what nobody has is this one's to lose."""
    lab.make(lab.dual, Ipv6Addresses=[{"Ipv6Address": "2001:db8:0:3::70"}])
    own = "2001:db8:0:3::99"
    interface = lab.make(lab.dual, Ipv6Addresses=[{"Ipv6Address": own}])
    with refused("InvalidParameterValue", "not assigned to interface"):
        lab.ec2.unassign_ipv6_addresses(NetworkInterfaceId=interface, Ipv6Addresses=[own, foreign])
    assert ipv6(lab.interface(interface)) == [own]


def test_an_ipv6_address_in_two_notations_is_one(lab: Lab) -> None:
    interface = lab.make(lab.dual)
    lab.ec2.assign_ipv6_addresses(
        NetworkInterfaceId=interface,
        Ipv6Addresses=["2001:db8:0:3::99", "2001:0db8:0000:0003:0000:0000:0000:0099"],
    )
    assert ipv6(lab.interface(interface)) == ["2001:db8:0:3::99"]


def test_ipv6_addresses_are_assigned_and_taken_away_but_never_move(
    lab: Lab, refused: Refused
) -> None:
    one, two = lab.make(lab.dual), lab.make(lab.dual)
    address = "2001:db8:0:3::99"
    answer = lab.ec2.assign_ipv6_addresses(NetworkInterfaceId=one, Ipv6Addresses=[address])
    assert answer["AssignedIpv6Addresses"] == [address]
    with refused("InvalidIPAddress.InUse"):
        lab.ec2.assign_ipv6_addresses(NetworkInterfaceId=two, Ipv6Addresses=[address])
    lab.ec2.unassign_ipv6_addresses(NetworkInterfaceId=one, Ipv6Addresses=[address])
    lab.ec2.assign_ipv6_addresses(NetworkInterfaceId=two, Ipv6Addresses=[address])
    lab.ec2.assign_ipv6_addresses(NetworkInterfaceId=two, Ipv6AddressCount=2)
    assert len(ipv6(lab.interface(two))) == 3
    assert ipv6(lab.interface(one)) == []


def test_ipv6_limits_and_subnets_are_checked(lab: Lab, refused: Refused) -> None:
    interface = lab.make(lab.dual)
    lab.attach(interface, lab.launch())
    with refused("PrivateIpAddressLimitExceeded"):
        lab.ec2.assign_ipv6_addresses(NetworkInterfaceId=interface, Ipv6AddressCount=11)
    with refused("InvalidParameterValue", "IPv6 CIDR"):
        lab.ec2.assign_ipv6_addresses(NetworkInterfaceId=lab.make(), Ipv6AddressCount=1)
    with refused("InvalidParameterValue"):
        lab.ec2.unassign_ipv6_addresses(
            NetworkInterfaceId=interface, Ipv6Addresses=["2001:db8:0:3::99"]
        )


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["auto", "chosen", "assign", "reassign", "delete"]),
        st.integers(0, 15),
        st.integers(0, 15),
    ),
    max_size=12,
)


def take_step(lab: Lab, made: list[str], step: str, address: str, place: int) -> None:
    if step == "auto":
        made.append(lab.make(lab.small))
    elif step == "chosen":
        made.append(lab.make(lab.small, PrivateIpAddress=address))
    elif made and step in ("assign", "reassign"):
        lab.ec2.assign_private_ip_addresses(
            NetworkInterfaceId=made[place % len(made)],
            PrivateIpAddresses=[address],
            AllowReassignment=step == "reassign",
        )
    elif made:
        lab.ec2.delete_network_interface(NetworkInterfaceId=made.pop(place % len(made)))


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(STEPS)
def test_no_address_is_ever_on_two_interfaces(lab: Lab, steps: list[tuple[str, int, int]]) -> None:
    made: list[str] = []
    for step, number, place in steps:
        with contextlib.suppress(ClientError):
            take_step(lab, made, step, f"10.0.2.{number}", place)
    held = [address for each in made for address in addresses(lab.interface(each))]
    assert len(held) == len(set(held))
    assert lab.available(lab.small) == 11 - len(held)
    for each in made:
        lab.ec2.delete_network_interface(NetworkInterfaceId=each)
    assert lab.available(lab.small) == 11
