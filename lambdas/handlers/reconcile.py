"""The schedule: repair what events cannot promise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lambdas.runtime import wiring

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambdas.runtime.wiring import LambdaContext, Runtime


def lambda_handler(_event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Run the fleet reconciler once; the schedule's event says nothing that it needs."""
    return handle(context, wiring.runtime())


def handle(context: LambdaContext, runtime: Runtime) -> dict[str, Any]:
    """Do the same with a given runtime."""
    before = runtime.clients.meter.count()
    report = runtime.fleet.run(runtime.deadline(context))
    runtime.reporter.fleet(report, runtime.clients.meter.count().since(before))
    return {
        "nodes": report.nodes,
        "orphans_found": report.orphans.found,
        "orphans_deleted": report.deleted,
        "outcomes": [outcome.to_log() for outcome in report.outcomes],
    }
