"""CloudFormation's requests for reserved pod ranges: keep them, or let them go; always answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from domain.stack_request import parse_request
from lambdas.runtime import wiring
from lambdas.runtime.answering import answer_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambdas.runtime.wiring import LambdaContext, Runtime


def lambda_handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one request."""
    return handle(event, context, wiring.runtime())


def handle(event: Mapping[str, Any], context: LambdaContext, runtime: Runtime) -> dict[str, Any]:
    """Do the same with a given runtime."""
    before = runtime.clients.meter.count()
    request = parse_request(event)
    deadline = runtime.deadline(context)
    answer = answer_of(request, lambda: runtime.reservations.work(request, deadline))
    runtime.reporter.worked(request, answer, runtime.clients.meter.count().since(before))
    # Last of all: a run that fails after its answer would be repeated when the stack has gone on.
    runtime.stack_answers.send(request, answer)
    return {"physical_id": answer.physical_id, "reason": answer.reason}
