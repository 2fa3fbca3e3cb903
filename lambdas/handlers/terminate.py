"""Terminate and state-change events: see to it that nothing outlives the node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from domain.lifecycle import InstanceTerminated, LifecycleEvent, Transition
from lambdas.reconcile.termination import Termination
from lambdas.runtime import wiring
from lambdas.runtime.batch import answer, parse_batch, unworked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambdas.runtime.batch import Record
    from lambdas.runtime.wiring import LambdaContext, Runtime


def lambda_handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer an SQS batch of terminate and state-change events with the messages that must come back."""
    return handle(event, context, wiring.runtime())


def handle(event: Mapping[str, Any], context: LambdaContext, runtime: Runtime) -> dict[str, Any]:
    """Do the same with a given runtime."""
    before = runtime.clients.meter.count()
    records = parse_batch(event, {Transition.TERMINATING: runtime.environment.terminate_hook})
    leaving = {
        record.message_id: item for record in records if (item := _leaving(record)) is not None
    }
    worked = runtime.terminations.run(list(leaving.values()), runtime.deadline(context))
    known = dict(zip(leaving, worked, strict=True))
    outcomes = [known.get(record.message_id) or unworked(record) for record in records]
    runtime.reporter.outcomes(outcomes, runtime.clients.meter.count().since(before))
    return answer(records, outcomes, runtime.terminate_queue)


def _leaving(record: Record) -> Termination | InstanceTerminated | None:
    event = record.event
    if isinstance(event, LifecycleEvent):
        return Termination(event.instance_id, event.group_name, event.token, event.destination)
    return event if isinstance(event, InstanceTerminated) else None
