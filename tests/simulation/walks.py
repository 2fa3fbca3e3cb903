"""Random walks: groups that grow, shrink and are replaced for hours of virtual time, while everything fails that may fail.

A walk is a list of steps, each a word with its arguments. A step means something in every state of the world, so any part of
a walk is a walk: that is what lets a failing one be made shorter, and be replayed from its text.
"""

from __future__ import annotations

import math
import random
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from authoring.models import Reconcile
from bench import nodes
from bench.nodes import ZONES, Shape
from cli.demo.promises import IN_SERVICE, left_behind
from domain import naming, tags
from localaws.autoscaling.lifecycle import GONE, Transition
from localaws.autoscaling.notifications import DETAIL_TYPES
from localaws.faults import ANY, Fault, FaultKind
from localaws.throttling import ec2_bucket
from tests.simulation.assumptions import Assumptions
from tests.simulation.bound import CONTENDED
from tests.simulation.forks import each_in_a_copy
from tests.simulation.watch import HEARTBEAT_S, Exhausted, Watch, WatchedClock
from tests.simulation.world import simulated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from localaws.autoscaling.roster import Seat
    from localaws.events.disturbances import Disturbance
    from localaws.events.envelope import Event
    from tests.simulation.world import World

GROUPS = {
    "unchecked": Shape(2, source_dest_check=False),
    "checked": Shape(1),
    "chosen": Shape(3),
}
"""The groups of a walk. The nodes of the last have addresses that the product chooses, and a device index that is fixed."""
HANDLERS = {
    "launch": naming.LAUNCH_HANDLER,
    "terminate": naming.TERMINATE_HANDLER,
    "reconcile": naming.RECONCILE_HANDLER,
}
ACTIONS = {
    "any": ANY,
    "create": "CreateNetworkInterface",
    "attach": "AttachNetworkInterface",
    "modify": "ModifyNetworkInterfaceAttribute",
    "delete": "DeleteNetworkInterface",
    "complete": "CompleteLifecycleAction",
}
"""The calls that fail. One that fails five times in a row is more than botocore tries."""
ASSUMPTIONS = Assumptions(late_share=0.25, late_s=2.0)
"""As in bursts, but many network interfaces are seen late: it is then that a step taken twice may do harm."""
EVENTS = {
    "launch": DETAIL_TYPES[Transition.LAUNCHING],
    "terminate": DETAIL_TYPES[Transition.TERMINATING],
    "change": "EC2 Instance State-change Notification",
}
DRAINED = (*CONTENDED, "DeleteNetworkInterface")
MINUTE_S = 60.0
MOST_REFUSALS = 8
"""Of an event by a queue that is out for four minutes: EventBridge pauses for 1, 2, 4 … seconds between its attempts."""
RECONCILE_S = 60.0 * Reconcile().interval_minutes
"""The schedule's interval: the stack's default, which the walks leave as it is."""
SETTLES_WITHIN_S = HEARTBEAT_S + 3 * RECONCILE_S
"""The time for the product to make good whatever went wrong, once nothing does any more. A lost event beside messages that
are worked on takes longest: it is taken over after a whole heartbeat, by the run after that."""
REPLACED_WITHIN_S = 150.0
"""What an instance refresh may take per node: one leaves, then the next one comes."""
ORPHANS_WITHIN_S = 60.0 * Reconcile().orphan_min_age_minutes + 2 * RECONCILE_S
"""From the least age of an orphan to the second run after."""
PAUSES = 0.45
"""After how many of the steps some time passes."""
_PLACES = ("0", "1", "-1")
"""Of a node in its group, from the oldest, or from the newest."""

FLEET: Mapping[str, tuple[Sequence[str], ...]] = {
    "scale": (tuple(GROUPS), ("0", "1", "2", "3", "5", "8")),
    "refresh": (tuple(GROUPS),),
    "reclaim": (tuple(GROUPS), _PLACES, ("0", "10", "11", "12", "13")),
    "rebalance": (tuple(GROUPS), _PLACES),
}
"""What happens to the groups, with the choices for each argument."""
MISHAPS: Mapping[str, tuple[Sequence[str], ...]] = {
    "fail": (tuple(HANDLERS), tuple(ACTIONS), tuple(FaultKind), ("1", "2", "4"), ("1", "5")),
    "lose": (tuple(EVENTS),),
    "repeat": (tuple(EVENTS), ("0", "2", "120")),
    "delay": (tuple(EVENTS), ("20", "450")),
    "redeploy": (),
    "drift": (tuple(GROUPS), _PLACES, ("flag", "tag", "check")),
}
"""What goes wrong once, likewise."""
OUTAGES: Mapping[str, tuple[Sequence[str], ...]] = {
    "throttle": (tuple(HANDLERS), ("2", "20")),
    "outage": (("1", "4"),),
    "silence": (("3", "10"),),
    "tenant": (("50", "90", "300"), ("5", "15")),
    "exhaust": (("0", "1"), ("3", "10")),
}
"""What goes wrong for some minutes, likewise."""
TIME: Mapping[str, tuple[Sequence[str], ...]] = {"wait": (("2", "10", "60", "300", "900"),)}
"""How many seconds pass before the next step."""
EVERYTHING = {**FLEET, **MISHAPS, **OUTAGES, **TIME}


@dataclass(frozen=True)
class Step:
    """One thing that happens."""

    word: str
    arguments: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return it as `replayed` reads it."""
        return ":".join((self.word, *self.arguments))


@dataclass(frozen=True)
class Walked:
    """What came of one walk."""

    seed: int
    steps: tuple[Step, ...]
    violations: tuple[str, ...]
    excused: tuple[str, ...]
    """What was abandoned or left to a time-out for reasons that the product cannot be blamed for."""
    launched: int
    gone: int
    fired: int
    """Calls that were made to fail."""
    calls: int
    hours: float
    settled_s: float
    """How long the world took to be right again after the last step."""
    trace: tuple[str, ...]

    @property
    def command(self) -> str:
        """Return what replays it."""
        return again(self.seed, self.steps)


def again(seed: int, steps: Sequence[Step]) -> str:
    """Return the command that takes these steps again."""
    return f'make simulate ARGS="walk --seed {seed} --steps {",".join(map(str, steps))}"'


def replayed(text: str) -> tuple[Step, ...]:
    """Read steps as they are printed: `scale:checked:5,wait:60,fail:launch:throttle:2`.

    Raises:
        ValueError: there is no such step, or not with such arguments.
    """
    return tuple(_step(item) for item in text.split(",") if item)


def _step(text: str) -> Step:
    word, *arguments = text.split(":")
    choices = EVERYTHING.get(word)
    if choices is None or len(choices) != len(arguments):
        raise ValueError(f"{text!r} is no step")
    for argument, allowed in zip(arguments, choices, strict=True):
        if argument not in allowed:
            raise ValueError(f"{argument!r} in {text!r} is none of {', '.join(allowed)}")
    return Step(word, tuple(arguments))


def drawn(seed: int, hours: float) -> tuple[Step, ...]:
    """Return the steps of a walk of so many hours of virtual time, the last waits included."""
    draw = random.Random(f"walk {seed}")  # noqa: S311 - a simulation, repeatable on purpose
    steps: list[Step] = []
    left_s = hours * 3600.0
    while left_s > 0:
        kind = draw.choices((FLEET, MISHAPS, OUTAGES), (5, 4, 1))[0]
        # A group is scaled, and a call fails, as often as anything else of the kind happens.
        word = draw.choice((next(iter(kind)), draw.choice(list(kind))))
        steps.append(_drawn_step(draw, word))
        if draw.random() < PAUSES:
            steps.append(_drawn_step(draw, "wait"))
            left_s -= float(steps[-1].arguments[0])
    return tuple(steps)


def _drawn_step(draw: random.Random, word: str) -> Step:
    return Step(word, tuple(draw.choice(choices) for choices in EVERYTHING[word]))


def document() -> dict[str, Any]:
    """Return the configuration of a walk's groups."""
    made = nodes.document(GROUPS.values())
    chosen = made["node_groups"][-1]["interfaces"]
    chosen[0]["ipv4"] = "from_start"
    chosen[1]["device_index"] = 5
    return made


def play(seed: int, steps: Sequence[Step]) -> Walked:
    """Take the steps in a world of this seed, let it settle, and take every node away; stop at what does not hold."""
    with walking(seed) as walk:
        for step in steps:
            if walk.violations:
                break
            walk.take(step)
        walk.end()
        return walk.walked()


def play_each(seeds: Sequence[int], hours: float, *, at_once: int = 1) -> Iterator[Walked]:
    """Draw a walk of so many hours from each seed, take it, and yield what came of it, in order."""
    with walking(seeds[0]):
        # Their stack is synthesized by now: copies share one way to the CDK's kernel, which takes one at a time.
        pass
    work = (partial(play, seed, drawn(seed, hours)) for seed in seeds)
    yield from each_in_a_copy(work, at_once)


def shortened(walked: Walked, plays: int) -> Walked:
    """Return a walk that fails with as few of the steps as so many plays find."""
    size = max(1, len(walked.steps) // 2)
    while plays > 0 and size:
        start = 0
        while start < len(walked.steps) and plays > 0:
            steps = walked.steps[:start] + walked.steps[start + size :]
            plays -= 1
            shorter = play(walked.seed, steps)
            if shorter.violations:
                walked = shorter
            else:
                start += size
        size //= 2
    return walked


@contextmanager
def walking(seed: int) -> Iterator[Walk]:
    """Yield a walk that has not begun, in a world of its own."""
    clock = WatchedClock()
    with simulated(document(), seed=seed, assumptions=ASSUMPTIONS, clock=clock) as world:
        walk = Walk(world, seed)
        clock.look = walk.watch.look
        yield walk


class Walk:
    """A world and the steps taken in it."""

    def __init__(self, world: World, seed: int) -> None:
        self.watch = Watch(world)
        self._world = world
        self._seed = seed
        self._steps: list[Step] = []
        self._settled_s = 0.0
        self._until_s: dict[str, float] = {}
        """By what is disturbed, when the last of the disturbances ends."""
        self._events: list[Disturbance] = []
        self._mends: dict[str, Callable[[], object]] = {}
        """How each of these is ended."""
        self._reserved: dict[str, list[str]] = {}
        """By zone, what keeps its addresses back."""
        world.account.events.lose(self._is_lost, times=None)
        for refusals in range(1, MOST_REFUSALS + 1):
            world.account.events.refuse(
                partial(self._is_refused, refusals), refusals=refusals, times=None
            )
        client = world.account.client
        self._ec2, self._autoscaling, self._lambda = (
            client("ec2"),
            client("autoscaling"),
            client("lambda"),
        )

    @property
    def violations(self) -> list[str]:
        """Return what does not hold, as far as it was seen."""
        return self.watch.violations

    def take(self, step: Step) -> None:
        """Let one thing happen."""
        self._steps.append(step)
        self.watch.tell(f"* {step}")
        getattr(self, f"_{step.word}")(*step.arguments)
        self.watch.look()

    def end(self) -> None:
        """Let nothing fail any more, wait until all is right, then take every node away and look at what is left."""
        if not self.violations:
            self._settle()
        if not self.violations:
            for group in GROUPS:
                self._scale(group, "0")
            self._settle()

    def walked(self) -> Walked:
        """Return what came of it."""
        watch = self.watch
        return Walked(
            seed=self._seed,
            steps=tuple(self._steps),
            violations=tuple(watch.violations),
            excused=tuple(watch.excused),
            launched=len(watch.launched),
            gone=len(watch.gone),
            fired=watch.fired,
            calls=len(self._world.calls()),
            hours=self._world.elapsed_s / 3600.0,
            settled_s=self._settled_s,
            trace=tuple(watch.trace),
        )

    # The fleet.

    def _scale(self, group: str, number: str) -> None:
        self._world.deployed.desire(GROUPS[group].group, int(number))

    def _refresh(self, group: str) -> None:
        try:
            self._autoscaling.start_instance_refresh(AutoScalingGroupName=GROUPS[group].group)
        except ClientError as error:
            self.watch.tell(f"not refreshed: {error.response['Error']['Code']}")

    def _reclaim(self, group: str, place: str, after_s: str) -> None:
        """Let EC2 take a spot instance back, soon: the group learns of it afterwards."""
        if (seat := self._seat(group, place)) is not None:
            self._world.clock.call_at(
                self._world.clock.now() + float(after_s),
                lambda: self._ec2.terminate_instances(InstanceIds=[seat.member.instance_id]),
            )

    def _rebalance(self, group: str, place: str) -> None:
        """Let the group replace an instance that is at risk of being taken back, through its terminate hook."""
        if (seat := self._seat(group, place)) is not None:
            self._autoscaling.terminate_instance_in_auto_scaling_group(
                InstanceId=seat.member.instance_id, ShouldDecrementDesiredCapacity=False
            )

    # What goes wrong.

    def _fail(self, function: str, action: str, kind: str, nth: str, times: str) -> None:
        fault = Fault(
            ACTIONS[action],
            FaultKind(kind),
            on_call=int(nth),
            times=int(times),
            principal=self._world.deployed.roles[HANDLERS[function]],
        )
        self.watch.injected.append(self._world.account.faults.inject(fault))

    def _lose(self, kind: str) -> None:
        self._events.append(self._world.account.events.lose(_is(kind)))

    def _repeat(self, kind: str, after_s: str) -> None:
        events = self._world.account.events
        self._events.append(events.duplicate(_is(kind), apart_s=float(after_s)))

    def _delay(self, kind: str, by_s: str) -> None:
        self._events.append(self._world.account.events.delay(_is(kind), seconds=float(by_s)))

    def _throttle(self, function: str, minutes: str) -> None:
        """Let Lambda refuse every invocation of a function."""
        handler = HANDLERS[function]
        name = self._world.deployed.functions[handler]
        self._lambda.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
        self._disturb(
            f"throttle {function}",
            handler,
            float(minutes) * MINUTE_S,
            lambda: self._lambda.delete_function_concurrency(FunctionName=name),
        )

    def _outage(self, minutes: str) -> None:
        """Let the queues take nothing, hand over nothing and answer nothing."""
        seconds = float(minutes) * MINUTE_S
        clock = self._world.clock
        self._world.account.faults.inject(
            Fault(
                ANY,
                FaultKind.ERROR,
                times=None,
                service="sqs",
                code="ServiceUnavailable",
                when=lambda _: clock.now() < self._until_s["outage"],
            )
        )
        self._enable(False)
        self._disturb("outage", "", seconds, lambda: self._enable(True))

    def _silence(self, minutes: str) -> None:
        """Let no event arrive that happens from now on for so long."""
        seconds = float(minutes) * MINUTE_S
        self._until("silence", seconds, lambda: self.watch.tell("events are sent again"))

    def _is_lost(self, _event: Event) -> bool:
        return self._world.clock.now() < self._until_s.get("silence", 0.0)

    def _is_refused(self, refusals: int, _event: Event) -> bool:
        """Return whether so many deliveries fail until the queues' outage is over, with pauses of 1, 2, 4 … seconds."""
        seconds = self._until_s.get("outage", 0.0) - self._world.clock.now()
        return seconds > 0 and math.ceil(math.log2(seconds + 1)) == refusals

    def _enable(self, enabled: bool) -> None:
        """Let Lambda read the queues, or not."""
        for mapping in self._lambda.list_event_source_mappings()["EventSourceMappings"]:
            self._lambda.update_event_source_mapping(UUID=mapping["UUID"], Enabled=enabled)

    def _tenant(self, percent: str, minutes: str) -> None:
        """Let somebody else in the account take so much of what refills EC2's buckets."""
        self._drain(float(percent) / 100)
        self._disturb("tenant", "", float(minutes) * MINUTE_S, lambda: self._drain(0.0))

    def _drain(self, share: float) -> None:
        for action in DRAINED:
            _, rate = ec2_bucket(action, {})
            self._world.account.buckets.drain(action, rate.refill_per_s * share)

    def _exhaust(self, place: str, minutes: str) -> None:
        """Let a zone's subnets have no addresses left: all are kept back for somebody."""
        zone, seconds = ZONES[int(place)], float(minutes) * MINUTE_S
        now_s = self._world.clock.now()
        if zone not in self._reserved:
            subnets = self._world.deployed.made.subnets
            shown = self._ec2.describe_subnets(
                SubnetIds=[subnet for subnet, of in subnets.items() if of == zone]
            )["Subnets"]
            self._reserved[zone] = [
                self._ec2.create_subnet_cidr_reservation(
                    SubnetId=subnet["SubnetId"],
                    Cidr=subnet["CidrBlock"],
                    ReservationType="explicit",
                )["SubnetCidrReservation"]["SubnetCidrReservationId"]
                for subnet in shown
            ]
        self.watch.exhausted.append(Exhausted(zone, now_s, now_s + seconds))
        self._until(f"exhaust {zone}", seconds, lambda: self._release(zone))

    def _release(self, zone: str) -> None:
        for reservation in self._reserved.pop(zone):
            self._ec2.delete_subnet_cidr_reservation(SubnetCidrReservationId=reservation)

    def _redeploy(self) -> None:
        for function in self._world.functions.values():
            function.forget()

    def _drift(self, group: str, place: str, what: str) -> None:
        """Let somebody change an interface of a node in service."""
        seat = self._seat(group, place, IN_SERVICE)
        own = self.watch.interfaces().get(seat.member.instance_id) if seat else None
        if seat is None or not own or (held := own[0].held) is None:
            return
        eni = own[0]
        self.watch.drifted[seat.member.instance_id] = self._world.clock.now()
        if what == "tag":
            self._ec2.delete_tags(Resources=[eni.id], Tags=[{"Key": tags.NO_MANAGE}])
        elif what == "check":
            self._ec2.modify_network_interface_attribute(
                NetworkInterfaceId=eni.id, SourceDestCheck={"Value": not eni.source_dest_check}
            )
        else:
            attachment = {"AttachmentId": held.attachment_id, "DeleteOnTermination": False}
            self._ec2.modify_network_interface_attribute(
                NetworkInterfaceId=eni.id, Attachment=attachment
            )

    # Time.

    def _wait(self, seconds: str) -> None:
        self._world.clock.advance(float(seconds))

    def _disturb(self, what: str, handler: str, seconds: float, mend: Callable[[], object]) -> None:
        self.watch.disturb(handler, seconds)
        self._until(what, seconds, mend)

    def _until(self, what: str, seconds: float, mend: Callable[[], object]) -> None:
        """Mend something after so many seconds, or when the last of what disturbs it is over."""
        clock = self._world.clock
        until_s = clock.now() + seconds
        self._until_s[what] = max(until_s, self._until_s.get(what, 0.0))
        self._mends[what] = mend
        clock.call_at(until_s, lambda: self._over(what))

    def _over(self, what: str) -> None:
        if what in self._mends and self._world.clock.now() >= self._until_s[what]:
            self._mends.pop(what)()

    def _mend(self) -> None:
        """Let nothing fail any more."""
        now_s = self._world.clock.now()
        self._world.account.faults.clear()
        for disturbance in self._events:
            disturbance.times = 0
        for what in list(self._mends):
            self._until_s[what] = now_s
            self._over(what)
        self.watch.calm_down()

    def _settle(self) -> None:
        self._mend()
        began_s = self._world.clock.now()
        within_s = SETTLES_WITHIN_S + self._group_takes_s()
        settled = self._world.until(self._is_done, within_s)
        self._settled_s = max(self._settled_s, self._world.clock.now() - began_s)
        if not settled:
            self.watch.violated(f"not settled within {within_s:.0f} s: {self._unfinished()}")
            return
        self._world.clock.advance(ORPHANS_WITHIN_S)
        deployed = self._world.deployed
        for fault in deployed.broken_promises():
            self.watch.violated(fault)
        for fault in left_behind(deployed.observer.nodes(), deployed.enis()):
            self.watch.violated(fault)
        for queue, number in self.watch.messages().items():
            self.watch.violated(f"{number} messages are left in {queue}")

    def _group_takes_s(self) -> float:
        """Return what Auto Scaling itself may take: until it launches again after failures, and to replace what is left."""
        now_s = self._world.clock.now()
        takes_s = [
            max(0.0, roster.not_before_s - now_s)
            + REPLACED_WITHIN_S
            * sum(len(refresh.left) + 1 for refresh in roster.refreshes if refresh.ended_s is None)
            for roster in self.watch.rosters
        ]
        return max(takes_s)

    def _is_done(self) -> bool:
        return not self._unfinished()

    def _unfinished(self) -> list[str]:
        """Return what the world is not through with."""
        found = [
            f"{number} messages in {queue}"
            for queue, number in self.watch.messages().items()
            if "DeadLetters" not in queue and "Undeliverable" not in queue
        ]
        for roster in self.watch.rosters:
            name, wanted = roster.group.name, roster.group.desired_capacity or 0
            if len(roster.seats) != wanted:
                found.append(f"{name} has {len(roster.seats)} nodes for {wanted}")
            found += [
                f"{seat.member.instance_id} of {name} is {seat.member.state}"
                for seat in roster.seats.values()
                if seat.member.state != IN_SERVICE or _is_gone(seat)
            ]
            if any(refresh.ended_s is None for refresh in roster.refreshes):
                found.append(f"{name} is being refreshed")
        return found

    def _seat(self, group: str, place: str, state: str | None = None) -> Seat | None:
        """Return one of a group's nodes that EC2 still has, if there is any, in a lifecycle state if one is given."""
        name = GROUPS[group].group
        there = [
            seat
            for of, seat in self.watch.seats()
            if of == name and not _is_gone(seat) and state in (None, seat.member.state)
        ]
        return there[int(place) % len(there)] if there else None


def _is_gone(seat: Seat) -> bool:
    return seat.shown.instance._state.name in GONE


def _is(kind: str) -> Callable[[Event], bool]:
    """Return what recognizes events of a kind; EC2 tells of every state, and only the last of them is of use."""
    return lambda event: (
        event["detail-type"] == EVENTS[kind]
        and event["detail"].get("state", "terminated") == "terminated"
    )
