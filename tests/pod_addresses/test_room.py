"""Whether an ENI has room for another IPv6 address: what EC2 said once, and what has left the ENI since."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field
from ipaddress import ip_address

import pytest

from domain.errors import QuotaReached, Throttled
from domain.pods.following import Holder, Home
from pod_addresses.room import Ipv6Room

HOME = Home("eni-1", "02:00:00:00:00:01", "subnet-1", ())


@dataclass
class FakeEc2:
    """An ENI with so many IPv6 addresses beside its IPv4 one."""

    ipv6: int = 2
    throttled: bool = False
    asked: list[str] = field(default_factory=list)

    def interface(self, eni_id: str) -> Holder | None:
        self.asked.append(eni_id)
        if self.throttled:
            raise Throttled("slow")
        there = [ip_address("10.0.0.9"), *(ip_address(f"2001:db8::{n}") for n in range(self.ipv6))]
        return Holder(eni_id, HOME.mac, HOME.subnet_id, None, frozenset(there))


def refused(room: Ipv6Room, wanted: int) -> None:
    """Have EC2 refuse so many addresses."""
    with pytest.raises(QuotaReached, match="EC2 said so"), room.noted(HOME, wanted):
        raise QuotaReached("EC2 said so")


def has_room(room: Ipv6Room, wanted: int) -> bool:
    try:
        room.check(HOME, wanted)
    except QuotaReached:
        return False
    return True


def test_nobody_asks_about_an_eni_that_was_never_full() -> None:
    ec2 = FakeEc2()
    assert has_room(Ipv6Room(ec2), 9)
    assert ec2.asked == []


def test_room_comes_when_an_address_leaves_the_full_eni() -> None:
    ec2 = FakeEc2()
    room = Ipv6Room(ec2)
    refused(room, 1)
    assert not has_room(room, 1)
    ec2.ipv6 = 1
    assert [has_room(room, wanted) for wanted in (1, 2)] == [True, False]


def test_that_several_do_not_fit_says_nothing_of_one() -> None:
    room = Ipv6Room(FakeEc2())
    refused(room, 2)
    assert has_room(room, 1)


def test_an_eni_takes_at_least_what_it_was_seen_with() -> None:
    """Between the refusal and the look at what it has, an address may have left it."""
    ec2 = FakeEc2(ipv6=1)
    room = Ipv6Room(ec2)
    refused(room, 1)
    ec2.ipv6 = 2
    assert not has_room(room, 1)
    ec2.ipv6 = 1
    assert has_room(room, 1)


def test_what_ec2_does_not_tell_is_found_out_by_the_next_attempt() -> None:
    ec2 = FakeEc2(throttled=True)
    room = Ipv6Room(ec2)
    refused(room, 1)
    assert has_room(room, 1)
    ec2.throttled = False
    refused(room, 1)
    assert not has_room(room, 1)


def test_a_look_for_room_that_is_throttled_can_be_tried_again() -> None:
    ec2 = FakeEc2()
    room = Ipv6Room(ec2)
    refused(room, 1)
    ec2.throttled = True
    with pytest.raises(Throttled):
        room.check(HOME, 1)


def test_what_ec2_said_does_not_grow_with_every_look() -> None:
    room = Ipv6Room(FakeEc2())
    refused(room, 1)
    lengths = set()
    for _ in range(3):
        with pytest.raises(QuotaReached) as caught:
            room.check(HOME, 1)
        lengths.add(len(traceback.extract_tb(caught.value.__traceback__)))
    assert len(lengths) == 1
