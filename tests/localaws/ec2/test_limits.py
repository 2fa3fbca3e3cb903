"""Instance types have room for so many interfaces, cards and addresses, and no more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localaws.ec2 import refusals
from localaws.ec2.limits import Slot, limits_of
from localaws.rules import Refusal


@pytest.mark.parametrize(
    ("kind", "interfaces", "cards", "addresses"),
    [
        ("m5.large", 3, 1, 10),
        ("m5.xlarge", 4, 1, 15),
        ("m5.24xlarge", 15, 1, 50),
        ("p4d.24xlarge", 60, 4, 50),
    ],
)
def test_limits_are_those_of_describe_instance_types(
    kind: str, interfaces: int, cards: int, addresses: int
) -> None:
    limits = limits_of(kind)
    assert limits.interfaces == interfaces
    assert len(limits.interfaces_per_card) == cards
    assert limits.ipv4_per_interface == addresses


def code_of(kind: str, occupied: set[Slot], slot: Slot) -> str | None:
    try:
        limits_of(kind).check_slot("i-1", occupied, slot)
    except Refusal as refusal:
        return refusal.code
    return None


@pytest.mark.parametrize(
    ("occupied", "slot", "code"),
    [
        pytest.param({Slot(0, 0)}, Slot(0, 1), None, id="free"),
        pytest.param(
            {Slot(0, 0), Slot(0, 1)}, Slot(0, 1), "InvalidParameterValue", id="index taken"
        ),
        pytest.param({Slot(0, 0), Slot(0, 1)}, Slot(1, 1), None, id="same index on another card"),
        pytest.param({Slot(0, 0)}, Slot(4, 1), "InvalidParameterValue", id="no such card"),
        pytest.param({Slot(0, 0)}, Slot(0, -1), "InvalidParameterValue", id="negative index"),
        pytest.param(
            {Slot(0, device) for device in range(15)},
            Slot(0, 15),
            "AttachmentLimitExceeded",
            id="card full",
        ),
    ],
)
def test_a_slot_on_a_type_with_four_network_cards(
    occupied: set[Slot], slot: Slot, code: str | None
) -> None:
    assert code_of("p4d.24xlarge", occupied, slot) == code


def test_a_type_is_full_when_all_its_interfaces_are_there() -> None:
    assert code_of("m5.large", {Slot(0, 0), Slot(0, 1), Slot(0, 2)}, Slot(0, 3)) == (
        "AttachmentLimitExceeded"
    )


def test_an_unknown_type_is_refused() -> None:
    with pytest.raises(Refusal, match=r"m5\.tiny"):
        limits_of("m5.tiny")


@pytest.mark.parametrize(("ipv4", "ipv6", "fits"), [(10, 10, True), (11, 0, False), (1, 11, False)])
def test_addresses_per_interface(ipv4: int, ipv6: int, fits: bool) -> None:
    rule = refusals.TOO_MANY_ADDRESSES_TO_ASSIGN
    if fits:
        limits_of("m5.large").check_addresses(rule, ipv4, ipv6)
        return
    with pytest.raises(Refusal) as raised:
        limits_of("m5.large").check_addresses(rule, ipv4, ipv6)
    assert raised.value.code == rule.code


@given(
    st.sampled_from(["m5.large", "m5.4xlarge", "p4d.24xlarge"]),
    st.lists(st.builds(Slot, st.integers(0, 4), st.integers(0, 20)), max_size=80),
)
def test_limits_are_never_exceeded(kind: str, wanted: list[Slot]) -> None:
    limits = limits_of(kind)
    occupied: set[Slot] = set()
    for slot in wanted:
        if code_of(kind, occupied, slot) is None:
            occupied.add(slot)
    assert len(occupied) <= limits.interfaces
    for card, most in limits.interfaces_per_card.items():
        assert sum(1 for slot in occupied if slot.card == card) <= most
