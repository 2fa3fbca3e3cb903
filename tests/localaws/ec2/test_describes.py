"""Describe actions: ids, filters and pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.localaws.ec2.conftest import Lab, Refused

TAGS = [{"ResourceType": "network-interface", "Tags": [{"Key": "owner", "Value": "me"}]}]


def one_of(lab: Lab) -> tuple[dict[str, Any], str]:
    """Return an attached interface among others, as described, and its instance."""
    lab.make(lab.b)
    instance = lab.launch()
    interface = lab.make(
        lab.dual,
        Description="the one",
        Groups=[lab.group],
        Ipv6AddressCount=1,
        TagSpecifications=TAGS,
        SecondaryPrivateIpAddressCount=1,
    )
    lab.attach(interface, instance)
    lab.ec2.modify_network_interface_attribute(
        NetworkInterfaceId=interface, SourceDestCheck={"Value": False}
    )
    return lab.interface(interface), instance


VALUES: dict[str, Callable[[dict[str, Any]], str]] = {
    "network-interface-id": lambda eni: eni["NetworkInterfaceId"],
    "subnet-id": lambda eni: eni["SubnetId"],
    "mac-address": lambda eni: eni["MacAddress"],
    "description": lambda eni: eni["Description"],
    "description with wildcards": lambda _: "th? o*",
    "group-id": lambda eni: eni["Groups"][0]["GroupId"],
    "group-name": lambda eni: eni["Groups"][0]["GroupName"],
    "private-ip-address": lambda eni: eni["PrivateIpAddress"],
    "addresses.private-ip-address": lambda eni: eni["PrivateIpAddresses"][1]["PrivateIpAddress"],
    "ipv6-addresses.ipv6-address": lambda eni: eni["Ipv6Addresses"][0]["Ipv6Address"],
    "attachment.attachment-id": lambda eni: eni["Attachment"]["AttachmentId"],
    "attachment.device-index": lambda _: "1",
    "attachment.status": lambda _: "attaching",
    "attachment.delete-on-termination": lambda _: "false",
    "source-dest-check": lambda _: "false",
    "tag:owner": lambda _: "me",
    "tag-key": lambda _: "owner",
}


@pytest.mark.parametrize("name", VALUES)
def test_a_filter_finds_one_interface_among_others(lab: Lab, name: str) -> None:
    eni, _ = one_of(lab)
    wanted = {"Name": name.removesuffix(" with wildcards"), "Values": [VALUES[name](eni)]}
    answer = lab.ec2.describe_network_interfaces(Filters=[wanted])
    assert [each["NetworkInterfaceId"] for each in answer["NetworkInterfaces"]] == [
        eni["NetworkInterfaceId"]
    ]


@pytest.mark.parametrize(
    ("name", "value", "count"),
    [
        ("status", "available", 1),
        ("status", "in-use", 2),
        ("availability-zone", "us-east-1b", 1),
        ("vpc-id", "vpc-*", 3),
        ("interface-type", "interface", 3),
        ("owner-id", "123456789012", 3),
        ("attachment.instance-owner-id", "123456789012", 2),
        ("requester-managed", "false", 3),
        ("requester-id", "*", 0),
        ("attachment.instance-id", "i-*", 2),
    ],
)
def test_a_filter_finds_several_interfaces(lab: Lab, name: str, value: str, count: int) -> None:
    one_of(lab)
    answer = lab.ec2.describe_network_interfaces(Filters=[{"Name": name, "Values": [value]}])
    assert len(answer["NetworkInterfaces"]) == count


def test_the_interfaces_of_an_instance(lab: Lab) -> None:
    eni, instance = one_of(lab)
    found = lab.interfaces(**{"attachment.instance-id": instance})
    assert len(found) == 2
    assert eni["NetworkInterfaceId"] in found
    assert lab.interfaces(**{"attachment.instance-id": "i-0123456789abcdef0"}) == []


def test_an_unknown_filter_is_refused_everywhere(lab: Lab, refused: Refused) -> None:
    wrong = [{"Name": "network-card-index", "Values": ["0"]}]
    for describe in (
        lab.ec2.describe_network_interfaces,
        lab.ec2.describe_instances,
        lab.ec2.describe_subnets,
    ):
        with refused("InvalidParameterValue", "network-card-index"):
            describe(Filters=wrong)


def test_every_unknown_id_is_named(lab: Lab, refused: Refused) -> None:
    known = lab.make()
    one, two = "eni-0123456789abcdef0", "eni-0123456789abcdef1"
    with refused("InvalidNetworkInterfaceID.NotFound", f"{one}, {two}"):
        lab.ec2.describe_network_interfaces(NetworkInterfaceIds=[known, one, two])
    with refused(
        "InvalidNetworkInterfaceID.NotFound", "networkInterface ID 'eni-0123456789abcdef0'"
    ):
        lab.ec2.describe_network_interfaces(NetworkInterfaceIds=[one])
    with refused("InvalidInstanceID.NotFound", "i-0123456789abcdef0, i-0123456789abcdef1"):
        lab.ec2.describe_instances(InstanceIds=["i-0123456789abcdef0", "i-0123456789abcdef1"])
    with refused("InvalidSubnetID.NotFound", "subnet-1, subnet-2"):
        lab.ec2.describe_subnets(SubnetIds=["subnet-1", lab.a, "subnet-2"])
    with refused("InvalidGroup.NotFound", "sg-1"):
        lab.ec2.describe_security_groups(GroupIds=[lab.group, "sg-1"])


def test_pages_of_interfaces(lab: Lab) -> None:
    made = {lab.make() for _ in range(12)}
    pages = list(
        lab.ec2.get_paginator("describe_network_interfaces").paginate(
            PaginationConfig={"PageSize": 5}
        )
    )
    assert [len(page["NetworkInterfaces"]) for page in pages] == [5, 5, 2]
    seen = [each["NetworkInterfaceId"] for page in pages for each in page["NetworkInterfaces"]]
    assert set(seen) == made
    assert len(seen) == 12


def test_pages_of_instances_count_instances_across_reservations(lab: Lab) -> None:
    launched = [
        each["InstanceId"]
        for count in (4, 3)
        for each in lab.ec2.run_instances(
            ImageId="ami-12345678",
            InstanceType="m5.large",
            MinCount=count,
            MaxCount=count,
            SubnetId=lab.a,
        )["Instances"]
    ]
    pages = list(
        lab.ec2.get_paginator("describe_instances").paginate(PaginationConfig={"PageSize": 5})
    )
    by_page = [
        [
            each["InstanceId"]
            for reservation in page["Reservations"]
            for each in reservation["Instances"]
        ]
        for page in pages
    ]
    assert by_page == [launched[:5], launched[5:]]
    assert [len(page["Reservations"]) for page in pages] == [2, 1]


@pytest.mark.parametrize(
    ("action", "result"),
    [
        ("describe_subnets", "Subnets"),
        ("describe_security_groups", "SecurityGroups"),
        ("describe_instance_types", "InstanceTypes"),
    ],
)
def test_pages_of_what_else_is_described(lab: Lab, action: str, result: str) -> None:
    for number in range(6):
        lab.security_group(f"g{number}")
    first = getattr(lab.ec2, action)(MaxResults=5)
    second = getattr(lab.ec2, action)(MaxResults=5, NextToken=first["NextToken"])
    assert len(first[result]) == 5
    assert not [each for each in second[result] if each in first[result]]


def test_page_sizes_have_bounds_and_exclude_ids(lab: Lab, refused: Refused) -> None:
    for size in (4, 1001):
        with refused("InvalidParameterValue"):
            lab.ec2.describe_instances(MaxResults=size)
    with refused("InvalidParameterCombination"):
        lab.ec2.describe_instances(MaxResults=5, InstanceIds=[lab.launch()])
    with refused("InvalidParameterCombination"):
        lab.ec2.describe_network_interfaces(MaxResults=5, NetworkInterfaceIds=[lab.make()])
    with refused("InvalidParameterCombination"):
        lab.ec2.describe_instance_types(MaxResults=5, InstanceTypes=["m5.large"])
    with refused("InvalidNextToken"):
        lab.ec2.describe_network_interfaces(MaxResults=5, NextToken="???")


def test_many_interfaces_must_be_paged_or_narrowed(lab: Lab, refused: Refused) -> None:
    lab.settings.unpaginated_interfaces = 5
    for _ in range(6):
        lab.make()
    with refused("OperationNotPermitted"):
        lab.ec2.describe_network_interfaces()
    assert len(lab.interfaces(subnet_id=lab.a)) == 6
    assert len(lab.ec2.describe_network_interfaces(MaxResults=1000)["NetworkInterfaces"]) == 6


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("instance-state-name", "running", True),
        ("instance-state-name", "pending", False),
        ("instance-state-code", "16", True),
        ("instance-type", "m5.*", True),
        ("instance-type", "c5.*", False),
        ("tag:node", "one", True),
        ("tag:node", "two", False),
        ("tag-key", "node", True),
        ("availability-zone", "us-east-1a", True),
        ("vpc-id", "vpc-*", True),
        ("image-id", "ami-12345678", True),
        ("network-interface.status", "in-use", True),
        ("network-interface.attachment.status", "detaching", False),
    ],
)
def test_filters_of_instances(lab: Lab, name: str, value: str, found: bool) -> None:
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "node", "Value": "one"}]}]
    lab.launch(TagSpecifications=tags)
    answer = lab.ec2.describe_instances(Filters=[{"Name": name, "Values": [value]}])
    assert bool(answer["Reservations"]) is found


def test_filters_of_instances_by_what_they_have(lab: Lab) -> None:
    instance = lab.launch(SecurityGroupIds=[lab.group])
    lab.launch(lab.b)
    shown = lab.instance(instance)
    for name, value in {
        "instance-id": instance,
        "subnet-id": lab.a,
        "private-ip-address": shown["PrivateIpAddress"],
        "instance.group-id": lab.group,
        "network-interface.network-interface-id": shown["NetworkInterfaces"][0][
            "NetworkInterfaceId"
        ],
        "network-interface.subnet-id": lab.a,
    }.items():
        answer = lab.ec2.describe_instances(Filters=[{"Name": name, "Values": [value]}])
        ids = [each["InstanceId"] for got in answer["Reservations"] for each in got["Instances"]]
        assert ids == [instance], name


def test_filters_of_subnets(lab: Lab) -> None:
    lab.ec2.create_tags(Resources=[lab.a], Tags=[{"Key": "use", "Value": "multus"}])
    for name, value, expected in (
        ("tag:use", "mult*", [lab.a]),
        ("cidr-block", "10.0.1.0/24", [lab.b]),
        ("ipv6-native", "true", [lab.v6]),
        ("available-ip-address-count", "11", [lab.small]),
        ("subnet-id", lab.dual, [lab.dual]),
    ):
        wanted = [{"Name": name, "Values": [value]}, {"Name": "vpc-id", "Values": [lab.vpc]}]
        answer = lab.ec2.describe_subnets(Filters=wanted)
        assert [each["SubnetId"] for each in answer["Subnets"]] == expected, name


def test_a_subnet_shows_its_ipv6_block(lab: Lab) -> None:
    shown = lab.ec2.describe_subnets(SubnetIds=[lab.v6])["Subnets"][0]
    assert "CidrBlock" not in shown
    assert shown["Ipv6Native"] is True
    assert shown["AvailableIpAddressCount"] == 0
    assert [each["Ipv6CidrBlock"] for each in shown["Ipv6CidrBlockAssociationSet"]] == [
        "2001:db8:0:4::/64"
    ]
