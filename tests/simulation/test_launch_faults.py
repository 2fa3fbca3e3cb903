"""Whatever fails once while a node launches: it gets exactly its interfaces, and its hook is answered once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from localaws.faults import FaultKind
from tests.simulation.faults import Act, Mishap, followed, play, play_each, replayed, singles

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
    played = dict(play_each(Act.LAUNCH, schedules))
    assert len(played) == undisturbed.calls
    assert {item: seen.violations for item, seen in played.items() if seen.violations} == {}
    assert all(seen.fired for seen in played.values())


def test_a_schedule_reads_as_it_is_printed() -> None:
    schedule = (Mishap(3, FaultKind.CRASH_AFTER), Mishap(7, FaultKind.THROTTLE))
    assert replayed(",".join(map(str, schedule))) == schedule
    assert replayed("") == ()


def test_every_later_failure_follows_up_a_first_one() -> None:
    first = (Mishap(3, FaultKind.THROTTLE),)
    drawn = list(followed(first, calls=5))
    assert len(set(drawn)) == len(drawn) == 2 * len(FaultKind)
    assert {schedule[0] for schedule in drawn} == set(first)
    assert {schedule[1].call for schedule in drawn} == {4, 5}


def test_a_copied_world_goes_on_as_one_of_its_own_would(undisturbed: Played) -> None:
    schedule = (Mishap(4, FaultKind.CRASH_AFTER), Mishap(9, FaultKind.LOST_ANSWER))
    [(played, copied)] = play_each(Act.LAUNCH, [schedule])
    assert played == schedule
    assert copied == play(Act.LAUNCH, schedule) != undisturbed
    assert copied.fired == 2
