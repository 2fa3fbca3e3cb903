"""`mishaps`: what happens to twenty nodes at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from tests.simulation import mishaps
from tests.simulation.commands.options import CORES, Jobs, Seed
from tests.simulation.commands.terminal import console, stopped_with, tell_broken
from tests.simulation.faults import Act

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.simulation.mishaps import Incident


def run_mishaps(
    named: Annotated[
        str, typer.Argument(help="Only those with this in their names, as they are printed.")
    ] = "",
    seed: Seed = 1,
    jobs: Jobs = CORES,
) -> None:
    """Let events, queues, functions, instances and addresses fail twenty nodes, at every moment that may matter."""
    chosen = [each for each in mishaps.every_incident() if named in str(each)]
    if not chosen:
        raise typer.BadParameter(f"no mishap has {named!r} in its name")
    tally = _Tally(seed, jobs)
    with stopped_with(lambda: tally):
        tally.endure(chosen)
        if not named:
            tally.terminate()
    console.print(str(tally))
    if tally.broken:
        raise typer.Exit(1)


@dataclass
class _Tally:
    """How many mishaps there were, and what came of them; each is told at once."""

    seed: int
    jobs: int
    mishaps: int = 0
    broken: int = 0

    def __str__(self) -> str:
        """Return it in words."""
        return f"{self.mishaps} mishaps; in {self.broken} of them something does not hold"

    def endure(self, incidents: Sequence[Incident]) -> None:
        """Let each happen to a group that is scaled."""
        for seen in mishaps.endure_each(incidents, seed=self.seed, at_once=self.jobs):
            self._tell(
                f"{seen.incident}: {seen.seconds:.0f} s, {seen.abandoned} abandoned",
                seen.violations,
                f'mishaps "{seen.incident}"',
            )

    def terminate(self) -> None:
        """Terminate a node's instance at each of its steps."""
        for act in Act:
            for step_s, played in mishaps.terminated_at_any_step(
                act, seed=self.seed, at_once=self.jobs
            ):
                said = f"{act}: the instance terminated at second {step_s:.2f}"
                self._tell(said, played.violations, "mishaps")

    def _tell(self, said: str, violations: Sequence[str], again: str) -> None:
        self.mishaps += 1
        console.print(said)
        self.broken += tell_broken(violations, f"{again} --seed {self.seed}")
