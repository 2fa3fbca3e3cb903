"""`make simulate`, composed of its commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from tests.simulation.commands.burst import run_burst
from tests.simulation.commands.faults import run_faults
from tests.simulation.commands.mishaps import run_mishaps
from tests.simulation.commands.recovery import run_recovery
from tests.simulation.commands.replay import run_replay
from tests.simulation.commands.scale_in import run_scale_in
from tests.simulation.commands.walk import run_walks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

COMMANDS: Mapping[str, Callable[..., None]] = {
    "burst": run_burst,
    "scale-in": run_scale_in,
    "faults": run_faults,
    "mishaps": run_mishaps,
    "recovery": run_recovery,
    "replay": run_replay,
    "walk": run_walks,
}


def app() -> typer.Typer:
    """Return the whole command."""
    command = typer.Typer(
        add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False
    )
    for name, run in COMMANDS.items():
        command.command(name)(run)
    return command
