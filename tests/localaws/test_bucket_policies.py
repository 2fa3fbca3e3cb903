"""A bucket's policy decides by the statements whose conditions hold."""

from __future__ import annotations

import json

import boto3
import moto
import pytest
from botocore.exceptions import ClientError

from localaws.account import Account
from localaws.clock import VirtualClock


def _deny(**condition: object) -> str:
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": "arn:aws:s3:::assets/*",
        **({"Condition": condition} if condition else {}),
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.mark.parametrize(
    ("policy", "denied"),
    [
        pytest.param(_deny(Bool={"aws:SecureTransport": "false"}), False, id="only without TLS"),
        pytest.param(_deny(Bool={"aws:SecureTransport": "true"}), True, id="with TLS"),
        pytest.param(_deny(), True, id="unconditional"),
    ],
)
def test_a_statement_applies_under_its_conditions(policy: str, *, denied: bool) -> None:
    with Account(VirtualClock()).active(), moto.mock_aws():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="assets")
        s3.put_bucket_policy(Bucket="assets", Policy=policy)
        if denied:
            with pytest.raises(ClientError, match="403"):
                s3.put_object(Bucket="assets", Key="k", Body=b"")
        else:
            s3.put_object(Bucket="assets", Key="k", Body=b"")
