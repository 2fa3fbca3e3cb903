"""The pod's own role, from the agent or from STS, in time, and never the node's."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import pytest

from domain.errors import ServiceFault
from domain.pods.errors import CredentialsLate, CredentialsMissing, CredentialsUnusable
from pod_addresses import credentials
from pod_addresses.credentials import PodCredentials
from pod_addresses.requests import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

START = datetime(2026, 1, 1, tzinfo=UTC)
AGENT = "http://169.254.170.23/v1/credentials"
STS = """<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIA1</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>
<SessionToken>session</SessionToken><Expiration>2026-01-01T01:00:00Z</Expiration></Credentials>
</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"""


class Sender:
    """Answers each request with the next of its answers, the last one for ever; keeps what was sent."""

    def __init__(self, *answers: Answer | None) -> None:
        self.answers = list(answers)
        self.sent: list[tuple[str, str, Mapping[str, str], bytes]] = []

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        """Return the next answer; None is a connection that breaks."""
        self.sent.append((method, url, headers, body))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is None:
            raise ServiceFault("no answer")
        return answer


def told(expires_at: datetime, key: str = "ASIA1") -> Answer:
    """Return the agent's answer."""
    document = {
        "AccessKeyId": key,
        "SecretAccessKey": "secret",
        "Token": "session",
        "Expiration": expires_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    return Answer(200, json.dumps(document).encode())


class Clock:
    """Time that a test sets."""

    now = START

    def __call__(self) -> datetime:
        """Return it."""
        return self.now


def pod_identity(tmp_path: Path, sender: Sender, url: str = AGENT) -> tuple[PodCredentials, Clock]:
    """Return credentials of a pod with a Pod Identity association."""
    token = tmp_path / "token"
    token.write_text("first\n")
    environ = {credentials.FULL_URI: url, credentials.AUTHORIZATION_FILE: str(token)}
    clock = Clock()
    return PodCredentials(environ, sender, "us-east-1", clock), clock


def test_the_agent_is_shown_the_token_and_its_answer_is_kept_until_it_ends(tmp_path: Path) -> None:
    sender = Sender(told(START + timedelta(hours=1)), told(START + timedelta(hours=2), key="ASIA2"))
    held, clock = pod_identity(tmp_path, sender)
    assert held.get() == held.get()
    assert sender.sent == [("GET", AGENT, {"Authorization": "first"}, b"")]
    (tmp_path / "token").write_text("second")
    clock.now = START + timedelta(minutes=56)
    assert held.get().access_key_id == "ASIA2"
    assert sender.sent[-1][2] == {"Authorization": "second"}, "kubelet writes the token anew"


@pytest.mark.parametrize(
    "late", [None, Answer(500, b""), Answer(429, b"")], ids=["silent", "500", "429"]
)
def test_an_agent_that_fails_is_waited_for_as_long_as_the_old_ones_last(
    tmp_path: Path, late: Answer | None
) -> None:
    held, clock = pod_identity(tmp_path, Sender(told(START + timedelta(hours=1)), late))
    held.get()
    clock.now = START + timedelta(minutes=58)
    assert held.get().access_key_id == "ASIA1"
    clock.now = START + timedelta(minutes=60)
    with pytest.raises(CredentialsLate) as caught:
        held.get()
    assert caught.value.retryable


def test_an_agent_that_refuses_takes_nothing_that_is_good(tmp_path: Path) -> None:
    refused = Answer(403, b"no")
    held, clock = pod_identity(tmp_path, Sender(told(START + timedelta(hours=1)), refused))
    held.get()
    clock.now = START + timedelta(minutes=58)
    assert held.get().access_key_id == "ASIA1"
    clock.now = START + timedelta(minutes=60)
    with pytest.raises(CredentialsUnusable):
        held.get()


@pytest.mark.parametrize(
    "answer",
    [Answer(403, b"no"), Answer(200, b"<html>"), Answer(200, b"{}")],
    ids=["403", "html", "empty"],
)
def test_a_refusal_or_nonsense_is_told(tmp_path: Path, answer: Answer) -> None:
    held, _ = pod_identity(tmp_path, Sender(answer))
    with pytest.raises(CredentialsUnusable):
        held.get()


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("http://169.254.170.23/v1/credentials", True),
        ("http://[fd00:ec2::23]/v1/credentials", True),
        ("http://127.0.0.1:8080/", True),
        ("http://localhost:8080/", True),
        ("https://example.com/", True),
        ("http://example.com/", False),
        ("http://10.0.0.1/", False),
        ("http://169.254.169.254/latest/meta-data/iam/security-credentials/node", False),
    ],
)
def test_the_token_goes_nowhere_else(tmp_path: Path, url: str, *, good: bool) -> None:
    sender = Sender(told(START + timedelta(hours=1)))
    held, _ = pod_identity(tmp_path, sender, url)
    if good:
        held.get()
    else:
        with pytest.raises(CredentialsUnusable):
            held.get()
    assert len(sender.sent) == int(good)


def test_irsa_asks_the_regional_sts_without_a_signature(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("web identity\n")
    environ = {
        credentials.WEB_IDENTITY_FILE: str(token),
        credentials.ROLE_ARN: "arn:aws:iam::123456789012:role/pod",
        credentials.FULL_URI: AGENT,
    }
    sender = Sender(Answer(200, STS.encode()))
    got = PodCredentials(environ, sender, "eu-west-1", lambda: START).get()
    assert (got.access_key_id, got.session_token) == ("ASIA1", "session")
    assert got.expires_at == START + timedelta(hours=1)
    ((method, url, headers, body),) = sender.sent
    assert (method, url) == ("POST", "https://sts.eu-west-1.amazonaws.com/")
    assert "authorization" not in headers
    assert dict(parse_qsl(body.decode())) == {
        "Action": "AssumeRoleWithWebIdentity",
        "Version": "2011-06-15",
        "RoleArn": "arn:aws:iam::123456789012:role/pod",
        "RoleSessionName": "multus-eni-pod-addresses",
        "WebIdentityToken": "web identity",
    }


def test_a_token_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    held, _ = pod_identity(tmp_path, Sender(told(START)))
    (tmp_path / "token").unlink()
    with pytest.raises(CredentialsUnusable, match="token"):
        held.get()


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "x"},
        {credentials.ROLE_ARN: "arn"},
    ],
    ids=["none", "keys", "half of IRSA"],
)
def test_without_a_role_of_the_pods_nobody_is_asked(environ: dict[str, str]) -> None:
    sender = Sender(None)
    with pytest.raises(CredentialsMissing, match="node's is not asked"):
        PodCredentials(environ, sender, "us-east-1")
    assert sender.sent == []
