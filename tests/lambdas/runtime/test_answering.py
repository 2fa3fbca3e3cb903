"""Whatever happens, CloudFormation is answered."""

from __future__ import annotations

from typing import NoReturn

from domain.errors import InvariantBroken
from domain.stack_request import NOTHING_MADE, StackAnswer, parse_request
from lambdas.runtime.answering import answer_of
from tests.fakes.stack_requests import stack_request


def test_what_the_work_answers_is_the_answer() -> None:
    answer = StackAnswer("subnet-1/10.0.0.0/24")
    assert answer_of(parse_request(stack_request("Create")), lambda: answer) is answer


def test_a_defect_is_an_answer_with_the_traceback_behind_it() -> None:
    def broken() -> NoReturn:
        raise KeyError("Cidr")

    answer = answer_of(parse_request(stack_request("Create")), broken)
    assert answer.physical_id == NOTHING_MADE
    assert answer.reason == "invariant-broken: KeyError: 'Cidr'"
    assert isinstance(answer.error, InvariantBroken)
    assert isinstance(answer.error.__cause__, KeyError)
