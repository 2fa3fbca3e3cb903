"""The function that works off an event queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from stacks.iam import consume
from stacks.lambda_function import LifecycleFunction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_iam as iam
    from aws_cdk import aws_sqs as sqs

    from domain.environment import FunctionEnvironment

BATCH_SIZE = 10
"""The most that Lambda takes from a queue without a batching window, which would only delay the first node."""


class EventWorker(Construct):
    """A function and the mapping that feeds it from its queue."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        description: str,
        handler: str,
        code: lambda_.Code,
        timeout_s: int,
        max_concurrency: int,
        environment: FunctionEnvironment,
        statements: Sequence[iam.PolicyStatement],
        queue: sqs.Queue,
        log_retention_days: int,
    ) -> None:
        super().__init__(scope, construct_id)
        worker = LifecycleFunction(
            self,
            "Worker",
            description=description,
            handler=handler,
            code=code,
            timeout_s=timeout_s,
            environment=environment,
            statements=[consume(queue.queue_arn), *statements],
            log_retention_days=log_retention_days,
        )
        self.function = worker.function
        lambda_.EventSourceMapping(
            self,
            "Mapping",
            target=self.function,
            event_source_arn=queue.queue_arn,
            batch_size=BATCH_SIZE,
            # One bad record must not bring nine good ones back.
            report_batch_item_failures=True,
            # Not reserved concurrency: with that the pollers would take messages they cannot hand over, and count
            # each refusal as a receive until good messages are dead letters.
            max_concurrency=max_concurrency,
        )
