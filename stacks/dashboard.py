"""One dashboard: the alarms' states and the lines behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from stacks.alarms import ABANDONED_METRIC, ORPHANS_METRIC, PERIOD, product_metric

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_sqs as sqs

_FULL_WIDTH = 24
_HALF_WIDTH = 12


class LifecycleDashboard(Construct):
    """What to look at first when a node does not come up."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        owner: str,
        alarms: Sequence[cloudwatch.IAlarm],
        queues: Mapping[str, sqs.Queue],
        functions: Mapping[str, lambda_.Function],
    ) -> None:
        super().__init__(scope, construct_id)
        dashboard = cloudwatch.Dashboard(self, "Dashboard")
        dashboard.add_widgets(
            cloudwatch.AlarmStatusWidget(title=owner, alarms=list(alarms), width=_FULL_WIDTH)
        )
        ages = [
            queue.metric_approximate_age_of_oldest_message(label=name, period=PERIOD)
            for name, queue in queues.items()
        ]
        dashboard.add_widgets(
            cloudwatch.GraphWidget(title="Oldest event (s)", left=ages, width=_HALF_WIDTH),
            cloudwatch.GraphWidget(
                title="Abandoned launches and orphans",
                left=[
                    product_metric(ABANDONED_METRIC, owner=owner),
                    product_metric(ORPHANS_METRIC, owner=owner),
                ],
                width=_HALF_WIDTH,
            ),
        )
        dashboard.add_widgets(
            cloudwatch.GraphWidget(
                title="Duration",
                left=[f.metric_duration(label=n, period=PERIOD) for n, f in functions.items()],
                width=_HALF_WIDTH,
            ),
            cloudwatch.GraphWidget(
                title="Errors",
                left=[f.metric_errors(label=n, period=PERIOD) for n, f in functions.items()],
                width=_HALF_WIDTH,
            ),
        )
