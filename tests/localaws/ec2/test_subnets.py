"""Subnet CIDR reservations over the API."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any

import pytest

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
