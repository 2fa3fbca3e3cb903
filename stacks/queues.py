"""Queues between EventBridge and the functions, and how long and how often a message may come back."""

from __future__ import annotations

from aws_cdk import Acknowledgment, Duration, Validations
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from domain import pacing

VISIBILITY_FACTOR = 6
"""Lambda's developer guide, "Using Lambda with Amazon SQS": visibility at least six times the function's timeout."""
RETURNS_PER_HEARTBEAT = 5
FEWEST_RECEIVES = 5
"""The same guide: a maxReceiveCount of at least 5, or a throttled function sends good messages to the dead letters."""
LONGEST_HOOK = Duration.hours(48)
"""Auto Scaling ends every lifecycle action after 48 hours at most: an older event has nothing left to answer."""
DEAD_LETTER_RETENTION = Duration.days(14)
"""The longest SQS offers. The clock runs on from the first enqueue, so it must be longer than the queue's own."""


def visibility_timeout_s(*, function_timeout_s: int, heartbeat_timeout_s: int) -> int:
    """Return how long a message stays hidden when its run ended without a word (a crash, a time-out).

    AWS's factor leaves room for Lambda to retry a throttled invocation. With a heartbeat of a quarter of an
    hour it would bring a crashed launch back after the hook had abandoned the node, so the heartbeat bounds it: the message
    returns at least four times while the hook is open. A message that returns while its run is still going is harmless,
    every step may run twice. Lambda refuses a mapping whose queue hides messages for less than the function's timeout.
    """
    advised = VISIBILITY_FACTOR * function_timeout_s
    return max(function_timeout_s, min(advised, heartbeat_timeout_s // RETURNS_PER_HEARTBEAT))


def max_receive_count(*, heartbeat_timeout_s: int) -> int:
    """Return how often a message is tried: retries must last as long as a launch is held.

    In a burst the EC2 token buckets make many runs hand their message back, each time for `pacing.retry_delay_s`.
    Dead letters are for messages that nothing can be done about any more, so the receives have to outlast the heartbeat
    time-outs for which the reconciler holds a launch open.
    """
    held_s = pacing.HOLD_LIMIT * heartbeat_timeout_s
    receives, elapsed_s = 1, 0
    while elapsed_s < held_s:
        elapsed_s += pacing.retry_delay_s(receives)
        receives += 1
    return max(FEWEST_RECEIVES, receives)


class EventQueue(Construct):
    """A queue that a function reads, with its dead-letter queue."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        function_timeout_s: int,
        heartbeat_timeout_s: int,
    ) -> None:
        super().__init__(scope, construct_id)
        self.dead_letters = dead_letter_queue(self, "DeadLetters")
        self.queue = sqs.Queue(
            self,
            "Queue",
            # Keys that SQS manages need no grant; a customer key would need one for EventBridge in the key's policy,
            # and losing it would stop every launch. An event holds instance ids, nothing secret.
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=LONGEST_HOOK,
            visibility_timeout=Duration.seconds(
                visibility_timeout_s(
                    function_timeout_s=function_timeout_s, heartbeat_timeout_s=heartbeat_timeout_s
                )
            ),
            dead_letter_queue=sqs.DeadLetterQueue(
                queue=self.dead_letters,
                max_receive_count=max_receive_count(heartbeat_timeout_s=heartbeat_timeout_s),
            ),
        )


def dead_letter_queue(scope: Construct, construct_id: str) -> sqs.Queue:
    """Return a queue that keeps what nothing could be done about, until a person looks."""
    queue = sqs.Queue(
        scope,
        construct_id,
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=True,
        retention_period=DEAD_LETTER_RETENTION,
    )
    Validations.of(queue).acknowledge(
        Acknowledgment(
            id="AwsSolutions-SQS3",
            reason="This queue is itself where dead letters end up; an alarm watches it.",
        )
    )
    return queue


def allow_send(queue: sqs.Queue, *, service: str, source_arn: str, sid: str) -> None:
    """Let one AWS service put messages into the queue on behalf of one resource, and of no other."""
    queue.add_to_resource_policy(
        iam.PolicyStatement(
            sid=sid,
            principals=[iam.ServicePrincipal(service)],
            actions=["sqs:SendMessage"],
            resources=[queue.queue_arn],
            conditions={"ArnEquals": {"aws:SourceArn": source_arn}},
        )
    )
