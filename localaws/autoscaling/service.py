"""Auto Scaling of one embedded account: groups that launch, wait in hooks, replace and terminate, in the account's time."""

from __future__ import annotations

import copy
import uuid
from typing import TYPE_CHECKING, Any

from moto.autoscaling import models as autoscaling_models
from moto.core.exceptions import ServiceException

from localaws.autoscaling import activities, rules
from localaws.autoscaling.actions import Actions
from localaws.autoscaling.hooks import MAX_HOOKS, hook_from
from localaws.autoscaling.launching import (
    TAG,
    check_policy,
    purchase_of,
    run_instance,
    source_of,
)
from localaws.autoscaling.lifecycle import (
    GONE,
    ActionOpened,
    Arrived,
    Began,
    Completed,
    FoundGone,
    Heartbeat,
    HookDeleted,
    InstanceChanged,
    InstanceWanted,
    LaunchAbandoned,
    Member,
    Place,
    Result,
    Route,
    TimePassed,
    Transition,
    hooks_of,
    step,
)
from localaws.autoscaling.notifications import action_opened, test_notification
from localaws.autoscaling.placement import leavers, spread
from localaws.autoscaling.purchase import Distribution
from localaws.autoscaling.replacement import of_refresh, of_risk
from localaws.autoscaling.roster import Refresh, Roster, Seat, WarmPool, locations_of
from localaws.patching import Patch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from moto.autoscaling.models import AutoScalingBackend, FakeAutoScalingGroup
    from moto.ec2.models.instances import Instance

    from localaws.account import Account
    from localaws.autoscaling.activities import Activity
    from localaws.autoscaling.lifecycle import Effect, Input
    from localaws.autoscaling.replacement import Preferences, Replacement

LONGEST_RELAUNCH_S = 900.0
LAUNCH = Route(Place.EC2, Place.GROUP)
TERMINATE = Route(Place.GROUP, Place.EC2)
WARM_UP = Route(Place.EC2, Place.WARM_POOL)
LEAVE_POOL = Route(Place.WARM_POOL, Place.GROUP)
RETURN_TO_POOL = Route(Place.GROUP, Place.WARM_POOL)
TERMINATE_POOLED = Route(Place.WARM_POOL, Place.EC2)
AT_RISK = "an instance was at elevated risk of a Spot Instance interruption."
REFRESHED = "an instance refresh replaces it."


class AutoScaling:
    """Auto Scaling's behaviour in one account."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._rosters: dict[str, Roster] = {}
        self._ages = iter(range(1, 2**62))
        self._actions = Actions(account, self)
        account.ec2.on_state_change(self._instance_changed)
        account.ec2.spot.on_recommendation(self._recommended)

    # What the API does; the caller holds the account's lock.

    def roster(self, backend: AutoScalingBackend, name_or_arn: str) -> Roster:
        """Return the group's state by its name or ARN.

        Raises:
            Refusal: there is no such group.
        """
        name = name_or_arn.rsplit(":autoScalingGroupName/", maxsplit=1)[-1]
        group = backend.autoscaling_groups.get(name)
        if group is None:
            raise rules.GROUP_NOT_FOUND.refusal()
        return self.roster_of(group)

    def roster_of(self, group: FakeAutoScalingGroup) -> Roster:
        """Return the state of one of moto's groups."""
        return self._rosters.setdefault(group._id, Roster(group))

    def seat(self, backend: AutoScalingBackend, instance_id: str) -> tuple[Roster, Seat]:
        """Return a managed instance and its group.

        Raises:
            Refusal: no group manages the instance.
        """
        for group in backend.autoscaling_groups.values():
            roster = self.roster_of(group)
            if instance_id in roster.seats:
                return roster, roster.seats[instance_id]
        raise rules.INSTANCE_NOT_FOUND.refusal(instance_id=instance_id)

    def put_hook(self, roster: Roster, params: Mapping[str, Any]) -> None:
        """Add a hook or change one; open actions keep what they began with."""
        name = params["LifecycleHookName"]
        hook = hook_from(params, roster.hooks.get(name))
        if name not in roster.hooks and len(roster.hooks) >= MAX_HOOKS:
            raise rules.TOO_MANY_HOOKS.refusal()
        roster.hooks[name] = hook
        test_notification(self._account, roster.group, hook)

    def delete_hook(self, roster: Roster, name: str) -> None:
        """Remove a hook; its open actions end, ABANDON for launches and CONTINUE for terminations."""
        if roster.hooks.pop(name, None) is None:
            raise rules.HOOK_NOT_FOUND.refusal(name=name)
        for seat in list(roster.seats.values()):
            self._step(roster, seat, HookDeleted(name))
        self.converge(roster)

    def complete(
        self, roster: Roster, hook_name: str, answer: Mapping[str, Any], result: Result
    ) -> None:
        """Answer an open action by its token or its instance."""
        seat, token = _open_action(roster, hook_name, answer)
        self._step(roster, seat, Completed(token, result))
        self.converge(roster)

    def heartbeat(self, roster: Roster, hook_name: str, answer: Mapping[str, Any]) -> None:
        """Start the timer of an open action again."""
        seat, token = _open_action(roster, hook_name, answer)
        self._step(roster, seat, Heartbeat(token))

    def terminate(self, roster: Roster, seat: Seat, cause: str) -> None:
        """Let an instance leave through the terminate hooks."""
        if seat.member.route.destination is Place.EC2:
            return
        self._leave(roster, seat, cause)

    def detach(self, roster: Roster, seat: Seat) -> None:
        """Release an instance without hooks; it goes on running."""
        self._forget(roster, seat)
        instance = seat.shown.instance
        roster.group.ec2_backend.delete_tags([instance.id], {TAG: roster.group.name})

    def attach(self, roster: Roster, instance: Instance) -> None:
        """Take in a running instance without hooks."""
        roster.group.ec2_backend.create_tags([instance.id], {TAG: roster.group.name})
        member = Member(instance.id, LAUNCH, "InService", instance_state=instance._state.name)
        self._seat(roster, member, instance)
        roster.show()

    def unhealthy(self, roster: Roster, seat: Seat) -> None:
        """Mark an instance for replacement."""
        seat.shown.health_status = "Unhealthy"
        if seat.in_group and not roster.suspended("ReplaceUnhealthy"):
            cause = "an instance was taken out of service in response to a failed health check."
            self._leave(roster, seat, cause)
            self.converge(roster)

    def put_warm_pool(self, roster: Roster, params: Mapping[str, Any]) -> None:
        """Give the group a warm pool, or change it."""
        roster.warm_pool = WarmPool.from_params(params)
        self.converge(roster)

    def delete_warm_pool(self, roster: Roster, *, force: bool) -> None:
        """Take the warm pool away; its instances are terminated, by force without hooks.

        Source: Amazon EC2 Auto Scaling API reference, DeleteWarmPool: ForceDelete also deletes outstanding lifecycle
        actions of the pool's instances.
        """
        roster.warm_pool = None
        if force:
            for seat in [each for each in roster.seats.values() if each.of_pool]:
                self._begin(roster, seat, TERMINATE_POOLED, with_hooks=False)
        self.converge(roster)

    def refresh(self, roster: Roster, preferences: Preferences) -> str:
        """Begin to replace the group's instances, those of its warm pool at once; return the refresh's id.

        Source: Amazon EC2 Auto Scaling User Guide, "Use an instance refresh": it replaces the warm pool's instances too.

        Raises:
            Refusal: another refresh is in progress.
        """
        if any(each.ended_s is None for each in roster.refreshes):
            raise rules.REFRESH_IN_PROGRESS.refusal()
        now = source_of(roster.group)
        left = [
            seat
            for seat in roster.seats.values()
            if not (preferences.skip_matching and seat.launched_from == now)
        ]
        found = tuple(seat.member.instance_id for seat in left if seat.in_group)
        refresh = Refresh(str(uuid.uuid4()), self._account.clock.now(), found, preferences)
        roster.refreshes.insert(0, refresh)
        for seat in left:
            if seat.pooled:
                self._leave(roster, seat, REFRESHED)
        self.converge(roster)
        return refresh.refresh_id

    def delete(self, roster: Roster, *, force: bool) -> None:
        """Forget the group's hooks and end its instances, which only a forced deletion may have.

        Raises:
            Refusal: there are instances, and the deletion is not forced.
        """
        if roster.seats and not force:
            raise rules.GROUP_IN_USE.refusal()
        roster.hooks.clear()
        for seat in list(roster.seats.values()):
            self._forget(roster, seat)
            if seat.shown.instance._state.name not in GONE:
                roster.group.ec2_backend.terminate_instances([seat.member.instance_id])
        if roster.retry is not None:
            roster.retry.cancel()
        self._rosters.pop(roster.group._id, None)

    def converge(self, roster: Roster) -> None:
        """Launch or terminate what the desired capacity and the warm pool ask for."""
        extra = max(self._replace(roster, *each) for each in self._replacements(roster))
        wanted = (roster.group.desired_capacity or 0) + extra
        missing = wanted - len(roster.in_group())
        if missing > 0 and not roster.suspended("Launch"):
            missing -= self._take_from_pool(roster, missing)
            self._launch(roster, missing, LAUNCH)
        elif missing < 0 and not roster.suspended("Terminate"):
            distribution = Distribution.of(roster.group.mixed_instances_policy)
            for instance_id in leavers(-missing, roster.occupants(), distribution):
                cause = f"a user request changed the desired capacity to {roster.group.desired_capacity}."
                self._leave(roster, roster.seats[instance_id], cause, scale_in=True)
        self._converge_pool(roster)
        roster.show()

    def patches(self) -> Iterable[Patch]:
        """Yield what stands in the place of moto's Auto Scaling."""
        group, backend = (
            autoscaling_models.FakeAutoScalingGroup,
            autoscaling_models.AutoScalingBackend,
        )
        yield Patch(group, "set_desired_capacity", self._setting)
        yield Patch(group, "update", _keeping_policy)
        yield Patch(backend, "create_auto_scaling_group", self._creating)
        yield Patch(backend, "delete_auto_scaling_group", self._deleting)
        # Moto would drop terminated instances from their groups at once; here EC2's state changes tell of them.
        yield Patch(backend, "notify_terminate_instances", lambda _: _ignore)
        yield from self._actions.patches()

    # What moto's models call.

    def _setting(self, _: object) -> Callable[[FakeAutoScalingGroup, int | None], None]:
        def set_desired_capacity(group: FakeAutoScalingGroup, wanted: int | None) -> None:
            with self._account.lock:
                group.desired_capacity = group.min_size if wanted is None else int(wanted)
                # In moto's constructor the group is not yet in its backend: it launches once its hooks are there too.
                if group.autoscaling_backend.autoscaling_groups.get(group.name) is group:
                    self.converge(self.roster_of(group))

        return set_desired_capacity

    def _creating(
        self, original: Callable[..., FakeAutoScalingGroup]
    ) -> Callable[..., FakeAutoScalingGroup]:
        def create(backend: AutoScalingBackend, *args: object, **kwargs: object) -> Any:  # noqa: ANN401 - moto's own result
            with self._account.lock:
                hooks = self._actions.take_inline_hooks()
                parsed = [hook_from(params) for params in hooks]
                policy = kwargs.get("mixed_instances_policy")
                check_policy(policy if isinstance(policy, dict) else {})
                group = original(backend, *args, **kwargs)
                roster = self.roster_of(group)
                roster.hooks = {hook.name: hook for hook in parsed}
                for hook in parsed:
                    test_notification(self._account, group, hook)
                self.converge(roster)
                return group

        return create

    def _deleting(self, original: Callable[..., None]) -> Callable[..., None]:
        def delete(backend: AutoScalingBackend, group_name: str) -> None:
            with self._account.lock:
                group = backend.autoscaling_groups.get(group_name)
                if group is not None:
                    self.delete(self.roster_of(group), force=True)
                    group.instance_states = []
                original(backend, group_name)
                if group is not None:
                    self._rosters.pop(group._id, None)

        return delete

    # Moving instances.

    def _launch(self, roster: Roster, count: int, route: Route) -> None:
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
            activity = self._activity(roster, "Launching a new EC2 instance", "the group needed it")
            try:
                instance = run_instance(group, location, purchase)
            except ServiceException as error:
                activity.end(activities.FAILED, now_s, f"{error.code}: {error.message}")
                self._hold_back(roster)
                return
            activity.instance_id = instance.id
            activity.description = f"Launching a new EC2 instance: {instance.id}"
            member = Member(instance.id, route, route.first_state, begun=False)
            seat = self._seat(roster, member, instance)
            seat.activity, seat.launched_from = activity, source_of(group)
            delay_s = self._account.settings.duration_s("hook_opens_s")
            if delay_s > 0:
                self._account.clock.call_at(
                    now_s + delay_s,
                    lambda seat=seat: self._begin_later(roster, seat, route),  # type: ignore[misc]  # binds the loop's value
                )
            else:
                self._begin(roster, seat, route)

    def _begin_later(self, roster: Roster, seat: Seat, route: Route) -> None:
        with self._account.lock:
            if self._is_current(roster, seat) and seat.member.state == route.first_state:
                self._begin(roster, seat, route)
                self.converge(roster)

    def _begin(self, roster: Roster, seat: Seat, route: Route, *, with_hooks: bool = True) -> None:
        hooks = hooks_of(roster.hooks.values(), route) if with_hooks else ()
        tokens = tuple((str(uuid.uuid4()), hook) for hook in hooks)
        pool_state = roster.warm_pool.pool_state if roster.warm_pool else "Stopped"
        self._step(roster, seat, Began(route, tokens, pool_state))
        self._observe(roster, seat)

    def _leave(self, roster: Roster, seat: Seat, cause: str, *, scale_in: bool = False) -> None:
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
        seat.activity = self._activity(
            roster, f"Terminating EC2 instance: {instance_id}", cause, instance_id
        )
        self._begin(roster, seat, route)

    def _step(self, roster: Roster, seat: Seat, received: Input) -> None:
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
            self._leave(roster, seat, "the instance was no longer there.")
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
        seat.activity = self._activity(
            roster, f"Terminating EC2 instance: {instance_id}", cause, instance_id
        )
        route = TERMINATE_POOLED if seat.pooled else TERMINATE
        with_hooks = self._account.settings.terminate_hooks_after_abandon
        self._begin(roster, seat, route, with_hooks=with_hooks)

    def _arrived(self, roster: Roster, seat: Seat) -> None:
        now_s = self._account.clock.now()
        if seat.activity is not None and not seat.activity.over:
            seat.activity.end(activities.SUCCESSFUL, now_s)
        if seat.member.route.transition is Transition.LAUNCHING:
            roster.failures_in_a_row, roster.not_before_s = 0, 0.0
        if seat.member.state in ("Terminated", "Warmed:Terminated"):
            self._forget(roster, seat)

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
            self._step(roster, seat, InstanceChanged(state))

    # What happens in time.

    def _instance_changed(self, instance_id: str, state: str) -> None:
        with self._account.lock:
            for roster in list(self._rosters.values()):
                seat = roster.seats.get(instance_id)
                if seat is not None:
                    self._member_changed(roster, seat, state)

    def _member_changed(self, roster: Roster, seat: Seat, state: str) -> None:
        if seat.pooled and seat.member.settled and state == "terminated":
            self._forget(roster, seat)
        in_service = seat.member.state == "InService"
        self._step(roster, seat, InstanceChanged(state))
        # "any state other than running" is a failed status check (User Guide, "Health checks for instances").
        if in_service and state != "running" and seat.shown.health_status == "Healthy":
            seat.shown.health_status = "Unhealthy"
            noticed_s = self._account.clock.now() + self._account.settings.health_check_s
            self._account.clock.call_at(noticed_s, lambda: self._noticed(roster, seat))
        self.converge(roster)

    def _noticed(self, roster: Roster, seat: Seat) -> None:
        with self._account.lock:
            if self._is_current(roster, seat):
                self.unhealthy(roster, seat)

    def _set_timer(self, roster: Roster, seat: Seat) -> None:
        if seat.timer is not None:
            seat.timer.cancel()
            seat.timer = None
        due_s = seat.member.due_s()
        if due_s is not None:
            seat.timer = self._account.clock.call_at(due_s, lambda: self._time_passed(roster, seat))

    def _time_passed(self, roster: Roster, seat: Seat) -> None:
        with self._account.lock:
            if self._is_current(roster, seat):
                self._step(roster, seat, TimePassed())
                self.converge(roster)

    def _try_again(self, roster: Roster) -> None:
        with self._account.lock:
            roster.retry = None
            if roster.group._id in self._rosters:
                self.converge(roster)

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

    # The warm pool.

    def _take_from_pool(self, roster: Roster, count: int) -> int:
        ready = [seat for seat in roster.in_pool() if seat.member.settled][:count]
        for seat in ready:
            instance_id = seat.member.instance_id
            seat.activity = self._activity(
                roster,
                f"Launching a new EC2 instance from warm pool: {instance_id}",
                "the group needed it",
                instance_id,
            )
            self._begin(roster, seat, LEAVE_POOL)
        return len(ready)

    def _converge_pool(self, roster: Roster) -> None:
        pool, pooled = roster.warm_pool, roster.in_pool()
        wanted = 0
        if pool is not None:
            wanted = pool.size(len(roster.in_group()), roster.group.max_size or 0)
        for seat in pooled[wanted:]:
            self._leave(roster, seat, "the warm pool shrank.")
        if not roster.suspended("Launch"):
            self._launch(roster, wanted - len(pooled), WARM_UP)

    # Spot Instances at risk.

    def _recommended(self, instance_id: str) -> None:
        with self._account.lock:
            for roster in list(self._rosters.values()):
                seat = roster.seats.get(instance_id)
                if seat is not None and roster.group.capacity_rebalance:
                    seat.at_risk = True
                    self.converge(roster)

    # Instances that leave for a successor.

    def _replacements(self, roster: Roster) -> Iterator[tuple[Replacement, str]]:
        desired = roster.group.desired_capacity or 0
        members = {seat.member.instance_id: seat for seat in roster.in_group()}
        in_service = [key for key, seat in members.items() if seat.member.state == "InService"]
        at_risk = [key for key, seat in members.items() if seat.at_risk]
        yield of_risk(desired, roster.group.max_size or 0, in_service, at_risk), AT_RISK
        refresh = next((each for each in roster.refreshes if each.ended_s is None), None)
        if refresh is None:
            return
        refresh.left = [each for each in refresh.found if each in members]
        gone = not any(each in roster.seats for each in refresh.found)
        if gone and len(in_service) >= desired:
            refresh.ended_s = self._account.clock.now()
        yield of_refresh(refresh.preferences, desired, in_service, refresh.left), REFRESHED

    def _replace(self, roster: Roster, replacement: Replacement, cause: str) -> int:
        for instance_id in replacement.leaving:
            self._leave(roster, roster.seats[instance_id], cause)
        return replacement.extra

    # Bookkeeping.

    def _seat(self, roster: Roster, member: Member, instance: Instance) -> Seat:
        shown = autoscaling_models.InstanceState(
            instance,
            lifecycle_state=member.state,
            protected_from_scale_in=roster.group.new_instances_protected_from_scale_in,
            autoscaling_group=roster.group,
        )
        seat = Seat(member, shown, next(self._ages))
        roster.seats[member.instance_id] = seat
        return seat

    def _forget(self, roster: Roster, seat: Seat) -> None:
        if seat.timer is not None:
            seat.timer.cancel()
        roster.seats.pop(seat.member.instance_id, None)
        roster.show()

    def _is_current(self, roster: Roster, seat: Seat) -> bool:
        return (
            roster.group._id in self._rosters and roster.seats.get(seat.member.instance_id) is seat
        )

    def _activity(
        self, roster: Roster, description: str, cause: str, instance_id: str | None = None
    ) -> Activity:
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


def _open_action(roster: Roster, hook_name: str, answer: Mapping[str, Any]) -> tuple[Seat, str]:
    token, instance_id = answer.get("LifecycleActionToken"), answer.get("InstanceId")
    if not token and not instance_id:
        raise rules.ACTION_NOT_NAMED.refusal()
    for seat in roster.seats.values():
        for action in seat.member.actions:
            named = action.token == token if token else seat.member.instance_id == instance_id
            if named and action.hook.name == hook_name:
                return seat, action.token
    if token:
        raise rules.NO_ACTION_FOR_TOKEN.refusal(token=token)
    raise rules.NO_ACTION_FOR_INSTANCE.refusal(instance_id=instance_id)


def _subnets_of(group: FakeAutoScalingGroup) -> list[Any]:
    if not group.vpc_zone_identifier:
        return []
    names = [name.strip() for name in group.vpc_zone_identifier.split(",")]
    found: list[Any] = group.ec2_backend.describe_subnets(subnet_ids=names)
    return found


def _keeping_policy(original: Callable[..., None]) -> Callable[..., None]:
    """Moto forgets a mixed instances policy that an update does not name; only another way to launch takes its place."""

    def update(group: FakeAutoScalingGroup, **said: Any) -> None:  # noqa: ANN401 - moto's own arguments
        elsewhere = said["launch_config_name"] or said["launch_template"]
        if group.mixed_instances_policy and not elsewhere and not said["mixed_instances_policy"]:
            kept = copy.deepcopy(group.mixed_instances_policy)
            # Shown with both, and taken with one of them only.
            kept["LaunchTemplate"]["LaunchTemplateSpecification"].pop("LaunchTemplateName", None)
            said["mixed_instances_policy"] = kept
        original(group, **said)

    return update


def _ignore(_backend: AutoScalingBackend, _instance_ids: list[str]) -> None:
    """Leave the instances to their groups."""
