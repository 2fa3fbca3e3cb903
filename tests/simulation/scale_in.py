"""Many nodes that go at once: nothing is left of them, and what that cost."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench import nodes
from cli.demo.promises import left_behind
from domain import naming
from tests.simulation.burst import WITHIN_S, digest, opened_at_s
from tests.simulation.invariants import in_service
from tests.simulation.world import simulated

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.nodes import Shape
    from localaws.calls import Call
    from tests.simulation.assumptions import Assumptions
    from tests.simulation.world import World

MENDING = frozenset(
    {
        "DeleteNetworkInterface",
        "DetachNetworkInterface",
        "ModifyNetworkInterfaceAttribute",
    }
)
"""What is only called for an interface that would otherwise stay: EC2 deletes those with DeleteOnTermination itself."""
MOST_CALLS_PER_NODE = 2


@dataclass(frozen=True)
class ScaleIn:
    """What came of one scale-in. Times in seconds since the first terminate hook opened."""

    nodes: int
    shape: Shape
    seed: int
    continued_s: tuple[float, ...]
    """When each CONTINUE that was accepted was sent, in order."""
    gone_s: float
    """When the last instance was terminated; infinite when not all were."""
    calls: Mapping[str, int]
    """By action, refused ones included, up to one interval after the last node had gone."""
    throttled_s: tuple[tuple[float, str], ...]
    """When a call was refused for the rate, and its action, in order."""
    expired: int
    """Terminate hooks left to their time-out."""
    completed_twice: int
    broken: tuple[str, ...]
    """What is left."""
    trace: str

    @property
    def mended(self) -> int:
        """Return how many calls took care of interfaces that would have stayed."""
        return sum(number for action, number in self.calls.items() if action in MENDING)

    @property
    def calls_per_node(self) -> float:
        """Return EC2's and Auto Scaling's calls, refused ones included."""
        return sum(self.calls.values()) / self.nodes

    @property
    def most_calls_per_node(self) -> float:
        """Return the goal: two, and what had to be mended."""
        return MOST_CALLS_PER_NODE + self.mended / self.nodes

    @property
    def last_continue_s(self) -> float:
        """Return when the last hook was completed; infinite when none was."""
        return self.continued_s[-1] if self.continued_s else math.inf

    @property
    def throttled(self) -> Mapping[str, int]:
        """Return how many calls were refused for the rate, by action."""
        return Counter(action for _, action in self.throttled_s)


def run(
    count: int, shape: Shape, *, seed: int = 1, assumptions: Assumptions | None = None
) -> ScaleIn:
    """Launch so many nodes, then let all of them go at once.

    Only the second is measured. The launch meets no refusals, and whoever looks for its end looks seldom.

    Args:
        count: how many nodes.
        shape: what each has.
        seed: of every draw.
        assumptions: how long things take.
    """
    with simulated(nodes.document([shape]), seed=seed, assumptions=assumptions) as world:
        _launch(world, shape, count)
        world.account.calls.clear()
        world.deployed.desire(shape.group, 0)
        world.until(lambda: not world.deployed.observer.nodes(), WITHIN_S)
        # Whatever is still under way after the last node has gone ends within it.
        world.clock.advance(world.interval_s)
        return _measured(world, count, shape, seed)


def _launch(world: World, shape: Shape, count: int) -> None:
    """Launch so many nodes and wait until all is quiet.

    Raises:
        AssertionError: not all came into service.
    """
    world.account.settings.throttling = False
    world.deployed.desire(shape.group, count)
    served = world.until(lambda: in_service(world) >= count, WITHIN_S, step_s=60.0)
    world.clock.advance(world.interval_s)
    assert served, f"{in_service(world)} of {count} nodes came into service"
    assert world.deployed.broken_promises() == []
    world.account.settings.throttling = True


def _measured(world: World, count: int, shape: Shape, seed: int) -> ScaleIn:
    deployed, calls = world.deployed, world.calls()
    opened_s = opened_at_s(world, naming.terminate_hook(deployed.config.owner))
    answered = [call for call in _completions(calls) if call.outcome == "ok"]
    twice = Counter(call.params["InstanceId"] for call in answered)
    left = deployed.observer.nodes()
    broken = left_behind(left, deployed.enis())
    if left:
        broken.append(f"{len(left)} nodes are still there")
    return ScaleIn(
        nodes=count,
        shape=shape,
        seed=seed,
        continued_s=tuple(sorted(call.at_s - opened_s[0] for call in answered)),
        gone_s=math.inf if left else _terminated_at_s(world)[-1] - opened_s[0],
        calls=dict(Counter(call.action for call in calls)),
        throttled_s=tuple(
            (call.at_s - opened_s[0], call.action) for call in calls if call.throttled
        ),
        expired=len(opened_s) - len(answered),
        completed_twice=sum(number > 1 for number in twice.values()),
        broken=tuple(broken),
        trace=digest(calls),
    )


def _completions(calls: Sequence[Call]) -> list[Call]:
    return [call for call in calls if call.action == "CompleteLifecycleAction"]


def _terminated_at_s(world: World) -> list[float]:
    events = world.account.events
    return sorted(
        at_s
        for event, at_s in zip(events.emitted, events.emitted_at_s, strict=True)
        if event["detail"].get("state") == "terminated"
    )
