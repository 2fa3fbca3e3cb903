"""The actions of Auto Scaling's API that are ours, in the place of moto's."""

from __future__ import annotations

from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult, EmptyResult

from localaws.autoscaling import rules
from localaws.autoscaling.hooks import hook_view
from localaws.autoscaling.launching import check_policy
from localaws.autoscaling.lifecycle import Result
from localaws.autoscaling.replacement import Preferences
from localaws.patching import Patch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from localaws.account import Account
    from localaws.autoscaling.roster import Roster, Seat
    from localaws.autoscaling.service import AutoScaling

    Params = Mapping[str, Any]
    Handler = Callable[[AutoScalingResponse, Params], Any]

T = TypeVar("T")

_INLINE_HOOKS: ContextVar[tuple[Mapping[str, Any], ...]] = ContextVar("_INLINE_HOOKS", default=())
"""The LifecycleHookSpecificationList of the group that is being created; moto's backend does not pass it on."""

GROUPS_PER_PAGE, MAX_GROUPS_PER_PAGE = 50, 100
INSTANCES_PER_PAGE = 50
ACTIVITIES_PER_PAGE = 100


class Actions:
    """Reads requests, asks the service, and shows the answer."""

    def __init__(self, account: Account, service: AutoScaling) -> None:
        self._account = account
        self._service = service

    def take_inline_hooks(self) -> tuple[Mapping[str, Any], ...]:
        """Return the hooks that came with the group that is being created."""
        return _INLINE_HOOKS.get()

    def patches(self) -> Iterable[Patch]:
        """Yield one patch per action."""
        replaced: dict[str, Handler] = {
            "put_lifecycle_hook": self._put_lifecycle_hook,
            "describe_lifecycle_hooks": self._describe_lifecycle_hooks,
            "delete_lifecycle_hook": self._delete_lifecycle_hook,
            "set_desired_capacity": self._set_desired_capacity,
            "terminate_instance_in_auto_scaling_group": self._terminate,
            "detach_instances": self._detach,
            "attach_instances": self._attach,
            "set_instance_health": self._set_health,
            "delete_auto_scaling_group": self._delete,
            "describe_auto_scaling_groups": self._describe_groups,
            "describe_auto_scaling_instances": self._describe_instances,
            "describe_scaling_activities": self._describe_activities,
            "put_warm_pool": self._put_warm_pool,
            "describe_warm_pool": self._describe_warm_pool,
            "delete_warm_pool": self._delete_warm_pool,
            "enter_standby": partial(_refuse, "Standby"),
            "exit_standby": partial(_refuse, "Standby"),
        }
        added: dict[str, Handler] = {
            "complete_lifecycle_action": self._complete,
            "record_lifecycle_action_heartbeat": self._heartbeat,
            "start_instance_refresh": self._start_refresh,
            "describe_instance_refreshes": self._describe_refreshes,
        }
        for name, handler in replaced.items():
            yield Patch(AutoScalingResponse, name, partial(self._action, handler))
        for name, handler in added.items():
            yield Patch(AutoScalingResponse, name, partial(self._action, handler), adds=True)
        yield Patch(AutoScalingResponse, "create_auto_scaling_group", _with_inline_hooks)
        yield Patch(AutoScalingResponse, "update_auto_scaling_group", self._updating)

    def _action(
        self, handler: Handler, _original: object
    ) -> Callable[[AutoScalingResponse], ActionResult]:
        def act(response: AutoScalingResponse) -> ActionResult:
            with self._account.lock:
                answer = handler(response, response._get_params())
            return EmptyResult() if answer is None else ActionResult(answer)

        return act

    def _roster(self, response: AutoScalingResponse, params: Params) -> Roster:
        return self._service.roster(response.autoscaling_backend, params["AutoScalingGroupName"])

    # Hooks.

    def _put_lifecycle_hook(self, response: AutoScalingResponse, params: Params) -> None:
        self._service.put_hook(self._roster(response, params), params)

    def _describe_lifecycle_hooks(self, response: AutoScalingResponse, params: Params) -> Any:  # noqa: ANN401 - an API answer
        roster = self._roster(response, params)
        names = params.get("LifecycleHookNames") or list(roster.hooks)
        hooks = [hook_view(roster.hooks[n], roster.group.name) for n in names if n in roster.hooks]
        return {"LifecycleHooks": hooks}

    def _delete_lifecycle_hook(self, response: AutoScalingResponse, params: Params) -> None:
        self._service.delete_hook(self._roster(response, params), params["LifecycleHookName"])

    def _complete(self, response: AutoScalingResponse, params: Params) -> dict[str, Any]:
        result = params["LifecycleActionResult"]
        if result not in set(Result):
            raise rules.BAD_RESULT.refusal(result=result)
        roster = self._roster(response, params)
        self._service.complete(roster, params["LifecycleHookName"], params, Result(result))
        return {}

    def _heartbeat(self, response: AutoScalingResponse, params: Params) -> dict[str, Any]:
        self._service.heartbeat(self._roster(response, params), params["LifecycleHookName"], params)
        return {}

    # Capacity.

    def _set_desired_capacity(self, response: AutoScalingResponse, params: Params) -> None:
        roster = self._roster(response, params)
        wanted = int(params["DesiredCapacity"])
        lowest, highest = roster.group.min_size or 0, roster.group.max_size or 0
        if wanted < lowest:
            raise rules.CAPACITY_OUT_OF_BOUNDS.refusal(
                value=wanted, side="below", bound="min", limit=lowest
            )
        if wanted > highest:
            raise rules.CAPACITY_OUT_OF_BOUNDS.refusal(
                value=wanted, side="above", bound="max", limit=highest
            )
        roster.group.set_desired_capacity(wanted)

    def _updating(
        self, original: Callable[[AutoScalingResponse], ActionResult]
    ) -> Callable[[AutoScalingResponse], ActionResult]:
        """Update as moto does, then keep the desired capacity between the new bounds, and converge."""

        def update(response: AutoScalingResponse) -> ActionResult:
            with self._account.lock:
                params = response._get_params()
                roster = self._roster(response, params)
                group = roster.group
                check_policy(params.get("MixedInstancesPolicy") or {})
                answer = original(response)
                if "CapacityRebalance" in params:
                    group.capacity_rebalance = params["CapacityRebalance"]
                wanted = params.get("DesiredCapacity", group.desired_capacity) or 0
                bounded = min(max(int(wanted), group.min_size or 0), group.max_size or 0)
                group.set_desired_capacity(bounded)
                return answer

        return update

    def _terminate(self, response: AutoScalingResponse, params: Params) -> dict[str, Any]:
        roster, seat = self._service.seat(response.autoscaling_backend, params["InstanceId"])
        self._decrement(roster, [seat], params)
        self._service.terminate(
            roster, seat, "instance was taken out of service in response to a user request."
        )
        self._service.converge(roster)
        return {"Activity": roster.activities[0].view()}

    def _detach(self, response: AutoScalingResponse, params: Params) -> dict[str, Any]:
        roster = self._roster(response, params)
        backend = response.autoscaling_backend
        seats = [self._service.seat(backend, name)[1] for name in params.get("InstanceIds") or ()]
        self._decrement(roster, seats, params)
        for seat in seats:
            self._service.detach(roster, seat)
        self._service.converge(roster)
        return {"Activities": []}

    def _decrement(self, roster: Roster, seats: Sequence[Seat], params: Params) -> None:
        if str(params.get("ShouldDecrementDesiredCapacity")).lower() != "true":
            return
        counted = sum(seat.in_group for seat in seats)
        lower = (roster.group.desired_capacity or 0) - counted
        if lower < (roster.group.min_size or 0):
            raise rules.BELOW_MINIMUM.refusal(minimum=roster.group.min_size)
        roster.group.desired_capacity = lower

    def _attach(self, response: AutoScalingResponse, params: Params) -> None:
        roster = self._roster(response, params)
        names = params.get("InstanceIds") or ()
        wanted = (roster.group.desired_capacity or 0) + len(names)
        if wanted > (roster.group.max_size or 0):
            raise rules.CAPACITY_OUT_OF_BOUNDS.refusal(
                value=wanted, side="above", bound="max", limit=roster.group.max_size
            )
        roster.group.desired_capacity = wanted
        for name in names:
            instance = roster.group.ec2_backend.get_instance(name)
            self._service.attach(roster, instance)
        self._service.converge(roster)

    def _set_health(self, response: AutoScalingResponse, params: Params) -> None:
        roster, seat = self._service.seat(response.autoscaling_backend, params["InstanceId"])
        if params["HealthStatus"] == "Unhealthy":
            self._service.unhealthy(roster, seat)
        else:
            seat.shown.health_status = "Healthy"

    def _delete(self, response: AutoScalingResponse, params: Params) -> None:
        roster = self._roster(response, params)
        force = str(params.get("ForceDelete")).lower() == "true"
        self._service.delete(roster, force=force)
        response.autoscaling_backend.delete_auto_scaling_group(roster.group.name)

    def _start_refresh(self, response: AutoScalingResponse, params: Params) -> dict[str, Any]:
        preferences = Preferences.from_params(params.get("Preferences") or {})
        refresh_id = self._service.refresh(self._roster(response, params), preferences)
        return {"InstanceRefreshId": refresh_id}

    # Warm pool.

    def _put_warm_pool(self, response: AutoScalingResponse, params: Params) -> dict[str, Any]:
        self._service.put_warm_pool(self._roster(response, params), params)
        return {}

    def _delete_warm_pool(self, response: AutoScalingResponse, params: Params) -> dict[str, Any]:
        force = str(params.get("ForceDelete")).lower() == "true"
        self._service.delete_warm_pool(self._roster(response, params), force=force)
        return {}

    def _describe_warm_pool(self, response: AutoScalingResponse, params: Params) -> dict[str, Any]:
        roster = self._roster(response, params)
        instances = [_instance_view(seat) for seat in roster.seats.values() if seat.of_pool]
        page, token = _page(instances, params, INSTANCES_PER_PAGE, INSTANCES_PER_PAGE)
        answer: dict[str, Any] = {"Instances": page, "NextToken": token}
        if roster.warm_pool is not None:
            answer["WarmPoolConfiguration"] = roster.warm_pool.view()
        return answer

    # What is shown.

    def _describe_groups(self, response: AutoScalingResponse, params: Params) -> dict[str, Any]:
        groups = response.autoscaling_backend.describe_auto_scaling_groups(
            params.get("AutoScalingGroupNames") or [], filters=params.get("Filters") or []
        )
        page, token = _page(groups, params, GROUPS_PER_PAGE, MAX_GROUPS_PER_PAGE)
        return {"AutoScalingGroups": page, "NextToken": token}

    def _describe_instances(self, response: AutoScalingResponse, params: Params) -> dict[str, Any]:
        wanted = set(params.get("InstanceIds") or ())
        seats = [
            (group.name, seat)
            for group in response.autoscaling_backend.autoscaling_groups.values()
            for seat in self._service.roster_of(group).seats.values()
            if not wanted or seat.member.instance_id in wanted
        ]
        shown = [{**_instance_view(seat), "AutoScalingGroupName": name} for name, seat in seats]
        page, token = _page(shown, params, INSTANCES_PER_PAGE, INSTANCES_PER_PAGE)
        return {"AutoScalingInstances": page, "NextToken": token}

    def _describe_activities(self, response: AutoScalingResponse, params: Params) -> dict[str, Any]:
        backend = response.autoscaling_backend
        name = params.get("AutoScalingGroupName")
        groups = [name] if name else list(backend.autoscaling_groups)
        wanted = set(params.get("ActivityIds") or ())
        shown = [
            activity.view()
            for group in groups
            for activity in self._service.roster(backend, group).activities
            if not wanted or activity.activity_id in wanted
        ]
        page, token = _page(shown, params, ACTIVITIES_PER_PAGE, ACTIVITIES_PER_PAGE)
        return {"Activities": page, "NextToken": token}

    def _describe_refreshes(self, response: AutoScalingResponse, params: Params) -> dict[str, Any]:
        roster = self._roster(response, params)
        wanted = set(params.get("InstanceRefreshIds") or ())
        shown = [
            {
                "InstanceRefreshId": refresh.refresh_id,
                "AutoScalingGroupName": roster.group.name,
                "Status": refresh.status,
                "InstancesToUpdate": len(refresh.left),
                "PercentageComplete": 100
                if refresh.ended_s is not None
                else 100 * (len(refresh.found) - len(refresh.left)) // (len(refresh.found) + 1),
            }
            for refresh in roster.refreshes
            if not wanted or refresh.refresh_id in wanted
        ]
        return {"InstanceRefreshes": shown}


def _with_inline_hooks(
    original: Callable[[AutoScalingResponse], ActionResult],
) -> Callable[[AutoScalingResponse], ActionResult]:
    """Pass the LifecycleHookSpecificationList along: its hooks must be there before the first instance."""

    def create(response: AutoScalingResponse) -> ActionResult:
        hooks = response._get_params().get("LifecycleHookSpecificationList") or ()
        token = _INLINE_HOOKS.set(tuple(hooks))
        try:
            return original(response)
        finally:
            _INLINE_HOOKS.reset(token)

    return create


def _instance_view(seat: Seat) -> dict[str, Any]:
    shown = seat.shown
    view = {
        "InstanceId": shown.instance_id,
        "InstanceType": shown.instance_type,
        "AvailabilityZone": shown.availability_zone,
        "LifecycleState": seat.member.state,
        "HealthStatus": shown.health_status,
        "LaunchTemplate": shown.launch_template,
        "LaunchConfigurationName": None
        if shown.launch_template
        else shown.launch_configuration_name,
        "ProtectedFromScaleIn": bool(shown.protected_from_scale_in),
    }
    return {name: value for name, value in view.items() if value is not None}


def _page(
    items: Sequence[T], params: Params, usual: int, highest: int
) -> tuple[Sequence[T], str | None]:
    """Return one page, and the token of the next; the token is the position at which it begins."""
    size = int(params.get("MaxRecords") or usual)
    if not 1 <= size <= highest:
        raise rules.PAGE_OUT_OF_BOUNDS.refusal(limit=highest, value=size)
    token = params.get("NextToken") or "0"
    if not token.isdecimal() or int(token) > len(items):
        raise rules.BAD_PAGE_TOKEN.refusal(token=token)
    end = int(token) + size
    return items[int(token) : end], str(end) if end < len(items) else None


def _refuse(what: str, _response: AutoScalingResponse, _params: Params) -> None:
    raise rules.NOT_MODELLED.refusal(what=what)
