"""`faults`: every call of a launch and of a termination failing in every way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import track

from tests.simulation import faults
from tests.simulation.commands.options import CORES, Jobs, Seed
from tests.simulation.commands.terminal import console, stopped_with
from tests.simulation.faults import Act

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.simulation.faults import Played, Schedule


def run_faults(
    both: Annotated[
        bool, typer.Option("--pairs", help="Also every two failures (an hour of two cores).")
    ] = False,
    seed: Seed = 1,
    jobs: Jobs = CORES,
) -> None:
    """Let every call of a launch and of a termination fail in every way, one by one and in pairs."""
    tally = _Tally(seed, jobs)
    with stopped_with(lambda: tally):
        _play(tally, both=both)
    console.print(str(tally))
    if tally.broken:
        raise typer.Exit(1)


def _play(tally: _Tally, *, both: bool) -> None:
    for act in Act:
        calls = faults.play(act, seed=tally.seed).calls
        alone = tally.play(act, f"{act}, {calls} calls: each", list(faults.singles(calls)))
        if both:
            second = [
                schedule for first, seen in alone for schedule in faults.followed(first, seen.calls)
            ]
            tally.play(act, f"{act}: every two", second)


@dataclass
class _Tally:
    """How many schedules were played, and what came of them; what does not hold is told at once."""

    seed: int
    jobs: int
    schedules: int = 0
    fired: int = 0
    broken: int = 0

    def __str__(self) -> str:
        """Return it in words."""
        return (
            f"{self.schedules} schedules with {self.fired} failures that came to pass; "
            f"in {self.broken} something does not hold"
        )

    def play(
        self, act: Act, title: str, schedules: Sequence[Schedule]
    ) -> list[tuple[Schedule, Played]]:
        """Play schedules and return what came of each, in order."""
        played = faults.play_each(act, schedules, seed=self.seed, at_once=self.jobs)
        told = []
        # Its own refreshing would be a thread, and a process with threads is not copied safely.
        for schedule, seen in track(
            played, title, total=len(schedules), console=console, auto_refresh=False
        ):
            self.schedules += 1
            self.fired += seen.fired
            self.broken += bool(seen.violations)
            if seen.violations:
                self._tell(act, schedule, seen)
            told.append((schedule, seen))
            if not console.is_terminal and not len(told) % 500:
                console.print(f"{title}: {len(told)} of {len(schedules)}")
        return told

    def _tell(self, act: Act, schedule: Schedule, seen: Played) -> None:
        name = ",".join(map(str, schedule))
        console.print(f"[red]\u2717[/] {act} {name}: {'; '.join(seen.violations)}")
        for line in seen.trace:
            console.print(line)
        console.print(f'again: make simulate ARGS="replay {act} {name} --seed {self.seed}"')
