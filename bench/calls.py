"""EC2 and Auto Scaling calls per launched node."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bench import nodes
from bench.figures import Figure
from bench.nodes import Shape
from cli.rehearsal import Function, SerialWorkers, rehearse
from localaws.account import Settings
from localaws.clock import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from cli.rehearsal import Rehearsal

SHAPES = tuple(Shape(count, checked) for checked in (True, False) for count in range(1, 7))
BATCH = 10
"""As many events as a queue hands over at once."""
IN_A_ROW = 20
LOOKS = 2
"""One describe of the instances and one of the network interfaces that are there already."""
BOOT_S = 10.0
"""Longer than the account takes to run an instance or to let one into service."""


class NotContinuedError(Exception):
    """A launch did not end as it must, so its cost means nothing; the message is what the function printed."""


def floor(shape: Shape, nodes_at_once: int = 1) -> float:
    """Return the fewest calls per node.

    A network interface takes a create, an attach and one modify per attribute, for ModifyNetworkInterfaceAttribute sets
    one at a time (EC2 API reference); a node takes one completed hook. The two looks serve a whole batch.
    """
    modifies = 1 if shape.source_dest_check else 2
    return LOOKS / nodes_at_once + shape.interfaces * (2 + modifies) + 1


def measure(rehearsal: Rehearsal, shape: Shape, nodes_at_once: int = 1) -> Mapping[str, int]:
    """Launch nodes with the real handler and adapters; return how often each action was called.

    Raises:
        NotContinuedError: a node's hook was not completed with CONTINUE.
    """
    events = nodes.launch(rehearsal, shape, nodes_at_once, BOOT_S)
    calls = rehearsal.account.calls
    calls.clear()
    answer = rehearsal.deliver(Function.LAUNCH, [json.dumps(event) for event in events])
    completed = calls.of_action("CompleteLifecycleAction")
    if [call.params["LifecycleActionResult"] for call in completed] != ["CONTINUE"] * nodes_at_once:
        raise NotContinuedError("\n".join(answer.output))
    return calls.counts()


def figures(
    shapes: Sequence[Shape] = SHAPES, *, batch: int = BATCH, in_a_row: int = IN_A_ROW
) -> Iterator[Figure]:
    """Yield the calls per node: alone, in a batch, and of many nodes one after the other."""
    # An ordinary launch: what was created is visible, and the account's token buckets are full enough.
    settings = Settings(visibility_s=0.0, throttling=False)
    document = nodes.document(shapes)
    with rehearse(document, VirtualClock(), settings, SerialWorkers()) as rehearsal:
        for shape in shapes:
            for nodes_at_once in (1, batch):
                counts = measure(rehearsal.cold(), shape, nodes_at_once)
                how = "alone" if nodes_at_once == 1 else f"batch of {nodes_at_once}"
                per_node = sum(counts.values()) / nodes_at_once
                least = floor(shape, nodes_at_once)
                yield Figure(f"{shape}, {how}", per_node, least, "calls", "floor + 1", least + 1)
        warm, shape = rehearsal.cold(), shapes[0]
        spent = sum(sum(measure(warm, shape).values()) for _ in range(in_a_row))
        # No goal: looking ever earlier, until a look comes too early, is how the time to CONTINUE is learned.
        name = f"{shape}, {in_a_row} one after the other"
        yield Figure(name, spent / in_a_row, floor(shape), "calls")
