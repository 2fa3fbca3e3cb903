"""The pod ranges that the stack keeps: one custom resource each, and the function that answers for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import CustomResource, Duration
from constructs import Construct

from domain import naming
from stacks.lambda_function import LifecycleFunction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_iam as iam
    from aws_cdk import aws_lambda as lambda_

    from domain.environment import FunctionEnvironment
    from domain.reservations import PodRange

TIMEOUT_S = 120
"""A few calls to EC2, each tried for less than a minute, and what is left for trying them again."""
RETRIES = 2
"""Of a run that Lambda ended, or whose answer was not taken: one and two minutes later (Lambda Developer Guide, "How Lambda handles
errors and retries with asynchronous invocation")."""
MAX_AGE_S = 480
"""No run begins after this: by then the stack may have begun to undo what the request was for."""
SERVICE_TIMEOUT_S = 600
"""When CloudFormation gives a resource up that was not answered, in place of an hour: not before the last
run has ended."""


class CidrReservations(Construct):
    """A custom resource and not AWS::EC2::SubnetCidrReservation: that one deletes without a look at who uses the addresses."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        ranges: Sequence[PodRange],
        code: lambda_.Code,
        environment: FunctionEnvironment,
        statements: Sequence[iam.PolicyStatement],
        log_retention_days: int,
    ) -> None:
        super().__init__(scope, construct_id)
        worker = LifecycleFunction(
            self,
            "Reserve",
            description="keep the pod ranges of subnets",
            handler=naming.RESERVE_HANDLER,
            code=code,
            timeout_s=TIMEOUT_S,
            environment=environment,
            statements=statements,
            log_retention_days=log_retention_days,
        )
        self.function = worker.function
        self.function.configure_async_invoke(
            max_event_age=Duration.seconds(MAX_AGE_S), retry_attempts=RETRIES
        )
        for each in ranges:
            resource = CustomResource(
                self,
                # Of the range alone, whoever names it: a second resource for one reservation would delete it under the first.
                each.cidr.replace("/", "-"),
                resource_type=naming.POD_RANGE_TYPE,
                service_token=self.function.function_arn,
                service_timeout=Duration.seconds(SERVICE_TIMEOUT_S),
                properties={"Cidr": each.cidr, "SubnetIds": list(each.subnet_ids)},
            )
            resource.node.add_dependency(worker)
