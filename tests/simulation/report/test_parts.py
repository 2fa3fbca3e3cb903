"""What is simulated for the report."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import pytest

from localaws.faults import FaultKind
from tests.simulation import faults
from tests.simulation.faults import Act, Mishap, Played
from tests.simulation.report.parts import (
    BURSTS,
    SHARES,
    SIMULATED,
    bursts,
    mishap,
    pairs_of_failures,
    seeds,
    single_failures,
    walk,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.simulation.faults import Schedule


def test_every_row_of_the_tables_is_simulated_once_for_every_seed() -> None:
    rows = {row for table in BURSTS.values() for row in table}
    names = [job.name for job in bursts()]
    assert len(names) == len(set(names)) == sum(len(seeds(count)) for count, _, _ in rows)


def test_every_job_can_be_given_to_another_process() -> None:
    jobs = [job for made in SIMULATED.values() for job in made()]
    assert [pickle.loads(pickle.dumps(job)).name for job in jobs] == [job.name for job in jobs]  # noqa: S301 - our own


def test_every_two_failures_at_two_calls_are_met_once(monkeypatch: pytest.MonkeyPatch) -> None:
    met: list[Schedule] = []

    def play(_: Act, schedule: Schedule = (), *, seed: int) -> Played:
        assert seed == 1
        met.append(schedule)
        # A failure is followed by one call more.
        violations = ("lost",) if str(schedule[-1:]) == str((Mishap(4, FaultKind.ERROR),)) else ()
        return Played(violations, 3 + len(schedule), len(schedule), ())

    def play_each(
        act: Act, schedules: Iterable[Schedule], *, seed: int
    ) -> Iterator[tuple[Schedule, Played]]:
        return ((schedule, play(act, schedule, seed=seed)) for schedule in schedules)

    monkeypatch.setattr(faults, "play", play)
    monkeypatch.setattr(faults, "play_each", play_each)
    shares = [pairs_of_failures(Act.LAUNCH, share) for share in range(SHARES)]
    pairs = [schedule for schedule in met if len(schedule) == 2]
    # Three calls and the one more, of which any two can fail, each in every way.
    assert len(pairs) == len(set(pairs)) == 6 * len(FaultKind) ** 2
    assert sum(share.schedules for share in shares) == len(pairs)
    assert sum(len(share.broken) for share in shares) == 3 * len(FaultKind)
    assert single_failures(Act.LAUNCH).schedules == 3 * len(FaultKind)


@pytest.mark.simulation
@pytest.mark.subprocesses("node")
def test_a_mishap_is_known_by_its_name() -> None:
    name = "termination: every event twice, 0 s apart"
    outcome = mishap(name)
    assert (outcome.name, outcome.abandoned, outcome.violations) == (name, 0, ())
    assert outcome.seconds
    with pytest.raises(ValueError, match="unpack"):
        mishap("no such thing")


@pytest.mark.simulation
@pytest.mark.subprocesses("node")
def test_a_walk_comes_to_an_end_without_nodes() -> None:
    outcome = walk(2, hours=0.1)
    assert outcome.violations == ()
    assert outcome.launched == outcome.gone > 0
    assert outcome.hours > 0.1
