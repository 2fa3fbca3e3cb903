"""The floor of calls per node, and that a launch stays within one call of it."""

from __future__ import annotations

import pytest

from bench import calls
from bench.nodes import Shape


@pytest.mark.parametrize(
    ("shape", "nodes_at_once", "expected"),
    [
        (Shape(1), 1, 2 + 3 + 1),
        (Shape(1, source_dest_check=False), 1, 2 + 4 + 1),
        (Shape(6), 1, 2 + 18 + 1),
        (Shape(6, source_dest_check=False), 1, 2 + 24 + 1),
        (Shape(2), 10, 0.2 + 6 + 1),
    ],
    ids=["one", "one unchecked", "six", "six unchecked", "a batch shares its looks"],
)
def test_the_floor_is_the_sum_of_what_no_launch_can_do_without(
    shape: Shape, nodes_at_once: int, expected: float
) -> None:
    assert calls.floor(shape, nodes_at_once) == pytest.approx(expected)


def test_launches_of_one_and_two_interfaces_stay_within_one_call_of_the_floor() -> None:
    shapes = [Shape(1), Shape(2, source_dest_check=False)]
    figures = list(calls.figures(shapes, batch=3, in_a_row=2))
    *held, in_a_row = figures
    assert [figure.name for figure in figures if not figure.is_met] == []
    assert [figure.limit for figure in held] == [figure.floor + 1 for figure in held]
    assert len(held) == len(shapes) * 2
    assert in_a_row.measured == pytest.approx(in_a_row.floor + 1)
