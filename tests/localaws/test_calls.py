"""The call log: what it keeps, and what it can be asked."""

from __future__ import annotations

import threading

import pytest

from localaws.calls import Call, CallLog


def _call(number: int, action: str = "DescribeVpcs", **facts: str) -> Call:
    given = {"principal": "me", "outcome": "ok", **facts}
    return Call(
        number, "ec2", action, {}, given["principal"], "us-east-1", 0.0, outcome=given["outcome"]
    )


@pytest.fixture
def log() -> CallLog:
    log = CallLog()
    log.record(_call(2, "CreateTags", principal="role", outcome="RequestLimitExceeded"))
    log.record(_call(1))
    log.record(_call(3, principal="role"))
    return log


def test_calls_come_in_the_order_of_their_arrival(log: CallLog) -> None:
    assert [call.number for call in log.all()] == [1, 2, 3]


def test_calls_are_found_by_action_principal_and_outcome(log: CallLog) -> None:
    assert [call.number for call in log.of_action("DescribeVpcs")] == [1, 3]
    assert [call.number for call in log.of_principal("role")] == [2, 3]
    assert [call.number for call in log.throttled()] == [2]
    assert log.counts() == {"DescribeVpcs": 2, "CreateTags": 1}


def test_clearing_forgets_calls_but_not_the_count(log: CallLog) -> None:
    before = log.next_number()
    log.clear()
    assert log.all() == ()
    assert log.next_number() == before + 1


def test_who_has_seen_some_calls_is_shown_those_that_ended_since(log: CallLog) -> None:
    assert [call.number for call in log.ended_after(1)] == [1, 3]
    assert log.ended_after(3) == ()


@pytest.mark.parametrize(
    ("outcome", "throttled"),
    [
        ("ok", False),
        ("InvalidParameterValue", False),
        ("RequestLimitExceeded", True),
        ("Throttling", True),
        ("ThrottlingException", True),
        ("TooManyRequestsException", True),
    ],
)
def test_throttled_is_told_by_the_code(outcome: str, throttled: bool) -> None:
    assert _call(1, outcome=outcome).throttled is throttled


def test_no_number_is_given_twice_to_calls_that_arrive_together() -> None:
    log = CallLog()
    numbers: list[int] = []

    def arrive() -> None:
        numbers.extend(log.next_number() for _ in range(200))

    threads = [threading.Thread(target=arrive) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == list(range(1, 801))
