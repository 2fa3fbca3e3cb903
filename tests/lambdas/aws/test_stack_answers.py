"""How an answer is put where CloudFormation waits for it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from urllib3 import PoolManager, Retry
from urllib3.exceptions import MaxRetryError, ProtocolError

from domain.errors import ServiceFault
from domain.stack_request import StackAnswer, parse_request
from lambdas.aws.stack_answers import StackAnswers
from tests.fakes.stack_requests import RESPONSE_URL, stack_request


@dataclass
class Response:
    """What is used of a response."""

    status: int


class Http(PoolManager):
    """Keeps what is sent, and answers or fails as it is told."""

    def __init__(self, outcome: int | Exception = 200) -> None:
        super().__init__()
        self.sent: list[tuple[str, str, dict[str, Any]]] = []
        self._outcome = outcome

    def request(self, method: str, url: str, **options: Any) -> Any:  # type: ignore[override]  # noqa: ANN401 - urllib3's
        self.sent.append((method, url, options))
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return Response(self._outcome)


def send(http: Http) -> None:
    StackAnswers(http).send(parse_request(stack_request("Create")), StackAnswer("x"))


def test_an_answer_is_put_without_a_content_type_to_the_requests_url() -> None:
    http = Http()
    send(http)
    ((method, url, options),) = http.sent
    assert (method, url) == ("PUT", RESPONSE_URL)
    assert json.loads(options["body"])["Status"] == "SUCCESS"
    assert options["headers"] == {"Content-Type": ""}


def test_it_is_put_again_while_the_server_fails_and_never_waits_for_long() -> None:
    http = Http()
    send(http)
    options = http.sent[0][2]
    retries: Retry = options["retries"]
    assert retries.is_retry("PUT", 503)
    assert not retries.is_retry("PUT", 403)
    assert (options["timeout"].connect_timeout, options["timeout"].read_timeout) == (3, 10)


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        pytest.param(403, "HTTP status 403", id="refused"),
        pytest.param(
            MaxRetryError(PoolManager().connection_from_url("https://s3"), RESPONSE_URL),
            "MaxRetryError",
            id="no answer",
        ),
        pytest.param(ProtocolError("broken"), "ProtocolError", id="a broken connection"),
    ],
)
def test_an_answer_that_is_not_taken_fails_the_function_and_its_url_stays_a_secret(
    outcome: int | Exception, words: str
) -> None:
    with pytest.raises(ServiceFault, match=words) as failed:
        send(Http(outcome))
    assert "X-Amz-Signature" not in str(failed.value)
    assert failed.value.__cause__ is None
