"""Public parameters are read by every account, and written by AWS alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from localaws.account import Account
from localaws.clock import VirtualClock
from localaws.identity import REGION

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.localaws
NAME = "/aws/service/eks/optimized-ami/1.33/amazon-linux-2023/x86_64/standard/recommended/image_id"


@pytest.fixture
def account() -> Iterator[Account]:
    """Return an account in virtual time."""
    with Account(VirtualClock()).active() as account:
        yield account


def test_what_aws_publishes_is_read_in_its_newest_version(account: Account) -> None:
    ssm = account.client("ssm")
    with pytest.raises(ClientError, match="ParameterNotFound"):
        ssm.get_parameter(Name=NAME)
    for image in ("ami-1", "ami-2"):
        account.public_parameters.publish(NAME, image, REGION)
    shown = ssm.get_parameter(Name=NAME)["Parameter"]
    assert (shown["Value"], shown["Version"]) == ("ami-2", 2)
    with pytest.raises(ClientError, match="ParameterNotFound"):
        account.client("ssm", "eu-west-1").get_parameter(Name=NAME)


def test_no_account_writes_one(account: Account) -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        account.client("ssm").put_parameter(Name=NAME, Type="String", Value="ami-1")
