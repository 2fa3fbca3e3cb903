"""The life of one instance in an Auto Scaling group, as data: (member, input) gives (member, effects).

Pure: no clock, no moto. States and hook rules follow the Amazon EC2 Auto Scaling User Guide ("Amazon EC2 Auto
Scaling instance lifecycle", "How lifecycle hooks work", "Use lifecycle hooks with a warm pool") and the
enumeration of LifecycleState in botocore's autoscaling model.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MAX_WAIT_S = 172_800.0
MAX_WAIT_HEARTBEATS = 100


class Result(StrEnum):
    """What ends a lifecycle action."""

    CONTINUE = "CONTINUE"
    ABANDON = "ABANDON"


class Place(StrEnum):
    """Where an instance comes from or goes to, as events name it in Origin and Destination."""

    EC2 = "EC2"
    GROUP = "AutoScalingGroup"
    WARM_POOL = "WarmPool"


class Transition(StrEnum):
    """Which of a group's hooks a move opens."""

    LAUNCHING = "autoscaling:EC2_INSTANCE_LAUNCHING"
    TERMINATING = "autoscaling:EC2_INSTANCE_TERMINATING"


@dataclass(frozen=True)
class Hook:
    """One lifecycle hook of a group; times in seconds."""

    name: str
    transition: Transition
    heartbeat_timeout_s: int = 3600
    default_result: Result = Result.ABANDON
    notification_metadata: str | None = None
    notification_target_arn: str | None = None
    role_arn: str | None = None

    @property
    def global_timeout_s(self) -> float:
        """Return the longest an action may be kept waiting: the smaller of 48 h and 100 heartbeats."""
        return min(MAX_WAIT_S, MAX_WAIT_HEARTBEATS * self.heartbeat_timeout_s)


@dataclass(frozen=True)
class Route:
    """One move of an instance."""

    origin: Place
    destination: Place

    @property
    def transition(self) -> Transition:
        """Return which hooks the move opens: leaving the group terminates, even if only into the warm pool."""
        if self.destination is Place.EC2 or self.origin is Place.GROUP:
            return Transition.TERMINATING
        return Transition.LAUNCHING

    @property
    def first_state(self) -> str:
        """Return the LifecycleState with which the move begins."""
        if self.transition is Transition.LAUNCHING:
            return "Warmed:Pending" if self.destination is Place.WARM_POOL else "Pending"
        return "Warmed:Terminating" if self.origin is Place.WARM_POOL else "Terminating"


@dataclass(frozen=True)
class Action:
    """One open lifecycle action. Times are seconds since the epoch."""

    token: str
    hook: Hook
    expires_s: float
    last_s: float

    @classmethod
    def opened(cls, token: str, hook: Hook, now_s: float) -> Action:
        """Return the action as it is when its hook opens."""
        return cls(token, hook, now_s + hook.heartbeat_timeout_s, now_s + hook.global_timeout_s)

    def due_s(self) -> float:
        """Return when the default result applies."""
        return min(self.expires_s, self.last_s)


@dataclass(frozen=True)
class Member:
    """One instance as its group sees it.

    Attributes:
        instance_state: what EC2 says: pending, running, stopping, stopped, shutting-down or terminated.
        pool_state: where the warm pool keeps its instances: Stopped, Running or Hibernated.
        begun: whether its hooks have had their chance to open; before that it settles nowhere, however fast it boots.
    """

    instance_id: str
    route: Route
    state: str
    actions: tuple[Action, ...] = ()
    instance_state: str = "pending"
    pool_state: str = "Stopped"
    begun: bool = True

    @property
    def waiting(self) -> bool:
        """Return whether any hook is open."""
        return bool(self.actions)

    @property
    def settled(self) -> bool:
        """Return whether the current move is over."""
        return self.state in SETTLED

    def due_s(self) -> float | None:
        """Return when the next default result applies, or None when no hook is open."""
        return min((action.due_s() for action in self.actions), default=None)


SETTLED = frozenset(
    {
        "InService",
        "Terminated",
        "Warmed:Terminated",
        "Warmed:Stopped",
        "Warmed:Running",
        "Warmed:Hibernated",
    }
)
GONE = frozenset({"shutting-down", "terminated"})


# Inputs.


@dataclass(frozen=True)
class Began:
    """The group moves the instance; one action opens per (token, hook)."""

    route: Route
    hooks: tuple[tuple[str, Hook], ...] = ()
    pool_state: str = "Stopped"


@dataclass(frozen=True)
class Completed:
    """Someone answered an action."""

    token: str
    result: Result


@dataclass(frozen=True)
class Heartbeat:
    """Someone asked for more time."""

    token: str


@dataclass(frozen=True)
class TimePassed:
    """It may be time for default results."""


@dataclass(frozen=True)
class HookDeleted:
    """A hook of the group is gone; its open actions end: ABANDON for a launch, CONTINUE for a termination."""

    name: str


@dataclass(frozen=True)
class InstanceChanged:
    """EC2 reports the instance's state."""

    instance_state: str


Input = Began | Completed | Heartbeat | TimePassed | HookDeleted | InstanceChanged


# Effects.


@dataclass(frozen=True)
class ActionOpened:
    """Tell the world that an action waits for an answer."""

    action: Action


@dataclass(frozen=True)
class LaunchAbandoned:
    """The launch failed; the instance is to be terminated and replaced."""

    action: Action
    reason: str


@dataclass(frozen=True)
class InstanceWanted:
    """Ask EC2 to bring the instance to a state: running, stopped or terminated."""

    instance_state: str


@dataclass(frozen=True)
class Arrived:
    """The move is over; the member's state says where."""


@dataclass(frozen=True)
class FoundGone:
    """The hooks of a launch are done, but the instance no longer exists."""


Effect = ActionOpened | LaunchAbandoned | InstanceWanted | Arrived | FoundGone
Step = tuple[Member, tuple[Effect, ...]]


def step(member: Member, received: Input, now_s: float) -> Step:
    """Return the member after an input, and what has to be done about it."""
    return _STEPS[type(received)](member, received, now_s)


def _began(member: Member, began: Began, now_s: float) -> Step:
    actions = tuple(Action.opened(token, hook, now_s) for token, hook in began.hooks)
    member = replace(
        member,
        route=began.route,
        state=began.route.first_state + (":Wait" if actions else ""),
        actions=actions,
        pool_state=began.pool_state,
        begun=True,
    )
    effects: tuple[Effect, ...] = tuple(ActionOpened(action) for action in actions)
    if began.route.origin is Place.WARM_POOL and began.route.destination is Place.GROUP:
        effects = (InstanceWanted("running"), *effects)
    if actions:
        return member, effects
    member, more = _settle(member)
    return member, effects + more


def _completed(member: Member, completed: Completed, now_s: float) -> Step:
    del now_s
    action = _action(member, completed.token)
    if action is None:
        return member, ()
    return _ended(
        member, action, completed.result, "Lifecycle Action Completed with ABANDON Result"
    )


def _heartbeat(member: Member, heartbeat: Heartbeat, now_s: float) -> Step:
    action = _action(member, heartbeat.token)
    if action is None:
        return member, ()
    longer = replace(action, expires_s=min(action.last_s, now_s + action.hook.heartbeat_timeout_s))
    return replace(member, actions=tuple(longer if a is action else a for a in member.actions)), ()


def _time_passed(member: Member, _: TimePassed, now_s: float) -> Step:
    effects: tuple[Effect, ...] = ()
    while (late := next((a for a in member.actions if a.due_s() <= now_s), None)) is not None:
        member, more = _ended(member, late, late.hook.default_result, "Heartbeat Timeout")
        effects += more
    return member, effects


def _hook_deleted(member: Member, deleted: HookDeleted, now_s: float) -> Step:
    del now_s
    launching = member.route.transition is Transition.LAUNCHING
    effects: tuple[Effect, ...] = ()
    for action in [a for a in member.actions if a.hook.name == deleted.name]:
        result = Result.ABANDON if launching else Result.CONTINUE
        member, more = _ended(member, action, result, "Lifecycle Hook was deleted")
        effects += more
    return member, effects


def _instance_changed(member: Member, changed: InstanceChanged, now_s: float) -> Step:
    del now_s
    member = replace(member, instance_state=changed.instance_state)
    early = not member.begun and changed.instance_state not in GONE
    return (member, ()) if member.waiting or member.settled or early else _settle(member)


def _ended(member: Member, action: Action, result: Result, reason: str) -> Step:
    if result is Result.ABANDON and member.route.transition is Transition.LAUNCHING:
        return replace(member, actions=()), (LaunchAbandoned(action, reason),)
    left = () if result is Result.ABANDON else tuple(a for a in member.actions if a is not action)
    member = replace(member, actions=left)
    if left:
        return member, ()
    return _settle(replace(member, state=f"{member.route.first_state}:Proceed"))


def _settle(member: Member) -> Step:
    """Take a member whose hooks are done as far as EC2's state of the instance lets it go."""
    if member.route.destination is Place.EC2:
        return _settle_out(member)
    if member.instance_state in GONE:
        return member, (FoundGone(),)
    if member.route.destination is Place.GROUP:
        if member.instance_state == "running":
            return replace(member, state="InService"), (Arrived(),)
        return member, ()
    return _settle_in_pool(member)


def _settle_out(member: Member) -> Step:
    if member.instance_state == "terminated":
        ended = "Warmed:Terminated" if member.route.origin is Place.WARM_POOL else "Terminated"
        return replace(member, state=ended), (Arrived(),)
    if member.instance_state == "shutting-down":
        return member, ()
    return member, (InstanceWanted("terminated"),)


def _settle_in_pool(member: Member) -> Step:
    wanted = "running" if member.pool_state == "Running" else "stopped"
    if member.instance_state == wanted:
        return replace(member, state=f"Warmed:{member.pool_state}"), (Arrived(),)
    if member.route.origin is Place.GROUP:
        member = replace(member, state="Warmed:Pending")
    if member.instance_state == "running":
        return member, (InstanceWanted("stopped"),)
    return member, ()


def _action(member: Member, token: str) -> Action | None:
    return next((action for action in member.actions if action.token == token), None)


_STEPS: dict[type, Callable[..., Step]] = {
    Began: _began,
    Completed: _completed,
    Heartbeat: _heartbeat,
    TimePassed: _time_passed,
    HookDeleted: _hook_deleted,
    InstanceChanged: _instance_changed,
}


def hooks_of(hooks: Iterable[Hook], route: Route) -> tuple[Hook, ...]:
    """Return the hooks that a move opens, in the order in which they were put."""
    return tuple(hook for hook in hooks if hook.transition is route.transition)
