"""How long the fleet takes to be right again after what no event tells of, against what the settings promise.

Right means: every node has exactly what the deployed configuration promises, and nothing is left of those that are gone. Where
the configuration has changed and `adopt_running` is off, a node keeps what it was promised when it was launched: the reconciler
reports it and touches nothing, and whoever wants it otherwise replaces the node.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bench import nodes
from bench.nodes import Shape
from cli.demo.promises import IN_SERVICE, Observer, broken_promises, left_behind
from domain import naming, tags
from domain.fleet import TAKE_OVER_AFTER
from domain.model import InstanceId
from tests.simulation.faults import SHAPE
from tests.simulation.invariants import abandoned, settled, unsettled, wrong
from tests.simulation.mishaps import is_launch, no_concurrency
from tests.simulation.world import simulated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from cli.demo.promises import EniView
    from domain.config import Config
    from tests.simulation.world import World

NODES = 50
HOUR_S = 3600.0
MID_SCALE_OUT_S = 10.0
"""Hooks open nine seconds after the launch, give or take two: some events are worked, some are queued, some still to come."""
MID_SCALE_IN_S = 0.8
"""Events arrive half a second after their hooks open."""
SLOWEST_END = 3.0
"""How many times the median end of an instance is waited for: with the assumed spread the slowest of some dozens takes twice
as long, and the answers to their hooks go before."""
LARGER = Shape(3, source_dest_check=False)
"""A second group; its third interface has subnets, and all of its interfaces a security group, that the first lacks."""
MUTATING = frozenset(
    {
        "CreateNetworkInterface",
        "AttachNetworkInterface",
        "ModifyNetworkInterfaceAttribute",
        "CreateTags",
        "DeleteNetworkInterface",
    }
)


@dataclass(frozen=True)
class Recovered:
    """What came of one disturbance."""

    name: str
    disturbed: str
    """What was done, for a person."""
    nodes: int
    seconds: float
    """From the end of the disturbance until the fleet is right."""
    bound_s: float
    bound: str
    """What the bound is made of."""
    violations: tuple[str, ...]
    """What is not right in the end, or happened though it must not."""

    @property
    def is_in_time(self) -> bool:
        """Return whether it came right, and within the bound."""
        return not self.violations and self.seconds <= self.bound_s


@dataclass(frozen=True)
class _Pace:
    """What the deployed settings say about time."""

    interval_s: float
    run_s: float
    """The longest that a run of the reconciler takes."""
    take_over_s: float
    heartbeat_s: float

    @classmethod
    def of(cls, world: World) -> _Pace:
        name = world.deployed.functions[naming.RECONCILE_HANDLER]
        timeout_s = world.account.client("lambda").get_function_configuration(FunctionName=name)[
            "Timeout"
        ]
        settings = world.settings
        return cls(
            settings.reconcile_interval_minutes * 60.0,
            float(timeout_s),
            TAKE_OVER_AFTER.total_seconds(),
            float(settings.heartbeat_timeout_s),
        )

    @property
    def next_run(self) -> tuple[tuple[str, float], ...]:
        """Return what passes until a run that begins after now has ended."""
        return ("interval", self.interval_s), ("a run", self.run_s)

    @property
    def take_over(self) -> tuple[tuple[str, float], ...]:
        """Return what passes until a node whose event was lost has been worked."""
        return ("take-over", self.take_over_s), *self.next_run


def _document() -> dict[str, Any]:
    document = nodes.document([SHAPE, LARGER])
    for spec in document["node_groups"][1]["interfaces"]:
        spec["security_groups"] = ["sg-0fedcba9876543210"]
    return document


def _served(world: World, count: int, shape: Shape = SHAPE) -> None:
    """Let a group have so many nodes, all served, and the reconciler find nothing to do."""
    before = len(world.deployed.observer.nodes())
    world.deployed.desire(shape.group, count)
    world.until(lambda: settled(world, before + count), HOUR_S)
    world.clock.advance(2 * _Pace.of(world).interval_s)
    assert wrong(world) == []
    world.forget()


def _recovered(
    world: World,
    name: str,
    disturbed: str,
    *,
    nodes: int,
    bound: Sequence[tuple[str, float]],
    is_right: Callable[[], bool],
    violations: Callable[[], Iterable[str]],
) -> Recovered:
    """Measure how long a world that has been disturbed takes to be right.

    Args:
        world: at the end of the disturbance.
        name: of the disturbance.
        disturbed: what was done, for a person.
        nodes: how many there are, or were.
        bound: what it may take, by its terms; when it takes longer than twice that, it is not waited for.
        is_right: looks whether it is.
        violations: returns, afterwards, what does not hold.
    """
    bound_s = sum(s for _, s in bound)
    began_s = world.clock.now()
    world.until(is_right, 2 * bound_s, step_s=1.0)
    return Recovered(
        name,
        disturbed,
        nodes,
        world.clock.now() - began_s,
        bound_s,
        " + ".join(f"{term} {s:g} s" for term, s in bound),
        tuple(violations()),
    )


# What the queues held is lost.


def purged_in_scale_out(count: int = NODES, *, seed: int = 1) -> Recovered:
    """Delete what all queues hold while a group grows."""
    with simulated(nodes.document([SHAPE]), seed=seed) as world:
        world.deployed.desire(SHAPE.group, count)
        world.clock.advance(MID_SCALE_OUT_S)
        purge(world)
        return _recovered(
            world,
            "purged-in-scale-out",
            f"all queues purged while {count} nodes launch",
            nodes=count,
            bound=_Pace.of(world).take_over,
            is_right=lambda: settled(world, count),
            violations=lambda: _wrong_with_so_many(world, count),
        )


def purged_in_scale_in(count: int = NODES, *, seed: int = 1) -> Recovered:
    """Delete what all queues hold while a group shrinks to nothing."""
    with simulated(nodes.document([SHAPE]), seed=seed) as world:
        _served(world, count)
        world.deployed.desire(SHAPE.group, 0)
        world.clock.advance(MID_SCALE_IN_S)
        purge(world)
        return _recovered(
            world,
            "purged-in-scale-in",
            f"all queues purged while {count} nodes terminate",
            nodes=count,
            bound=(*_Pace.of(world).next_run, _slowest_end(world)),
            is_right=lambda: settled(world, 0) and not world.deployed.enis(),
            violations=lambda: [*wrong(world), *unsettled(world, 0)],
        )


def purge(world: World) -> None:
    """Delete what all queues hold, whether or not somebody has received it."""
    sqs = world.account.client("sqs")
    for url in sqs.list_queues()["QueueUrls"]:
        sqs.purge_queue(QueueUrl=url)


# Nobody repairs for an hour.


def schedule_disabled(count: int = NODES, *, seed: int = 1) -> Recovered:
    """Disable the reconciler's schedule for an hour of drift and lost events, then enable it."""
    with simulated(nodes.document([SHAPE]), seed=seed) as world:
        _served(world, count)
        _enable_schedule(world, enabled=False)
        _hour_of_drift(world, count)
        _enable_schedule(world, enabled=True)
        return _after_the_hour(world, count, "schedule-disabled", "its schedule disabled")


def reconciler_throttled(count: int = NODES, *, seed: int = 1) -> Recovered:
    """Let the reconciler have no concurrency for the same hour."""
    with simulated(nodes.document([SHAPE]), seed=seed) as world:
        _served(world, count)
        no_concurrency(world, naming.RECONCILE_HANDLER, HOUR_S)
        _hour_of_drift(world, count)
        return _after_the_hour(world, count, "reconciler-throttled", "its concurrency 0")


def _enable_schedule(world: World, *, enabled: bool) -> None:
    scheduler = world.account.client("scheduler")
    [found] = scheduler.list_schedules()["Schedules"]
    shown = scheduler.get_schedule(Name=found["Name"], GroupName=found["GroupName"])
    kept = {
        key: value
        for key, value in shown.items()
        if key not in ("ResponseMetadata", "Arn", "CreationDate", "LastModificationDate", "State")
    }
    scheduler.update_schedule(**kept, State="ENABLED" if enabled else "DISABLED")


LOST = 3
"""How many events of launches are lost in the hour."""


def _hour_of_drift(world: World, count: int) -> None:
    """Spoil what can be spoilt behind the product's back, and lose the last launches' events."""
    spoil(world)
    heartbeat_s = _Pace.of(world).heartbeat_s
    world.clock.advance(HOUR_S - heartbeat_s / 2)
    world.account.events.lose(is_launch, times=LOST)
    world.deployed.desire(SHAPE.group, count + 2 * LOST)
    world.clock.advance(heartbeat_s / 2)


def spoil(world: World) -> None:
    """Change each thing that the reconciler mends, on a node of its own, and leave orphans of nodes that never were."""
    ec2, enis = world.account.client("ec2"), world.deployed.enis()
    group = ec2.create_security_group(GroupName="drift", Description="drift", VpcId=_vpc(enis[0]))
    ec2.delete_tags(Resources=[enis[0].eni_id], Tags=[{"Key": tags.NO_MANAGE}])
    change = ec2.modify_network_interface_attribute
    change(NetworkInterfaceId=enis[1].eni_id, Groups=[group["GroupId"]])
    change(NetworkInterfaceId=enis[2].eni_id, SourceDestCheck={"Value": True})
    kept = {"AttachmentId": enis[3].attachment["AttachmentId"], "DeleteOnTermination": False}
    change(NetworkInterfaceId=enis[3].eni_id, Attachment=kept)
    for number in range(LOST):
        ledger = tags.ownership_tags(
            owner=world.deployed.config.owner,
            node_group=SHAPE.group,
            instance_id=InstanceId(f"i-0{number:016x}"),
            interface="net1",
            created_at=datetime.fromtimestamp(world.clock.now(), UTC),
        )
        ec2.create_network_interface(
            SubnetId=enis[0].raw["SubnetId"],
            TagSpecifications=[
                {
                    "ResourceType": "network-interface",
                    "Tags": [{"Key": key, "Value": value} for key, value in ledger.items()],
                }
            ],
        )


def _vpc(eni: EniView) -> str:
    return str(eni.raw["VpcId"])


def _after_the_hour(world: World, count: int, name: str, how: str) -> Recovered:
    wanted = count + 2 * LOST
    return _recovered(
        world,
        name,
        f"no reconciler for an hour ({how}): flags, groups and tags changed, {LOST} orphans, {LOST} launch events lost",
        nodes=wanted,
        bound=_Pace.of(world).next_run,
        is_right=lambda: settled(world, wanted) and not wrong(world),
        violations=lambda: _wrong_with_so_many(world, wanted),
    )


# The configuration is changed under a running fleet.


def groups_changed(count: int = NODES, *, seed: int = 1) -> Recovered:
    """Deploy other security groups for one interface."""
    with simulated(_document(), seed=seed) as world:
        _served(world, count)
        document = copy.deepcopy(world.deployed.made.document)
        ours, theirs = document["node_groups"]
        ours["interfaces"][0]["security_groups"] = theirs["interfaces"][0]["security_groups"]
        world.redeploy(document)
        return _recovered(
            world,
            "security-groups-changed",
            "other security groups for one interface deployed",
            nodes=count,
            bound=_Pace.of(world).next_run,
            is_right=lambda: not wrong(world),
            violations=lambda: wrong(world),
        )


def _with_another_interface(world: World, *, adopt: bool) -> dict[str, Any]:
    document = copy.deepcopy(world.deployed.made.document)
    ours, theirs = document["node_groups"]
    ours["interfaces"].append(copy.deepcopy(theirs["interfaces"][2]))
    ours["adopt_running"] = adopt
    return document


def interface_added(count: int = NODES, *, seed: int = 1) -> Recovered:
    """Deploy a third interface for a group whose nodes are adopted."""
    with simulated(_document(), seed=seed) as world:
        _served(world, count)
        world.redeploy(_with_another_interface(world, adopt=True))
        return _recovered(
            world,
            "interface-added-adopted",
            "another interface deployed, adopt_running on",
            nodes=count,
            bound=_Pace.of(world).next_run,
            is_right=lambda: not wrong(world),
            violations=lambda: wrong(world),
        )


def interface_added_unadopted(count: int = NODES, *, seed: int = 1) -> Recovered:
    """Deploy a third interface for a group whose running nodes are to be left alone: every one is reported."""
    with simulated(_document(), seed=seed) as world:
        _served(world, count)
        fleet = _Fleet.of(world)
        world.redeploy(_with_another_interface(world, adopt=False))
        return _recovered(
            world,
            "interface-added",
            "another interface deployed, adopt_running off",
            nodes=count,
            bound=_Pace.of(world).next_run,
            is_right=lambda: not_as_promised(world) == count,
            violations=lambda: [*_touched(world), *fleet.wrong_with_more(2)],
        )


def not_as_promised(world: World) -> int:
    """Return how many nodes the reconciler last reported as lacking something."""
    documents = world.account.functions.metrics(world.deployed.functions[naming.RECONCILE_HANDLER])
    reported = [each["NodesNotAsPromised"] for each in documents if "NodesNotAsPromised" in each]
    last = reported[-1] if reported else 0
    return int(last[-1] if isinstance(last, list) else last)


def interface_removed(count: int = NODES, *, seed: int = 1) -> Recovered:
    """Deploy a group with one interface less: running nodes keep it, harmless, until they go."""
    with simulated(_document(), seed=seed) as world:
        _served(world, count)
        fleet = _Fleet.of(world)
        document = copy.deepcopy(world.deployed.made.document)
        document["node_groups"][0]["interfaces"].pop()
        world.redeploy(document)
        # The retired interface must stay harmless too.
        retired = next(
            eni
            for eni in world.deployed.enis()
            if eni.tags[tags.INTERFACE] == f"net{SHAPE.interfaces}"
        )
        world.account.client("ec2").delete_tags(
            Resources=[retired.eni_id], Tags=[{"Key": tags.NO_MANAGE}]
        )
        return _recovered(
            world,
            "interface-removed",
            "an interface less deployed, and no_manage taken from a retired one",
            nodes=count,
            bound=_Pace.of(world).next_run,
            is_right=lambda: not fleet.wrong(),
            violations=lambda: fleet.wrong_with_more(2),
        )


def group_removed(count: int = NODES, *, seed: int = 1) -> Recovered:
    """Take a group out of the configuration while it grows; then let it shrink to nothing, unwatched."""
    with simulated(_document(), seed=seed) as world:
        _served(world, 2, LARGER)
        everything = Observer(world.account, world.deployed.config)
        world.deployed.desire(SHAPE.group, count)
        world.clock.advance(MID_SCALE_OUT_S)
        document = copy.deepcopy(world.deployed.made.document)
        document["node_groups"].pop(0)
        world.redeploy(document)
        world.clock.advance(HOUR_S)
        grown = sum(node.state == IN_SERVICE for node in everything.nodes())
        world.deployed.desire(SHAPE.group, 0)

        def left() -> list[str]:
            return left_behind(everything.nodes(), everything.enis())

        short = [] if grown == count + 2 else [f"{grown} of {count + 2} nodes serve"]
        return _recovered(
            world,
            "group-removed",
            f"a group taken out of the configuration while {count} of its nodes launch; an hour later they terminate",
            nodes=count,
            bound=[_slowest_end(world)],
            is_right=lambda: len(everything.nodes()) == 2 and not left(),
            violations=lambda: [*short, *left(), *wrong(world)],
        )


@dataclass(frozen=True)
class _Fleet:
    """Nodes that keep what they were promised when they were launched."""

    world: World
    then: Config
    ids: frozenset[str]

    @classmethod
    def of(cls, world: World) -> _Fleet:
        """Remember the nodes that there are and what they were promised."""
        ids = frozenset(node.instance_id for node in world.deployed.observer.nodes())
        return cls(world, world.deployed.config, ids)

    def wrong(self) -> list[str]:
        """Return what is wrong: old nodes by what they were promised, new ones by what is now."""
        deployed = self.world.deployed
        seen, enis = deployed.observer.nodes(), deployed.enis()
        old = [node for node in seen if node.instance_id in self.ids]
        new = [node for node in seen if node.instance_id not in self.ids]
        return [
            *broken_promises(self.then, old, enis),
            *broken_promises(deployed.config, new, enis),
            *left_behind(seen, enis),
        ]

    def wrong_with_more(self, more: int) -> list[str]:
        """Let so many nodes more be launched, and return what is wrong then."""
        wanted = len(self.ids) + more
        self.world.deployed.desire(SHAPE.group, wanted)
        self.world.until(lambda: settled(self.world, wanted), HOUR_S)
        return [*unsettled(self.world, wanted), *self.wrong()]


def _slowest_end(world: World) -> tuple[str, float]:
    return "an instance's end", SLOWEST_END * world.assumptions.terminate_s


def _wrong_with_so_many(world: World, wanted: int) -> list[str]:
    return [*wrong(world), *unsettled(world, wanted), *_given_up(world)]


def _given_up(world: World) -> list[str]:
    return [f"{call.params['InstanceId']} was to be abandoned" for call in abandoned(world)]


def _touched(world: World) -> list[str]:
    """Return what was changed that nobody asked for."""
    return [f"{call.action} {call.params}" for call in world.calls() if call.action in MUTATING]


EVERY: Mapping[str, Callable[..., Recovered]] = {
    each.__name__: each
    for each in (
        purged_in_scale_out,
        purged_in_scale_in,
        schedule_disabled,
        reconciler_throttled,
        groups_changed,
        interface_added,
        interface_added_unadopted,
        interface_removed,
        group_removed,
    )
}
