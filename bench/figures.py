"""A measured figure, the floor it is a multiple of, and the goal it must meet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True)
class Figure:
    """One line of a benchmark."""

    name: str
    measured: float
    floor: float
    """The least that it could be."""
    unit: str
    goal: str = ""
    """The goal in words; empty where there is none and the figure only informs."""
    limit: float | None = None
    """The largest measured value that meets the goal."""

    @property
    def ratio(self) -> float:
        """How many times the floor it is."""
        return self.measured / self.floor

    @property
    def is_met(self) -> bool:
        """Whether the goal is met; what has none always is."""
        return self.limit is None or self.measured <= self.limit


def at_most(name: str, measured: float, floor: float, unit: str, ratio: float) -> Figure:
    """Return a figure whose goal is a ratio."""
    return Figure(name, measured, floor, unit, f"ratio ≤ {ratio:g}", ratio * floor)


def table(figures: Iterable[Figure]) -> Table:
    """Return the figures as a person reads them."""
    drawn = Table(box=None, pad_edge=False, header_style="bold")
    drawn.add_column("figure")
    for column in ("measured", "floor", "ratio"):
        drawn.add_column(column, justify="right")
    drawn.add_column("goal")
    drawn.add_column("")
    for figure in figures:
        verdict = "[green]met[/]" if figure.is_met else "[bold red]MISSED[/]"
        drawn.add_row(
            figure.name,
            f"{shown(figure.measured)} {figure.unit}",
            shown(figure.floor),
            f"{figure.ratio:.3f}",
            figure.goal,
            verdict if figure.goal else "",
        )
    return drawn


def shown(value: float) -> str:
    """Return a number as a person reads it: three digits are enough."""
    if value == int(value):
        return f"{int(value)}"
    return f"{value:.2f}" if value < 100 else f"{value:.0f}"  # noqa: PLR2004 - three digits are enough
