"""The error tree: stable codes, each saying whether to try again."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from domain import errors
from domain.errors import ConfigInvalid, EniLifecycleError, Permanent, Problem, Transient
from domain.node.errors import NodeError

if TYPE_CHECKING:
    from collections.abc import Iterator


def family(kind: type[EniLifecycleError]) -> Iterator[type[EniLifecycleError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from family(child)


ALL = list(dict.fromkeys(family(EniLifecycleError)))
KINDS = [kind for kind in ALL if not issubclass(kind, NodeError)]
"""Those of a node have rules of their own, in tests/domain/node/test_errors.py; the codes are one list for both."""


def test_no_two_kinds_share_a_code() -> None:
    codes = [kind.code for kind in ALL if "code" in vars(kind)]
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_code_is_the_kind_in_kebab_case(kind: type[EniLifecycleError]) -> None:
    kebab = re.sub(r"(?<!^)(?=[A-Z])", "-", kind.__name__).lower()
    assert kind.code == ("error" if kind is EniLifecycleError else kebab)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_exactly_the_transient_ones_are_retried(kind: type[EniLifecycleError]) -> None:
    assert kind.retryable == issubclass(kind, Transient)
    assert not issubclass(kind, Permanent) or not kind.retryable


def test_details_are_kept() -> None:
    assert errors.SubnetExhausted("full", subnet="subnet-1").details == {"subnet": "subnet-1"}


def test_an_invalid_configuration_tells_every_problem() -> None:
    problems = [
        Problem("a.b", 7, "is too small", "Write 8."),
        Problem("c", "x", "is unknown", "Remove it."),
    ]
    error = ConfigInvalid(problems)
    assert str(error).splitlines() == [
        "a.b: is too small (got 7). Write 8.",
        "c: is unknown (got 'x'). Remove it.",
    ]
    assert error.problems == tuple(problems)


def test_of_a_long_value_the_beginning_is_told() -> None:
    told = str(Problem("creat", {"key": "x" * 1000}, "is not a known key", "Did you mean create?"))
    assert told.startswith("creat: is not a known key (got {'key': 'xxx")
    assert told.endswith("xx…). Did you mean create?")
    assert len(told) < 400
