"""`burst`: many nodes launched at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from bench.nodes import Addressing, Shape
from tests.simulation import burst
from tests.simulation.commands.options import Interfaces, Nodes, Seed  # noqa: TC001 - typer reads the annotations at run time
from tests.simulation.commands.terminal import (
    MOST_FAULTS,
    calls_in_rows,
    print_figures,
    print_violations,
)
from tests.simulation.draws import Draws

if TYPE_CHECKING:
    from collections.abc import Sequence

BINDING_FROM = 100
"""From so many nodes on a missed goal is a failure: fewer share few looks, and one draw more or less decides."""


def run_burst(
    *,
    nodes: Nodes = 100,
    interfaces: Interfaces = 2,
    checked: Annotated[
        bool, typer.Option("--checked", help="Leave SourceDestCheck on: one modify less each.")
    ] = False,
    addressing: Annotated[
        Addressing, typer.Option(help="Where IPv4 addresses come from.")
    ] = Addressing.AUTO,
    seed: Seed = 1,
    tenant: Annotated[
        float, typer.Option(min=0.0, max=0.95, help="Share of the buckets that others use up.")
    ] = 0.0,
) -> None:
    """Launch nodes at once, against EC2's token buckets."""
    shape = Shape(interfaces, source_dest_check=checked, addressing=addressing)
    seen = burst.run(nodes, shape, seed=seed, tenant_share=tenant)
    missed = Draws((seen,)).missed
    print_figures(
        f"{seen.nodes} nodes, {seen.shape}, seed {seen.seed}",
        [*_figures(seen), *calls_in_rows(seen.calls, seen.throttled)],
    )
    print_violations(seen.broken[:MOST_FAULTS])
    if seen.not_as_promised or (missed and nodes >= BINDING_FROM):
        raise typer.Exit(1)


def _figures(seen: burst.Burst) -> Sequence[tuple[str, str, str]]:
    bound = f"bound {seen.bound.seconds:.1f} s: {seen.bound.action}"
    return [
        ("last CONTINUE", f"{seen.last_continue_s:.1f} s", bound),
        ("against the bound", f"{seen.ratio:.2f}", f"\u2264 {burst.MOST_RATIO:.2f}"),
        ("calls per node", f"{seen.calls_per_node:.2f}", f"\u2264 {seen.most_calls_per_node}"),
        ("throttled", f"{seen.throttled_share:.1%}", f"\u2264 {burst.MOST_THROTTLED:.0%}"),
        ("abandoned", str(seen.abandoned), "0"),
        ("hooks left to their time-out", str(seen.expired), "0"),
    ]
