"""From the event to CONTINUE, when every call takes a while and an attachment takes longer."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from bench import nodes
from bench.calls import NotContinuedError
from bench.figures import at_most
from bench.nodes import Shape
from cli.rehearsal import Function, rehearse
from lambdas.aws.session import MAX_CONNECTIONS
from lambdas.runtime.workers import ThreadWorkers
from localaws.account import Settings
from localaws.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.figures import Figure
    from cli.rehearsal import Rehearsal

SHAPES = tuple(Shape(count) for count in range(1, 7))
CALL_S = 0.3
ATTACH_S = 2.0
RATIO = 1.15
FLATNESS = 1.05
BOOT_S = 0.5
"""The account runs instances at once here; this is for its events."""


def critical_path_s(call_s: float, attach_s: float) -> float:
    """Return the least time from event to CONTINUE, whatever the number of interfaces.

    The two describes go side by side, and so do the interfaces: create, attach; the modifies pass while EC2 attaches;
    then one describe that sees every attachment done, and the completed hook.
    """
    describe = create = attach = verify = complete = call_s
    return describe + create + attach + attach_s + verify + complete


def measure(rehearsal: Rehearsal, shape: Shape) -> float:
    """Launch one node with the handler's real threads; return the seconds that its invocation took.

    Raises:
        NotContinuedError: the node's hook was not completed with CONTINUE.
    """
    [event] = nodes.launch(rehearsal, shape, 1, BOOT_S)
    calls = rehearsal.account.calls
    calls.clear()
    started_s = time.perf_counter()
    answer = rehearsal.deliver(Function.LAUNCH, [json.dumps(event)])
    took_s = time.perf_counter() - started_s
    completed = calls.of_action("CompleteLifecycleAction")
    if [call.params["LifecycleActionResult"] for call in completed] != ["CONTINUE"]:
        raise NotContinuedError("\n".join(answer.output))
    return took_s


def figures(shapes: Sequence[Shape] = SHAPES) -> Iterator[Figure]:
    """Yield the time to CONTINUE by number of interfaces, in real time, and how flat it is."""
    settings = Settings(launch_s=0.0, attach_s=ATTACH_S, visibility_s=0.0, call_latency_s=CALL_S)
    path_s = critical_path_s(CALL_S, ATTACH_S)
    seen = []
    clock = SystemClock()
    try:
        workers = ThreadWorkers(MAX_CONNECTIONS)
        with rehearse(nodes.document(shapes), clock, settings, workers) as rehearsal:
            for shape in shapes:
                seen.append(measure(rehearsal.cold(), shape))
                yield at_most(str(shape), seen[-1], path_s, "s", RATIO)
    finally:
        clock.stop()
    yield flatness(seen)


def flatness(seen: Sequence[float]) -> Figure:
    """Return how much slower the slowest number of interfaces is than the fastest."""
    return at_most("slowest against fastest", max(seen), min(seen), "s", FLATNESS)
