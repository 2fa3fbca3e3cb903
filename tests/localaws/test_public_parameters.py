"""Public parameters are read by every account, and written by AWS alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from localaws.account import Account
from localaws.clock import VirtualClock
from localaws.identity import REGION

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.localaws
NAME = "/aws/service/eks/optimized-ami/1.33/amazon-linux-2023/x86_64/standard/recommended/image_id"


@pytest.fixture
def account() -> Iterator[Account]:
    """Return an account in virtual time, with nothing in it that another test has left."""
    with Account(VirtualClock()).active() as account, mock_aws():
        yield account


@pytest.mark.parametrize("architecture", ["x86_64", "arm64"])
@pytest.mark.parametrize("version", ["1.30", "1.33"])
def test_eks_recommends_an_image_that_is_there_for_each_version_and_architecture(
    account: Account, version: str, architecture: str
) -> None:
    name = NAME.replace("1.33", version).replace("x86_64", architecture)
    shown = account.client("ssm").get_parameter(Name=name)["Parameter"]
    (image,) = account.client("ec2").describe_images(ImageIds=[shown["Value"]])["Images"]
    assert (image["Architecture"], image["State"]) == (architecture, "available")
    assert (image["RootDeviceName"], image["Public"]) == ("/dev/xvda", True)
    again = account.client("ssm").get_parameters(Names=[name])["Parameters"]
    assert [(one["Value"], one["Version"]) for one in again] == [(shown["Value"], 1)]


def test_each_region_has_images_of_its_own(account: Account) -> None:
    values = {
        account.client("ssm", region).get_parameter(Name=NAME)["Parameter"]["Value"]
        for region in (REGION, "eu-west-1")
    }
    assert len(values) == 2


@pytest.mark.parametrize(
    "name",
    [
        NAME.replace("x86_64", "riscv64"),
        NAME.replace("1.33", "latest"),
        NAME.replace("2023", "2026"),
        NAME + "s",
    ],
    ids=str,
)
def test_another_name_is_no_parameter(account: Account, name: str) -> None:
    with pytest.raises(ClientError, match="ParameterNotFound"):
        account.client("ssm").get_parameter(Name=name)


def test_what_aws_publishes_is_read_in_its_newest_version(account: Account) -> None:
    ssm = account.client("ssm")
    first = ssm.get_parameter(Name=NAME)["Parameter"]["Value"]
    account.public_parameters.publish(NAME, "ami-2", REGION)
    shown = ssm.get_parameter(Name=NAME)["Parameter"]
    assert (shown["Value"], shown["Version"]) == ("ami-2", 2)
    account.public_parameters.publish("/aws/service/ours", "text", REGION)
    assert ssm.get_parameter(Name="/aws/service/ours")["Parameter"]["Value"] == "text"
    assert ssm.get_parameter(Name=f"{NAME}:1")["Parameter"]["Value"] == first


def test_no_account_writes_one(account: Account) -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        account.client("ssm").put_parameter(Name=NAME, Type="String", Value="ami-1")
