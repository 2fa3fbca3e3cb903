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
    shown = Table(box=None, pad_edge=False, header_style="bold")
    shown.add_column("figure")
    for column in ("measured", "floor", "ratio"):
        shown.add_column(column, justify="right")
    shown.add_column("goal")
    shown.add_column("")
    for figure in figures:
        verdict = "[green]met[/]" if figure.is_met else "[bold red]MISSED[/]"
        shown.add_row(
            figure.name,
            f"{_number(figure.measured)} {figure.unit}",
            _number(figure.floor),
            f"{figure.ratio:.3f}",
            figure.goal,
            verdict if figure.goal else "",
        )
    return shown


def _number(value: float) -> str:
    if value == int(value):
        return f"{int(value)}"
    return f"{value:.2f}" if value < 100 else f"{value:.0f}"  # noqa: PLR2004 - three digits are enough
