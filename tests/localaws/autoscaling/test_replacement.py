"""Who leaves for a successor, and how much larger a group is meanwhile: tables of the documented percentages."""

from __future__ import annotations

import pytest

from localaws.autoscaling.replacement import Preferences, of_refresh, of_risk

TEN = [f"i-{number}" for number in range(10)]


@pytest.mark.parametrize(
    ("percent", "in_service", "old", "extra", "leaving"),
    [
        pytest.param((90, 100), 10, 10, 0, 1, id="by default one of ten leaves first"),
        pytest.param((50, 100), 10, 10, 0, 5, id="as many at once as the minimum allows"),
        pytest.param((50, 100), 6, 6, 0, 1, id="fewer while others are on their way"),
        pytest.param((50, 100), 5, 5, 0, 0, id="and nobody at the minimum"),
        pytest.param((95, 100), 10, 10, 0, 1, id="one in any case, however the minimum is rounded"),
        pytest.param((95, 100), 9, 9, 0, 0, id="but not a second one"),
        pytest.param((100, 110), 10, 10, 1, 0, id="one more comes first"),
        pytest.param((100, 101), 10, 10, 1, 0, id="the maximum is rounded up"),
        pytest.param((100, 100), 10, 10, 1, 0, id="all healthy leaves no other way"),
        pytest.param((100, 200), 10, 3, 3, 0, id="no more come than are left"),
        pytest.param((0, 100), 10, 10, 0, 10, id="all at once"),
        pytest.param((100, 110), 10, 0, 0, 0, id="nobody is left"),
    ],
)
def test_a_refresh_keeps_to_its_percentages(
    percent: tuple[int, int], in_service: int, old: int, extra: int, leaving: int
) -> None:
    step = of_refresh(Preferences(*percent), 10, TEN[:in_service], TEN[:old])
    assert (step.extra, len(step.leaving)) == (extra, leaving)


def test_the_first_found_leaves_once_a_successor_is_in_service() -> None:
    step = of_refresh(Preferences(100, 110), 2, ["i-0", "i-1", "new"], ["i-0", "i-1"])
    assert (step.extra, step.leaving) == (1, ("i-0",))
    step = of_refresh(Preferences(100, 110), 2, ["i-1", "new", "newer"], ["i-1"])
    assert (step.extra, step.leaving) == (0, ("i-1",))


@pytest.mark.parametrize(
    ("maximum", "in_service", "at_risk", "extra", "leaving"),
    [
        pytest.param(4, TEN[:4], TEN[:2], 1, (), id="one more than the maximum at least"),
        pytest.param(9, TEN[:4], TEN[:2], 2, (), id="as many as are at risk"),
        pytest.param(4, TEN[:5], TEN[:2], 1, ("i-1",), id="each leaves for one in service"),
        pytest.param(4, TEN[:4], [], 0, (), id="nobody is at risk"),
    ],
)
def test_instances_at_risk_leave_one_for_one(
    maximum: int, in_service: list[str], at_risk: list[str], extra: int, leaving: tuple[str, ...]
) -> None:
    step = of_risk(4, maximum, in_service, at_risk)
    assert (step.extra, step.leaving) == (extra, leaving)
