"""Reading a deployed stack of the sample and its subnets, against the embedded account."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from account.cloudformation import read_stack, read_subnets
from account.session import Session
from authoring.migration.source import Subnet
from domain.errors import ConfigInvalid
from localaws.account import Account, Settings
from localaws.clock import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.localaws

TEMPLATE = {
    "Parameters": {"ClusterName": {"Type": "String"}, "NodeGroupName": {"Type": "String"}},
    "Resources": {
        "NewInstanceEventRule": {
            "Type": "AWS::Events::Rule",
            "Properties": {"EventPattern": {"source": ["aws.autoscaling"]}},
        }
    },
}


@pytest.fixture
def account() -> Iterator[Account]:
    account = Account(VirtualClock(), Settings(throttling=False))
    with account.active(), mock_aws():
        yield account


@pytest.fixture
def cloudformation(account: Account) -> Any:  # noqa: ANN401, ARG001 - a boto3 client; the account must be active
    client = boto3.client("cloudformation")
    client.create_stack(
        StackName="ng1",
        TemplateBody=json.dumps(TEMPLATE),
        Parameters=[
            {"ParameterKey": "ClusterName", "ParameterValue": "telco"},
            {"ParameterKey": "NodeGroupName", "ParameterValue": "upf"},
        ],
    )
    return client


def here() -> Session:
    """Return the account's own session."""
    return Session(region="us-east-1", profile=None)


@pytest.mark.usefixtures("cloudformation")
def test_a_stack_is_read_with_its_parameters_and_resources(account: Account) -> None:
    source = read_stack("ng1", here())
    assert source.parameters == {"ClusterName": "telco", "NodeGroupName": "upf"}
    (rule,) = source.physical_ids("AWS::Events::Rule")
    assert rule in {one["Name"] for one in boto3.client("events").list_rules()["Rules"]}
    assert (source.label, source.region, source.account) == ("ng1", "us-east-1", "123456789012")
    asked = {
        call.action for call in account.calls.where(lambda call: call.service == "cloudformation")
    }
    assert asked == {"CreateStack", "DescribeStacks", "ListStackResources"}


@pytest.mark.usefixtures("account")
def test_a_stack_that_is_not_there_is_told_with_what_to_do() -> None:
    with pytest.raises(ConfigInvalid, match=r"--stack gone: cannot be read: .*does not exist"):
        read_stack("gone", here())


@pytest.mark.usefixtures("account")
def test_subnets_are_read_and_those_that_are_gone_left_out() -> None:
    ec2 = boto3.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", AmazonProvidedIpv6CidrBlock=True)["Vpc"]
    subnet = ec2.create_subnet(
        VpcId=vpc["VpcId"], CidrBlock="10.0.1.0/24", AvailabilityZone="us-east-1b"
    )["Subnet"]["SubnetId"]
    many = [subnet, *(f"subnet-{number:017x}" for number in range(300))]
    assert read_subnets(many, here()) == {subnet: Subnet("us-east-1b", has_ipv6=False)}
