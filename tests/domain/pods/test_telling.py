"""What is wrong for long is said now and then."""

from __future__ import annotations

import pytest

from domain.errors import AccessDenied, EniLifecycleError, ServiceFault, Throttled
from domain.pods.telling import REPEATED_AFTER_S, Told, Wrong, of_error

WRONG = Wrong(("10.0.3.100",), "throttled")


@pytest.mark.parametrize(
    ("later_s", "is_news"),
    [(0.0, False), (REPEATED_AFTER_S - 1.0, False), (REPEATED_AFTER_S, True)],
)
def test_the_same_is_news_once_more_after_a_while(later_s: float, is_news: bool) -> None:
    assert Told().is_news(WRONG, 0.0)
    assert Told().with_said(WRONG, 7.0).is_news(WRONG, 7.0 + later_s) is is_news


@pytest.mark.parametrize(
    ("other", "is_same"),
    [
        (AccessDenied("denied: xY7", operation="Assign", aws_code="UnauthorizedOperation"), True),
        (AccessDenied("denied: aB1", operation="Other", aws_code="UnauthorizedOperation"), False),
        (Throttled("denied: aB1", operation="Assign", aws_code="UnauthorizedOperation"), False),
        (AccessDenied("denied: aB1", operation="Assign"), False),
    ],
)
def test_a_failure_with_a_code_of_awss_is_known_by_that(
    other: EniLifecycleError, is_same: bool
) -> None:
    error = AccessDenied("denied: aB1", operation="Assign", aws_code="UnauthorizedOperation")
    assert (of_error(["a"], error) == of_error(["a"], other)) is is_same
    assert of_error(["a"], error) != of_error(["b"], error)


def test_a_failure_without_one_is_known_by_what_it_says() -> None:
    told = [of_error(["a"], ServiceFault(f"no answer: {why}")) for why in ("slow", "slow", "gone")]
    assert [told[0] == each for each in told] == [True, True, False]


def test_what_was_wrong_with_some_things_is_forgotten_with_any_of_them() -> None:
    both, other = Wrong(("a", "b"), "throttled"), Wrong(("c",), "throttled")
    told = Told().with_said(both, 0.0).with_said(other, 0.0).without(["a"])
    assert (told.is_news(both, 0.0), told.is_news(other, 0.0)) == (True, False)


def test_nothing_is_remembered_for_longer_than_it_counts() -> None:
    told = Told()
    for number in range(1000):
        told = told.with_said(Wrong((number,), "throttled"), float(number))
    assert len(told.at_s) == REPEATED_AFTER_S
