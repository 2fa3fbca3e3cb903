"""Auto Scaling of one embedded account: what its API asks of groups, and what a group's capacity asks of its instances."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from localaws.autoscaling import rules
from localaws.autoscaling.binding import Binding
from localaws.autoscaling.hooks import MAX_HOOKS, hook_from
from localaws.autoscaling.launching import (
    TAG,
    source_of,
)
from localaws.autoscaling.lifecycle import (
    GONE,
    Completed,
    Heartbeat,
    HookDeleted,
    InstanceChanged,
    Member,
    Place,
    Result,
)
from localaws.autoscaling.movements import LAUNCH, LEAVE_POOL, TERMINATE_POOLED, WARM_UP, Movements
from localaws.autoscaling.notifications import test_notification
from localaws.autoscaling.placement import leavers
from localaws.autoscaling.purchase import Distribution
from localaws.autoscaling.replacement import of_refresh, of_risk
from localaws.autoscaling.roster import Refresh, Roster, Seat, WarmPool

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from moto.autoscaling.models import AutoScalingBackend, FakeAutoScalingGroup
    from moto.ec2.models.instances import Instance

    from localaws.account import Account
    from localaws.autoscaling.replacement import Preferences, Replacement
    from localaws.patching import Patch

AT_RISK = "an instance was at elevated risk of a Spot Instance interruption."
REFRESHED = "an instance refresh replaces it."


class AutoScaling:
    """Auto Scaling's behaviour in one account."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._rosters: dict[str, Roster] = {}
        self._movements = Movements(account, self._rosters, self.converge)
        self._binding = Binding(account, self)
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
            self._movements.step_with(roster, seat, HookDeleted(name))
        self.converge(roster)

    def complete(
        self, roster: Roster, hook_name: str, answer: Mapping[str, Any], result: Result
    ) -> None:
        """Answer an open action by its token or its instance."""
        seat, token = _open_action(roster, hook_name, answer)
        self._movements.step_with(roster, seat, Completed(token, result))
        self.converge(roster)

    def heartbeat(self, roster: Roster, hook_name: str, answer: Mapping[str, Any]) -> None:
        """Start the timer of an open action again."""
        seat, token = _open_action(roster, hook_name, answer)
        self._movements.step_with(roster, seat, Heartbeat(token))

    def terminate(self, roster: Roster, seat: Seat, cause: str) -> None:
        """Let an instance leave through the terminate hooks."""
        if seat.member.route.destination is Place.EC2:
            return
        self._movements.leave(roster, seat, cause)

    def detach(self, roster: Roster, seat: Seat) -> None:
        """Release an instance without hooks; it goes on running."""
        self._movements.forget(roster, seat)
        instance = seat.shown.instance
        roster.group.ec2_backend.delete_tags([instance.id], {TAG: roster.group.name})

    def attach(self, roster: Roster, instance: Instance) -> None:
        """Take in a running instance without hooks."""
        roster.group.ec2_backend.create_tags([instance.id], {TAG: roster.group.name})
        member = Member(instance.id, LAUNCH, "InService", instance_state=instance._state.name)
        self._movements.take_in(roster, member, instance)
        roster.show()

    def unhealthy(self, roster: Roster, seat: Seat) -> None:
        """Mark an instance for replacement."""
        seat.shown.health_status = "Unhealthy"
        if seat.in_group and not roster.suspended("ReplaceUnhealthy"):
            cause = "an instance was taken out of service in response to a failed health check."
            self._movements.leave(roster, seat, cause)
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
                self._movements.begin(roster, seat, TERMINATE_POOLED, with_hooks=False)
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
                self._movements.leave(roster, seat, REFRESHED)
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
            self._movements.forget(roster, seat)
            if seat.shown.instance._state.name not in GONE:
                roster.group.ec2_backend.terminate_instances([seat.member.instance_id])
        if roster.retry is not None:
            roster.retry.cancel()
        self.forget(roster.group)

    def forget(self, group: FakeAutoScalingGroup) -> None:
        """Know a group no more."""
        self._rosters.pop(group._id, None)

    def converge(self, roster: Roster) -> None:
        """Launch or terminate what the desired capacity and the warm pool ask for."""
        extra = max(self._replace(roster, *each) for each in self._replacements(roster))
        wanted = (roster.group.desired_capacity or 0) + extra
        missing = wanted - len(roster.in_group())
        if missing > 0 and not roster.suspended("Launch"):
            missing -= self._take_from_pool(roster, missing)
            self._movements.launch(roster, missing, LAUNCH)
        elif missing < 0 and not roster.suspended("Terminate"):
            distribution = Distribution.of(roster.group.mixed_instances_policy)
            for instance_id in leavers(-missing, roster.occupants(), distribution):
                cause = f"a user request changed the desired capacity to {roster.group.desired_capacity}."
                self._movements.leave(roster, roster.seats[instance_id], cause, scale_in=True)
        self._converge_pool(roster)
        roster.show()

    def patches(self) -> Iterable[Patch]:
        """Yield what stands in the place of moto's Auto Scaling."""
        return self._binding.patches()

    # What EC2 tells.

    def _instance_changed(self, instance_id: str, state: str) -> None:
        with self._account.lock:
            for roster in list(self._rosters.values()):
                seat = roster.seats.get(instance_id)
                if seat is not None:
                    self._member_changed(roster, seat, state)

    def _member_changed(self, roster: Roster, seat: Seat, state: str) -> None:
        if seat.pooled and seat.member.settled and state == "terminated":
            self._movements.forget(roster, seat)
        in_service = seat.member.state == "InService"
        self._movements.step_with(roster, seat, InstanceChanged(state))
        # "any state other than running" is a failed status check (User Guide, "Health checks for instances").
        if in_service and state != "running" and seat.shown.health_status == "Healthy":
            seat.shown.health_status = "Unhealthy"
            noticed_s = self._account.clock.now() + self._account.settings.health_check_s
            self._account.clock.call_at(noticed_s, lambda: self._noticed(roster, seat))
        self.converge(roster)

    def _noticed(self, roster: Roster, seat: Seat) -> None:
        with self._account.lock:
            if self._movements.is_current(roster, seat):
                self.unhealthy(roster, seat)

    # The warm pool.

    def _take_from_pool(self, roster: Roster, count: int) -> int:
        ready = [seat for seat in roster.in_pool() if seat.member.settled][:count]
        for seat in ready:
            instance_id = seat.member.instance_id
            seat.activity = self._movements.activity(
                roster,
                f"Launching a new EC2 instance from warm pool: {instance_id}",
                "the group needed it",
                instance_id,
            )
            self._movements.begin(roster, seat, LEAVE_POOL)
        return len(ready)

    def _converge_pool(self, roster: Roster) -> None:
        pool, pooled = roster.warm_pool, roster.in_pool()
        wanted = 0
        if pool is not None:
            wanted = pool.size(len(roster.in_group()), roster.group.max_size or 0)
        for seat in pooled[wanted:]:
            self._movements.leave(roster, seat, "the warm pool shrank.")
        if not roster.suspended("Launch"):
            self._movements.launch(roster, wanted - len(pooled), WARM_UP)

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
            self._movements.leave(roster, roster.seats[instance_id], cause)
        return replacement.extra


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
