"""AWS's managed policies: read once, and no account sees another's attachments."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from moto import mock_aws
from moto.iam import models
from moto.iam.models import IAMBackend

from localaws.account import Account
from localaws.clock import VirtualClock
from localaws.iam import managed_policies
from localaws.patching import Patch, applied

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from moto.iam.models import ManagedPolicy

BASIC = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"


def _attachments(account: Account) -> int:
    count: int = account.client("iam").get_policy(PolicyArn=BASIC)["Policy"]["AttachmentCount"]
    return count


@pytest.fixture
def account() -> Iterator[Account]:
    account = Account(VirtualClock())
    with account.active(), mock_aws():
        yield account


def test_a_role_may_attach_one(account: Account) -> None:
    iam = account.client("iam")
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    iam.create_role(RoleName="handler", AssumeRolePolicyDocument=trust)
    iam.attach_role_policy(RoleName="handler", PolicyArn=BASIC)
    assert _attachments(account) == 1


def test_the_next_account_starts_without_attachments() -> None:
    for _ in range(2):
        account = Account(VirtualClock())
        with account.active(), mock_aws():
            assert _attachments(account) == 0
            test_a_role_may_attach_one(account)


def test_an_account_and_partition_is_read_once_and_only_when_asked_for() -> None:
    reads: list[str] = []

    def counting(
        original: Callable[[IAMBackend], list[ManagedPolicy]],
    ) -> Callable[[IAMBackend], list[ManagedPolicy]]:
        def init_aws_policies(backend: IAMBackend) -> list[ManagedPolicy]:
            reads.append(backend.region_name)
            return original(backend)

        return init_aws_policies

    def load(_: object) -> Callable[[], bool]:
        return lambda: True

    as_moto_reads = [
        Patch(models, "load_iam_aws_managed_policies", load),
        Patch(IAMBackend, "_init_aws_policies", counting),
    ]
    with applied(as_moto_reads), applied(managed_policies.patches()):
        first = IAMBackend("aws", "210987654321")
        second = IAMBackend("aws", "210987654321")
        other = IAMBackend("aws-cn", "210987654321")
        assert reads == []
        assert [each.arn for each in first.aws_managed_policies] == [
            each.arn for each in second.aws_managed_policies
        ]
        assert reads == ["aws"]
        assert other.managed_policies
        assert reads == ["aws", "aws-cn"]
        first.aws_managed_policies[0].attachment_count = 7
        assert second.aws_managed_policies[0].attachment_count == 0
