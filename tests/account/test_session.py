"""Whose credentials they are, or why that cannot be told."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import pytest
from moto import mock_aws

from account.session import AccountUnreachable, RegionUnknown, Session
from localaws.account import Account, Settings
from localaws.clock import VirtualClock
from localaws.faults import Fault, FaultKind
from localaws.identity import ACCOUNT_ID

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_the_account_is_that_of_the_credentials() -> None:
    with Account(VirtualClock(), Settings()).active(), mock_aws():
        assert Session(region="us-east-1", profile=None).account_id() == ACCOUNT_ID


def test_the_region_is_the_given_one_or_that_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    assert Session(region="eu-west-1", profile=None).region == "eu-west-1"
    assert Session(region=None, profile=None).region == "eu-central-1"
    monkeypatch.delenv("AWS_REGION")
    assert Session(region=None, profile=None).region == "us-east-1"


def test_without_a_region_one_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(RegionUnknown, match=r"No Region is known. Write `region:`"):
        Session(region=None, profile=None)


def test_a_profile_that_is_not_there_is_told() -> None:
    with pytest.raises(AccountUnreachable, match=r"profile \(nobody\) could not be found\. Name"):
        Session(region=None, profile="nobody")


def test_without_credentials_one_is_told_how_to_get_some(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    with pytest.raises(AccountUnreachable, match=r"no AWS credentials\. Log in"):
        Session(region=None, profile=None).account_id()


def test_refused_credentials_are_told() -> None:
    account = Account(VirtualClock(), Settings())
    expired = Fault("GetCallerIdentity", FaultKind.ERROR, code="ExpiredToken", times=None)
    account.faults.inject(expired)
    with account.active(), mock_aws(), pytest.raises(AccountUnreachable, match="ExpiredToken"):
        Session(region=None, profile=None).account_id()


@pytest.fixture
def proxy() -> Iterator[str]:
    """Return the address of something that answers each request with a page."""

    class Page(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>Log in</title>")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Page)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_proxy_that_answers_in_the_place_of_aws_is_told(
    monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy)
    with pytest.raises(AccountUnreachable, match=r"What answers is not AWS.*\. Check"):
        Session(region=None, profile=None).account_id()


def test_no_way_to_aws_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setattr("account.session.CONFIG", None)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(AccountUnreachable, match=r"Could not connect .* Check the credentials"):
        Session(region=None, profile=None).account_id()
