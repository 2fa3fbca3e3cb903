"""Records and metrics, read back from what a function writes."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from domain.errors import (
    EniLifecycleError,
    InvariantBroken,
    RangeInUse,
    SubnetExhausted,
    Throttled,
)
from domain.fleet import Orphans
from domain.model import EniId
from domain.outcome import Outcome, Result
from domain.stack_request import StackAnswer, parse_request
from lambdas.aws.session import CallCount
from lambdas.reconcile.fleet import Report
from lambdas.runtime.reporting import Reporter
from tests.fakes.stack_requests import stack_request

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Written = Callable[[], list[dict[str, Any]]]

CONTINUED = Outcome(
    Result.CONTINUED,
    "every interface is attached",
    instance_id="i-1",
    group_name="multus-workers",
    node_group="workers",
    token="71514b9d",
    transition="launch",
    attached=2,
    hook_to_continue_s=4.5,
    rounds=2,
)


def records(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in lines if "_aws" not in line]


def blobs(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in lines if "_aws" in line]


def metric(lines: list[dict[str, Any]], name: str) -> list[float]:
    """Return the values of one metric."""
    return [value for blob in blobs(lines) if name in blob for value in blob[name]]


def dimensions(blob: dict[str, Any]) -> list[list[str]]:
    (directive,) = blob["_aws"]["CloudWatchMetrics"]
    found: list[list[str]] = directive["Dimensions"]
    return [sorted(each) for each in found]


class Heard:
    """A bus that keeps what was put there, or takes nothing."""

    def __init__(self, fault: EniLifecycleError | None = None) -> None:
        self.events: list[tuple[str, Mapping[str, object]]] = []
        self._fault = fault

    def put(self, detail_type: str, detail: Mapping[str, object]) -> None:
        if self._fault is not None:
            raise self._fault
        self.events.append((detail_type, detail))


def a_reporter(bus: Heard | None = None) -> Reporter:
    """Make the reporter inside the test: its logger holds on to the standard output of that moment."""
    return Reporter("MultusEni-example", bus or Heard())


def test_only_an_abandoned_launch_is_announced_with_its_reason() -> None:
    bus = Heard()
    abandoned = Outcome(Result.ABANDONED, "full", instance_id="i-2", error=SubnetExhausted("full"))
    a_reporter(bus).outcomes([CONTINUED, abandoned], CallCount())
    ((detail_type, detail),) = bus.events
    assert detail_type == "Multus ENI Launch Abandoned"
    assert detail["owner"] == "MultusEni-example"
    assert (detail["instance_id"], detail["error_code"]) == ("i-2", "subnet-exhausted")


def test_an_announcement_that_fails_is_told_and_changes_nothing(written: Written) -> None:
    abandoned = Outcome(Result.ABANDONED, "full", error=SubnetExhausted("full"))
    a_reporter(Heard(Throttled("slow down"))).outcomes([abandoned], CallCount())
    lines = written()
    assert [line["message"] for line in records(lines)] == [
        "abandoned",
        "the abandoned launch was not announced",
    ]
    assert metric(lines, "LaunchAbandoned") == [1]


def test_an_outcome_is_one_record_with_the_token_as_its_correlation(written: Written) -> None:
    a_reporter().outcomes([CONTINUED], CallCount(10, 1))
    (record,) = records(written())
    assert record["message"] == "launch continued"
    assert (record["level"], record["service"]) == ("INFO", "multus-eni")
    assert record["correlation_id"] == "71514b9d"
    assert {key: record[key] for key in CONTINUED.to_log()} == CONTINUED.to_log()


def test_a_token_never_reaches_the_next_record(written: Written) -> None:
    a_reporter().outcomes([CONTINUED, Outcome(Result.IGNORED, "not for us")], CallCount())
    first, second = records(written())
    assert first["correlation_id"] == "71514b9d"
    assert "correlation_id" not in second


@pytest.mark.parametrize("result", Result, ids=lambda result: result.value)
def test_the_level_says_whether_a_person_should_look(written: Written, result: Result) -> None:
    a_reporter().outcomes([Outcome(result, "because")], CallCount())
    (record,) = records(written())
    errors, warnings = {Result.ABANDONED, Result.FAILED}, {
        Result.RETRY,
        Result.REJECTED,
        Result.REPORTED,
    }  # fmt: skip
    expected = "ERROR" if result in errors else "WARNING" if result in warnings else "INFO"
    assert record["level"] == expected


def test_a_defect_brings_its_traceback(written: Written) -> None:
    broken = InvariantBroken("ZeroDivisionError: a defect")
    broken.__cause__ = ZeroDivisionError("a defect")
    a_reporter().outcomes([Outcome(Result.FAILED, str(broken), error=broken)], CallCount())
    lines = written()
    (record,) = records(lines)
    assert record["exception_name"] == "ZeroDivisionError"
    assert record["error_code"] == "invariant-broken"
    assert metric(lines, "Defects") == [1]


def test_a_run_is_one_blob_with_two_dimensions(written: Written) -> None:
    other = dataclasses.replace(CONTINUED, instance_id="i-2")
    a_reporter().outcomes([CONTINUED, other], CallCount(21, 3))
    lines = written()
    (blob,) = blobs(lines)
    assert blob["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "MultusEni"
    assert dimensions(blob) == [["owner", "service"]]
    assert (blob["owner"], blob["service"]) == ("MultusEni-example", "multus-eni")
    assert metric(lines, "HookToContinue") == [4.5, 4.5]
    assert metric(lines, "InterfacesAttached") == [2, 2]
    assert metric(lines, "ApiCalls") == [21]
    assert metric(lines, "ThrottledCalls") == [3]
    assert metric(lines, "ApiCallsPerNode") == [10.5]
    assert metric(lines, "ThrottledCallsPerNode") == [1.5]


def test_calls_per_node_count_each_node_that_was_worked_on_once(written: Written) -> None:
    batch = [
        CONTINUED,
        dataclasses.replace(CONTINUED, result=Result.CLOSED, hook_to_continue_s=None),
        dataclasses.replace(CONTINUED, instance_id="i-2", result=Result.RETRY),
        Outcome(Result.IGNORED, "test notification"),
        Outcome(Result.IGNORED, "not configured", instance_id="i-3", group_name="others"),
        Outcome(Result.REJECTED, "not JSON"),
        Outcome(Result.SWEPT, "nothing attached", instance_id="i-4"),
    ]
    a_reporter().outcomes(batch, CallCount(30, 4))
    lines = written()
    assert metric(lines, "ApiCallsPerNode") == [15]
    assert metric(lines, "ThrottledCallsPerNode") == [2]


def test_a_run_that_worked_on_no_node_has_no_calls_per_node(written: Written) -> None:
    batch = [Outcome(Result.REJECTED, "not JSON"), Outcome(Result.SWEPT, "x", instance_id="i-4")]
    a_reporter().outcomes(batch, CallCount(1, 0))
    lines = written()
    assert metric(lines, "ApiCalls") == [1]
    assert metric(lines, "ApiCallsPerNode") == metric(lines, "ThrottledCallsPerNode") == []


def test_the_second_run_of_a_warm_function_has_the_same_dimensions_and_no_old_values(
    written: Written,
) -> None:
    reporter = a_reporter()
    reporter.outcomes([CONTINUED], CallCount(10, 0))
    written()
    reporter.outcomes([CONTINUED], CallCount(11, 0))
    lines = written()
    assert [dimensions(blob) for blob in blobs(lines)] == [[["owner", "service"]]]
    assert metric(lines, "ApiCalls") == [11]


def test_an_abandoned_launch_is_counted_and_counted_by_reason(written: Written) -> None:
    error = SubnetExhausted("full", subnet="subnet-1")
    abandoned = Outcome(Result.ABANDONED, "full", transition="launch", error=error)
    a_reporter().outcomes([abandoned], CallCount())
    lines = written()
    assert metric(lines, "LaunchAbandoned") == [1]
    (by_reason,) = [blob for blob in blobs(lines) if "LaunchAbandonedByReason" in blob]
    assert dimensions(by_reason) == [["owner", "reason", "service"]]
    assert by_reason["reason"] == "subnet-exhausted"
    (total,) = [blob for blob in blobs(lines) if "LaunchAbandoned" in blob]
    assert dimensions(total) == [["owner", "service"]]


def test_a_rejected_event_is_counted(written: Written) -> None:
    a_reporter().outcomes([Outcome(Result.REJECTED, "not JSON")], CallCount())
    assert metric(written(), "EventsRejected") == [1]


def test_what_did_not_happen_is_not_measured(written: Written) -> None:
    retried = Outcome(Result.RETRY, "slow", error=Throttled("slow"))
    a_reporter().outcomes([retried], CallCount(4, 4))
    lines = written()
    for name in ("HookToContinue", "InterfacesAttached", "LaunchAbandoned", "Defects"):
        assert metric(lines, name) == []


def test_a_reconcile_run_is_reported_even_when_all_is_well(written: Written) -> None:
    orphans = Orphans((EniId("eni-1"),), 3, {EniId("eni-2"): "it is younger than the minimum age"})
    a_reporter().fleet(Report((), 7, orphans, 1, 2), CallCount(4, 0))
    lines = written()
    (record,) = records(lines)
    assert record["message"] == "fleet reconciled"
    assert record["unattached_kept"] == {"eni-2": "it is younger than the minimum age"}
    assert (record["nodes_in_service"], record["heartbeats"]) == (7, 2)
    assert (record["orphans_found"], record["orphans_deleted"]) == (4, 1)
    assert (record["orphans_deferred"], record["api_calls"]) == (3, 4)
    (blob,) = blobs(lines)
    assert dimensions(blob) == [["owner", "service"]]
    for name, value in [
        ("OrphansFound", 4),
        ("OrphansDeleted", 1),
        ("NodesInService", 7),
        ("NodesRepaired", 0),
        ("NodesNotAsPromised", 0),
        ("RepairsFailed", 0),
    ]:
        assert metric(lines, name) == [value], name


def test_repaired_and_reported_nodes_are_counted_and_what_will_not_pass_by_itself(
    written: Written,
) -> None:
    outcomes = (
        Outcome(Result.REPAIRED, "done"),
        Outcome(Result.REPORTED, "lacks n1"),
        Outcome(Result.REPORTED, "slow down", error=Throttled("slow down")),
        Outcome(Result.REPORTED, "full", error=SubnetExhausted("full")),
    )
    a_reporter().fleet(Report(outcomes, 3, Orphans((), 0, {}), 0, 0), CallCount(4, 0))
    lines = written()
    assert metric(lines, "NodesRepaired") == [1]
    assert metric(lines, "NodesNotAsPromised") == [3]
    assert metric(lines, "RepairsFailed") == [1]
    assert len(records(lines)) == 5


def test_a_request_of_cloudformations_is_one_record_without_its_url(written: Written) -> None:
    request = parse_request(stack_request("Create"))
    Reporter("MultusEni-example", Heard()).worked(
        request, StackAnswer("subnet-1/10.0.49.0/24"), CallCount(4, 0)
    )
    lines = written()
    (record,) = records(lines)
    assert (record["level"], record["message"]) == ("INFO", "Create done")
    assert record["physical_id"] == "subnet-1/10.0.49.0/24"
    assert record["request_id"] == request.request_id
    assert "X-Amz-Signature" not in str(lines)
    assert metric(lines, "Defects") == [0]


@pytest.mark.parametrize(
    ("error", "defects"),
    [(RangeInUse("in use"), [0]), (InvariantBroken("KeyError: 'Cidr'"), [1])],
    ids=["refused", "a defect"],
)
def test_a_refused_request_is_an_error_and_a_defect_is_counted(
    written: Written, error: EniLifecycleError, defects: list[int]
) -> None:
    error.__cause__ = KeyError("Cidr")
    request = parse_request(stack_request("Delete"))
    Reporter("MultusEni-example", Heard()).worked(
        request, StackAnswer(request.known_as, error), CallCount()
    )
    lines = written()
    (record,) = records(lines)
    assert (record["level"], record["message"]) == ("ERROR", "Delete refused")
    assert record["error_code"] == error.code
    assert ("exception" in record) == bool(defects[0])
    assert metric(lines, "Defects") == defects
