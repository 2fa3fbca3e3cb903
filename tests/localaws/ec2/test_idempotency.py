"""A client token stands for one request, whole and for ever."""

from __future__ import annotations

import pytest

from localaws.ec2.idempotency import ClientTokens
from localaws.rules import Refusal

REQUEST = {"ClientToken": "t", "SubnetId": "subnet-1", "Groups": ["sg-1"]}


def test_a_new_token_has_no_answer() -> None:
    assert ClientTokens().replay(REQUEST) is None


def test_a_request_without_a_token_is_never_replayed() -> None:
    tokens = ClientTokens()
    tokens.remember({"SubnetId": "subnet-1"}, {"answer": 1})
    assert tokens.replay({"SubnetId": "subnet-1"}) is None


def test_the_same_request_gets_the_first_answer() -> None:
    tokens = ClientTokens()
    tokens.remember(REQUEST, {"answer": 1})
    assert tokens.replay({**REQUEST, "DryRun": False}) == {"answer": 1}


@pytest.mark.parametrize(
    "change",
    [
        {"SubnetId": "subnet-2"},
        {"Groups": ["sg-1", "sg-2"]},
        {"Description": "x"},
        {"PrivateIpAddress": "10.0.0.9"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_any_other_parameter_is_a_mismatch(change: dict[str, object]) -> None:
    tokens = ClientTokens()
    tokens.remember(REQUEST, {"answer": 1})
    with pytest.raises(Refusal) as raised:
        tokens.replay({**REQUEST, **change})
    assert raised.value.code == "IdempotentParameterMismatch"


@pytest.mark.parametrize("token", ["x" * 65, "schlüssel"], ids=["too long", "not ASCII"])
def test_a_malformed_token_is_refused(token: str) -> None:
    with pytest.raises(Refusal) as raised:
        ClientTokens().replay({**REQUEST, "ClientToken": token})
    assert raised.value.code == "InvalidClientToken"
