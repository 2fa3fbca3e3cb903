"""One Lambda function with a log group and a role of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from domain import naming
from stacks.iam import acknowledge_wildcards

if TYPE_CHECKING:
    from collections.abc import Sequence

    from domain.environment import FunctionEnvironment

MEMORY_MB = 512
"""Lambda gives CPU by memory. boto3's import is CPU-bound, so less memory makes every cold start slower, not cheaper."""


class LifecycleFunction(Construct):
    """A handler, its log group and its role. The role may do what it is given and write its own log."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        description: str,
        handler: str,
        code: lambda_.Code,
        timeout_s: int,
        environment: FunctionEnvironment,
        statements: Sequence[iam.PolicyStatement],
        log_retention_days: int,
    ) -> None:
        super().__init__(scope, construct_id)
        log_group = logs.CfnLogGroup(self, "Log", retention_in_days=log_retention_days)
        # Logs go with the stack: a log group with a generated name is found by nobody once its stack is gone.
        log_group.apply_removal_policy(RemovalPolicy.DESTROY)
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description=f"{environment.owner}: {description}",
            # Inline, so that the function can never be there before its rights are.
            inline_policies={
                "Function": iam.PolicyDocument(
                    statements=[
                        iam.PolicyStatement(
                            sid="WriteLog",
                            actions=["logs:CreateLogStream", "logs:PutLogEvents"],
                            resources=[log_group.attr_arn],
                        ),
                        *statements,
                    ]
                )
            },
        )
        acknowledge_wildcards(role, statements)
        self.function = lambda_.Function(
            self,
            "Function",
            description=f"{environment.owner}: {description}",
            # The newest Python that CDK knows; a test fails when it knows a newer one.
            runtime=lambda_.Runtime.PYTHON_3_14,
            architecture=lambda_.Architecture.ARM_64,
            handler=handler,
            code=code,
            memory_size=MEMORY_MB,
            timeout=Duration.seconds(timeout_s),
            role=role,
            log_group=logs.LogGroup.from_log_group_name(self, "LogGroup", log_group.ref),
            environment={
                **environment.to_environ(),
                "POWERTOOLS_SERVICE_NAME": naming.SERVICE,
                "POWERTOOLS_METRICS_NAMESPACE": naming.METRICS_NAMESPACE,
                "POWERTOOLS_LOG_LEVEL": "INFO",
            },
        )
