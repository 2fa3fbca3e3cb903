"""AWS's own calls: the account's rules hold for them, its gate does not."""

from __future__ import annotations

import socket

import boto3
import moto
import pytest
from botocore.exceptions import ClientError, ParamValidationError

from localaws.account import Account, Settings
from localaws.client import AWS_INTERNAL
from localaws.clock import VirtualClock
from localaws.faults import Fault, FaultKind

REGION = "us-east-1"


def test_a_call_takes_effect_once_and_is_not_counted() -> None:
    account = Account(VirtualClock())
    with account.active(), moto.mock_aws():
        account.client("sqs").create_queue(QueueName="q")
        seen = boto3.client("sqs").list_queues()["QueueUrls"]

    assert [url.rsplit("/", 1)[1] for url in seen] == ["q"]
    assert [call.action for call in account.calls.of_action("CreateQueue")] == []


def test_a_fault_hits_a_caller_and_not_aws_s_own_hand() -> None:
    account = Account(VirtualClock(), Settings(throttling=False))
    account.faults.inject(Fault(action="CreateVpc", kind=FaultKind.ERROR, code="VpcLimitExceeded"))
    with account.active(), moto.mock_aws():
        account.client("ec2").create_vpc(CidrBlock="10.0.0.0/16")
        with pytest.raises(ClientError):
            boto3.client("ec2").create_vpc(CidrBlock="10.1.0.0/16")


def test_an_endpoint_in_the_environment_leads_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{unused.getsockname()[1]}")
        account = Account(VirtualClock())
        with account.active(), moto.mock_aws():
            identity = account.client("sts").get_caller_identity()

    assert identity["Account"] == "123456789012"


def test_parameters_are_validated_as_for_any_caller() -> None:
    with pytest.raises(ParamValidationError):
        Account(VirtualClock()).client("sqs").create_queue(Name="q")


def test_a_client_is_made_once_for_each_region() -> None:
    client = Account(VirtualClock()).client

    assert client("sqs") is client("sqs", REGION)
    assert client("sqs") is not client("sqs", "eu-west-1")


def test_the_mark_is_gone_after_the_call() -> None:
    account = Account(VirtualClock())
    with account.active(), moto.mock_aws():
        account.client("sts").get_caller_identity()

    assert AWS_INTERNAL.get() is False
