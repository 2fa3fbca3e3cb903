"""Bursts that differ in their seeds alone, taken together."""

from __future__ import annotations

import pytest

from tests.simulation.draws import Draws, grouped
from tests.simulation.report.fixed import burst
from tests.simulation.report.parts import CHECKED, UNCHECKED


def test_what_differs_in_the_seed_alone_is_one_burst_in_the_order_of_the_seeds() -> None:
    bursts = [
        burst(10, UNCHECKED, seed=2),
        burst(10, CHECKED),
        burst(10, UNCHECKED),
        burst(10, UNCHECKED, 0.5),
    ]
    assert [[each.seed for each in draws.seen] for draws in grouped(bursts)] == [[1, 2], [1], [1]]


def test_times_bounds_and_calls_are_means_and_the_worst_ratio_is_told() -> None:
    drawn = Draws((burst(10, UNCHECKED, seed=1), burst(10, UNCHECKED, seed=3)))
    assert (drawn.last_continue_s, drawn.bound_s) == (14.0, 13.0)
    assert drawn.ratio == pytest.approx(14.0 / 13.0)
    assert drawn.worst_ratio == pytest.approx(14.5 / 13.0)
    assert drawn.calls_per_node == pytest.approx(9.2)
    assert drawn.throttled_share == pytest.approx(2 / 184)
    assert drawn.set_by == "ModifyNetworkInterfaceAttribute"


def test_a_mean_above_its_goal_is_missed_even_where_one_draw_is_below() -> None:
    assert Draws((burst(10, UNCHECKED, seed=1), burst(10, UNCHECKED, seed=3))).missed == frozenset()
    late = Draws((burst(10, UNCHECKED, seed=1), burst(10, UNCHECKED, seed=6)))
    assert late.missed == {"ratio"}
    assert Draws((burst(1, UNCHECKED),)).missed == {"ratio", "calls_per_node"}


def test_with_another_tenant_only_the_promises_count() -> None:
    assert Draws((burst(1, UNCHECKED, 0.5),)).missed == frozenset()
