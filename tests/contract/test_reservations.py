"""What keeping pod ranges relies on in EC2, held against the fake and the adapter alike."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING, Any, Protocol

import boto3
import pytest
from moto import mock_aws
from moto.core.config import DefaultConfig

from domain.errors import SpecRejected
from domain.model import SubnetId
from domain.reservations import ReservationId, reservation_tags
from lambdas.aws.reservations import CidrReservations
from localaws.account import Account, Settings
from localaws.clock import VirtualClock
from tests.fakes.builders import OWNER
from tests.fakes.calls import PortCalls
from tests.fakes.reservations import FakeReservations

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lambdas.reconcile.ports import ReservationPort

pytestmark = pytest.mark.contract

IPV4, IPV6 = "10.0.0.0/24", "2001:db8::/64"
MISSING = SubnetId("subnet-0123456789abcdef0")


class Leg(Protocol):
    """What a test may ask of either side besides the port itself."""

    ec2: ReservationPort
    subnet: SubnetId
    """With IPV4 and IPV6."""

    def take(self, address: str) -> None:
        """Let somebody's network interface have an address."""
        ...


class FakeLeg:
    """The fake."""

    def __init__(self) -> None:
        self._ec2 = FakeReservations(PortCalls())
        self.ec2: ReservationPort = self._ec2
        self.subnet = SubnetId("subnet-0e58d1c6a90b43f72")
        self._ec2.add_subnet(self.subnet, IPV4, IPV6)

    def take(self, address: str) -> None:
        """Add a network interface."""
        self._ec2.take(self.subnet, "eni-1", address)


class EmbeddedLeg:
    """The adapter over the embedded account."""

    def __init__(self) -> None:
        self._raw: Any = boto3.client("ec2")
        self.ec2: ReservationPort = CidrReservations(self._raw)
        vpc = self._raw.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        made = self._raw.create_subnet(VpcId=vpc, CidrBlock=IPV4, Ipv6CidrBlock=IPV6)
        self.subnet = SubnetId(made["Subnet"]["SubnetId"])

    def take(self, address: str) -> None:
        """Create a network interface."""
        self._raw.create_network_interface(SubnetId=self.subnet, PrivateIpAddress=address)


@pytest.fixture(params=["fake", "adapter"])
def leg(request: pytest.FixtureRequest) -> Iterator[Leg]:
    """Return one side after the other."""
    if request.param == "fake":
        yield FakeLeg()
        return
    account = Account(VirtualClock(), Settings(throttling=False, visibility_s=0.0))
    config = DefaultConfig(core={"reset_boto3_session": False})
    with account.active(), mock_aws(config=config):
        yield EmbeddedLeg()


def reserve(leg: Leg, cidr: str) -> ReservationId:
    return leg.ec2.reserve(leg.subnet, cidr, "for pods", reservation_tags(OWNER, cidr))


def test_only_subnets_that_exist_are_shown_with_their_ranges(leg: Leg) -> None:
    (shown,) = leg.ec2.subnets([leg.subnet, MISSING])
    assert (shown.subnet_id, shown.cidrs) == (leg.subnet, (ip_network(IPV4), ip_network(IPV6)))


@pytest.mark.parametrize("cidr", ["10.0.0.128/25", "2001:db8::8000:0:0:0/65"])
def test_a_reservation_is_shown_as_it_was_asked_for(leg: Leg, cidr: str) -> None:
    made = reserve(leg, cidr)
    (shown,) = leg.ec2.reservations(leg.subnet)
    assert (shown.reservation_id, shown.subnet_id) == (made, leg.subnet)
    assert (shown.network, shown.kind) == (ip_network(cidr), "explicit")
    assert shown.is_of(OWNER)


@pytest.mark.parametrize("cidr", ["10.0.0.128/25", "10.0.0.192/26", "10.0.0.0/24"])
def test_ranges_that_overlap_are_refused(leg: Leg, cidr: str) -> None:
    reserve(leg, "10.0.0.128/25")
    with pytest.raises(SpecRejected):
        reserve(leg, cidr)


@pytest.mark.parametrize("cidr", ["10.0.1.0/25", "2001:db8:1::/65"])
def test_a_range_outside_the_subnet_is_refused(leg: Leg, cidr: str) -> None:
    with pytest.raises(SpecRejected):
        reserve(leg, cidr)


def test_a_deleted_reservation_is_gone_and_deleting_it_again_is_success(leg: Leg) -> None:
    made = reserve(leg, "10.0.0.128/25")
    leg.ec2.release(made)
    leg.ec2.release(made)
    assert leg.ec2.reservations(leg.subnet) == ()


def test_who_has_addresses_is_shown(leg: Leg) -> None:
    leg.take("10.0.0.200")
    (holder,) = leg.ec2.holders(leg.subnet)
    assert holder.has_of(ip_network("10.0.0.128/25")) == ("10.0.0.200",)
