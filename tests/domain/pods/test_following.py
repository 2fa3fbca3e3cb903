"""Which ENI an address belongs on, and what brings it there."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.pods import following
from domain.pods.following import Holder, Home, Placed, PodLink

if TYPE_CHECKING:
    from domain.pods.following import Address

OWNER, SUBNET = "MultusEni-lab", "subnet-1"
NETWORKS = (ip_network("10.0.3.0/24"), ip_network("2001:db8::/64"))
HOME = Home("eni-home", "0a:00:00:00:00:01", SUBNET, NETWORKS)
ADDRESSES = tuple(
    ip_address(text) for text in ("10.0.3.5", "10.0.3.6", "2001:db8::5", "2001:db8::6")
)


@st.composite
def holders(draw: st.DrawFn) -> tuple[Holder, ...]:
    """Draw ENIs that share out some of the addresses, each on one of them at most."""
    made = []
    left = list(ADDRESSES)
    for name in ("eni-home", "eni-peer", "eni-else"):
        mine = frozenset(draw(st.lists(st.sampled_from(left), unique=True)) if left else ())
        left = [each for each in left if each not in mine]
        owner = draw(st.sampled_from([OWNER, "other", None])) if name == "eni-else" else OWNER
        primary = frozenset(
            draw(st.lists(st.sampled_from(sorted(mine, key=str)), unique=True)) if mine else ()
        )
        made.append(Holder(name, name, SUBNET, owner, mine, primary))
    return tuple(made)


@given(st.lists(st.sampled_from(ADDRESSES)), holders())
def test_each_address_is_dealt_with_once_and_nothing_foreign_is_touched(
    wanted: list[Address], enis: tuple[Holder, ...]
) -> None:
    plan = following.assignment(HOME, wanted, following.holders_by_address(HOME, enis), OWNER)
    moved = [(address, move.source) for move in plan.moves for address in move.addresses]
    dealt = [
        *plan.here,
        *plan.ipv4,
        *plan.ipv6,
        *(a for a, _ in moved),
        *(a for a, _ in plan.problems),
    ]
    assert sorted(dealt, key=str) == sorted(set(wanted), key=str)
    by_address: dict[Address, Holder] = {address: eni for eni in enis for address in eni.addresses}
    taken: list[Address] = [*plan.ipv4, *(a for a, _ in moved)]
    for address in taken:
        holder = by_address.get(address)
        assert holder is None or (holder.owner == OWNER and address not in holder.primary)
    assert plan.reassign == any(address in by_address for address in plan.ipv4)
    assert all(address not in by_address for address in plan.ipv6)
    assert all(by_address[address].eni_id == source for address, source in moved)
    assert len({move.source for move in plan.moves}) == len(plan.moves)


@given(st.lists(st.sampled_from(ADDRESSES)), holders())
def test_only_what_the_eni_has_is_released_and_never_its_primary_address(
    wanted: list[Address], enis: tuple[Holder, ...]
) -> None:
    home = enis[0]
    released = following.to_release(HOME, wanted, enis)
    assert set(released) == (set(wanted) & home.addresses) - home.primary
    assert len(set(released)) == len(released)


@given(st.lists(st.sampled_from(ADDRESSES)), holders())
def test_what_may_not_be_taken_stays_where_it_is(
    wanted: list[Address], enis: tuple[Holder, ...]
) -> None:
    on = following.holders_by_address(HOME, enis)
    plan = following.assignment(HOME, wanted, on, OWNER, lambda _address, _holder: False)
    held = {address: eni.eni_id for eni in enis for address in eni.addresses}
    assert (plan.moves, plan.reassign, plan.problems) == ((), False, ())
    assert {*plan.ipv4, *plan.ipv6} == set(wanted) - held.keys()
    assert {held[address] for address in plan.here} <= {"eni-home"}
    assert "eni-home" not in {held[address] for address in plan.elsewhere}
    assert sorted((*plan.here, *plan.elsewhere), key=str) == sorted(
        set(wanted) & held.keys(), key=str
    )


def test_holders_in_another_subnet_do_not_count() -> None:
    elsewhere = Holder("eni-x", "x", "subnet-2", "other", frozenset(ADDRESSES))
    assert following.holders_by_address(HOME, [elsewhere]) == {}


def test_only_what_may_be_taken_is_taken() -> None:
    v4, v4b, v6, v6b = ADDRESSES
    peer = Holder("eni-peer", "p", SUBNET, OWNER, frozenset([v4, v6]))
    later = Holder("eni-later", "l", SUBNET, OWNER, frozenset([v4b, v6b]))
    on = following.holders_by_address(HOME, [peer, later])
    plan = following.assignment(
        HOME, ADDRESSES, on, OWNER, lambda _address, holder: holder.eni_id == "eni-peer"
    )
    assert (plan.ipv4, plan.reassign) == ((v4,), True)
    assert [(move.addresses, move.source) for move in plan.moves] == [((v6,), "eni-peer")]
    assert plan.elsewhere == (v4b, v6b)


def eni(name: str, mac: str) -> Holder:
    """Return an ENI of the stack."""
    return Holder(name, mac, SUBNET, OWNER)


LINKS = [PodLink(1, "eth0", "m0"), PodLink(2, "net1", "m1"), PodLink(3, "net2", "m2")]
HOMES: dict[str, tuple[list[Holder], tuple[str, ...], list[str], list[str]]] = {
    "whichever has one": ([eni("e1", "m1"), eni("e2", "m2")], (), ["e1", "e2"], []),
    "those that were named": ([eni("e1", "m1"), eni("e2", "m2")], ("net2",), ["e2"], []),
    "none": ([], (), [], []),
    "no such link": ([eni("e1", "m1")], ("net7",), [], ["link-unknown"]),
    "a link of no ENI": ([eni("e1", "m1")], ("eth0", "net1"), ["e1"], ["link-unknown"]),
    "two with one MAC address": ([eni("e1", "m1"), eni("e3", "m1")], (), [], ["link-ambiguous"]),
}


@pytest.mark.parametrize(("enis", "named", "found", "codes"), HOMES.values(), ids=HOMES)
def test_a_links_eni_is_the_one_with_its_mac_address(
    enis: list[Holder], named: tuple[str, ...], found: list[str], codes: list[str]
) -> None:
    homes, problems = following.homes(LINKS, enis, {SUBNET: NETWORKS}, named)
    assert [home.eni_id for home in homes.values()] == found
    assert [problem.code for problem in problems] == codes
    assert all(problem.remedy and problem.value for problem in problems)


@pytest.mark.parametrize(
    ("text", "good"),
    [("10.0.3.7", True), ("10.0.4.7", False), ("2001:db8::7", True), ("2001:db8:1::7", False)],
)
def test_an_address_must_be_in_the_enis_subnet_whatever_its_mask(text: str, *, good: bool) -> None:
    problems = list(following.outside([Placed("m", ip_address(text))], {"m": HOME}))
    assert (problems == []) is good


def test_what_a_failure_says_has_code_value_and_remedy() -> None:
    from domain.pods.errors import line  # noqa: PLC0415

    said: Any = line(following.nothing(LINKS))
    assert said.startswith("nothing-to-assign: ")
    assert "(found: eth0 m0, net1 m1, net2 m2)" in said
