"""Functions as values, and archives that hold their code."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws
from moto.core.config import DefaultConfig

from localaws.account import Account
from localaws.clock import VirtualClock
from localaws.functions.model import Function

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


SHARED_SESSION = DefaultConfig(core={"reset_boto3_session": False})
"""A session reads botocore's models once; a new one per test costs more than the test."""


def archive(files: dict[str, str]) -> bytes:
    """Return a zip archive with these files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        for name, text in files.items():
            target.writestr(name, text)
    return buffer.getvalue()


@pytest.fixture
def function_of() -> Callable[..., Function]:
    """Return a maker of functions from source text; keywords replace fields."""

    def make(source: str, *, layer: dict[str, str] | None = None, **fields: object) -> Function:
        values: dict[str, object] = {
            "name": "probe",
            "arn": "arn:aws:lambda:us-east-1:123456789012:function:probe",
            "region": "us-east-1",
            "role_arn": "arn:aws:iam::123456789012:role/probe",
            "handler": "app.handler",
            "runtime": "python3.14",
            "timeout_s": 30,
            "memory_mb": 512,
            "environment": {},
            "code": archive({"app.py": source}),
            "layers": (archive(layer),) if layer else (),
            "log_group": "/aws/lambda/probe",
        }
        return Function(**{**values, **fields})  # type: ignore[arg-type]  # the fields come by keyword

    return make


@pytest.fixture
def account() -> Iterator[Account]:
    """An account in virtual time, with moto behind it."""
    account = Account(VirtualClock())
    with account.active(), mock_aws(config=SHARED_SESSION):
        yield account


@pytest.fixture
def deploy(account: Account) -> Callable[..., str]:  # noqa: ARG001 - moto must be there first
    """Return what creates a function by name (keywords go to CreateFunction) and gives its ARN."""
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    role = boto3.client("iam").create_role(
        RoleName="runs",
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
    )["Role"]["Arn"]

    boto3.client("iam").put_role_policy(
        RoleName="runs",
        PolicyName="works",
        PolicyDocument=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Action": ["logs:*", "sqs:*"], "Resource": "*"}],
            }
        ),
    )

    def create(name: str, **parameters: object) -> str:
        client: Any = boto3.client("lambda")
        created: str = client.create_function(
            FunctionName=name,
            Role=role,
            Runtime="python3.14",
            Handler="app.handler",
            Code={"ZipFile": archive({"app.py": ""})},
            **{"Timeout": 30, **parameters},
        )["FunctionArn"]
        return created

    return create
