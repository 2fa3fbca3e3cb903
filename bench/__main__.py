"""`python -m bench`: every benchmark, each figure against its floor and its goal."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from bench import bootstrap, calls, cold_start, latency, reconcile
from bench.figures import table
from bench.nodes import Shape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.figures import Figure


class Benchmark(StrEnum):
    """The benchmarks by name."""

    CALLS = "calls"
    LATENCY = "latency"
    COLD_START = "cold-start"
    RECONCILE = "reconcile"
    BOOTSTRAP = "bootstrap"


TITLES = {
    Benchmark.CALLS: "EC2 and Auto Scaling calls per launched node",
    Benchmark.LATENCY: (
        f"Event to CONTINUE, every call {latency.CALL_S:g} s and an attachment {latency.ATTACH_S:g} s"
    ),
    Benchmark.COLD_START: "Cold start of the launch function against boto3 with its two clients",
    Benchmark.RECONCILE: "A scheduled run over a fleet in which all is well",
    Benchmark.BOOTSTRAP: "The node bootstrap in a virtual machine, against a script's bare commands",
}
QUICK_RUNS = 5


def figures_of(benchmark: Benchmark, *, quick: bool) -> Iterator[Figure]:
    """Measure: everything, or enough to see that nothing is far off."""
    if benchmark is Benchmark.CALLS:
        shapes = [Shape(1), Shape(2, source_dest_check=False)]
        return calls.figures(shapes) if quick else calls.figures()
    if benchmark is Benchmark.LATENCY:
        return latency.figures(latency.SHAPES[:: 5 if quick else 1])
    if benchmark is Benchmark.COLD_START:
        return cold_start.figures(QUICK_RUNS if quick else cold_start.RUNS)
    if benchmark is Benchmark.BOOTSTRAP:
        return bootstrap.figures(1 if quick else bootstrap.ROUNDS)
    return reconcile.figures(reconcile.FLEETS[: 2 if quick else 3])


def why_not(benchmark: Benchmark) -> str | None:
    """Return why a benchmark cannot be run on this machine; None where it can."""
    return bootstrap.unavailable() if benchmark is Benchmark.BOOTSTRAP else None


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
