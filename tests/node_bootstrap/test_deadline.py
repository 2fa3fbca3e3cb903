"""Time left is never negative, and over is over."""

from __future__ import annotations

import pytest

from node_bootstrap.deadline import Deadline


@pytest.mark.parametrize(
    ("passed_s", "left_s", "over"),
    [(0.0, 300.0, False), (299.5, 0.5, False), (300.0, 0.0, True), (1000.0, 0.0, True)],
)
def test_the_time_that_is_left(passed_s: float, left_s: float, over: bool) -> None:
    moments = iter([50.0, *[50.0 + passed_s] * 3])
    deadline = Deadline(300.0, lambda: next(moments))
    assert (deadline.left_s(), deadline.passed_s(), deadline.is_over()) == (left_s, passed_s, over)


def test_no_time_at_all_is_over_at_once() -> None:
    assert Deadline(0.0).is_over()


def test_the_clock_is_one_that_nobody_sets() -> None:
    deadline = Deadline(3600.0)
    assert 3590.0 < deadline.left_s() <= 3600.0


@pytest.mark.parametrize(("timeout_s", "left_s"), [(20.0, 20.0), (100.0, 70.0)])
def test_a_part_of_the_time_is_no_longer_than_the_whole(timeout_s: float, left_s: float) -> None:
    moments = iter([0.0, *[30.0] * 4])
    whole = Deadline(100.0, lambda: next(moments))
    assert whole.within(timeout_s).left_s() == left_s
