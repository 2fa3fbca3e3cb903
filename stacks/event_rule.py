"""EventBridge rules: which events reach which queue, and where the undeliverable ones end up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_events as events
from constructs import Construct

from stacks.queues import allow_send

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_cdk import aws_sqs as sqs

MOST_RETRIES = 185
"""EventBridge's bound and default; the age bound below ends the retries first."""
SHORTEST_EVENT_AGE_S = 60
"""EventBridge's lower bound for MaximumEventAgeInSeconds."""


def launch_pattern(hook_name: str) -> dict[str, object]:
    """Return the pattern of this launch hook opening, in whichever group."""
    return _hook_pattern("EC2 Instance-launch Lifecycle Action", hook_name)


def terminate_pattern(hook_name: str) -> dict[str, object]:
    """Return the pattern of this terminate hook opening, in whichever group."""
    return _hook_pattern("EC2 Instance-terminate Lifecycle Action", hook_name)


def terminated_pattern() -> dict[str, object]:
    """Return the pattern of an instance having reached `terminated`; EC2's event names no group to filter by."""
    return {
        "source": ["aws.ec2"],
        "detail-type": ["EC2 Instance State-change Notification"],
        "detail": {"state": ["terminated"]},
    }


def _hook_pattern(detail_type: str, hook_name: str) -> dict[str, object]:
    """Filter by hook name: it is the stack's own, and a list of groups would outgrow a pattern's 4 096 characters."""
    return {
        "source": ["aws.autoscaling"],
        "detail-type": [detail_type],
        "detail": {"LifecycleHookName": [hook_name]},
    }


class EventRule(Construct):
    """One rule that sends matching events to a queue."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        description: str,
        pattern: Mapping[str, object],
        queue: sqs.Queue,
        undeliverable: sqs.Queue,
        max_age_s: int,
    ) -> None:
        super().__init__(scope, construct_id)
        rule = events.CfnRule(
            self,
            "Rule",
            description=description,
            event_pattern=dict(pattern),
            state="ENABLED",
            targets=[
                events.CfnRule.TargetProperty(
                    id="Queue",
                    arn=queue.queue_arn,
                    dead_letter_config=events.CfnRule.DeadLetterConfigProperty(
                        arn=undeliverable.queue_arn
                    ),
                    retry_policy=events.CfnRule.RetryPolicyProperty(
                        maximum_event_age_in_seconds=max(SHORTEST_EVENT_AGE_S, max_age_s),
                        maximum_retry_attempts=MOST_RETRIES,
                    ),
                )
            ],
        )
        self.rule_arn = rule.attr_arn
        for target in (queue, undeliverable):
            allow_send(
                target,
                service="events.amazonaws.com",
                source_arn=self.rule_arn,
                sid=f"Deliver{construct_id}",
            )
