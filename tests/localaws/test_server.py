"""A served account: where it listens, what it forgets, and what a child process is told."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

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
