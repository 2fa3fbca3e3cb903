"""What must hold after whatever happened: promises, no leak, no healthy node abandoned, each hook answered once."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from cli.demo.promises import IN_SERVICE, left_behind
from domain import naming
from localaws.autoscaling.lifecycle import GONE
from localaws.calls import OK
from localaws.faults import FaultKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from localaws.calls import Call
    from tests.simulation.world import World

TOOK_EFFECT = frozenset({OK, FaultKind.LOST_ANSWER, FaultKind.CRASH_AFTER})
"""How a call ends that did what it says, whether or not the caller came to know."""


def nobody(_instance_id: str) -> bool:
    """Excuse no abandoned launch."""
    return False


def in_service(world: World) -> int:
    """Return how many nodes serve."""
    return sum(node.state == IN_SERVICE for node in world.deployed.observer.nodes())


def settled(world: World, wanted: int) -> bool:
    """Return whether there are so many nodes, and all of them serve."""
    seen = world.deployed.observer.nodes()
    return len(seen) == wanted and all(node.state == IN_SERVICE for node in seen)


def unsettled(world: World, wanted: int) -> list[str]:
    """Return, for a person, how many nodes there are and which do not serve; nothing where so many serve."""
    if settled(world, wanted):
        return []
    states = [node.state for node in world.deployed.observer.nodes()]
    waiting = [state for state in states if state != IN_SERVICE]
    return [f"{len(states)} of {wanted} nodes, not serving: {waiting}"]


def wrong(world: World) -> list[str]:
    """Return, for a person, what is not as promised now, and what is left of nodes that are gone."""
    seen, enis = world.deployed.observer.nodes(), world.deployed.enis()
    return [*world.deployed.broken_promises(), *left_behind(seen, enis)]


def violations(world: World, excused: Callable[[str], bool] = nobody) -> list[str]:
    """Return, for a person, what does not hold.

    Args:
        world: after everything has settled and the reconciler has run once more.
        excused: tells by its id whether the launch of an instance that ran had to be abandoned.
    """
    found = wrong(world)
    answers = [call for call in world.calls() if call.action == "CompleteLifecycleAction"]
    found += _healthy_but_abandoned(world, answers, excused)
    # An answer that was lost may have been a refusal: the hook was answered already.
    accepted = Counter(_hook(call) for call in answers if call.outcome == OK)
    found += [f"{node} answered {hook} {n} times" for (node, hook), n in accepted.items() if n > 1]
    answered = {_hook(call) for call in answers if call.outcome in TOOK_EFFECT}
    return [*found, *_unanswered(world, answered), *_timed_out(world)]


def _hook(call: Call) -> tuple[str, str]:
    return call.params["InstanceId"], call.params["LifecycleHookName"]


def abandoned(world: World) -> list[Call]:
    """Return the calls that asked for a launch to be abandoned."""
    return [
        call
        for call in world.calls()
        if call.action == "CompleteLifecycleAction"
        and call.params["LifecycleActionResult"] == "ABANDON"
    ]


def _healthy_but_abandoned(
    world: World, answers: list[Call], excused: Callable[[str], bool]
) -> Iterator[str]:
    gone_s: dict[str, float] = {}
    events = world.account.events
    for event, at_s in zip(events.emitted, events.emitted_at_s, strict=True):
        if event["detail"].get("state") in GONE:
            gone_s.setdefault(event["detail"]["instance-id"], at_s)
    for call in answers:
        instance_id = call.params["InstanceId"]
        healthy = call.at_s < gone_s.get(instance_id, call.at_s + 1)
        if (
            call.params["LifecycleActionResult"] == "ABANDON"
            and healthy
            and not excused(instance_id)
        ):
            yield f"{instance_id} was to be abandoned"


def _unanswered(world: World, answered: set[tuple[str, str]]) -> Iterator[str]:
    """Yield the hooks that opened and were left to their time-out, whatever came of that."""
    owner = world.deployed.config.owner
    ours = {naming.launch_hook(owner), naming.terminate_hook(owner)}
    for event in world.account.events.emitted:
        detail = event["detail"]
        hook = (detail.get("EC2InstanceId", ""), detail.get("LifecycleHookName", ""))
        if hook[1] in ours and hook not in answered:
            yield f"{hook[0]} was never answered {hook[1]}"


def _timed_out(world: World) -> Iterator[str]:
    told = world.account.client("autoscaling").get_paginator("describe_scaling_activities")
    for group in world.deployed.config.node_groups:
        for page in told.paginate(AutoScalingGroupName=group.auto_scaling_group):
            for activity in page["Activities"]:
                if "Timeout" in activity.get("StatusMessage", ""):
                    yield f"a hook was left to its time-out: {activity['StatusMessage']}"
