"""Where instances go and which leave."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localaws.autoscaling.placement import Location, Occupant, leavers, spread
from localaws.autoscaling.purchase import Distribution, Purchase

pytestmark = pytest.mark.localaws

A1, A2, B1 = Location("a", "a1"), Location("a", "a2"), Location("b", "b1")


@given(
    count=st.integers(0, 20),
    occupied=st.lists(st.sampled_from([A1, A2, B1]), max_size=12),
)
def test_new_instances_never_widen_the_gap_between_zones(
    count: int, occupied: list[Location]
) -> None:
    before = Counter(location.zone for location in occupied)
    after = before + Counter(location.zone for location in spread(count, [A1, A2, B1], occupied))
    gap_before = abs(before["a"] - before["b"])
    assert sum(after.values()) == len(occupied) + count
    assert abs(after["a"] - after["b"]) <= max(1, gap_before)


def test_inside_a_zone_the_emptier_subnet_comes_first() -> None:
    assert spread(2, [A1, A2], [A1]) == [A2, A1]


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, []), (1, ["i-2"]), (2, ["i-2", "i-1"]), (9, ["i-2", "i-1", "i-3", "i-5"])],
)
def test_scale_in_takes_the_oldest_of_the_fullest_zone_and_no_protected_one(
    count: int, expected: list[str]
) -> None:
    occupants = [
        Occupant("i-1", B1, age=1),
        Occupant("i-2", A1, age=2),
        Occupant("i-3", A2, age=3),
        Occupant("i-4", A1, age=0, protected=True),
        Occupant("i-5", B1, age=5),
    ]
    assert leavers(count, occupants, Distribution()) == expected


def test_scale_in_takes_what_there_is_too_much_of_before_it_looks_at_zones() -> None:
    occupants = [
        Occupant("i-1", A1, age=1),
        Occupant("i-2", A2, age=2),
        Occupant("i-3", B1, age=3, purchase=Purchase.SPOT),
        Occupant("i-4", A1, age=4, purchase=Purchase.SPOT),
    ]
    assert leavers(3, occupants, Distribution(on_demand_percent=50)) == ["i-4", "i-1", "i-3"]
