"""Access keys: one per session, told apart, and in the shape that moto recognizes."""

from __future__ import annotations

import re

from localaws.iam.principals import Principals

ROLE = "arn:aws:iam::123456789012:role/handler"


def test_two_sessions_of_a_role_have_different_keys() -> None:
    principals = Principals()
    first, second = principals.issue(ROLE), principals.issue(ROLE)
    assert first.access_key_id != second.access_key_id
    assert principals.role_of(first.access_key_id) == ROLE
    assert principals.role_of(second.access_key_id) == ROLE


def test_a_key_is_twenty_capitals_and_digits_and_temporary() -> None:
    key = Principals().issue(ROLE).access_key_id
    assert re.fullmatch(r"ASIA[A-Z0-9]{16}", key)


def test_an_unknown_key_has_no_role_and_its_own_name() -> None:
    principals = Principals()
    assert principals.role_of("AKIAEXAMPLE") is None
    assert principals.name_of("AKIAEXAMPLE") == "AKIAEXAMPLE"


def test_credentials_reach_a_process_as_lambda_hands_them_over() -> None:
    credentials = Principals().issue(ROLE)
    assert credentials.to_environ() == {
        "AWS_ACCESS_KEY_ID": credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
        "AWS_SESSION_TOKEN": credentials.session_token,
    }
