"""Launch events: give each launching node its network interfaces, then let it into service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from domain.lifecycle import LifecycleEvent, Transition
from lambdas.reconcile.launch import Launch
from lambdas.runtime import wiring
from lambdas.runtime.batch import answer, parse_batch, unworked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambdas.runtime.wiring import LambdaContext, Runtime


def lambda_handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer an SQS batch of launch events with the messages that must come back."""
    return handle(event, context, wiring.runtime())


def handle(event: Mapping[str, Any], context: LambdaContext, runtime: Runtime) -> dict[str, Any]:
    """Do the same with a given runtime."""
    before = runtime.clients.meter.count()
    records = parse_batch(event, {Transition.LAUNCHING: runtime.environment.launch_hook})
    launches = {
        record.message_id: Launch(e.instance_id, e.group_name, e.token, e.opened_at)
        for record in records
        if isinstance(e := record.event, LifecycleEvent)
    }
    worked = runtime.launches.run(list(launches.values()), runtime.deadline(context))
    known = dict(zip(launches, worked, strict=True))
    outcomes = [known.get(record.message_id) or unworked(record) for record in records]
    runtime.reporter.outcomes(outcomes, runtime.clients.meter.count().since(before))
    return answer(records, outcomes, runtime.launch_queue)
