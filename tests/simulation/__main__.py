"""`make simulate`: bursts of nodes in virtual time, and what they cost."""

from __future__ import annotations

import functools
import os
import sys
from typing import Annotated

import botocore.session
import typer
from rich.console import Console
from rich.table import Table

from bench.nodes import Shape
from tests.simulation import burst

MOST_RATIO = 1.10
MOST_THROTTLED = 0.10
MOST_INTERFACES = 7
"""As many as fit on the simulated instance type besides the primary one."""


def simulate(
    nodes: Annotated[int, typer.Option(min=1, max=1000, help="How many nodes at once.")] = 100,
    interfaces: Annotated[
        int, typer.Option(min=1, max=MOST_INTERFACES, help="Interfaces per node.")
    ] = 2,
    checked: Annotated[
        bool, typer.Option("--checked", help="Leave SourceDestCheck on: one modify less each.")
    ] = False,
    seed: Annotated[int, typer.Option(help="The same seed, the same run.")] = 1,
    tenant: Annotated[
        float, typer.Option(min=0.0, max=0.95, help="Share of the buckets that others use up.")
    ] = 0.0,
) -> None:
    """Launch nodes at once in virtual time, with the real handlers and EC2's token buckets."""
    console = Console(highlight=False)
    shape = Shape(interfaces, source_dest_check=checked)
    seen = burst.run(nodes, shape, seed=seed, tenant_share=tenant)
    console.print(_table(seen))
    for fault in seen.broken[:20]:
        console.print(f"[red]\u2717[/] {fault}")
    if seen.broken or seen.abandoned or seen.expired or seen.completed_twice:
        console.print(f'run it again: make simulate ARGS="{" ".join(sys.argv[1:])}"')
        raise typer.Exit(1)


def _table(seen: burst.Burst) -> Table:
    table = Table(title=f"{seen.nodes} nodes, {seen.shape}, seed {seen.seed}")
    for column in ("figure", "measured", "goal"):
        table.add_column(column)
    last_s = seen.continued_s[-1] if seen.continued_s else float("nan")
    rows = [
        (
            "last CONTINUE",
            f"{last_s:.1f} s",
            f"bound {seen.bound.seconds:.1f} s: {seen.bound.action}",
        ),
        ("against the bound", f"{seen.ratio:.2f}", f"\u2264 {MOST_RATIO:.2f}"),
        ("calls per node", f"{seen.calls_per_node:.2f}", f"\u2264 {seen.most_calls_per_node}"),
        ("throttled", f"{seen.throttled_share:.1%}", f"\u2264 {MOST_THROTTLED:.0%}"),
        ("abandoned", str(seen.abandoned), "0"),
        ("hooks left to their time-out", str(seen.expired), "0"),
    ]
    for action, number in sorted(seen.calls.items()):
        refused = seen.throttled.get(action, 0)
        rows.append((action, f"{number}", f"{refused} refused for the rate" if refused else ""))
    for row in rows:
        table.add_row(*row)
    return table


def prepare() -> None:
    """Keep jsii quiet, and read the services' models once for all sessions."""
    os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")
    botocore.session.create_loader = functools.cache(botocore.session.create_loader)


if __name__ == "__main__":
    prepare()
    typer.run(simulate)
