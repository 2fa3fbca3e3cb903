"""Launch events: give each launching node its network interfaces, then let it into service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from domain.lifecycle import LifecycleEvent, Transition
from lambdas.reconcile.launching_node import Launch
from lambdas.runtime import wiring
from lambdas.runtime.batch import answer, parse_batch, settle, take, unworked

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lambdas.runtime.batch import Record
    from lambdas.runtime.wiring import LambdaContext, Runtime


def lambda_handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer an SQS batch of launch events with the messages that must come back."""
    return handle(event, context, wiring.runtime())


def handle(event: Mapping[str, Any], context: LambdaContext, runtime: Runtime) -> dict[str, Any]:
    """Do the same with a given runtime, and with what the run has time to take from the queue besides."""
    before, queue = runtime.clients.meter.count(), runtime.launch_queue
    hooks = {Transition.LAUNCHING: runtime.environment.launch_hook}
    delivered = parse_batch(event, hooks)
    taken: list[Record] = []

    def take_more() -> list[Launch]:
        more = take(queue, hooks)
        taken.extend(more)
        return _launches(more)

    worked = iter(runtime.launches.run(_launches(delivered), runtime.deadline(context), take_more))
    records = [*delivered, *taken]
    outcomes = [next(worked) if _is_launch(record) else unworked(record) for record in records]
    runtime.reporter.outcomes(outcomes, runtime.clients.meter.count().since(before))
    settle(taken, outcomes[len(delivered) :], queue)
    return answer(delivered, outcomes[: len(delivered)], queue)


def _is_launch(record: Record) -> bool:
    return isinstance(record.event, LifecycleEvent)


def _launches(records: Iterable[Record]) -> list[Launch]:
    return [
        Launch(event.instance_id, event.group_name, event.token, event.opened_at)
        for record in records
        if isinstance(event := record.event, LifecycleEvent)
    ]
