"""Alarms and the dashboard: each watches something that exists, under the name it is emitted by."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

from domain import naming

if TYPE_CHECKING:
    from tests.infra.conftest import Synthesized

pytestmark = [pytest.mark.infra, pytest.mark.subprocesses("node")]


def alarms(fleet: Synthesized) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the alarms by metric and the logical id of what is watched (or the owner)."""
    found = {}
    for alarm in fleet.of_type("AWS::CloudWatch::Alarm").values():
        watched = {d["Name"]: d["Value"] for d in alarm["Dimensions"]}
        target = (
            watched.get("QueueName") or watched.get("FunctionName") or {"Ref": watched["owner"]}
        )
        reference = target.get("Ref") or target["Fn::GetAtt"][0]
        found[alarm["MetricName"], reference] = alarm
    return found


def test_every_dead_letter_queue_is_watched(fleet: Synthesized) -> None:
    queues = fleet.of_type("AWS::SQS::Queue")
    dead_letters = {q for q, properties in queues.items() if "RedrivePolicy" not in properties}
    watched = {
        reference: alarm
        for (metric, reference), alarm in alarms(fleet).items()
        if metric == "ApproximateNumberOfMessagesVisible"
    }
    assert set(watched) == dead_letters
    assert {alarm["Threshold"] for alarm in watched.values()} == {1}


def test_waiting_events_are_noticed_at_half_of_the_heartbeat(fleet: Synthesized) -> None:
    ages = [a for (m, _), a in alarms(fleet).items() if m == "ApproximateAgeOfOldestMessage"]
    assert [(alarm["Threshold"], alarm["Period"]) for alarm in ages] == [(450, 60)] * 2


@pytest.mark.parametrize("metric", ["Errors", "Throttles"])
def test_every_function_is_watched(fleet: Synthesized, metric: str) -> None:
    watched = {reference for name, reference in alarms(fleet) if name == metric}
    assert watched == set(fleet.of_type("AWS::Lambda::Function"))


@pytest.mark.parametrize("metric", ["LaunchAbandoned", "OrphansFound", "RepairsFailed"])
def test_a_products_metric_is_watched_under_the_dimensions_it_is_written_with(
    fleet: Synthesized, metric: str
) -> None:
    """CloudWatch keeps one time series per exact set of dimensions, and Powertools adds one of its own."""
    metrics = Metrics(namespace=naming.METRICS_NAMESPACE, service=naming.SERVICE)
    metrics.set_default_dimensions(owner=fleet.config.owner)
    metrics.add_metric(metric, MetricUnit.Count, 1)
    record: dict[str, Any] = dict(metrics.serialize_metric_set())
    metrics.clear_metrics()
    (written,) = record["_aws"]["CloudWatchMetrics"]
    ((*dimensions,),) = written["Dimensions"]

    alarm = alarms(fleet)[metric, fleet.config.owner]
    assert alarm["Namespace"] == written["Namespace"]
    assert {d["Name"]: d["Value"] for d in alarm["Dimensions"]} == {
        name: record[name] for name in dimensions
    }


def test_silence_is_no_alarm(fleet: Synthesized) -> None:
    kinds = {a["TreatMissingData"] for a in fleet.of_type("AWS::CloudWatch::Alarm").values()}
    assert kinds == {"notBreaching"}


def test_each_alarm_says_what_it_means(fleet: Synthesized) -> None:
    descriptions = [a["AlarmDescription"] for a in fleet.of_type("AWS::CloudWatch::Alarm").values()]
    assert all(d.startswith("MultusEni-fleet: ") for d in descriptions)


def test_the_dashboard_shows_every_alarm(fleet: Synthesized) -> None:
    (dashboard,) = fleet.of_type("AWS::CloudWatch::Dashboard").values()
    body = json.dumps(dashboard["DashboardBody"])
    for logical_id in fleet.of_type("AWS::CloudWatch::Alarm"):
        assert logical_id in body
