"""One structured record per outcome, and the metrics made of the same outcomes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit, single_metric

from domain import naming
from domain.errors import EniLifecycleError, InvariantBroken
from domain.outcome import Result

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Protocol

    from domain.outcome import Outcome
    from domain.stack_request import StackAnswer, StackRequest
    from lambdas.aws.session import CallCount
    from lambdas.reconcile.fleet import Report

    class Bus(Protocol):
        """Where an abandoned launch is announced."""

        def put(self, detail_type: str, detail: Mapping[str, object]) -> None:
            """Put one event there.

            Raises:
                EniLifecycleError: it was not taken.
            """
            ...


_WARNINGS = frozenset({Result.RETRY, Result.REJECTED, Result.REPORTED})
_ERRORS = frozenset({Result.ABANDONED, Result.FAILED})
_UNWORKED = frozenset({Result.IGNORED, Result.REJECTED, Result.REPORTED})


class Reporter:
    """Writes what happened where a person and an alarm will find it."""

    def __init__(self, owner: str, bus: Bus) -> None:
        self._owner = owner
        self._bus = bus
        self._logger = Logger(service=naming.SERVICE)
        self._metrics = EphemeralMetrics(namespace=naming.METRICS_NAMESPACE, service=naming.SERVICE)
        self._metrics.set_default_dimensions(owner=owner)

    def outcomes(self, outcomes: Sequence[Outcome], calls: CallCount) -> None:
        """Report a run's outcomes and what it cost in API calls."""
        for outcome in outcomes:
            self._record(outcome)
            self._measure(outcome)
            if outcome.result is Result.ABANDONED:
                self._announce(outcome)
        if outcomes:
            self._add("ApiCalls", MetricUnit.Count, calls.calls)
            self._add("ThrottledCalls", MetricUnit.Count, calls.throttled)
        if nodes := _worked_on(outcomes):
            self._add("ApiCallsPerNode", MetricUnit.Count, calls.calls / nodes)
            self._add("ThrottledCallsPerNode", MetricUnit.Count, calls.throttled / nodes)
        self._metrics.flush_metrics()

    def fleet(self, report: Report, calls: CallCount) -> None:
        """Report a reconcile run."""
        orphans = report.orphans
        self._logger.info(
            "fleet reconciled",
            extra={
                "nodes_in_service": report.nodes,
                "orphans_found": orphans.found,
                "orphans_deleted": report.deleted,
                "orphans_deferred": orphans.deferred,
                "unattached_kept": dict(orphans.kept),
                "heartbeats": report.heartbeats,
                "api_calls": calls.calls,
                "api_calls_throttled": calls.throttled,
            },
        )
        reported = sum(outcome.result is Result.REPORTED for outcome in report.outcomes)
        repaired = sum(outcome.result is Result.REPAIRED for outcome in report.outcomes)
        self._add("OrphansFound", MetricUnit.Count, orphans.found)
        self._add("OrphansDeleted", MetricUnit.Count, report.deleted)
        self._add("NodesInService", MetricUnit.Count, report.nodes)
        self._add("NodesRepaired", MetricUnit.Count, repaired)
        self._add("NodesNotAsPromised", MetricUnit.Count, reported)
        self._add("RepairsFailed", MetricUnit.Count, _failed_for_good(report.outcomes))
        self.outcomes(report.outcomes, calls)

    def worked(self, request: StackRequest, answer: StackAnswer, calls: CallCount) -> None:
        """Report what became of a request of CloudFormation's. Its URL is left out: whoever has it can answer."""
        error = answer.error
        defect = isinstance(error, InvariantBroken)
        write = self._logger.error if error else self._logger.info
        write(
            f"{request.kind.value} {'refused' if error else 'done'}",
            extra={
                "stack_id": request.stack_id,
                "request_id": request.request_id,
                "logical_id": request.logical_id,
                "physical_id": answer.physical_id,
                "error_code": error.code if error else "",
                "reason": answer.reason,
                "api_calls": calls.calls,
            },
            exc_info=error.__cause__ if defect and error else None,
        )
        self._add("Defects", MetricUnit.Count, int(defect))
        self._metrics.flush_metrics()

    def _record(self, outcome: Outcome) -> None:
        self._logger.set_correlation_id(outcome.token or None)
        cause = (
            outcome.error.__cause__ if outcome.result is Result.FAILED and outcome.error else None
        )
        message = " ".join(word for word in (outcome.transition, outcome.result.value) if word)
        write = self._logger.info
        if outcome.result in _ERRORS:
            write = self._logger.error
        elif outcome.result in _WARNINGS:
            write = self._logger.warning
        write(message, extra=outcome.to_log(), exc_info=cause)
        self._logger.set_correlation_id(None)

    def _announce(self, outcome: Outcome) -> None:
        """Tell the account's event bus; the launch is given up whether anybody hears of it or not."""
        try:
            self._bus.put(naming.LAUNCH_ABANDONED, {"owner": self._owner, **outcome.to_log()})
        except EniLifecycleError as error:
            self._logger.warning(
                "the abandoned launch was not announced", extra={"error": str(error)}
            )

    def _measure(self, outcome: Outcome) -> None:
        if outcome.hook_to_continue_s is not None:
            self._add("HookToContinue", MetricUnit.Seconds, outcome.hook_to_continue_s)
        if outcome.attached:
            self._add("InterfacesAttached", MetricUnit.Count, outcome.attached)
        if outcome.result is Result.REJECTED:
            self._add("EventsRejected", MetricUnit.Count, 1)
        if outcome.result is Result.FAILED:
            self._add("Defects", MetricUnit.Count, 1)
        if outcome.result is Result.ABANDONED:
            self._add("LaunchAbandoned", MetricUnit.Count, 1)
            reason = outcome.error.code if outcome.error else "unknown"
            with single_metric(
                name="LaunchAbandonedByReason",
                unit=MetricUnit.Count,
                value=1,
                namespace=naming.METRICS_NAMESPACE,
                default_dimensions={"service": naming.SERVICE, "owner": self._owner},
            ) as metric:
                metric.add_dimension(name="reason", value=reason)

    def _add(self, name: str, unit: MetricUnit, value: float) -> None:
        self._metrics.add_metric(name=name, unit=unit, value=value)


def _worked_on(outcomes: Iterable[Outcome]) -> int:
    """Return how many nodes of adopted groups a run worked on; a node with two records in a batch is one node."""
    return len(
        {
            outcome.instance_id
            for outcome in outcomes
            if outcome.node_group and outcome.result not in _UNWORKED
        }
    )


def _failed_for_good(outcomes: Iterable[Outcome]) -> int:
    """Return how many nodes in service could not be given what they lack for a reason that will not pass by itself."""
    return sum(
        outcome.result is Result.REPORTED
        and outcome.error is not None
        and not outcome.error.retryable
        for outcome in outcomes
    )
