"""Figures, their floors and their goals."""

from __future__ import annotations

import pytest
from rich.console import Console

from bench.figures import Figure, at_most, table


@pytest.mark.parametrize(
    ("measured", "is_met"), [(7.0, True), (7.01, False)], ids=["at the limit", "above it"]
)
def test_a_goal_is_met_up_to_its_limit(measured: float, is_met: bool) -> None:
    assert Figure("calls", measured, 6.0, "calls", "floor + 1", 7.0).is_met is is_met


def test_a_ratio_is_of_the_floor() -> None:
    figure = at_most("time", 3.6, 3.0, "s", 1.15)
    assert figure.ratio == pytest.approx(1.2)
    assert figure.limit == pytest.approx(3.45)
    assert not figure.is_met


def test_a_figure_without_a_goal_only_informs() -> None:
    assert Figure("anything", 1000.0, 1.0, "s").is_met


def test_the_table_shows_numbers_as_they_are_and_says_what_is_missed() -> None:
    console = Console(width=100)
    with console.capture() as captured:
        console.print(
            table(
                [
                    Figure("whole", 7.0, 6.0, "calls", "floor + 1", 7.0),
                    at_most("fraction", 3.6, 3.0, "s", 1.15),
                    Figure("large", 512.34, 500.0, "ms"),
                ],
            )
        )
    whole, fraction, large = [line.split() for line in captured.get().splitlines()[1:]]
    assert whole == ["whole", "7", "calls", "6", "1.167", "floor", "+", "1", "met"]
    assert fraction == ["fraction", "3.60", "s", "3", "1.200", "ratio", "≤", "1.15", "MISSED"]
    assert large == ["large", "512", "ms", "500", "1.025"]
