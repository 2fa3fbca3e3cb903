"""`scale-in`: many nodes that go at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from bench.nodes import Shape
from tests.simulation import scale_in
from tests.simulation.commands.options import Interfaces, Nodes, Seed  # noqa: TC001 - typer reads the annotations at run time
from tests.simulation.commands.terminal import (
    MOST_FAULTS,
    calls_in_rows,
    print_figures,
    print_violations,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

BINDING_ABOVE = 100
"""Above so many nodes a missed goal is a failure: instances end one by one, and fewer share few looks."""


def run_scale_in(*, nodes: Nodes = 100, interfaces: Interfaces = 2, seed: Seed = 1) -> None:
    """Let all nodes of a group go at once; what their launch took is not counted."""
    seen = scale_in.run(nodes, Shape(interfaces), seed=seed)
    print_figures(
        f"{seen.nodes} nodes with {seen.shape} leave, seed {seen.seed}",
        [*_figures(seen), *calls_in_rows(seen.calls, seen.throttled)],
    )
    print_violations(seen.broken[:MOST_FAULTS])
    missed = seen.calls_per_node > seen.most_calls_per_node and nodes > BINDING_ABOVE
    if seen.broken or seen.expired or seen.completed_twice or missed:
        raise typer.Exit(1)


def _figures(seen: scale_in.ScaleIn) -> Sequence[tuple[str, str, str]]:
    most = f"\u2264 {scale_in.MOST_CALLS_PER_NODE}, and {seen.mended} that mended"
    return [
        ("last CONTINUE", f"{seen.last_continue_s:.1f} s", ""),
        ("last instance terminated", f"{seen.gone_s:.1f} s", ""),
        ("calls per node", f"{seen.calls_per_node:.2f}", most),
        ("hooks left to their time-out", str(seen.expired), "0"),
    ]
