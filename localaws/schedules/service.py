"""EventBridge Scheduler of one embedded account: schedules fire in its time, in the name of their roles."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from moto.iam.exceptions import NotFoundException
from moto.iam.models import iam_backends
from moto.scheduler.models import EventBridgeSchedulerBackend, scheduler_backends
from moto.utilities.arns import parse_arn

from localaws.events.delivery import Delivery, DeliveryFailed, RetryAt, decide
from localaws.events.resource_policies import ServiceRequest, allows
from localaws.functions.roles import may
from localaws.patching import Patch
from localaws.queues.sending import queue_at, send
from localaws.rules import Rule
from localaws.schedules.expressions import BadExpression, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from moto.scheduler.models import Schedule

    from localaws.account import Account
    from localaws.clock import Timer
    from localaws.schedules.expressions import Expression

SERVICE = "scheduler.amazonaws.com"

ROLE_NOT_TRUSTED = Rule(
    "ValidationException",
    "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.",
    "EventBridge Scheduler User Guide, 'Setting up Amazon EventBridge Scheduler' (execution role) and 'Cross-service "
    "confused deputy prevention' (the source ARN is the schedule group's); wording assumed",
)
BAD_EXPRESSION = Rule(
    "ValidationException",
    "{reason}",
    "EventBridge Scheduler User Guide, 'Schedule types on EventBridge Scheduler'",
)
NOT_MODELLED = Rule(
    "LocalAws.NotModelled",
    "{what} is not modelled",
    "localaws.schedules: AWS never answers this; the embedded account refuses what it would do wrong",
)


@dataclass
class _Running:
    """One schedule in the account's time."""

    schedule: Schedule
    expression: Expression
    started_s: float
    timer: Timer | None = field(default=None, repr=False)


class Schedules:
    """Scheduler's behaviour in one account."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._running: dict[str, _Running] = {}
        self.dropped: list[tuple[Delivery, str]] = []

    def patches(self) -> Iterable[Patch]:
        """Yield what stands in the place of moto's Scheduler."""
        backend = EventBridgeSchedulerBackend
        yield Patch(backend, "create_schedule", self._creating)
        yield Patch(backend, "update_schedule", self._creating)
        yield Patch(backend, "delete_schedule", self._deleting)
        yield Patch(backend, "delete_schedule_group", self._deleting_group)

    def _creating(self, original: Callable[..., Schedule]) -> Callable[..., Schedule]:
        def create(backend: EventBridgeSchedulerBackend, **parameters: Any) -> Schedule:  # noqa: ANN401 - moto's parameters
            with self._account.lock:
                expression = self._check(backend, parameters)
                schedule = original(backend, **parameters)
                self._start(schedule, expression, parameters.get("start_date"))
                return schedule

        return create

    def _deleting(self, original: Callable[..., None]) -> Callable[..., None]:
        def delete(backend: EventBridgeSchedulerBackend, group_name: str | None, name: str) -> None:
            with self._account.lock:
                arn = backend.get_schedule(group_name, name).arn
                original(backend, group_name, name)
                self._stop(arn)

        return delete

    def _deleting_group(self, original: Callable[..., None]) -> Callable[..., None]:
        def delete(backend: EventBridgeSchedulerBackend, name: str | None) -> None:
            with self._account.lock:
                for schedule in backend.get_schedule_group(name).schedules.values():
                    self._stop(schedule.arn)
                original(backend, name)

        return delete

    def _check(
        self, backend: EventBridgeSchedulerBackend, parameters: Mapping[str, Any]
    ) -> Expression:
        if (parameters.get("flexible_time_window") or {}).get("Mode") != "OFF":
            raise NOT_MODELLED.refusal(what="FlexibleTimeWindow other than OFF")
        target = parameters["target"]
        if parse_arn(target["Arn"]).service not in ("lambda", "sqs"):
            raise NOT_MODELLED.refusal(what=f"the target {target['Arn']}")
        try:
            zone = parameters.get("schedule_expression_timezone") or "UTC"
            expression = parse(parameters["schedule_expression"], zone)
        except BadExpression as error:
            raise BAD_EXPRESSION.refusal(reason=error) from error
        group_name = parameters.get("group_name") or "default"
        if not _trusts_scheduler(target["RoleArn"], backend.get_schedule_group(group_name).arn):
            raise ROLE_NOT_TRUSTED.refusal()
        return expression

    def _start(self, schedule: Schedule, expression: Expression, start: object) -> None:
        self._stop(schedule.arn)
        now_s = self._account.clock.now()
        started_s = float(start) if isinstance(start, int | float) else now_s
        running = _Running(schedule, expression, started_s)
        self._running[schedule.arn] = running
        # A rate schedule without a start date fires at once ("Rate-based schedules").
        self._set_timer(running, after_s=now_s - 1)

    def _stop(self, arn: str) -> None:
        running = self._running.pop(arn, None)
        if running is not None and running.timer is not None:
            running.timer.cancel()

    def _set_timer(self, running: _Running, after_s: float) -> None:
        when_s = running.expression.next_s(after_s, running.started_s)
        end_s = running.schedule.end_date
        if when_s is not None and (end_s is None or when_s <= float(end_s)):
            running.timer = self._account.clock.call_at(when_s, lambda: self._fire(running, when_s))

    def _fire(self, running: _Running, when_s: float) -> None:
        schedule = running.schedule
        with self._account.lock:
            if self._running.get(schedule.arn) is not running or not _exists(schedule):
                return
            self._set_timer(running, after_s=when_s)
        if schedule.state in (None, "ENABLED"):
            payload = str(schedule.target.get("Input") or "{}")
            self._deliver(Delivery(schedule.arn, schedule.target, payload, when_s))

    def _deliver(self, delivery: Delivery) -> None:
        with self._account.lock:
            try:
                self._hand(delivery)
            except DeliveryFailed as failure:
                self._failed(delivery, failure)

    def _hand(self, delivery: Delivery) -> None:
        arn, role_arn = delivery.target_arn, str(delivery.target["RoleArn"])
        target = parse_arn(arn)
        if target.service == "sqs":
            self._send(role_arn, arn, delivery.payload)
            return
        call = ("lambda", "Invoke")
        if not may(self._account, role_arn, call, target.region, {"FunctionName": arn}):
            raise DeliveryFailed(
                "AWS.Lambda.AccessDeniedException", f"{role_arn} may not invoke {arn}"
            )
        if self._account.functions.find(arn) is None:
            raise DeliveryFailed(
                "AWS.Lambda.ResourceNotFoundException", f"Function not found: {arn}"
            )
        self._account.functions.invoke_async(arn, delivery.payload.encode())

    def _send(
        self, role_arn: str, arn: str, payload: str, attributes: Mapping[str, str] | None = None
    ) -> None:
        queue = queue_at(arn)
        if queue is None:
            raise DeliveryFailed("AWS.SQS.QueueDoesNotExist", f"{arn} does not exist")
        params = {"QueueUrl": queue.physical_resource_id}
        if not may(self._account, role_arn, ("sqs", "SendMessage"), queue.region, params):
            raise DeliveryFailed("AWS.SQS.AccessDenied", f"{role_arn} may not send to {arn}")
        send(queue, payload, attributes)

    def _failed(self, delivery: Delivery, failure: DeliveryFailed) -> None:
        outcome = decide(delivery, failure, self._account.clock.now())
        if isinstance(outcome, RetryAt):
            again = outcome.delivery
            self._account.clock.call_at(outcome.at_s, lambda: self._deliver(again))
            return
        if delivery.dead_letter_arn is None:
            self.dropped.append((delivery, failure.code))
            return
        attributes = {**outcome.attributes, "SCHEDULE_ARN": delivery.sender_arn}
        attributes.pop("RULE_ARN")
        try:
            role_arn = str(delivery.target["RoleArn"])
            self._send(role_arn, delivery.dead_letter_arn, delivery.payload, attributes)
        except DeliveryFailed as second:
            self.dropped.append((delivery, f"{failure.code}, then {second.code}"))


def _exists(schedule: Schedule) -> bool:
    """Return whether the schedule is still one of moto's: a reset of moto tells nobody."""
    arn = parse_arn(schedule.arn)
    groups = scheduler_backends[arn.account][arn.region].schedule_groups
    group = groups.get(schedule.group_name)
    return group is not None and group.schedules.get(schedule.name) is schedule


def _trusts_scheduler(role_arn: str, group_arn: str) -> bool:
    """Return whether the role exists and Scheduler may assume it for a schedule group."""
    account_id, partition = role_arn.split(":")[4], role_arn.split(":")[1]
    try:
        role = iam_backends[account_id][partition].get_role_by_arn(role_arn)
    except NotFoundException:
        return False
    document: Any = role.assume_role_policy_document
    policy = json.loads(document) if isinstance(document, str) else document
    context = {"aws:sourceaccount": account_id, "aws:sourcearn": group_arn}
    request = ServiceRequest(SERVICE, "sts:AssumeRole", role_arn, context)
    return allows(policy, request)
