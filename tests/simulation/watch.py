"""Looks on while a world goes its way: what must hold at every moment, and what excuses that something else does not.

The account's own state is read, not its API: a look is between any two things that happen, and must cost next to nothing.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_left, bisect_right
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from moto.autoscaling.models import autoscaling_backends
from moto.ec2.models import ec2_backends
from moto.sqs.models import sqs_backends

from authoring import models
from cli.demo.promises import IN_SERVICE
from domain import naming, pacing, tags
from domain.config import Ipv4Mode
from localaws.autoscaling.lifecycle import GONE, Transition
from localaws.fibers import FiberClock
from localaws.identity import ACCOUNT_ID, REGION
from tests.simulation.invariants import TOOK_EFFECT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from localaws.autoscaling.roster import Roster, Seat
    from localaws.calls import Call
    from localaws.ec2.interfaces import Interface
    from localaws.faults import InjectedFault
    from tests.simulation.functions import Run
    from tests.simulation.world import World

QUEUES = ("LaunchesQueue", "TerminationsQueue")
"""By the part of its name that the stack gives it."""
NO_ADDRESS = "InsufficientFreeAddressesInSubnet"
HEARTBEAT_S = float(models.Hook().heartbeat_timeout_s)
"""The stack's default, which the walks leave as it is."""
HELD_FROM_S = HEARTBEAT_S * pacing.RESTART_AFTER + 10.0
"""From this age of a hook on every run of the reconciler restarts its timer (domain.pacing), give or take its look."""
TAKEN_OVER_S = 70.0
"""From this age on the reconciler takes a launch over whose event is lost (domain.fleet), likewise."""
HELD_UNTIL_S = pacing.HOLD_LIMIT * HEARTBEAT_S
"""Beyond this age none does: what cannot be served for so long is left to the hook's default."""
RETRIED_WITHIN_S = 300.0
"""How long a function must be left in peace to have met any message that is on its queue: hidden for 200 s after a crash or
a refused invocation, then worked within a minute or, when its call must wait, a little more."""
LOOKED_UP_FOR_S = 60.0
"""How long a function may go by an older look at a subnet (lambdas.reconcile.catalog)."""


class WatchedClock(FiberClock):
    """Virtual time that lets somebody look on after every slice of every fiber."""

    look: Callable[[], None] | None = None

    def _run(self, action: Callable[[], None]) -> None:
        super()._run(action)
        if self.look is not None:
            self.look()


class End(StrEnum):
    """How a hook ended."""

    CONTINUED = "continued"
    ABANDONED = "abandoned"
    EXPIRED = "left to its time-out"
    OVERTAKEN = "overtaken by a termination"


@dataclass
class Hook:
    """One lifecycle action, from its opening to its end."""

    instance_id: str
    name: str
    launching: bool
    opened_s: float
    due_s: float
    delivered_s: float | None = None
    """When its event first reached the queue; None when it never did."""
    ended_s: float | None = None
    end: End | None = None


class Disturbed(NamedTuple):
    """For how long a function, or all of them by an empty name, could not be expected to get anything done."""

    handler: str
    start_s: float
    end_s: float


class Exhausted(NamedTuple):
    """For how long a zone had no addresses."""

    zone: str
    start_s: float
    end_s: float


@dataclass
class Watch:
    """Everything that was seen of one world."""

    world: World
    hooks: dict[str, Hook] = field(default_factory=dict)
    """By lifecycle action token."""
    disturbed: list[Disturbed] = field(default_factory=list)
    exhausted: list[Exhausted] = field(default_factory=list)
    injected: list[InjectedFault] = field(default_factory=list)
    drifted: dict[str, float] = field(default_factory=dict)
    """By node, when somebody last changed one of its interfaces."""
    violations: list[str] = field(default_factory=list)
    excused: list[str] = field(default_factory=list)
    """Hooks left to their time-out, and nodes abandoned, for which the product cannot be blamed."""
    trace: list[str] = field(default_factory=list)
    launched: dict[str, float] = field(default_factory=dict)
    gone: dict[str, float] = field(default_factory=dict)
    """By node, since when EC2 has it shutting down or terminated."""
    _zones: dict[str, str] = field(default_factory=dict)
    _open: set[str] = field(default_factory=set)
    _refused: set[str] = field(default_factory=set)
    """Nodes for which EC2 had no address."""
    _answered: Counter[tuple[str, str]] = field(default_factory=Counter)
    _fired: Counter[int] = field(default_factory=Counter)
    _calls: int = 0
    _deliveries: int = 0
    _busy_s: dict[str, list[float]] = field(default_factory=lambda: {each: [] for each in QUEUES})
    """By queue, when it was seen to hold anything."""

    def __post_init__(self) -> None:
        deployed = self.world.deployed
        self._promised = {
            str(group.auto_scaling_group): sorted(spec.name for spec in group.interfaces)
            for group in deployed.config.node_groups
        }
        self._handlers = {role: handler for handler, role in deployed.roles.items()}
        self._region = self.world.account.ec2.region(ec2_backends[ACCOUNT_ID][REGION])

    @property
    def fired(self) -> int:
        """Return how many calls were made to fail."""
        return sum(len(each.fired) for each in self.injected)

    @property
    def rosters(self) -> list[Roster]:
        """Return the groups as Auto Scaling has them."""
        backend = autoscaling_backends[ACCOUNT_ID][REGION]
        return [self.world.account.autoscaling.roster(backend, name) for name in self._promised]

    def seats(self) -> Iterator[tuple[str, Seat]]:
        """Yield every node with its group's name."""
        for roster in self.rosters:
            for seat in roster.seats.values():
                yield roster.group.name, seat

    def messages(self) -> Mapping[str, int]:
        """Return how many messages each queue holds, visible or not, by its name; empty ones are left out."""
        queues = sqs_backends[ACCOUNT_ID][REGION].queues
        return {name: n for name, queue in queues.items() if (n := len(queue._messages))}

    def look(self) -> None:
        """See what has changed since the last look, and whether everything holds."""
        now_s = self.world.clock.now()
        calls = self.world.account.calls.ended_after(self._calls)
        self._calls += len(calls)
        self._note_fired()
        self._note_deliveries(now_s)
        for name in self.messages():
            for queue in QUEUES:
                if f"-{queue}" in name:
                    self._busy_s[queue].append(now_s)
        for call in calls:
            self._note_call(call)
        self._note_hooks(now_s, calls)
        self._check_nodes(now_s)
        # Last, for an instance that ends in this slice was there when the slice began.
        for _, seat in self.seats():
            if seat.shown.instance._state.name in GONE:
                self.gone.setdefault(seat.member.instance_id, now_s)

    def disturb(self, handler: str, seconds: float) -> None:
        """Note that a function, or every one by an empty name, cannot get anything done from now on for so long."""
        now_s = self.world.clock.now()
        self.disturbed.append(Disturbed(handler, now_s, now_s + seconds))

    def calm_down(self) -> None:
        """Note that whatever was to last for some time ends now."""
        now_s = self.world.clock.now()
        self.disturbed = [each._replace(end_s=min(now_s, each.end_s)) for each in self.disturbed]
        self.exhausted = [each._replace(end_s=min(now_s, each.end_s)) for each in self.exhausted]

    def tell(self, line: str) -> None:
        """Add a line to the trace."""
        self.trace.append(f"{self.world.elapsed_s:9.2f} {line}")

    # What is noted.

    def _note_fired(self) -> None:
        for place, each in enumerate(self.injected):
            for number in each.fired[self._fired[place] :]:
                handler = self._handlers[each.fault.principal or ""]
                self.disturb(handler, 0.0)
                self.tell(f"{_short(handler)}: {each.fault.kind} at call {number}")
            self._fired[place] = len(each.fired)

    def _note_deliveries(self, now_s: float) -> None:
        delivered = self.world.account.events.delivered
        for delivery in delivered[self._deliveries :]:
            token = json.loads(delivery.payload).get("detail", {}).get("LifecycleActionToken")
            hook = self.hooks.get(token)
            if hook is not None and hook.delivered_s is None:
                hook.delivered_s = now_s
        self._deliveries = len(delivered)

    def _note_call(self, call: Call) -> None:
        handler = self._handlers.get(call.principal)
        if handler is None:
            return
        self.tell(f"{_short(handler)}: {call.action} {_object_of(call)} {call.outcome}")
        if call.action == "CreateNetworkInterface" and call.outcome == NO_ADDRESS:
            self._refused.add(_tagged_instance(call))
        if call.action != "CompleteLifecycleAction":
            return
        node, hook = call.params["InstanceId"], call.params["LifecycleHookName"]
        if call.params["LifecycleActionResult"] == "ABANDON":
            self._judge_abandoned(node, call.at_s)
        if call.outcome == "ok":
            self._answered[node, hook] += 1
            opened = sum(
                each.instance_id == node and each.name == hook for each in self.hooks.values()
            )
            if self._answered[node, hook] > opened:
                self.violated(f"{node}'s {hook} was answered {self._answered[node, hook]} times")

    def _note_hooks(self, now_s: float, calls: Sequence[Call]) -> None:
        found: set[str] = set()
        for _, seat in self.seats():
            for action in seat.member.actions:
                found.add(action.token)
                hook = self.hooks.get(action.token)
                if hook is None:
                    launching = action.hook.transition is Transition.LAUNCHING
                    hook = self.hooks[action.token] = Hook(
                        seat.member.instance_id, action.hook.name, launching, now_s, action.due_s()
                    )
                    self.tell(f"{hook.instance_id}: {hook.name} opens")
                hook.due_s = action.due_s()
        for token in sorted(self._open - found):
            self._end(self.hooks[token], now_s, calls)
        self._open = found

    def _end(self, hook: Hook, now_s: float, calls: Sequence[Call]) -> None:
        hook.ended_s, hook.end = now_s, End.OVERTAKEN
        answers = [
            call.params["LifecycleActionResult"]
            for call in calls
            if call.action == "CompleteLifecycleAction"
            and call.outcome in TOOK_EFFECT
            and (call.params["InstanceId"], call.params["LifecycleHookName"])
            == (hook.instance_id, hook.name)
        ]
        if answers:
            hook.end = End.CONTINUED if answers[0] == "CONTINUE" else End.ABANDONED
        elif now_s >= hook.due_s:
            hook.end = End.EXPIRED
            self._judge_expired(hook)
        self.tell(f"{hook.instance_id}: {hook.name} {hook.end}")

    # What is judged.

    def _check_nodes(self, now_s: float) -> None:
        own = self.interfaces()
        for group, seat in self.seats():
            node = seat.member.instance_id
            if node not in self.launched:
                self.launched[node] = now_s
                self._zones[node] = seat.location.zone
            state = seat.shown.instance._state.name
            if seat.member.state != IN_SERVICE or state in GONE or self._is_drifting(node):
                continue
            for fault in self._faults_of(node, group, own.get(node, ()), now_s):
                self.violated(f"{node} is in service and {fault}")

    def interfaces(self) -> dict[str, list[Interface]]:
        """Return the network interfaces of ours by node, each with its tag against the VPC CNI."""
        owner = self.world.deployed.config.owner
        own: dict[str, list[Interface]] = {}
        for eni in self._region.interfaces.values():
            carried = self._region.backend.tags.get(eni.id, {})
            if carried.get(tags.OWNER) != owner:
                continue
            node = carried.get(tags.INSTANCE, "")
            own.setdefault(node, []).append(eni)
            if carried.get(tags.NO_MANAGE) != tags.NO_MANAGE_VALUE and node not in self.drifted:
                self.violated(f"{eni.id} of {node} has no {tags.NO_MANAGE}=true")
        return own

    def _faults_of(
        self, node: str, group: str, own: Sequence[Interface], now_s: float
    ) -> Iterator[str]:
        carried = self._region.backend.tags
        names = sorted(carried.get(eni.id, {}).get(tags.INTERFACE, "?") for eni in own)
        if names != self._promised[group]:
            yield f"has {', '.join(names) or 'nothing'} for {', '.join(self._promised[group])}"
        for eni in own:
            held = eni.held
            if held is None or held.instance_id != node or held.status(now_s) != "attached":
                yield f"{eni.id} is not attached to it"
            elif not held.delete_on_termination:
                yield f"{eni.id} lacks DeleteOnTermination"

    def _is_drifting(self, node: str) -> bool:
        """Return whether somebody changed one of the node's interfaces and no run of the reconciler has mended it since."""
        since_s = self.drifted.get(node)
        if since_s is not None and any(self._undisturbed_runs(since_s)):
            del self.drifted[node]
        return node in self.drifted

    def _judge_abandoned(self, node: str, at_s: float) -> None:
        if self.gone.get(node, math.inf) <= at_s:
            return
        zone, launched_s = self._zones[node], self.launched[node]
        if node in self._refused or any(
            each.zone == zone
            and each.start_s <= at_s
            and each.end_s + LOOKED_UP_FOR_S >= launched_s
            and self._chooses_addresses(node)
            for each in self.exhausted
        ):
            self.excused.append(f"{node} was to be abandoned: {zone} had no addresses")
            return
        self.violated(f"{node} was to be abandoned, and nothing was wrong with it")

    def _chooses_addresses(self, node: str) -> bool:
        """Return whether the product itself looks for a free address for the node's interfaces."""
        groups = {seat.member.instance_id: group for group, seat in self.seats()}
        return any(
            spec.ipv4 is Ipv4Mode.FROM_START
            for group in self.world.deployed.config.node_groups
            if group.auto_scaling_group == groups.get(node)
            for spec in group.interfaces
        )

    def _judge_expired(self, hook: Hook) -> None:
        """Decide whether a hook was left to its time-out although a run could have answered or prolonged it."""
        chances = self._chances_of_launch(hook) if hook.launching else self._chances_of_end(hook)
        line = f"{hook.instance_id}'s {hook.name} was left to its time-out"
        if chances:
            self.violated(f"{line}; {'; '.join(chances)}")
        else:
            self.excused.append(line)

    def _chances_of_launch(self, hook: Hook) -> list[str]:
        chances = self._chance_of_message(hook, naming.LAUNCH_HANDLER)
        chances += self._chances_of_take_over(hook, "LaunchesQueue", hook.opened_s + TAKEN_OVER_S)
        # A timer restarted by the run before is not restarted within half of it.
        first_s = max(hook.opened_s + HELD_FROM_S, hook.due_s - HEARTBEAT_S + HELD_FROM_S)
        if hook.due_s - hook.opened_s < HELD_UNTIL_S:
            chances += [
                self._ran(run)
                for run in self._undisturbed_runs(first_s)
                if run.began_s < hook.due_s - 30.0
            ]
        return chances

    def _chances_of_end(self, hook: Hook) -> list[str]:
        return [
            *self._chance_of_message(hook, naming.TERMINATE_HANDLER),
            *self._chances_of_take_over(hook, "TerminationsQueue", hook.opened_s + 1.0),
        ]

    def _chances_of_take_over(self, hook: Hook, queue: str, since_s: float) -> list[str]:
        """Return the reconciler's runs that had to take a hook for one whose event is lost, for the queue was empty."""
        busy_s = self._busy_s[queue]
        return [
            f"{self._ran(run)} and nothing was queued"
            for run in self._undisturbed_runs(since_s)
            if run.ended_s <= hook.due_s
            and bisect_left(busy_s, run.began_s) == bisect_right(busy_s, run.ended_s)
        ]

    def _ran(self, run: Run) -> str:
        return f"the reconciler ran at {run.began_s - self.world.began_s:.0f} s"

    def _chance_of_message(self, hook: Hook, handler: str) -> list[str]:
        if hook.delivered_s is None:
            return []
        calm_s = self._calm_s(handler, hook.delivered_s, hook.due_s)
        return [f"nothing hindered its message for {calm_s:.0f} s"] * (calm_s >= RETRIED_WITHIN_S)

    def _undisturbed_runs(self, since_s: float) -> Iterator[Run]:
        """Yield the reconciler's runs that began later and that nothing went wrong in."""
        for run in self.world.functions[naming.RECONCILE_HANDLER].runs:
            if run.began_s > since_s and self._is_calm(
                naming.RECONCILE_HANDLER, run.began_s, run.ended_s
            ):
                yield run

    def _spans(self, handler: str, start_s: float, end_s: float) -> list[tuple[float, float]]:
        return sorted(
            (each.start_s, each.end_s)
            for each in self.disturbed
            if each.handler in (handler, "") and each.end_s >= start_s and each.start_s <= end_s
        )

    def _is_calm(self, handler: str, start_s: float, end_s: float) -> bool:
        return not self._spans(handler, start_s, end_s)

    def _calm_s(self, handler: str, start_s: float, end_s: float) -> float:
        """Return the longest stretch of a time in which a function was left in peace."""
        longest_s, free_from_s = 0.0, start_s
        for disturbed_s, over_s in self._spans(handler, start_s, end_s):
            longest_s = max(longest_s, disturbed_s - free_from_s)
            free_from_s = max(free_from_s, over_s)
        return max(longest_s, end_s - free_from_s)

    def violated(self, what: str) -> None:
        """Note something that does not hold, once."""
        if what not in self.violations:
            self.violations.append(what)
            self.tell(f"VIOLATED: {what}")


def _short(handler: str) -> str:
    """Return a handler's module: launch, terminate or reconcile."""
    return handler.split(".")[-2]


def _object_of(call: Call) -> str:
    """Return what a call is about, as far as one word tells."""
    for name in ("InstanceId", "NetworkInterfaceId"):
        if name in call.params:
            return str(call.params[name])
    return _tagged_instance(call) if call.action == "CreateNetworkInterface" else ""


def _tagged_instance(call: Call) -> str:
    """Return for which node a network interface was to be made."""
    (node,) = [
        str(tag["Value"])
        for specification in call.params["TagSpecifications"]
        for tag in specification["Tags"]
        if tag["Key"] == tags.INSTANCE
    ]
    return node
