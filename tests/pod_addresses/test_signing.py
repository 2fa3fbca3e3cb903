"""Signatures are those that botocore makes."""

from __future__ import annotations

from datetime import UTC, datetime
from unittest.mock import patch
from urllib.parse import parse_qsl

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from hypothesis import given
from hypothesis import strategies as st

from pod_addresses import signing

MOMENTS = st.integers(1_577_836_800, 2_208_988_800).map(lambda s: datetime.fromtimestamp(s, UTC))
WORDS = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghij0123456789/+=", min_size=1, max_size=80)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=40)


@given(
    parameters=st.dictionaries(TEXTS.filter(bool), TEXTS, max_size=8),
    moment=MOMENTS,
    secret=WORDS,
    token=WORDS,
    place=st.sampled_from([("ec2.eu-west-1.amazonaws.com", "/"), ("localhost:5555", "/ec2/")]),
)
def test_a_signature_is_botocores(
    parameters: dict[str, str], moment: datetime, secret: str, token: str, place: tuple[str, str]
) -> None:
    (host, path), body = place, signing.form(parameters)
    headers = signing.signed(
        body,
        host=host,
        path=path,
        service="ec2",
        region="eu-west-1",
        credentials=signing.Credentials("ASIAKEY", secret, token, moment),
        now=moment,
    )
    request = AWSRequest(
        "POST", f"https://{host}{path}", {"Content-Type": signing.CONTENT_TYPE}, body
    )
    with patch.object(
        botocore.auth,
        "get_current_datetime",
        autospec=True,
        return_value=moment.replace(tzinfo=None),
    ):
        botocore.auth.SigV4Auth(
            BotocoreCredentials("ASIAKEY", secret, token), "ec2", "eu-west-1"
        ).add_auth(request)
    assert headers["authorization"] == request.headers["Authorization"]
    assert headers["x-amz-date"] == request.headers["X-Amz-Date"]
    assert headers["x-amz-security-token"] == token


@given(st.dictionaries(TEXTS.filter(bool), TEXTS, max_size=8))
def test_a_body_says_what_was_asked(parameters: dict[str, str]) -> None:
    body = signing.form(parameters).decode("ascii")
    assert dict(parse_qsl(body, keep_blank_values=True)) == parameters


def test_a_secret_is_not_shown() -> None:
    shown = repr(
        signing.Credentials("ASIAKEY", "secret", "token", datetime(2026, 1, 1, tzinfo=UTC))
    )
    assert "secret'" not in shown
    assert "'token'" not in shown
