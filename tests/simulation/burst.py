"""A burst of nodes, what it cost and how it compares with the least that EC2's token buckets allow."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from bench import nodes
from cli.demo.promises import IN_SERVICE, left_behind
from localaws.throttling import ec2_bucket
from tests.simulation.world import World, simulated

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.nodes import Shape
    from localaws.calls import Call
    from tests.simulation.assumptions import Assumptions

WITHIN_S = 4 * 3600.0
CONTENDED = ("CreateNetworkInterface", "AttachNetworkInterface", "ModifyNetworkInterfaceAttribute")


@dataclass(frozen=True)
class Bound:
    """The least time from the first opened hook to the last CONTINUE, whoever does it."""

    action: str
    """The action whose bucket lasts longest, or `path` when no bucket is short."""
    seconds: float


@dataclass(frozen=True)
class Burst:
    """What came of one burst. Times in seconds since the group was told to grow."""

    nodes: int
    shape: Shape
    seed: int
    bound: Bound
    continued_s: tuple[float, ...]
    """When each node's hook was completed, in order."""
    calls: Mapping[str, int]
    throttled: Mapping[str, int]
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
    def calls_per_node(self) -> float:
        """Return EC2's and Auto Scaling's calls, refused ones included."""
        return sum(self.calls.values()) / self.nodes

    @property
    def most_calls_per_node(self) -> int:
        """Return the goal: create, attach and one modify per attribute for each interface, and two for the node."""
        return self.shape.interfaces * (3 if self.shape.source_dest_check else 4) + 2

    @property
    def throttled_share(self) -> float:
        """Return which share of the calls was refused for its rate."""
        return sum(self.throttled.values()) / sum(self.calls.values())


def run(
    count: int,
    shape: Shape,
    *,
    seed: int = 1,
    assumptions: Assumptions | None = None,
    tenant_share: float = 0.0,
) -> Burst:
    """Launch so many nodes at once and wait until all are in service.

    Args:
        count: how many nodes.
        shape: what each must have.
        seed: of every draw.
        assumptions: how long things take.
        tenant_share: of every contended bucket, what somebody else in the account uses up all along.
    """
    with simulated(nodes.document([shape]), seed=seed, assumptions=assumptions) as world:
        refills = {action: ec2_bucket(action, {})[1] for action in CONTENDED}
        for action, rate in refills.items():
            world.account.buckets.drain(action, rate.refill_per_s * tenant_share)
        world.deployed.desire(shape.group, count)
        served = world.until(lambda: _in_service(world) >= count, WITHIN_S)
        return _measured(world, count, shape, seed, tenant_share, served=served)


def _in_service(world: World) -> int:
    return sum(node.state == IN_SERVICE for node in world.deployed.observer.nodes())


def _measured(
    world: World, count: int, shape: Shape, seed: int, tenant_share: float, *, served: bool
) -> Burst:
    deployed, calls = world.deployed, world.calls()
    completions = [call for call in calls if call.action == "CompleteLifecycleAction"]
    answered = [call for call in completions if call.outcome == "ok"]
    continued = [c for c in answered if c.params["LifecycleActionResult"] == "CONTINUE"]
    twice = Counter(call.params["InstanceId"] for call in continued)
    nodes_seen, enis = deployed.observer.nodes(), deployed.enis()
    broken = [*deployed.broken_promises(), *left_behind(nodes_seen, enis)]
    if not served:
        broken.append(f"{count - _in_service(world)} nodes are not in service")
    return Burst(
        nodes=count,
        shape=shape,
        seed=seed,
        bound=bound(_opened_s(world), shape, world.assumptions, tenant_share),
        continued_s=tuple(sorted(call.at_s - world.began_s for call in continued)),
        calls=Counter(call.action for call in calls),
        throttled=Counter(call.action for call in calls if call.throttled),
        abandoned=len(answered) - len(continued),
        expired=len(_opened_s(world)) - len(answered),
        completed_twice=sum(number > 1 for number in twice.values()),
        broken=tuple(broken),
        trace=_digest(calls),
    )


def _digest(calls: Sequence[Call]) -> str:
    lines = (f"{call.at_s!r} {call.action} {call.params} {call.outcome}" for call in calls)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _opened_s(world: World) -> list[float]:
    """Return when each launch hook opened."""
    hook = world.deployed.launch_hook
    return sorted(
        datetime.fromisoformat(event["time"]).timestamp() - world.began_s
        for event in world.account.events.emitted
        if event["detail"].get("LifecycleHookName") == hook
    )


def bound(
    opened_s: Sequence[float], shape: Shape, assumed: Assumptions, tenant_share: float = 0.0
) -> Bound:
    """Return the least time to the last CONTINUE.

    Two things bound it. The last node's own path: its event, a look, create, attach, the attachment, a look that sees it,
    the answer; with every duration at its median. And each contended bucket: of n calls, n minus what it holds when full
    must wait for the refill, counted from the first moment at which anybody could call; the last of them is still followed
    by the rest of its node's path.
    """
    call = assumed.calls_s
    look, create, attach, modify, answer = (
        call[name]
        for name in (
            "DescribeInstances",
            "CreateNetworkInterface",
            "AttachNetworkInterface",
            "ModifyNetworkInterfaceAttribute",
            "CompleteLifecycleAction",
        )
    )
    seen = attach + assumed.attach_s + look + answer
    path = Bound("path", opened_s[-1] + assumed.event_s + look + create + seen)
    first_s = opened_s[0] + assumed.event_s + look
    before_and_after = {
        "CreateNetworkInterface": (0.0, create + seen),
        "AttachNetworkInterface": (create, seen),
        "ModifyNetworkInterfaceAttribute": (create + attach, modify + answer),
    }
    bounds = [path]
    for action, (before_s, after_s) in before_and_after.items():
        rate = ec2_bucket(action, {})[1]
        each = 1 if action != "ModifyNetworkInterfaceAttribute" or shape.source_dest_check else 2
        waiting = max(0.0, len(opened_s) * shape.interfaces * each - rate.size)
        refill_s = waiting / (rate.refill_per_s * (1 - tenant_share))
        bounds.append(Bound(action, first_s + before_s + refill_s + after_s))
    return max(bounds, key=lambda item: item.seconds)
