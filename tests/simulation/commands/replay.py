"""`replay`: one schedule of failures again."""

from __future__ import annotations

from typing import Annotated

import typer

from tests.simulation import faults
from tests.simulation.commands.terminal import console, print_violations
from tests.simulation.faults import Act  # noqa: TC001 - typer reads the annotations at run time


def run_replay(
    act: Annotated[Act, typer.Argument(help="What is disturbed.")],
    schedule: Annotated[
        str, typer.Argument(help="As `faults` prints it: 3:crash-after,7:throttle")
    ],
    seed: Annotated[int, typer.Option(help="As `faults` prints it.")] = 1,
) -> None:
    """Play one schedule of failures again, with every call."""
    try:
        read = faults.replayed(schedule)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    if not read:
        raise typer.BadParameter("names no failure")
    seen = faults.play(act, read, seed=seed)
    for line in seen.trace:
        console.print(line)
    print_violations(seen.violations)
    console.print(f"{seen.fired} of {len(read)} failures came to pass")
    if seen.violations:
        raise typer.Exit(1)
