"""Subnet CIDR reservations over the API."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any

import pytest

from localaws.ec2.subnets import PAGE

if TYPE_CHECKING:
    from tests.localaws.ec2.conftest import Lab, Refused


def reserve(
    lab: Lab, cidr: str, kind: str = "explicit", subnet: str | None = None
) -> dict[str, Any]:
    answer = lab.ec2.create_subnet_cidr_reservation(
        SubnetId=subnet or lab.small, Cidr=cidr, ReservationType=kind, Description="pods"
    )
    return dict(answer["SubnetCidrReservation"])


def test_reservations_are_shown_by_family(lab: Lab) -> None:
    four = reserve(lab, "10.0.3.64/26", "prefix", lab.dual)
    six = reserve(lab, "2001:db8:0:3:1::/80", "explicit", lab.dual)
    answer = lab.ec2.get_subnet_cidr_reservations(SubnetId=lab.dual)
    assert answer["SubnetIpv4CidrReservations"] == [four]
    assert answer["SubnetIpv6CidrReservations"] == [six]
    assert (four["Cidr"], four["ReservationType"], four["Description"]) == (
        "10.0.3.64/26",
        "prefix",
        "pods",
    )


def test_reservations_can_be_filtered(lab: Lab) -> None:
    reserve(lab, "10.0.2.4/31", "prefix")
    explicit = reserve(lab, "10.0.2.6/31", "explicit")
    answer = lab.ec2.get_subnet_cidr_reservations(
        SubnetId=lab.small, Filters=[{"Name": "reservationType", "Values": ["explicit"]}]
    )
    assert answer["SubnetIpv4CidrReservations"] == [explicit]


@pytest.mark.parametrize("kind", ["prefix", "explicit"])
def test_no_automatic_address_comes_out_of_a_reservation(
    lab: Lab, refused: Refused, kind: str
) -> None:
    reserve(lab, "10.0.2.8/29", kind)
    given = [lab.create(lab.small)["PrivateIpAddress"] for _ in range(4)]
    assert not [each for each in given if ip_address(each) in ip_network("10.0.2.8/29")]
    with refused("InsufficientFreeAddressesInSubnet"):
        lab.create(lab.small)


def test_a_chosen_address_may_come_out_of_an_explicit_reservation(lab: Lab) -> None:
    reserve(lab, "10.0.2.8/29")
    assert lab.create(lab.small, PrivateIpAddress="10.0.2.9")["PrivateIpAddress"] == "10.0.2.9"


def test_a_deleted_reservation_frees_its_addresses(lab: Lab, refused: Refused) -> None:
    made = reserve(lab, "10.0.2.8/29", "prefix")
    assert lab.available(lab.small) == 4
    identified = {"SubnetCidrReservationId": made["SubnetCidrReservationId"]}
    answer = lab.ec2.delete_subnet_cidr_reservation(**identified)
    assert answer["DeletedSubnetCidrReservation"] == made
    assert lab.available(lab.small) == 11
    with refused("InvalidSubnetCidrReservationID.NotFound"):
        lab.ec2.delete_subnet_cidr_reservation(**identified)


def test_a_reservation_has_the_tags_that_it_was_made_with(lab: Lab) -> None:
    tags = [{"Key": "owner", "Value": "me"}]
    lab.ec2.create_subnet_cidr_reservation(
        SubnetId=lab.small,
        Cidr="10.0.2.8/29",
        ReservationType="explicit",
        TagSpecifications=[{"ResourceType": "subnet-cidr-reservation", "Tags": tags}],
    )
    (shown,) = lab.ec2.get_subnet_cidr_reservations(SubnetId=lab.small)[
        "SubnetIpv4CidrReservations"
    ]
    assert shown["Tags"] == tags


def test_tags_for_anything_else_are_refused(lab: Lab, refused: Refused) -> None:
    tags = [{"Key": "owner", "Value": "me"}]
    with refused("InvalidParameterValue"):
        lab.ec2.create_subnet_cidr_reservation(
            SubnetId=lab.small,
            Cidr="10.0.2.8/29",
            ReservationType="explicit",
            TagSpecifications=[{"ResourceType": "subnet", "Tags": tags}],
        )


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param("10.0.3.128/25", "10.0.3.128/25", id="the same"),
        pytest.param("10.0.3.128/25", "10.0.3.192/28", id="a part"),
        pytest.param("10.0.3.128/26", "10.0.3.0/24", id="all of the subnet"),
        pytest.param("2001:db8:0:3:8000::/65", "2001:db8:0:3:8000:1::/96", id="IPv6"),
    ],
)
def test_reservations_cannot_overlap(lab: Lab, refused: Refused, first: str, second: str) -> None:
    reserve(lab, first, "explicit", lab.dual)
    with refused("InvalidParameterValue", "has overlap with existing reserved CIDR block"):
        reserve(lab, second, "prefix", lab.dual)


@pytest.mark.parametrize(
    ("subnet", "cidr"),
    [
        pytest.param("dual", "2001:db8:0:4::/80", id="another subnet's"),
        pytest.param("dual", "10.0.2.0/23", id="larger than the subnet"),
        pytest.param("small", "2001:db8:0:3::/80", id="a family that it does not have"),
        pytest.param("v6", "10.0.3.0/28", id="IPv4 in an IPv6-only one"),
    ],
)
def test_a_reservation_is_inside_its_subnet(
    lab: Lab, refused: Refused, subnet: str, cidr: str
) -> None:
    with refused("InvalidParameterValue", "not within"):
        reserve(lab, cidr, "explicit", getattr(lab, subnet))


def test_an_ipv6_range_is_shown_in_its_short_form(lab: Lab) -> None:
    made = reserve(lab, "2001:0DB8:0:3:8000:0:0:0/65", "explicit", lab.dual)
    assert made["Cidr"] == "2001:db8:0:3:8000::/65"


def test_no_automatic_ipv6_address_comes_out_of_a_reservation(lab: Lab) -> None:
    reserve(lab, "2001:db8:0:3::/120", "explicit", lab.dual)
    made = lab.create(lab.dual, Ipv6AddressCount=4)
    given = [ip_address(each["Ipv6Address"]) for each in made["Ipv6Addresses"]]
    assert not [each for each in given if each in ip_network("2001:db8:0:3::/120")]


def test_many_reservations_are_shown_in_pages(lab: Lab) -> None:
    for number in range(PAGE + 1):
        reserve(lab, f"2001:db8:0:4:1::{number:x}/128", "explicit", lab.v6)
    first = lab.ec2.get_subnet_cidr_reservations(SubnetId=lab.v6)
    second = lab.ec2.get_subnet_cidr_reservations(SubnetId=lab.v6, NextToken=first["NextToken"])
    assert len(first["SubnetIpv6CidrReservations"]) == PAGE
    assert len(second["SubnetIpv6CidrReservations"]) == 1
    assert "NextToken" not in second


@pytest.mark.parametrize(
    ("cidr", "kind"),
    [
        ("10.0.0.0/30", "prefix"),
        ("10.0.2.5/30", "prefix"),
        ("pods", "prefix"),
        ("10.0.2.8/30", "pods"),
    ],
    ids=["outside", "host bits set", "no CIDR", "no type"],
)
def test_a_reservation_that_makes_no_sense_is_refused(
    lab: Lab, refused: Refused, cidr: str, kind: str
) -> None:
    with refused("InvalidParameterValue"):
        reserve(lab, cidr, kind)
