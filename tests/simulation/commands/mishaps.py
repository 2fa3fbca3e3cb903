"""`mishaps`: what happens to twenty nodes at once."""

from __future__ import annotations

from typing import Annotated

import typer

from tests.simulation import mishaps
from tests.simulation.commands.options import CORES, Jobs, Seed
from tests.simulation.commands.terminal import console, tell_broken
from tests.simulation.faults import Act


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
    broken = 0
    for seen in mishaps.endure_each(chosen, seed=seed, at_once=jobs):
        console.print(f"{seen.incident}: {seen.seconds:.0f} s, {seen.abandoned} abandoned")
        broken += tell_broken(seen.violations, f'mishaps "{seen.incident}" --seed {seed}')
    for act in Act if not named else ():
        for step_s, played in mishaps.terminated_at_any_step(act, seed=seed, at_once=jobs):
            console.print(f"{act}: the instance terminated at second {step_s:.2f}")
            broken += tell_broken(played.violations, f"mishaps --seed {seed}")
    console.print(f"in {broken} of them something does not hold")
    if broken:
        raise typer.Exit(1)
