"""IAM deletes nothing that something else still hangs on, and says which way round it goes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from localaws.account import Account, Settings
from localaws.clock import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ALLOWS = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}],
    }
)
TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})


@pytest.fixture
def iam() -> Iterator[Any]:
    account = Account(VirtualClock(), Settings(throttling=False))
    with account.active(), mock_aws():
        yield account.client("iam")


def _policy(iam: Any) -> str:  # noqa: ANN401 - a boto3 client
    arn: str = iam.create_policy(PolicyName="ours", PolicyDocument=ALLOWS)["Policy"]["Arn"]
    return arn


def _refused(act: Callable[..., object], message: str, **request: str) -> None:
    with pytest.raises(ClientError) as told:
        act(**request)
    error, metadata = told.value.response["Error"], told.value.response["ResponseMetadata"]
    assert (error["Code"], metadata["HTTPStatusCode"]) == ("DeleteConflict", 409)
    assert message in error["Message"]


@pytest.mark.parametrize("kind", ["role", "user", "group"])
def test_a_policy_goes_when_nobody_has_it_any_more(iam: Any, kind: str) -> None:  # noqa: ANN401 - a boto3 client
    arn, named = _policy(iam), {f"{kind.capitalize()}Name": "somebody"}
    trust = {"AssumeRolePolicyDocument": TRUST} if kind == "role" else {}
    getattr(iam, f"create_{kind}")(**named, **trust)
    getattr(iam, f"attach_{kind}_policy")(**named, PolicyArn=arn)
    _refused(iam.delete_policy, "attached to entities", PolicyArn=arn)
    getattr(iam, f"detach_{kind}_policy")(**named, PolicyArn=arn)
    iam.delete_policy(PolicyArn=arn)
    with pytest.raises(ClientError, match="NoSuchEntity"):
        iam.get_policy(PolicyArn=arn)


def test_a_policy_that_bounds_a_role_stays(iam: Any) -> None:  # noqa: ANN401 - a boto3 client
    arn = _policy(iam)
    iam.create_role(RoleName="node", AssumeRolePolicyDocument=TRUST, PermissionsBoundary=arn)
    _refused(iam.delete_policy, "attached to entities", PolicyArn=arn)
    iam.delete_role(RoleName="node")
    iam.delete_policy(PolicyArn=arn)


def test_a_policy_goes_with_its_default_version_alone(iam: Any) -> None:  # noqa: ANN401 - a boto3 client
    arn = _policy(iam)
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=ALLOWS, SetAsDefault=True)
    _refused(iam.delete_policy, "more than one version", PolicyArn=arn)
    iam.delete_policy_version(PolicyArn=arn, VersionId="v1")
    iam.delete_policy(PolicyArn=arn)


def test_a_policy_that_is_not_there_is_told_as_such(iam: Any) -> None:  # noqa: ANN401 - a boto3 client
    with pytest.raises(ClientError, match="NoSuchEntity"):
        iam.delete_policy(PolicyArn="arn:aws:iam::123456789012:policy/nobodys")


def test_a_role_goes_last(iam: Any) -> None:  # noqa: ANN401 - a boto3 client
    arn, role, profile = _policy(iam), {"RoleName": "node"}, {"InstanceProfileName": "node"}
    iam.create_role(**role, AssumeRolePolicyDocument=TRUST)
    iam.create_instance_profile(**profile)
    iam.add_role_to_instance_profile(**profile, **role)
    iam.attach_role_policy(**role, PolicyArn=arn)
    iam.put_role_policy(**role, PolicyName="inline", PolicyDocument=ALLOWS)

    _refused(iam.delete_role, "must remove roles from instance profile first", **role)
    _refused(
        iam.delete_instance_profile, "must remove roles from instance profile first", **profile
    )
    iam.remove_role_from_instance_profile(**profile, **role)
    iam.delete_instance_profile(**profile)
    _refused(iam.delete_role, "must detach all policies first", **role)
    iam.detach_role_policy(**role, PolicyArn=arn)
    _refused(iam.delete_role, "must delete policies first", **role)
    iam.delete_role_policy(**role, PolicyName="inline")
    iam.delete_role(**role)
