"""The least time that a burst could take, whoever serves it: what EC2's token buckets and a node's own path allow."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from localaws.account import Settings
from localaws.throttling import Rate, ec2_bucket

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.nodes import Shape
    from tests.simulation.assumptions import Assumptions

PATH = "path"
"""What bounds a burst for which no bucket is short."""
CREATE, ATTACH, MODIFY = CONTENDED = (
    "CreateNetworkInterface",
    "AttachNetworkInterface",
    "ModifyNetworkInterfaceAttribute",
)
"""The actions that each interface needs, and whose buckets are therefore emptied."""
COMPLETE = "CompleteLifecycleAction"
DRAWS = 20_000
"""So many nodes are drawn in all: each of a thousand twenty times, and a lone one as often as MOST_ROUNDS allows."""
MOST_ROUNDS = 2_000


@dataclass(frozen=True)
class Bound:
    """The least that can be expected. Times in seconds since the first hook opened."""

    action: str
    """The action whose bucket lasts longest, or PATH when none is short."""
    seconds: float
    """When the last node's CONTINUE could be sent."""
    curve_s: tuple[float, ...] = field(repr=False)
    """When the first, the second, ... and the last could."""


class _Call(NamedTuple):
    """One call of a contended action, as luck would have it."""

    ready_s: float
    """When it could be sent, if nothing had to wait for a token."""
    rest_s: float
    """From when it is sent to when its node's CONTINUE can be."""


class _Node(NamedTuple):
    """One node, as luck would have it."""

    done_s: float
    """When its CONTINUE could be sent, if nothing had to wait for a token."""
    calls: Mapping[str, Sequence[_Call]]
    """By action."""


def bound(
    opened_s: Sequence[float], shape: Shape, assumed: Assumptions, tenant_share: float = 0.0
) -> Bound:
    """Return the least time to the last CONTINUE that anybody can expect who acts on the hooks' events.

    A node's path is its event, a look (the event does not tell the zone), for each of its interfaces side by side a create,
    an attach and the attachment, then a look that sees all of them, and the CONTINUE, which counts when it is sent. Then
    one bucket at a time stands in the way and everything else is free: full at first, its tokens go to the calls in the
    order in which these could be sent, which no other order beats, and what it cannot hold is lost. Where a node takes four
    calls, the third can be done when twelve calls are, whosever they are. What cannot be foreseen is drawn as the
    assumptions say, again and again, and the mean is taken: of the last node, so that the slowest of all attachments counts
    and not the usual one. The longest of these means is the bound. Functions run on demand: nobody acts before
    the first event has started one. Describes and Lambda's concurrency are for the implementation to decide on, so none of
    them is in it.

    Args:
        opened_s: when each hook opened, since the first did.
        shape: what each node must have.
        assumed: how long things take.
        tenant_share: of each of EC2's contended buckets, what somebody else uses up all along.
    """
    draw = random.Random("bound")  # noqa: S311 - a simulation, repeatable on purpose
    rounds = min(MOST_ROUNDS, max(1, DRAWS // len(opened_s)))
    sums: dict[str, list[float]] = {}
    for _ in range(rounds):
        started_s = opened_s[0] + sum(
            assumed.around(draw, each_s) for each_s in (assumed.event_s, assumed.cold_start_s)
        )
        nodes = [_drawn(at_s, started_s, shape, assumed, draw) for at_s in opened_s]
        done_s = {PATH: sorted(node.done_s for node in nodes)}
        done_s |= {each: _limited(nodes, each, tenant_share) for each in (*CONTENDED, COMPLETE)}
        for action, ascending in done_s.items():
            before = sums.get(action, [0.0] * len(nodes))
            sums[action] = [a + b for a, b in zip(before, ascending, strict=True)]
    slowest = max(sums, key=lambda action: sums[action][-1])
    curve_s = tuple(max(each) / rounds for each in zip(*sums.values(), strict=True))
    return Bound(slowest, curve_s[-1], curve_s)


def _drawn(
    opened_s: float, started_s: float, shape: Shape, assumed: Assumptions, draw: random.Random
) -> _Node:
    def lasts(median_s: float) -> float:
        return assumed.around(draw, median_s)

    def call(action: str) -> float:
        return lasts(assumed.calls_s[action])

    known_s = max(started_s, opened_s + lasts(assumed.event_s)) + call("DescribeInstances")
    look_s = call("DescribeNetworkInterfaces")
    calls: dict[str, list[_Call]] = {action: [] for action in CONTENDED}
    attached_s = known_s
    for _ in range(shape.interfaces):
        unseen_s = lasts(assumed.late_s) if draw.random() < assumed.late_share else 0.0
        created_s = known_s + call(CREATE) + unseen_s
        answered_s = created_s + call(ATTACH)
        done_s = answered_s + lasts(assumed.attach_s)
        attached_s = max(attached_s, done_s)
        calls[CREATE].append(_Call(known_s, done_s + look_s - known_s))
        calls[ATTACH].append(_Call(created_s, done_s + look_s - created_s))
        # DeleteOnTermination is set on the attachment; the check is the interface's own.
        calls[MODIFY].append(_Call(answered_s, call(MODIFY)))
        if not shape.source_dest_check:
            calls[MODIFY].append(_Call(created_s, call(MODIFY)))
    calls[COMPLETE] = [_Call(attached_s + look_s, 0.0)]
    return _Node(attached_s + look_s, calls)


def _limited(nodes: Sequence[_Node], action: str, tenant_share: float) -> list[float]:
    """Return when the first node, the second, ... could be done if only this action's calls had to wait for tokens."""
    rate = _rate(action, tenant_share)
    ended_s = []
    now_s, tokens = 0.0, rate.size
    for call in sorted(call for node in nodes for call in node.calls[action]):
        refilled_s = max(0.0, call.ready_s - now_s)
        now_s = max(now_s, call.ready_s)
        tokens = min(rate.size, tokens + refilled_s * rate.refill_per_s)
        if tokens < 1:
            now_s += (1 - tokens) / rate.refill_per_s
            tokens = 1.0
        tokens -= 1
        ended_s.append(now_s + call.rest_s)
    each = len(ended_s) // len(nodes)
    return sorted(ended_s)[each - 1 :: each]


def _rate(action: str, tenant_share: float) -> Rate:
    if action == COMPLETE:
        return Rate(Settings.autoscaling_bucket_size, Settings.autoscaling_refill_per_s)
    rate = ec2_bucket(action, {})[1]
    return Rate(rate.size, rate.refill_per_s * (1 - tenant_share))
