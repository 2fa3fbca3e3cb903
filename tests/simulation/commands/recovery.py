"""`recovery`: a fleet disturbed as no event tells."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from tests.simulation import recovery
from tests.simulation.commands.options import Seed  # noqa: TC001 - typer reads the annotations at run time
from tests.simulation.commands.terminal import console, tell_broken


def run_recovery(
    nodes: Annotated[int, typer.Option(min=4, max=500, help="How many nodes.")] = recovery.NODES,
    seed: Seed = 1,
) -> None:
    """Disturb the fleet as no event tells, and measure how long it takes to be right again."""
    table = Table("disturbed", "right after", "bound", "which is", title=f"{nodes} nodes")
    broken = 0
    for disturb in recovery.EVERY.values():
        seen = disturb(nodes, seed=seed)
        table.add_row(seen.disturbed, f"{seen.seconds:.0f} s", f"{seen.bound_s:.0f} s", seen.bound)
        broken += not seen.is_in_time
        tell_broken(seen.violations, f"recovery --nodes {nodes} --seed {seed}")
    console.print(table)
    if broken:
        raise typer.Exit(1)
