"""Which benchmarks there are, and how each is run."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from bench import bootstrap, calls, cold_start, fail_over, latency, reconcile
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
    FAIL_OVER = "fail-over"
    BOOTSTRAP = "bootstrap"


TITLES = {
    Benchmark.CALLS: "EC2 and Auto Scaling calls per launched node",
    Benchmark.LATENCY: (
        f"Event to CONTINUE, every call {latency.CALL_S:g} s and an attachment {latency.ATTACH_S:g} s"
    ),
    Benchmark.COLD_START: "Cold start of the launch function against boto3 with its two clients",
    Benchmark.RECONCILE: "A scheduled run over a fleet in which all is well",
    Benchmark.FAIL_OVER: f"An address that follows a pod to another ENI, every call {latency.CALL_S:g} s",
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
    if benchmark is Benchmark.FAIL_OVER:
        return fail_over.figures(QUICK_RUNS if quick else fail_over.ROUNDS)
    if benchmark is Benchmark.BOOTSTRAP:
        return bootstrap.figures(1 if quick else bootstrap.ROUNDS)
    return reconcile.figures(reconcile.FLEETS[: 2 if quick else 3])


def why_not(benchmark: Benchmark) -> str | None:
    """Return why a benchmark cannot be run on this machine; None where it can."""
    return bootstrap.unavailable() if benchmark is Benchmark.BOOTSTRAP else None
