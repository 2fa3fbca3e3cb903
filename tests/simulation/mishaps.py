"""What happens to many nodes at once: events that come twice, late or never, outages, deployments, lost instances."""

from __future__ import annotations

import copy
import itertools
import random
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from bench import nodes
from cli.demo.promises import IN_SERVICE
from domain import naming
from localaws.autoscaling.lifecycle import Transition
from localaws.autoscaling.notifications import DETAIL_TYPES
from tests.simulation.faults import SHAPE, Act, before, disturbed
from tests.simulation.forks import each_in_a_copy
from tests.simulation.invariants import abandoned, nobody, settled, violations
from tests.simulation.world import simulated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from localaws.events.envelope import Event
    from tests.simulation.faults import Played
    from tests.simulation.world import World

NODES = 20
TEN_MINUTES_S = 600.0


@dataclass(frozen=True)
class Incident:
    """Something that happens to a group while it is scaled."""

    name: str
    happens: Callable[[World], object]
    """Done to the world just before the group is told to grow or to shrink."""
    act: Act = Act.LAUNCH
    excused: Callable[[World, str], bool] | None = None
    """Whether the launch of this instance could only be abandoned."""
    happens_by_s: float = 0.0
    """When it has begun; a group that is as it should be before has endured nothing yet."""
    nodes: int = NODES

    def __str__(self) -> str:
        """Return what it is called."""
        return f"{self.act}: {self.name}"


@dataclass(frozen=True)
class Endured:
    """What came of an incident."""

    incident: str
    seconds: float
    """From the order to grow or shrink until it was carried out."""
    abandoned: int
    """Launches given up, whether or not that was right."""
    violations: tuple[str, ...]


def endure(incident: Incident, *, seed: int = 1) -> Endured:
    """Let a group grow from nothing, or shrink to nothing, while this happens; look once the reconciler has run again."""
    with simulated(nodes.document([SHAPE]), seed=seed) as world:
        interval_s = world.settings.reconcile_interval_minutes * 60.0
        if incident.act is Act.TERMINATION:
            world.deployed.desire(SHAPE.group, incident.nodes)
            world.until(lambda: settled(world, incident.nodes), TEN_MINUTES_S)
            world.clock.advance(interval_s)
            world.forget()
        wanted = incident.nodes if incident.act is Act.LAUNCH else 0
        began_s = world.clock.now()
        incident.happens(world)
        world.deployed.desire(SHAPE.group, wanted)
        world.clock.advance(incident.happens_by_s)
        in_time = world.until(lambda: settled(world, wanted), 6 * TEN_MINUTES_S)
        took_s = world.clock.now() - began_s
        world.clock.advance(interval_s + world.settings.heartbeat_timeout_s)
        excused = partial(incident.excused, world) if incident.excused else nobody
        states = [] if in_time else [node.state for node in world.deployed.observer.nodes()]
        found = [*violations(world, excused), *(f"not settled: {state}" for state in states)]
        return Endured(str(incident), took_s, len(abandoned(world)), tuple(found))


# Events.


def is_launch(event: Event) -> bool:
    """Match the launch hooks' events."""
    return str(event["detail-type"]) == DETAIL_TYPES[Transition.LAUNCHING]


def is_ours(event: Event) -> bool:
    """Match the events of hooks, the ready hook's among them."""
    return "LifecycleHookName" in event["detail"]


def is_any(event: Event) -> bool:
    """Match what reaches one of the stack's queues: hooks and instances that have ended."""
    return is_ours(event) or event["detail"].get("state") == "terminated"


def each_nth(matches: Callable[[Event], bool], of: int, nth: int = 0) -> Callable[[Event], bool]:
    """Return what matches the nth of every so many that match."""
    seen = itertools.count()
    return lambda event: matches(event) and next(seen) % of == nth


def _twice(apart_s: float, act: Act) -> Incident:
    return Incident(
        f"every event twice, {apart_s:g} s apart",
        lambda world: world.account.events.duplicate(is_any, apart_s=apart_s, times=None),
        act,
    )


def _lost(share: int, act: Act, matches: Callable[[Event], bool] = is_any) -> Incident:
    what = "event" if matches is is_any else "hook's event"
    return Incident(
        f"every {what} lost" if share == 1 else f"one {what} in {share} lost",
        lambda world: world.account.events.lose(each_nth(matches, share), times=None),
        act,
    )


def _shuffled(longest_s: float, act: Act) -> Incident:
    def happens(world: World) -> None:
        draw = random.Random(f"order {longest_s}")  # noqa: S311 - a simulation, repeatable on purpose
        for nth in range(NODES):
            late = each_nth(is_any, NODES, nth)
            world.account.events.delay(late, seconds=draw.uniform(0.0, longest_s), times=None)

    return Incident(f"events in any order, up to {longest_s:g} s late", happens, act)


# Outages.


def _queue_outage(after_s: float, seconds: float, act: Act) -> Incident:
    return Incident(
        f"SQS down for {seconds:g} s from second {after_s:g} on",
        lambda world: world.after(after_s, lambda: world.account.queues.fail_for(seconds)),
        act,
    )


def _throttled(after_s: float, act: Act) -> Incident:
    def happens(world: World) -> None:
        world.after(after_s, lambda: no_concurrency(world, _handler(act), TEN_MINUTES_S))

    return Incident(
        f"function without concurrency for 600 s from second {after_s:g} on", happens, act
    )


def no_concurrency(world: World, handler: str, seconds: float) -> None:
    """Let Lambda refuse every invocation of a function for so long."""
    client, name = world.account.client("lambda"), world.deployed.functions[handler]
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    world.after(seconds, lambda: client.delete_function_concurrency(FunctionName=name))


def _handler(act: Act) -> str:
    return naming.LAUNCH_HANDLER if act is Act.LAUNCH else naming.TERMINATE_HANDLER


# Deployments.


def _same_again(after_s: float) -> Incident:
    return Incident(
        f"environments replaced at second {after_s:g}",
        lambda world: world.after(after_s, world.functions[naming.LAUNCH_HANDLER].forget),
    )


def _redeployed(after_s: float, act: Act) -> Incident:
    """Update the stack to a configuration in which each network interface has one more tag."""
    return Incident(
        f"another tag deployed at second {after_s:g}",
        lambda world: world.after(after_s, lambda: world.redeploy(with_tag(world))),
        act,
    )


def with_tag(world: World) -> dict[str, Any]:
    """Return the configuration that is deployed, with one more tag on every interface."""
    document = copy.deepcopy(world.deployed.made.document)
    for group in document["node_groups"]:
        for spec in group["interfaces"]:
            spec["tags"] = {"cost-center": "4711"}
    return document


# Instances.


def terminate(world: World, share: int = 1) -> None:
    """Terminate one instance in so many of those that the group has, behind its back."""
    present = [node.instance_id for node in world.deployed.observer.nodes()]
    if present:
        world.account.client("ec2").terminate_instances(InstanceIds=present[::share])


def _terminated(after_s: float, act: Act) -> Incident:
    return Incident(
        f"half of the instances terminated at second {after_s:g}",
        lambda world: world.after(after_s, lambda: terminate(world, 2)),
        act,
        happens_by_s=after_s + 10.0,
    )


def _spot_loss(after_s: float) -> Incident:
    """Let EC2 take back, in one moment, a third of the instances, once they serve; their events are lost as well."""

    def happens(world: World) -> None:
        def lose() -> None:
            world.account.events.lose(each_nth(is_any, 2), times=5)
            terminate(world, 3)

        world.after(after_s, lose)

    name = f"a third of the spot instances taken back at second {after_s:g}"
    return Incident(name, happens, happens_by_s=after_s + 10.0)


# Addresses.


def fill(world: World, zone: str) -> list[str]:
    """Use up every address of the Multus subnets of a zone, as another tenant would; return its network interfaces."""
    ec2, taken = world.account.client("ec2"), []
    for subnet_id, where in world.deployed.made.subnets.items():
        if where != zone:
            continue
        left: int = ec2.describe_subnets(SubnetIds=[subnet_id])["Subnets"][0][
            "AvailableIpAddressCount"
        ]
        while left:
            more = min(left - 1, ADDRESSES_EACH - 1)
            asked = {"SecondaryPrivateIpAddressCount": more} if more else {}
            made = ec2.create_network_interface(SubnetId=subnet_id, **asked)
            taken.append(made["NetworkInterface"]["NetworkInterfaceId"])
            left -= 1 + more
    return taken


ADDRESSES_EACH = 30
"""How many IPv4 addresses one network interface takes on most instance types."""


def _exhausted(zone: str, seconds: float) -> Incident:
    def happens(world: World) -> None:
        ec2, taken = world.account.client("ec2"), fill(world, zone)

        def free() -> None:
            for eni_id in taken:
                ec2.delete_network_interface(NetworkInterfaceId=eni_id)

        world.after(seconds, free)

    return Incident(
        f"no address in {zone} for {seconds:g} s",
        happens,
        excused=lambda world, instance_id: zone_of(world, instance_id) == zone,
    )


def zone_of(world: World, instance_id: str) -> str:
    """Return where an instance runs or ran."""
    found = world.account.client("ec2").describe_instances(InstanceIds=[instance_id])
    zone: str = found["Reservations"][0]["Instances"][0]["Placement"]["AvailabilityZone"]
    return zone


def serving_in(world: World, zone: str) -> int:
    """Return how many nodes serve in a zone."""
    return sum(
        node.zone == zone and node.state == IN_SERVICE for node in world.deployed.observer.nodes()
    )


USUAL = (
    _twice(0.0, Act.LAUNCH),
    _twice(4.0, Act.TERMINATION),
    _lost(1, Act.LAUNCH),
    _lost(1, Act.TERMINATION),
    _shuffled(60.0, Act.LAUNCH),
    _queue_outage(10.0, 1200.0, Act.LAUNCH),
    _queue_outage(0.5, 300.0, Act.TERMINATION),
    _throttled(0.0, Act.LAUNCH),
    _redeployed(11.0, Act.LAUNCH),
    _terminated(11.0, Act.LAUNCH),
    _spot_loss(120.0),
    _exhausted(nodes.ZONES[0], TEN_MINUTES_S),
)
"""One of each kind: few enough for every run of the tests."""


def every_incident() -> list[Incident]:
    """Return each kind at every moment, and in every degree, at which it may make a difference."""
    moments_s = [9.0, 9.5, 10.0, 10.5, 11.0, 11.5, 12.0, 12.5, 13.0, 14.0, 16.0]
    return [
        *(_twice(s, act) for act in Act for s in (0.0, 1.5, 4.0, 60.0, 450.0, 1000.0)),
        *(_lost(share, act) for act in Act for share in (1, 2, 3)),
        _lost(1, Act.TERMINATION, is_ours),
        *(_shuffled(s, act) for act in Act for s in (5.0, 60.0, 300.0, 900.0)),
        *(_queue_outage(s, t, Act.LAUNCH) for s in moments_s for t in (60.0, 300.0)),
        *(_queue_outage(s, 1200.0, Act.LAUNCH) for s in (0.0, 10.0, 12.0)),
        *(
            _queue_outage(s, t, Act.TERMINATION)
            for s in (0.0, 0.5, 1.0, 31.0)
            for t in (60.0, 900.0)
        ),
        *(_throttled(s, Act.LAUNCH) for s in (0.0, 10.0, 12.0)),
        *(_throttled(s, Act.TERMINATION) for s in (0.0, 1.0, 30.0)),
        *(_same_again(s) for s in moments_s),
        *(_redeployed(s, Act.LAUNCH) for s in moments_s),
        *(_redeployed(s, Act.TERMINATION) for s in (0.0, 0.6, 1.0, 31.0)),
        *(_terminated(s, Act.LAUNCH) for s in (1.0, *moments_s)),
        *(_terminated(s, Act.TERMINATION) for s in (0.0, 0.6, 1.0)),
        *(_spot_loss(s) for s in (60.0, 120.0)),
        *(_exhausted(zone, s) for zone in nodes.ZONES for s in (11.0, 120.0, TEN_MINUTES_S)),
    ]


def endure_each(
    mishaps: Sequence[Incident], *, seed: int = 1, at_once: int = 1
) -> Iterator[Endured]:
    """Endure each incident in a world of its own and yield what came of it, in order."""
    with simulated(nodes.document([SHAPE]), seed=seed) as world:
        world.prepare(with_tag(world))
    yield from each_in_a_copy(
        (partial(endure, incident, seed=seed) for incident in mishaps), at_once
    )


def moments(act: Act, *, seed: int = 1) -> list[float]:
    """Return the moments of an undisturbed launch or termination: at every call, and between every two, in seconds."""
    with before(act, seed=seed) as world:
        began_s = world.clock.now()
        disturbed(world, act)
        role = world.deployed.roles[_handler(act)]
        at_s = [call.at_s - began_s for call in world.account.calls.of_principal(role)]
    between_s = [(one + other) / 2 for one, other in itertools.pairwise(at_s)]
    return sorted({round(moment, 4) for moment in (*at_s, *between_s)})


def terminated_at_any_step(
    act: Act, *, seed: int = 1, at_once: int = 1
) -> Iterator[tuple[float, Played]]:
    """Terminate the one instance at each of its moments and yield what came of it, in order."""
    steps_s = moments(act, seed=seed)
    with before(act, seed=seed) as world:

        def ended_at(after_s: float) -> Played:
            world.after(after_s, lambda: terminate(world))
            return disturbed(world, act)

        work = [partial(ended_at, step_s) for step_s in steps_s]
        yield from zip(steps_s, each_in_a_copy(work, at_once), strict=True)
