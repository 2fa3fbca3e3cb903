"""Addresses are given once, inside the subnet, and never out of what AWS or a reservation keeps."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localaws.ec2.addresses import AddressPool, CidrReservation, SubnetAddresses, canonical
from localaws.rules import Refusal

NETWORK = IPv4Network("10.0.0.0/28")
RESERVED_BY_AWS = ["10.0.0.0", "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.15"]


def reservation(cidr: str, kind: str = "explicit") -> CidrReservation:
    return CidrReservation(f"scr-{cidr}", "subnet-1", IPv4Network(cidr), kind)  # type: ignore[arg-type]


def reserving(pool: AddressPool, *reserved: CidrReservation) -> AddressPool:
    for each in reserved:
        pool.reservations[each.reservation_id] = each
    return pool


def refusal(code: str) -> pytest.RaisesExc[Refusal]:
    return pytest.RaisesExc(Refusal, check=lambda raised: raised.code == code)


@pytest.mark.parametrize("address", RESERVED_BY_AWS)
def test_aws_keeps_the_first_four_addresses_and_the_last(address: str) -> None:
    with refusal("InvalidParameterValue"):
        AddressPool(NETWORK).claim(address)


def test_a_28_has_eleven_addresses_to_give() -> None:
    pool = AddressPool(NETWORK)
    assert pool.available == 11
    assert len(pool.pick(11)) == 11
    with refusal("InsufficientFreeAddressesInSubnet"):
        pool.pick(1)


@pytest.mark.parametrize("address", ["10.0.1.4", "192.168.0.1", "2001:db8::4"])
def test_an_address_outside_the_subnet_is_refused(address: str) -> None:
    with refusal("InvalidParameterValue"):
        AddressPool(NETWORK).claim(address)


def test_what_is_no_address_is_refused() -> None:
    with refusal("InvalidParameterValue"):
        AddressPool(NETWORK).claim("10.0.0")


def test_a_taken_address_is_refused_until_it_is_given_back() -> None:
    pool = AddressPool(NETWORK)
    pool.claim("10.0.0.5")
    with refusal("InvalidIPAddress.InUse"):
        pool.claim("10.0.0.5")
    pool.release("10.0.0.5")
    pool.claim("10.0.0.5")


def test_a_released_address_is_not_the_next_one_given() -> None:
    pool = AddressPool(NETWORK)
    first = pool.pick(1)[0]
    pool.release(first)
    assert pool.pick(1) != [first]


def test_all_or_none_of_a_request_is_taken() -> None:
    pool = AddressPool(NETWORK)
    pool.claim("10.0.0.6")
    with refusal("InvalidIPAddress.InUse"):
        pool.take(["10.0.0.5", "10.0.0.6"], 0)
    with refusal("InsufficientFreeAddressesInSubnet"):
        pool.take(["10.0.0.5"], 11)
    assert pool.available == 10


@pytest.mark.parametrize("kind", ["explicit", "prefix"])
def test_automatic_assignment_passes_a_reservation_by(kind: str) -> None:
    pool = reserving(AddressPool(NETWORK), reservation("10.0.0.4/30", kind))
    assert not {IPv4Address(each) for each in pool.pick(7)} & set(IPv4Network("10.0.0.4/30"))
    with refusal("InsufficientFreeAddressesInSubnet"):
        pool.pick(1)


def test_a_chosen_address_may_lie_in_an_explicit_reservation() -> None:
    reserving(AddressPool(NETWORK), reservation("10.0.0.4/30")).claim("10.0.0.4")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [pytest.param("prefix", 7, id="counts as used"), pytest.param("explicit", 11, id="does not")],
)
def test_a_reservation_in_the_count_of_available_addresses(kind: str, expected: int) -> None:
    assert reserving(AddressPool(NETWORK), reservation("10.0.0.4/30", kind)).available == expected


def test_a_reservation_over_awss_own_addresses_is_not_counted_twice() -> None:
    assert reserving(AddressPool(NETWORK), reservation("10.0.0.0/29", "prefix")).available == 7


def test_an_ipv6_pool_gives_addresses_without_counting_to_the_end() -> None:
    pool = AddressPool(IPv6Network("2001:db8::/64"))
    assert pool.pick(2) == ["2001:db8::4", "2001:db8::5"]


@pytest.mark.parametrize(
    "cidr", ["10.0.1.0/30", "10.0.0.0/27", "2001:db8::/80"], ids=["beside", "around", "no family"]
)
def test_a_reservation_must_lie_in_the_subnet(cidr: str) -> None:
    addresses = SubnetAddresses("subnet-1", AddressPool(NETWORK), None)
    network = IPv6Network(cidr) if ":" in cidr else IPv4Network(cidr)
    with refusal("InvalidParameterValue"):
        addresses.reserve(CidrReservation("scr-1", "subnet-1", network, "prefix"))


def test_reservations_do_not_overlap() -> None:
    addresses = SubnetAddresses("subnet-1", AddressPool(NETWORK), None)
    addresses.reserve(reservation("10.0.0.4/30"))
    with refusal("InvalidParameterValue"):
        addresses.reserve(reservation("10.0.0.4/31"))


def test_a_dropped_reservation_is_ordinary_again() -> None:
    addresses = SubnetAddresses("subnet-1", AddressPool(NETWORK), None)
    addresses.reserve(reservation("10.0.0.4/30", "prefix"))
    addresses.drop_reservation("scr-10.0.0.4/30")
    assert addresses.require_ipv4().available == 11


def test_ipv6_addresses_have_one_form() -> None:
    assert canonical(["2001:DB8:0:0::1"]) == ["2001:db8::1"]


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("pick"), st.integers(1, 4)),
            st.tuples(st.just("claim"), st.integers(0, 15)),
            st.tuples(st.just("release"), st.integers(0, 15)),
        ),
        max_size=40,
    )
)
def test_no_address_is_given_twice(steps: list[tuple[str, int]]) -> None:
    pool = reserving(AddressPool(NETWORK), reservation("10.0.0.8/30"))
    held: set[str] = set()
    for step, number in steps:
        address = str(NETWORK[number])
        if step == "release":
            pool.release(address)
            held.discard(address)
            continue
        try:
            given_now = pool.pick(number) if step == "pick" else pool.take([address], 0)
        except Refusal:
            continue
        assert not held & set(given_now)
        assert not set(given_now) & set(RESERVED_BY_AWS)
        held |= set(given_now)
    assert pool.available == 11 - len(held)
