"""Alarms: what a person must hear about, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct

from domain import naming

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_sqs as sqs

PERIOD = Duration.minutes(5)
SHORTEST_AGE_THRESHOLD_S = 60
"""SQS reports once a minute: a lower threshold would see the sampling, not the queue."""

ABANDONED_METRIC = "LaunchAbandoned"
DEFECTS_METRIC = "Defects"
ORPHANS_METRIC = "OrphansFound"
REPAIRS_METRIC = "RepairsFailed"


def product_metric(name: str, *, owner: str) -> cloudwatch.Metric:
    """Return the sum of a metric that the handlers emit.

    CloudWatch finds a metric by its exact dimensions. Powertools writes the handlers' default dimension `owner` and,
    by itself, `service` into one set, so both must be named here.
    """
    return cloudwatch.Metric(
        namespace=naming.METRICS_NAMESPACE,
        metric_name=name,
        dimensions_map={"owner": owner, "service": naming.SERVICE},
        statistic=cloudwatch.Stats.SUM,
        period=PERIOD,
    )


class Alarms(Construct):
    """One alarm per thing that needs a person, sent to a topic when there is one."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        owner: str,
        dead_letters: Mapping[str, sqs.Queue],
        queues: Mapping[str, sqs.Queue],
        functions: Mapping[str, lambda_.Function],
        heartbeat_timeout_s: int,
        topic_arn: str | None,
    ) -> None:
        """Watch the queues and functions, whose keys are short capitalised names that become part of an alarm's id."""
        super().__init__(scope, construct_id)
        self._owner = owner
        self._topic = (
            sns.Topic.from_topic_arn(self, "Topic", topic_arn) if topic_arn is not None else None
        )
        self.all: list[cloudwatch.Alarm] = []
        for name, queue in dead_letters.items():
            self._alarm(
                f"{name}DeadLetters",
                queue.metric_approximate_number_of_messages_visible(
                    statistic=cloudwatch.Stats.MAXIMUM, period=PERIOD
                ),
                threshold=1,
                meaning="a message nothing could be done about: read it, mend the cause, redrive the queue",
            )
        for name, queue in queues.items():
            # SQS moves a message received more than three times behind the others and leaves it out of this metric, so
            # it shows a queue that is not worked off, not a message that is retried; those show as abandons and errors.
            self._alarm(
                f"{name}QueueAge",
                queue.metric_approximate_age_of_oldest_message(
                    statistic=cloudwatch.Stats.MAXIMUM, period=Duration.minutes(1)
                ),
                threshold=max(SHORTEST_AGE_THRESHOLD_S, heartbeat_timeout_s // 2),
                meaning="events wait for half of the heartbeat already: nodes are close to their hook's default result",
            )
        for name, function in functions.items():
            self._alarm(
                f"{name}Errors",
                function.metric_errors(period=PERIOD),
                threshold=1,
                meaning="the function failed in a way it does not know: see its log",
            )
            self._alarm(
                f"{name}Throttles",
                function.metric_throttles(period=PERIOD),
                threshold=1,
                meaning="the account's Lambda concurrency is used up",
            )
        self._alarm(
            "Abandoned",
            product_metric(ABANDONED_METRIC, owner=owner),
            threshold=1,
            meaning="a launch was abandoned and its node replaced: the log says why",
        )
        # Of a batch only the record that met a defect is handed back, so Lambda's own Errors never count it.
        self._alarm(
            "Defects",
            product_metric(DEFECTS_METRIC, owner=owner),
            threshold=1,
            meaning="a run met something it does not know: the log has the traceback",
        )
        self._alarm(
            "Orphans",
            product_metric(ORPHANS_METRIC, owner=owner),
            threshold=1,
            meaning="network interfaces without a node were found: some event or some run was lost",
        )
        self._alarm(
            "Repairs",
            product_metric(REPAIRS_METRIC, owner=owner),
            threshold=1,
            meaning="a node in service lacks what it was to be given, and trying again will not help: the log says why",
        )

    def _alarm(
        self, alarm_id: str, metric: cloudwatch.IMetric, *, threshold: int, meaning: str
    ) -> None:
        alarm = cloudwatch.Alarm(
            self,
            alarm_id,
            metric=metric,
            threshold=threshold,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            # An idle queue, function or metric reports nothing, and that is well.
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description=f"{self._owner}: {meaning}",
        )
        if self._topic is not None:
            alarm.add_alarm_action(actions.SnsAction(self._topic))
        self.all.append(alarm)
