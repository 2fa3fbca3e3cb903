"""How instances of one account's groups move: in and out, through hooks, into the warm pool and back, in the account's time."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from moto.autoscaling import models as autoscaling_models
from moto.core.exceptions import ServiceException

from localaws.autoscaling import activities
from localaws.autoscaling.launching import purchase_of, run_instance, source_of
from localaws.autoscaling.lifecycle import (
    ActionOpened,
    Arrived,
    Began,
    FoundGone,
    InstanceChanged,
    InstanceWanted,
    LaunchAbandoned,
    Member,
    Place,
    Route,
    TimePassed,
    Transition,
    hooks_of,
    step,
)
from localaws.autoscaling.notifications import action_opened
from localaws.autoscaling.placement import spread
from localaws.autoscaling.purchase import Distribution
from localaws.autoscaling.roster import Seat, locations_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from moto.autoscaling.models import FakeAutoScalingGroup
    from moto.ec2.models.instances import Instance

    from localaws.account import Account
    from localaws.autoscaling.activities import Activity
    from localaws.autoscaling.lifecycle import Effect, Input
    from localaws.autoscaling.roster import Roster

LONGEST_RELAUNCH_S = 900.0
LAUNCH = Route(Place.EC2, Place.GROUP)
TERMINATE = Route(Place.GROUP, Place.EC2)
WARM_UP = Route(Place.EC2, Place.WARM_POOL)
LEAVE_POOL = Route(Place.WARM_POOL, Place.GROUP)
RETURN_TO_POOL = Route(Place.GROUP, Place.WARM_POOL)
TERMINATE_POOLED = Route(Place.WARM_POOL, Place.EC2)


class Movements:
    """What becomes of each instance of a group, step by step."""

    def __init__(
        self,
        account: Account,
        rosters: Mapping[str, Roster],
        converge: Callable[[Roster], None],
    ) -> None:
        """Begin without an instance.

        Args:
            account: whose time and EC2 it is.
            rosters: of the groups that there are, by moto's id.
            converge: what launches or terminates as a group's capacity asks for, after a step that nobody called for.
        """
        self._account = account
        self._rosters = rosters
        self._converge = converge
        self._ages = iter(range(1, 2**62))

    def launch(self, roster: Roster, count: int, route: Route) -> None:
        """Launch so many instances on a route, until one is refused; then nothing is launched for a while."""
        now_s = self._account.clock.now()
        if count <= 0 or now_s < roster.not_before_s:
            return
        group = roster.group
        zones = {subnet.id: subnet.availability_zone for subnet in _subnets_of(group)}
        stay = [seat for seat in roster.in_group() if not seat.at_risk]
        locations = spread(count, locations_of(group, zones), [seat.location for seat in stay])
        purchases = Distribution.of(group.mixed_instances_policy).additions(
            count, [purchase_of(seat.shown.instance) for seat in stay]
        )
        for location, purchase in zip(locations, purchases, strict=True):
            activity = self.activity(roster, "Launching a new EC2 instance", "the group needed it")
            try:
                instance = run_instance(group, location, purchase)
            except ServiceException as error:
                activity.end(activities.FAILED, now_s, f"{error.code}: {error.message}")
                self._hold_back(roster)
                return
            activity.instance_id = instance.id
            activity.description = f"Launching a new EC2 instance: {instance.id}"
            member = Member(instance.id, route, route.first_state, begun=False)
            seat = self.take_in(roster, member, instance)
            seat.activity, seat.launched_from = activity, source_of(group)
            delay_s = self._account.settings.duration_s("hook_opens_s")
            if delay_s > 0:
                self._account.clock.call_at(
                    now_s + delay_s,
                    lambda seat=seat: self._begin_later(roster, seat, route),  # type: ignore[misc]  # binds the loop's value
                )
            else:
                self.begin(roster, seat, route)

    def _begin_later(self, roster: Roster, seat: Seat, route: Route) -> None:
        with self._account.lock:
            if self.is_current(roster, seat) and seat.member.state == route.first_state:
                self.begin(roster, seat, route)
                self._converge(roster)

    def begin(self, roster: Roster, seat: Seat, route: Route, *, with_hooks: bool = True) -> None:
        """Send a member on a route, through the hooks that are for it."""
        hooks = hooks_of(roster.hooks.values(), route) if with_hooks else ()
        tokens = tuple((str(uuid.uuid4()), hook) for hook in hooks)
        pool_state = roster.warm_pool.pool_state if roster.warm_pool else "Stopped"
        self.step_with(roster, seat, Began(route, tokens, pool_state))
        self._observe(roster, seat)

    def leave(self, roster: Roster, seat: Seat, cause: str, *, scale_in: bool = False) -> None:
        """Let an instance leave, to the warm pool where that takes back what scales in."""
        pool = roster.warm_pool
        route = TERMINATE
        if seat.pooled:
            route = TERMINATE_POOLED
        elif (
            scale_in
            and pool is not None
            and pool.reuse_on_scale_in
            and seat.member.state == "InService"
        ):
            route = RETURN_TO_POOL
        instance_id = seat.member.instance_id
        if seat.activity is not None and not seat.activity.over:
            seat.activity.end(activities.CANCELLED, self._account.clock.now())
        seat.activity = self.activity(
            roster, f"Terminating EC2 instance: {instance_id}", cause, instance_id
        )
        self.begin(roster, seat, route)

    def step_with(self, roster: Roster, seat: Seat, received: Input) -> None:
        """Tell a member what has happened, and do what follows."""
        seat.member, effects = step(seat.member, received, self._account.clock.now())
        self._set_timer(roster, seat)
        if seat.activity is not None and seat.member.waiting and not seat.activity.over:
            seat.activity.status = activities.MID_LIFECYCLE_ACTION
        for effect in effects:
            self._do(roster, seat, effect)
        seat.shown.lifecycle_state = seat.member.state

    def _do(self, roster: Roster, seat: Seat, effect: Effect) -> None:
        if isinstance(effect, ActionOpened):
            action_opened(self._account, roster.group, seat.member, effect.action)
        elif isinstance(effect, InstanceWanted):
            self._ask_ec2(roster, seat, effect.instance_state)
        elif isinstance(effect, LaunchAbandoned):
            self._abandoned(roster, seat, effect)
        elif isinstance(effect, FoundGone):
            self.leave(roster, seat, "the instance was no longer there.")
        elif isinstance(effect, Arrived):
            self._arrived(roster, seat)

    def _abandoned(self, roster: Roster, seat: Seat, abandoned: LaunchAbandoned) -> None:
        now_s = self._account.clock.now()
        if seat.activity is not None:
            message = activities.abandoned_message(abandoned.action.token, abandoned.reason)
            seat.activity.end(activities.CANCELLED, now_s, message)
        self._hold_back(roster)
        instance_id = seat.member.instance_id
        cause = "its launch was abandoned."
        seat.activity = self.activity(
            roster, f"Terminating EC2 instance: {instance_id}", cause, instance_id
        )
        route = TERMINATE_POOLED if seat.pooled else TERMINATE
        with_hooks = self._account.settings.terminate_hooks_after_abandon
        self.begin(roster, seat, route, with_hooks=with_hooks)

    def _arrived(self, roster: Roster, seat: Seat) -> None:
        now_s = self._account.clock.now()
        if seat.activity is not None and not seat.activity.over:
            seat.activity.end(activities.SUCCESSFUL, now_s)
        if seat.member.route.transition is Transition.LAUNCHING:
            roster.failures_in_a_row, roster.not_before_s = 0, 0.0
        if seat.member.state in ("Terminated", "Warmed:Terminated"):
            self.forget(roster, seat)

    def _ask_ec2(self, roster: Roster, seat: Seat, instance_state: str) -> None:
        backend, instance_id = roster.group.ec2_backend, seat.member.instance_id
        if instance_state == "terminated":
            backend.terminate_instances([instance_id])
        elif instance_state == "stopped":
            backend.stop_instances([instance_id])
        else:
            backend.start_instances([instance_id])
        self._observe(roster, seat)

    def _observe(self, roster: Roster, seat: Seat) -> None:
        """Take over EC2's state of the instance when it is not what the member says."""
        state = seat.shown.instance._state.name
        if state != seat.member.instance_state:
            self.step_with(roster, seat, InstanceChanged(state))

    # What happens in time.

    def _set_timer(self, roster: Roster, seat: Seat) -> None:
        if seat.timer is not None:
            seat.timer.cancel()
            seat.timer = None
        due_s = seat.member.due_s()
        if due_s is not None:
            seat.timer = self._account.clock.call_at(due_s, lambda: self._time_passed(roster, seat))

    def _time_passed(self, roster: Roster, seat: Seat) -> None:
        with self._account.lock:
            if self.is_current(roster, seat):
                self.step_with(roster, seat, TimePassed())
                self._converge(roster)

    def _try_again(self, roster: Roster) -> None:
        with self._account.lock:
            roster.retry = None
            if roster.group._id in self._rosters:
                self._converge(roster)

    def _hold_back(self, roster: Roster) -> None:
        """Launch nothing for a while, the longer the more launches in a row have failed."""
        delay_s = self._account.settings.relaunch_s * 2**roster.failures_in_a_row
        roster.failures_in_a_row += 1
        roster.not_before_s = self._account.clock.now() + min(LONGEST_RELAUNCH_S, delay_s)
        if roster.retry is not None:
            roster.retry.cancel()
        roster.retry = self._account.clock.call_at(
            roster.not_before_s, lambda: self._try_again(roster)
        )

    # Bookkeeping.

    def take_in(self, roster: Roster, member: Member, instance: Instance) -> Seat:
        """Give an instance a place in the group."""
        shown = autoscaling_models.InstanceState(
            instance,
            lifecycle_state=member.state,
            protected_from_scale_in=roster.group.new_instances_protected_from_scale_in,
            autoscaling_group=roster.group,
        )
        seat = Seat(member, shown, next(self._ages))
        roster.seats[member.instance_id] = seat
        return seat

    def forget(self, roster: Roster, seat: Seat) -> None:
        """Take an instance's place away."""
        if seat.timer is not None:
            seat.timer.cancel()
        roster.seats.pop(seat.member.instance_id, None)
        roster.show()

    def is_current(self, roster: Roster, seat: Seat) -> bool:
        """Return whether a place is still what it was when a timer was set."""
        return (
            roster.group._id in self._rosters and roster.seats.get(seat.member.instance_id) is seat
        )

    def activity(
        self, roster: Roster, description: str, cause: str, instance_id: str | None = None
    ) -> Activity:
        """Begin an activity, and show it before all others."""
        now_s = self._account.clock.now()
        activity = activities.Activity(
            str(uuid.uuid4()),
            roster.group.name,
            roster.group.arn,
            description,
            f"At {activities.moment(now_s)} {cause}",
            now_s,
            instance_id,
        )
        roster.activities.insert(0, activity)
        return activity


def _subnets_of(group: FakeAutoScalingGroup) -> list[Any]:
    if not group.vpc_zone_identifier:
        return []
    names = [name.strip() for name in group.vpc_zone_identifier.split(",")]
    found: list[Any] = group.ec2_backend.describe_subnets(subnet_ids=names)
    return found
