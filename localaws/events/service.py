"""EventBridge of one embedded account: events from its services, rules, and delivery to queues and functions."""

from __future__ import annotations

import copy
import json
import uuid
from typing import TYPE_CHECKING, Any, cast

from jsonpath_ng.ext.parser import parse as parse_path
from moto.ec2.models import ec2_backends
from moto.events.models import Rule, events_backends
from moto.events.utils import EventTemplateParser
from moto.utilities.arns import parse_arn

from localaws.events.delivery import Delivery, DeliveryFailed, RetryAt, decide
from localaws.events.disturbances import Disturbance, arrivals, everything
from localaws.events.envelope import Occurrence, enveloped, moment
from localaws.events.targets import Targets
from localaws.patching import Patch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from moto.events.utils import EventMessageType

    from localaws.account import Account
    from localaws.events.disturbances import Predicate
    from localaws.events.envelope import Event


class Events:
    """EventBridge's behaviour in one account.

    Attributes:
        emitted: every event that a service of the account sent, lost ones included.
        emitted_at_s: when, in the same order; the events themselves tell whole seconds.
        delivered: every delivery that its target took; of an event that arrives twice there are two.
        dropped: every delivery that ended with neither its target nor a dead-letter queue, and why.
    """

    def __init__(self, account: Account) -> None:
        self._account = account
        self._disturbances: list[Disturbance] = []
        self._targets = Targets(account)
        self.emitted: list[Event] = []
        self.emitted_at_s: list[float] = []
        self.delivered: list[Delivery] = []
        self.dropped: list[tuple[Delivery, str]] = []
        account.ec2.on_state_change(self._instance_changed)

    def emit(self, occurrence: Occurrence, *, account_id: str, region: str) -> Event:
        """Send an event to the default bus and return it; it arrives soon, never inside this call."""
        event = enveloped(
            occurrence,
            event_id=str(uuid.uuid4()),
            account_id=account_id,
            region=region,
            at_s=self._account.clock.now(),
        )
        self.send(event)
        return event

    def tell(self, instance_id: str, detail_type: str, detail: Mapping[str, Any]) -> None:
        """Send EC2's event about an instance, if there is such an instance."""
        with self._account.lock:
            found = _region_of(instance_id)
        if found is None:
            return
        account_id, region = found
        arn = f"arn:{_partition(region)}:ec2:{region}:{account_id}:instance/{instance_id}"
        occurrence = Occurrence("aws.ec2", detail_type, detail, (arn,))
        self.emit(occurrence, account_id=account_id, region=region)

    def send(self, event: Event) -> None:
        """Send a ready-made event through the default bus of its region, disturbances included."""
        self.emitted.append(event)
        self.emitted_at_s.append(self._account.clock.now())
        delays_s, refusals = arrivals(event, self._disturbances)
        now_s = self._account.clock.now() + self._account.settings.duration_s("event_latency_s")
        for delay_s in delays_s:
            self._account.clock.call_at(now_s + delay_s, lambda: self._route(event, refusals))

    def lose(self, matches: Predicate = everything, *, times: int | None = 1) -> Disturbance:
        """Let the next matching events never arrive."""
        return self._disturb(Disturbance(matches, times, copies=0))

    def duplicate(
        self,
        matches: Predicate = everything,
        *,
        copies: int = 2,
        apart_s: float = 0.0,
        times: int | None = 1,
    ) -> Disturbance:
        """Let the next matching events arrive several times, so many seconds after one another, the first in time."""
        return self._disturb(Disturbance(matches, times, copies=copies, apart_s=apart_s))

    def delay(
        self, matches: Predicate = everything, *, seconds: float, times: int | None = 1
    ) -> Disturbance:
        """Let the next matching events arrive late, behind whatever is sent meanwhile."""
        return self._disturb(Disturbance(matches, times, delay_s=seconds))

    def refuse(
        self, matches: Predicate = everything, *, refusals: int = 1, times: int | None = 1
    ) -> Disturbance:
        """Let the targets of the next matching events fail so often before they take one."""
        return self._disturb(Disturbance(matches, times, refusals=refusals))

    def deliver(self, delivery: Delivery) -> None:
        """Hand a payload to its target, now; failures are retried later or end as a dead letter."""
        with self._account.lock:
            try:
                self._attempt(delivery)
            except DeliveryFailed as failure:
                self._failed(delivery, failure)

    def patches(self) -> Iterable[Patch]:
        """Yield what stands in the place of moto's EventBridge."""
        yield Patch(Rule, "send_to_targets", self._send_to_targets)

    def _disturb(self, disturbance: Disturbance) -> Disturbance:
        self._disturbances.append(disturbance)
        return disturbance

    def _instance_changed(self, instance_id: str, state: str) -> None:
        """Tell of an EC2 instance's new state (EC2 User Guide, "State change events for your instances")."""
        detail = {"instance-id": instance_id, "state": state}
        self.tell(instance_id, "EC2 Instance State-change Notification", detail)

    def _route(self, event: Event, refusals: int) -> None:
        with self._account.lock:
            bus = events_backends[event["account"]][event["region"]].describe_event_bus("default")
            deliveries = [
                self._delivery(rule, target, event, refusals)
                for rule in bus.rules.values()
                if rule.state == "ENABLED" and _matches(rule, event)
                for target in rule.targets
                if _is_ours(target)
            ]
        for delivery in deliveries:
            self.deliver(delivery)

    def _delivery(
        self, rule: Rule, target: Mapping[str, Any], event: Event, refusals: int = 0
    ) -> Delivery:
        return Delivery(
            rule.arn,
            copy.deepcopy(target),
            payload_for(target, event),
            self._account.clock.now(),
            refusals_left=refusals,
        )

    def _attempt(self, delivery: Delivery) -> None:
        if delivery.refusals_left:
            raise DeliveryFailed("INTERNAL_ERROR", "The target is not available", retryable=True)
        self._targets.hand(delivery.sender_arn, delivery.target_arn, delivery.payload)
        self.delivered.append(delivery)

    def _failed(self, delivery: Delivery, failure: DeliveryFailed) -> None:
        outcome = decide(delivery, failure, self._account.clock.now())
        if isinstance(outcome, RetryAt):
            again = outcome.delivery
            self._account.clock.call_at(outcome.at_s, lambda: self.deliver(again))
            return
        if delivery.dead_letter_arn is None:
            self.dropped.append((delivery, failure.code))
            return
        try:
            self._targets.hand(
                delivery.sender_arn,
                delivery.dead_letter_arn,
                delivery.payload,
                outcome.attributes,
            )
        except DeliveryFailed as second:
            self.dropped.append((delivery, f"{failure.code}, then {second.code}"))

    def _send_to_targets(self, original: Callable[..., None]) -> Callable[..., None]:
        """Deliver what callers put on a bus: queues and functions by us, other targets as moto does."""

        def send_to_targets(rule: Rule, event: Event, transform_input: bool = True) -> None:
            if rule.state != "ENABLED" or not _matches(rule, event):
                return
            dated = {k: v for k, v in event.items() if k != "ingestion-time"}
            if isinstance(dated.get("time"), int | float):
                dated["time"] = moment(dated["time"])
            ours = [target for target in rule.targets if _is_ours(target)]
            for target in ours:
                delivery = self._delivery(rule, target, dated)
                self._account.clock.call_at(
                    self._account.clock.now()
                    + self._account.settings.duration_s("event_latency_s"),
                    lambda delivery=delivery: self.deliver(delivery),  # type: ignore[misc]  # binds the loop's value
                )
            others = [target for target in rule.targets if target not in ours]
            if others:
                elsewhere = copy.copy(rule)
                elsewhere.targets = others
                original(elsewhere, event, transform_input)

        return send_to_targets


def payload_for(target: Mapping[str, Any], event: Event) -> str:
    """Return what a target receives: the event, a constant, a part of it, or a template filled from it."""
    if "Input" in target:
        return str(target["Input"])
    if path := target.get("InputPath"):
        matches = parse_path(path).find(event)
        return json.dumps(matches[0].value if matches else None)
    if transformer := target.get("InputTransformer"):
        return json.dumps(
            EventTemplateParser.parse(
                transformer["InputTemplate"],
                transformer.get("InputPathsMap", {}),
                cast("EventMessageType", {**event, "ingestion-time": event["time"]}),
            )
        )
    return json.dumps(event)


def _matches(rule: Rule, event: Event) -> bool:
    return rule.event_pattern.matches_event(cast("EventMessageType", event))


def _is_ours(target: Mapping[str, Any]) -> bool:
    return parse_arn(target["Arn"]).service in ("sqs", "lambda")


def _region_of(instance_id: str) -> tuple[str, str] | None:
    for account_id, regions in ec2_backends.items():
        for region, backend in regions.items():
            if backend.get_instance_by_id(instance_id) is not None:
                return account_id, region
    return None


def _partition(region: str) -> str:
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"
