"""The critical path from event to CONTINUE."""

from __future__ import annotations

import pytest

from bench import latency


def test_the_critical_path_is_five_calls_and_one_attachment() -> None:
    assert latency.critical_path_s(0.3, 2.0) == pytest.approx(5 * 0.3 + 2.0)


@pytest.mark.parametrize(
    ("seen", "is_met"),
    [([3.5, 3.6, 3.55], True), ([3.5, 3.5, 3.7], False)],
    ids=["nearly alike", "grows"],
)
def test_times_are_flat_when_the_slowest_is_near_the_fastest(
    seen: list[float], is_met: bool
) -> None:
    figure = latency.flatness(seen)
    assert (figure.measured, figure.floor) == (max(seen), min(seen))
    assert figure.is_met is is_met
