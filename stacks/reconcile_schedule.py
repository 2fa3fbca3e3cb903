"""The schedule that runs the reconciler, the backstop for events that never came."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from stacks.queues import dead_letter_queue

if TYPE_CHECKING:
    from aws_cdk import aws_lambda as lambda_

DELIVERY_RETRIES = 2
"""Few: the next run comes soon and does all that a late one would."""
SHORTEST_EVENT_AGE_S = 60
"""The lower bound of both EventBridge Scheduler and Lambda's asynchronous invocation."""


class ReconcileSchedule(Construct):
    """A rate schedule, the role it invokes the function with, and its dead-letter queue."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        function: lambda_.Function,
        interval_minutes: int,
    ) -> None:
        super().__init__(scope, construct_id)
        age_s = max(SHORTEST_EVENT_AGE_S, interval_minutes * 60)
        self.dead_letters = dead_letter_queue(self, "DeadLetters")
        group = scheduler.CfnScheduleGroup(self, "Group")
        stack = Stack.of(self)
        role = iam.Role(
            self,
            "Role",
            description=f"{stack.stack_name}: the schedule of the reconciler",
            # EventBridge Scheduler's guide, "Confused deputy prevention": the source is the schedule's group.
            assumed_by=iam.ServicePrincipal(
                "scheduler.amazonaws.com",
                conditions={
                    "StringEquals": {
                        "aws:SourceAccount": stack.account,
                        "aws:SourceArn": group.attr_arn,
                    }
                },
            ),
            inline_policies={
                "Invoke": iam.PolicyDocument(
                    statements=[
                        iam.PolicyStatement(
                            sid="Invoke",
                            actions=["lambda:InvokeFunction"],
                            resources=[function.function_arn],
                        ),
                        iam.PolicyStatement(
                            sid="KeepUndelivered",
                            actions=["sqs:SendMessage"],
                            resources=[self.dead_letters.queue_arn],
                        ),
                    ]
                )
            },
        )
        scheduler.CfnSchedule(
            self,
            "Schedule",
            description=f"{stack.stack_name}: reconcile",
            group_name=group.ref,
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
            schedule_expression=f"rate({interval_minutes} minute{'s' if interval_minutes > 1 else ''})",
            target=scheduler.CfnSchedule.TargetProperty(
                arn=function.function_arn,
                role_arn=role.role_arn,
                dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(
                    arn=self.dead_letters.queue_arn
                ),
                retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                    maximum_event_age_in_seconds=age_s,
                    maximum_retry_attempts=DELIVERY_RETRIES,
                ),
            ),
        )
        # The schedule invokes asynchronously, so a failure is Lambda's to retry: not at all, for the same reason. The
        # alarm on the function's errors tells.
        function.configure_async_invoke(max_event_age=Duration.seconds(age_s), retry_attempts=0)
