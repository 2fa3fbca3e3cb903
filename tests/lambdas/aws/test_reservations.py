"""How EC2 is asked for reservations: pages, and what of a network interface counts; the rest is in tests/contract/."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.stub import Stubber

from domain.model import SubnetId
from lambdas.aws.reservations import CidrReservations

if TYPE_CHECKING:
    from collections.abc import Iterator

SUBNET = SubnetId("subnet-0e58d1c6a90b43f72")


def raw(number: int, cidr: str) -> dict[str, Any]:
    return {
        "SubnetCidrReservationId": f"scr-{number}",
        "SubnetId": SUBNET,
        "Cidr": cidr,
        "ReservationType": "explicit",
    }


@pytest.fixture
def stubbed() -> Iterator[tuple[CidrReservations, Stubber]]:
    client = boto3.client("ec2", region_name="us-east-1")
    with Stubber(client) as stubber:
        yield CidrReservations(client), stubber


def test_reservations_are_read_to_the_last_page(
    stubbed: tuple[CidrReservations, Stubber],
) -> None:
    ec2, stubber = stubbed
    four, six = raw(1, "10.0.49.0/24"), raw(2, "2001:db8::/65")
    action = "get_subnet_cidr_reservations"
    first = {"SubnetIpv4CidrReservations": [four], "NextToken": "more"}
    stubber.add_response(action, first, {"SubnetId": SUBNET})
    second = {"SubnetIpv6CidrReservations": [six]}
    stubber.add_response(action, second, {"SubnetId": SUBNET, "NextToken": "more"})
    assert [str(each.network) for each in ec2.reservations(SUBNET)] == [
        "10.0.49.0/24",
        "2001:db8::/65",
    ]


def test_addresses_and_prefixes_of_both_families_are_in_use(
    stubbed: tuple[CidrReservations, Stubber],
) -> None:
    ec2, stubber = stubbed
    interface = {
        "NetworkInterfaceId": "eni-1",
        "PrivateIpAddresses": [
            {"PrivateIpAddress": "10.0.48.5", "Primary": True},
            {"PrivateIpAddress": "10.0.49.5"},
        ],
        "Ipv6Addresses": [{"Ipv6Address": "2001:db8::5"}],
        "Ipv4Prefixes": [{"Ipv4Prefix": "10.0.50.16/28"}],
        "Ipv6Prefixes": [{"Ipv6Prefix": "2001:db8:0:0:1::/80"}],
    }
    stubber.add_response("describe_network_interfaces", {"NetworkInterfaces": [interface]})
    (holder,) = ec2.holders(SUBNET)
    for cidr in ("10.0.48.0/24", "10.0.49.0/24", "10.0.50.0/24", "2001:db8::/96"):
        assert holder.has_of(ip_network(cidr))
    assert holder.has_of(ip_network("2001:db8:0:0:1::/112"))
    assert not holder.has_of(ip_network("10.0.51.0/24"))


def test_a_cidr_that_a_subnet_no_longer_has_is_none_of_it(
    stubbed: tuple[CidrReservations, Stubber],
) -> None:
    ec2, stubber = stubbed
    associations = [
        {"Ipv6CidrBlock": "2001:db8::/64", "Ipv6CidrBlockState": {"State": "disassociated"}},
        {"Ipv6CidrBlock": "2001:db8:1::/64", "Ipv6CidrBlockState": {"State": "associated"}},
    ]
    subnet = {"SubnetId": SUBNET, "Ipv6CidrBlockAssociationSet": associations}
    stubber.add_response("describe_subnets", {"Subnets": [subnet]})
    (known,) = ec2.subnets([SUBNET])
    assert known.cidrs == (ip_network("2001:db8:1::/64"),)
