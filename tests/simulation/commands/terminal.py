"""What the commands print alike."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.table import Table

from tests.simulation.interrupts import EXIT_INTERRUPTED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

console = Console(highlight=False)

MOST_FAULTS = 20
"""Of a thousand nodes all may have the same one."""


def print_figures(title: str, rows: Sequence[tuple[str, str, str]]) -> None:
    """Print a table of figures: each its name, what was measured and the goal."""
    table = Table("figure", "measured", "goal", title=title)
    for row in rows:
        table.add_row(*row)
    console.print(table)


def calls_in_rows(
    calls: Mapping[str, int], throttled: Mapping[str, int]
) -> Sequence[tuple[str, str, str]]:
    """Return a row of figures for each action: how often it was called, and how often that was refused for the rate."""
    return [
        (
            action,
            str(number),
            f"{throttled[action]} refused for the rate" if action in throttled else "",
        )
        for action, number in sorted(calls.items())
    ]


def print_violations(violations: Sequence[str]) -> None:
    """Print what does not hold."""
    for violation in violations:
        console.print(f"[red]\u2717[/] {violation}")


def tell_broken(violations: Sequence[str], again: str) -> bool:
    """Print what does not hold and how to see it again; return whether there is something."""
    print_violations(violations)
    if violations:
        console.print(f"again: make simulate ARGS='{again}'")
    return bool(violations)


@contextmanager
def stopped_with(so_far: Callable[[], object]) -> Iterator[None]:
    """End the command with one line when somebody presses Ctrl-C.

    Args:
        so_far: returns what was done until then, or where it lies.
    """
    try:
        yield
    except KeyboardInterrupt:
        console.print(f"stopped: {so_far()}", soft_wrap=True)
        raise typer.Exit(EXIT_INTERRUPTED) from None
