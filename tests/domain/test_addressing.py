"""Addresses from the start of a subnet: free, never reserved, and spread after a conflict."""

from __future__ import annotations

import ipaddress
from ipaddress import IPv4Network
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from domain import addressing
from domain.config import InterfaceSpec, SecurityGroupSelector, SubnetSelector
from domain.errors import SpecRejected, SubnetExhausted
from domain.model import Subnet, SubnetId

if TYPE_CHECKING:
    from tests.fakes.builders import Builders

CIDR = IPv4Network("10.0.0.0/26")
FIRST_USABLE, LAST_USABLE = CIDR[4], CIDR[62]


@st.composite
def cases(draw: st.DrawFn) -> tuple[Subnet, frozenset[str], tuple[str, ...]]:
    """Draw a /26 with reservations, addresses taken and pod ranges, some of them outside of it."""

    def networks() -> list[IPv4Network]:
        starts = st.integers(0, 127).map(lambda offset: int(IPv4Network("10.0.0.0/25")[offset]))
        drawn = st.tuples(starts, st.integers(27, 32)).map(
            lambda pair: IPv4Network(pair, strict=False)
        )
        return draw(st.lists(drawn, max_size=4))

    taken = draw(st.frozensets(st.integers(0, 80), max_size=70))
    subnet = Subnet(SubnetId("subnet-1"), "us-east-1a", CIDR, tuple(networks()))
    addresses = frozenset(str(ipaddress.IPv4Address(int(CIDR[0]) + offset)) for offset in taken)
    return subnet, addresses, tuple(str(network) for network in networks())


def is_free(subnet: Subnet, taken: frozenset[str], pods: tuple[str, ...], address: str) -> bool:
    """Say it the slow way: usable by AWS's rule, not taken, in no closed range."""
    parsed = ipaddress.IPv4Address(address)
    closed = [*subnet.reservations, *(IPv4Network(text) for text in pods)]
    return (
        FIRST_USABLE <= parsed <= LAST_USABLE
        and address not in taken
        and not any(parsed in network for network in closed)
    )


def all_free(subnet: Subnet, taken: frozenset[str], pods: tuple[str, ...]) -> list[str]:
    return [str(each) for each in CIDR if is_free(subnet, taken, pods, str(each))]


@given(cases())
def test_the_free_addresses_are_exactly_those_by_the_slow_rule(
    case: tuple[Subnet, frozenset[str], tuple[str, ...]],
) -> None:
    assert list(addressing.free_from_start(*case)) == all_free(*case)


@given(cases(), st.integers(0, 20), st.text(max_size=20))
def test_a_choice_is_free_and_the_very_first_unless_something_was_lost(
    case: tuple[Subnet, frozenset[str], tuple[str, ...]], conflicts: int, who: str
) -> None:
    assume(free := all_free(*case))
    chosen = addressing.choose(*case, conflicts=conflicts, who=who)
    assert chosen in free
    if conflicts == 0:
        assert chosen == free[0]


def test_losers_of_the_same_address_spread_out(build: Builders) -> None:
    losers = {
        addressing.choose(build.subnet(), ["10.0.0.4"], (), conflicts=3, who=f"i-{number}")
        for number in range(100)
    }
    assert len(losers) > 20


@given(cases(), st.integers(1, 300), st.text(max_size=20))
def test_in_a_burst_one_of_the_lowest_is_chosen(
    case: tuple[Subnet, frozenset[str], tuple[str, ...]], asked: int, who: str
) -> None:
    assume(free := all_free(*case))
    chosen = addressing.choose(*case, asked=asked, who=who)
    among = free[: addressing.SPREAD * asked] if asked >= addressing.BURST else free[:1]
    assert chosen in among


def test_the_window_doubles_with_every_conflict_and_ends(build: Builders) -> None:
    subnet = build.subnet(cidr="10.0.0.0/16")

    def farthest(conflicts: int) -> int:
        chosen = [
            addressing.choose(subnet, (), (), conflicts=conflicts, who=str(number))
            for number in range(300)
        ]
        return max(int(ipaddress.IPv4Address(each)) for each in chosen) - int(
            ipaddress.IPv4Address("10.0.0.4")
        )

    assert [farthest(1), farthest(2), farthest(3)] == [7, 15, 31]
    assert farthest(8) < 1024 > farthest(60)


@pytest.mark.parametrize(
    ("cidr", "taken", "pods", "reservations"),
    [
        pytest.param("10.0.0.0/28", [f"10.0.0.{n}" for n in range(4, 15)], (), (), id="all taken"),
        pytest.param("10.0.0.0/28", (), ("10.0.0.0/24",), (), id="all a pod range"),
        pytest.param("10.0.0.0/28", (), (), ("10.0.0.0/28",), id="all reserved"),
        pytest.param(
            "10.0.0.0/28", (), ("10.0.0.0/29",), ("10.0.0.8/29",), id="closed by both together"
        ),
    ],
)
def test_a_subnet_without_a_free_address_is_exhausted(
    build: Builders,
    cidr: str,
    taken: list[str],
    pods: tuple[str, ...],
    reservations: tuple[str, ...],
) -> None:
    subnet = build.subnet(cidr=cidr, reservations=reservations)
    with pytest.raises(SubnetExhausted, match="has no free address") as caught:
        addressing.choose(subnet, taken, pods)
    assert caught.value.details == {"subnet": "subnet-n3"}


def test_an_ipv6_only_subnet_has_no_address_to_choose_and_a_subnet_with_ipv4_is_not_ipv6_only(
    build: Builders,
) -> None:
    with pytest.raises(SpecRejected, match="is IPv6-only, so there is no IPv4 address to choose"):
        addressing.choose(build.subnet(cidr=None), (), ())
    with pytest.raises(SpecRejected, match="is not IPv6-only"):
        addressing.check_ipv6_only(build.subnet())
    addressing.check_ipv6_only(build.subnet(cidr=None))


def test_ranges_of_ipv6_take_no_ipv4_address_away() -> None:
    subnet = Subnet(SubnetId("subnet-1"), "us-east-1a", CIDR)
    spec = InterfaceSpec(
        "n3",
        SubnetSelector(),
        SecurityGroupSelector(),
        1,
        pod_ranges=("2001:db8::/64", "10.0.0.0/29"),
    )
    free = addressing.free_from_start(subnet, (), spec.ipv4_pod_ranges)
    assert next(free) == "10.0.0.8"
