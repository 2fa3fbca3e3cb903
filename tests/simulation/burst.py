"""A burst of nodes, what it cost and how it compares with the least that EC2's token buckets allow."""

from __future__ import annotations

import hashlib
import math
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench import nodes
from cli.demo.promises import left_behind
from localaws.throttling import ec2_bucket
from tests.simulation.bound import CONTENDED, Bound, bound
from tests.simulation.invariants import in_service
from tests.simulation.world import World, simulated

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.nodes import Shape
    from localaws.calls import Call
    from tests.simulation.assumptions import Assumptions

MOST_RATIO = 1.10
"""The goal for the time to the last CONTINUE, times the bound."""
MOST_THROTTLED = 0.10
"""The goal for the share of calls that are refused for their rate."""
WITHIN_S = 4 * 3600.0


@dataclass(frozen=True)
class Burst:
    """What came of one burst. Times in seconds since the first hook opened: what EC2 needs to boot is nobody's merit."""

    nodes: int
    shape: Shape
    seed: int
    tenant_share: float
    bound: Bound
    opened_s: tuple[float, ...]
    """When each hook opened, in order."""
    continued_s: tuple[float, ...]
    """When each CONTINUE that was accepted was sent, in order."""
    calls: Mapping[str, int]
    """By action, refused ones included."""
    throttled_s: tuple[tuple[float, str], ...]
    """When a call was refused for the rate, and its action, in order."""
    abandoned: int
    expired: int
    """Hooks left to their time-out."""
    completed_twice: int
    broken: tuple[str, ...]
    """What is not as promised at the end."""
    trace: str = field(repr=False)
    """A digest of every call: when, what, for whom and with what answer."""

    @property
    def last_continue_s(self) -> float:
        """Return when the last hook was completed; infinite when none was."""
        return self.continued_s[-1] if self.continued_s else math.inf

    @property
    def ratio(self) -> float:
        """Return the time to the last CONTINUE against the bound."""
        return self.last_continue_s / self.bound.seconds

    @property
    def throttled(self) -> Mapping[str, int]:
        """Return how many calls were refused for the rate, by action."""
        return Counter(action for _, action in self.throttled_s)

    @property
    def calls_per_node(self) -> float:
        """Return EC2's and Auto Scaling's calls, refused ones included."""
        return sum(self.calls.values()) / self.nodes

    @property
    def most_calls_per_node(self) -> int:
        """Return the goal: create, attach and one modify per attribute for each interface, and two for the node."""
        return self.shape.interfaces * (3 if self.shape.source_dest_check else 4) + 2

    @property
    def not_as_promised(self) -> int:
        """Return how many things came out that must never."""
        return self.abandoned + self.expired + self.completed_twice + len(self.broken)

    @property
    def throttled_share(self) -> float:
        """Return which share of the calls was refused for its rate."""
        return len(self.throttled_s) / sum(self.calls.values())


def run(
    count: int,
    shape: Shape,
    *,
    seed: int = 1,
    assumptions: Assumptions | None = None,
    tenant_share: float = 0.0,
) -> Burst:
    """Launch so many nodes at once and wait until all are in service.

    They are launched at any moment between two scheduled runs, of which the first lies behind them.

    Args:
        count: how many nodes.
        shape: what each must have.
        seed: of every draw.
        assumptions: how long things take.
        tenant_share: of every contended bucket, what somebody else in the account uses up all along.
    """
    with simulated(nodes.document([shape]), seed=seed, assumptions=assumptions) as world:
        for action in CONTENDED:
            refill_per_s = ec2_bucket(action, {})[1].refill_per_s
            world.account.buckets.drain(action, refill_per_s * tenant_share)
        phase = random.Random(f"phase {seed}").random()  # noqa: S311 - a simulation, repeatable on purpose
        world.clock.advance((1 + phase) * world.interval_s)
        world.forget()
        world.deployed.desire(shape.group, count)
        served = world.until(lambda: in_service(world) >= count, WITHIN_S)
        return _measured(world, count, shape, seed, tenant_share, served=served)


def _measured(
    world: World, count: int, shape: Shape, seed: int, tenant_share: float, *, served: bool
) -> Burst:
    deployed, calls = world.deployed, world.calls()
    opened_at = opened_at_s(world, deployed.launch_hook)
    began_s = opened_at[0]
    opened_s = tuple(at_s - began_s for at_s in opened_at)
    completions = [call for call in calls if call.action == "CompleteLifecycleAction"]
    answered = [call for call in completions if call.outcome == "ok"]
    continued = [c for c in answered if c.params["LifecycleActionResult"] == "CONTINUE"]
    twice = Counter(call.params["InstanceId"] for call in continued)
    nodes_seen, enis = deployed.observer.nodes(), deployed.enis()
    broken = [*deployed.broken_promises(), *left_behind(nodes_seen, enis)]
    if not served:
        broken.append(f"{count - in_service(world)} nodes are not in service")
    return Burst(
        nodes=count,
        shape=shape,
        seed=seed,
        tenant_share=tenant_share,
        bound=bound(opened_s, shape, world.assumptions, tenant_share),
        opened_s=opened_s,
        continued_s=tuple(sorted(call.at_s - began_s for call in continued)),
        calls=dict(Counter(call.action for call in calls)),
        throttled_s=tuple((call.at_s - began_s, call.action) for call in calls if call.throttled),
        abandoned=len(answered) - len(continued),
        expired=len(opened_s) - len(answered),
        completed_twice=sum(number > 1 for number in twice.values()),
        broken=tuple(broken),
        trace=digest(calls),
    )


def digest(calls: Sequence[Call]) -> str:
    """Return what tells two runs apart: when, what, for whom and with what answer, of every call."""
    lines = (f"{call.at_s!r} {call.action} {call.params} {call.outcome}" for call in calls)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def opened_at_s(world: World, hook: str) -> list[float]:
    """Return when the hook opened each time, in seconds since the epoch."""
    events = world.account.events
    return sorted(
        at_s
        for event, at_s in zip(events.emitted, events.emitted_at_s, strict=True)
        if event["detail"].get("LifecycleHookName") == hook
    )
