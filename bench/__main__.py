"""`python -m bench`: every benchmark, each figure against its floor and its goal."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from bench import cold_start
from bench.benchmarks import TITLES, Benchmark, figures_of, why_not
from bench.figures import table


def main(
    only: Annotated[Benchmark | None, typer.Option(help="One benchmark instead of all.")] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Fewer shapes, runs and nodes; rougher figures.")
    ] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show the slowest imports of the cold start as well.")
    ] = False,
) -> None:
    """Measure and exit with 1 if a goal is missed."""
    console = Console(highlight=False)
    missed = []
    for benchmark in [only] if only else list(Benchmark):
        obstacle = why_not(benchmark)
        if obstacle is not None:
            console.print(f"[yellow]left out: {benchmark.value}: {obstacle}[/]", soft_wrap=True)
            continue
        with console.status(f"{TITLES[benchmark]} ..."):
            seen = list(figures_of(benchmark, quick=quick))
        console.print(f"[bold]{TITLES[benchmark]}[/]", soft_wrap=True)
        console.print(table(seen))
        console.print()
        missed += [figure for figure in seen if not figure.is_met]
    if explain:
        console.print(cold_start.explain(), markup=False, soft_wrap=True)
    if missed:
        console.print(f"[bold red]{len(missed)} of the goals missed[/]")
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
