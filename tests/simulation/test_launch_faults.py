"""Whatever fails once while a node launches: it gets exactly its interfaces, and its hook is answered once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from localaws.faults import FaultKind
from tests.simulation.faults import Act, Mishap, pairs, play, replayed, singles

if TYPE_CHECKING:
    from tests.simulation.faults import Played

pytestmark = [pytest.mark.simulation, pytest.mark.subprocesses("node")]


@pytest.fixture(scope="module")
def undisturbed() -> Played:
    """A launch in which nothing fails."""
    return play(Act.LAUNCH)


def test_nothing_is_found_where_nothing_fails(undisturbed: Played) -> None:
    assert undisturbed.violations == ()
    assert undisturbed.calls > 10


@pytest.mark.parametrize("kind", FaultKind)
def test_any_one_call_may_fail(undisturbed: Played, kind: FaultKind) -> None:
    schedules = [item for item in singles(undisturbed.calls) if item[0].kind is kind]
    played = {schedule: play(Act.LAUNCH, schedule) for schedule in schedules}
    assert len(played) == undisturbed.calls
    assert {item: seen.violations for item, seen in played.items() if seen.violations} == {}
    assert all(seen.fired for seen in played.values())


def test_a_schedule_reads_as_it_is_printed() -> None:
    schedule = (Mishap(3, FaultKind.CRASH_AFTER), Mishap(7, FaultKind.THROTTLE))
    assert replayed(",".join(map(str, schedule))) == schedule
    assert replayed("") == ()


def test_every_two_failures_at_two_calls_are_a_schedule() -> None:
    drawn = list(pairs(3))
    assert len(drawn) == len(set(drawn)) == 3 * len(FaultKind) ** 2
