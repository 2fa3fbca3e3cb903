"""A served account: where it listens, what it forgets, and what a child process is told."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.events.responses import EventsHandler
from moto.sns.responses import SNSResponse
from moto.ssm.responses import SimpleSystemManagerResponse

from authoring.instance_types import image_parameter
from localaws.__main__ import greeting
from localaws.account import Account
from localaws.clock import SystemClock
from localaws.server import Endpoint, serve

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def account() -> Iterator[Account]:
    clock = SystemClock()
    yield Account(clock)
    clock.stop()


def _client(service: str, url: str) -> Any:  # noqa: ANN401  # any service's client
    config = Config(retries={"total_max_attempts": 1})
    return boto3.client(service, endpoint_url=url, config=config)  # type: ignore[call-overload]  # any service's name


def _template(parameter: str) -> str:
    """Return a template that reads a parameter of Systems Manager."""
    return json.dumps(
        {
            "Parameters": {
                "P": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": parameter}
            },
            "Resources": {"Q": {"Type": "AWS::SQS::Queue"}},
        }
    )


def _queues(client: Any) -> list[str]:  # noqa: ANN401  # any service's client
    return [url.rsplit("/", 1)[1] for url in client.list_queues().get("QueueUrls", [])]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_it_is_reached_by_name_and_by_address(account: Account, host: str) -> None:
    with serve(account) as endpoint:
        client = _client("sts", f"http://{host}:{endpoint.port}")
        assert client.get_caller_identity()["Account"] == "123456789012"
        client.close()


def test_a_served_account_begins_empty_and_is_one_with_the_account_in_process(
    account: Account,
) -> None:
    with serve(account) as endpoint:
        account.client("sqs").create_queue(QueueName="ours")
        client = _client("sqs", endpoint.url)
        assert _queues(client) == ["ours"]
        client.close()
    with serve(Account(account.clock)) as endpoint:
        client = _client("sqs", endpoint.url)
        assert _queues(client) == []
        client.close()


def test_calls_over_http_pass_the_gate(account: Account) -> None:
    with serve(account) as endpoint:
        client = _client("sqs", endpoint.url)
        client.list_queues()
        client.close()

    assert [call.service for call in account.calls.of_action("ListQueues")] == ["sqs"]


def test_an_action_that_nobody_has_is_told_and_not_retried(account: Account) -> None:
    with serve(account) as endpoint:
        client = _client("cloudtrail", endpoint.url)
        with pytest.raises(
            ClientError, match="lookup_events action has not been implemented"
        ) as told:
            client.lookup_events()
        client.close()

    assert told.value.response["Error"]["Code"] == "NotImplemented"


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            {"TemplateBody": _template("/aws/service/eks/optimized-ami/1.33/none")},
            "Unable to fetch parameters [/aws/service/eks/optimized-ami/1.33/none] from parameter store for this account.",
        ),
        (
            {"TemplateURL": "https://s3.eu-west-1.amazonaws.com/nobodys/template"},
            "S3 error: The specified bucket does not exist",
        ),
    ],
    ids=["parameter", "template"],
)
def test_what_a_change_set_cannot_read_is_told_as_sdks_read_it(
    account: Account, asked: dict[str, str], message: str
) -> None:
    with serve(account) as endpoint:
        client = _client("cloudformation", endpoint.url)
        with pytest.raises(ClientError) as told:
            client.create_change_set(
                StackName="s", ChangeSetName="c", ChangeSetType="CREATE", **asked
            )
        client.close()

    error = told.value.response["Error"]
    assert error["Code"] == "ValidationError"
    assert message in error["Message"]
    assert told.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


@pytest.mark.parametrize(
    ("service", "api", "action"),
    [
        pytest.param("sns", SNSResponse, "list_topics", id="query"),
        pytest.param("ssm", SimpleSystemManagerResponse, "describe_parameters", id="JSON"),
        pytest.param("events", EventsHandler, "list_rules", id="JSON, events"),
    ],
)
def test_what_an_inner_call_is_refused_is_told_in_the_outer_calls_protocol(
    account: Account,
    monkeypatch: pytest.MonkeyPatch,
    service: str,
    api: type,
    action: str,
) -> None:
    def asks_ec2(_: object) -> object:
        return account.client("ec2").describe_vpcs(VpcIds=["vpc-0123"])

    monkeypatch.setattr(api, action, asks_ec2)
    with serve(account) as endpoint:
        client = _client(service, endpoint.url)
        with pytest.raises(ClientError) as told:
            getattr(client, action)()
        client.close()

    error, metadata = told.value.response["Error"], told.value.response["ResponseMetadata"]
    assert (error["Code"], metadata["HTTPStatusCode"]) == ("InvalidVpcID.NotFound", 400)
    assert "vpc-0123" in error["Message"]


def test_a_change_set_over_http_takes_the_image_that_eks_recommends(account: Account) -> None:
    with serve(account) as endpoint:
        client = _client("cloudformation", endpoint.url)
        name = image_parameter("1.33", "arm64")
        client.create_change_set(
            StackName="s", ChangeSetName="c", ChangeSetType="CREATE", TemplateBody=_template(name)
        )
        change_set = client.describe_change_set(StackName="s", ChangeSetName="c")
        client.close()

    (parameter,) = change_set["Parameters"]
    assert parameter["ResolvedValue"].startswith("ami-")


def test_nothing_listens_afterwards(account: Account) -> None:
    with serve(account) as endpoint:
        pass

    with socket.socket() as caller, pytest.raises(ConnectionRefusedError):
        caller.connect(("127.0.0.1", endpoint.port))


def test_functions_call_the_served_account(account: Account) -> None:
    with serve(account) as endpoint:
        assert account.functions.endpoint_url == endpoint.url


def test_a_child_process_sees_this_account_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("HOME", "/home/someone")

    environ = Endpoint(5555).environ()

    assert "AWS_PROFILE" not in environ
    assert environ["HOME"] == "/home/someone"
    assert environ["AWS_ENDPOINT_URL"] == "http://localhost:5555"


def test_the_greeting_points_the_aws_cli_here() -> None:
    assert "export AWS_ENDPOINT_URL=http://localhost:5555" in greeting(Endpoint(5555))
