"""Requests wait for EC2's tokens before they are sent, over boto3 in the embedded account."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest
from moto import mock_aws

from domain.call_pace import BUCKETS, SHARE
from domain.errors import DeadlineExceeded, EniLifecycleError
from lambdas.aws.ec2 import Ec2
from lambdas.aws.session import Clients
from localaws.account import Account
from localaws.faults import Fault, FaultKind
from localaws.fibers import FiberClock
from tests.deployed.deployment import AccountTime, account_in_virtual_time
from tests.fakes.clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from domain.model import EniId

DELETE = "DeleteNetworkInterface"
AT_ONCE = int(BUCKETS[DELETE].size * SHARE)
UNKNOWN: EniId = "eni-0123456789abcdef0"  # type: ignore[assignment]  # a str is an EniId


class Case:
    """The clients of one execution environment in virtual time."""

    def __init__(self, account: Account, clock: FakeClock) -> None:
        self.account = account
        self.clock = clock
        self.clients = Clients(clock)
        self.ec2 = Ec2(self.clients.ec2)

    def delete(self, times: int) -> None:
        """Delete what is gone already, which costs a token like any other call."""
        for _ in range(times):
            self.ec2.delete(UNKNOWN)


class RacingClock:
    """Time that whoever waits moves on for all threads at once."""

    def __init__(self) -> None:
        self.began = self._now = datetime(2026, 1, 1, tzinfo=UTC)
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """Return the time, in UTC."""
        with self._lock:
            return self._now

    def wait(self, seconds: float) -> None:
        """Let so many seconds pass, and the other threads see it."""
        with self._lock:
            self._now += timedelta(seconds=seconds)
        os.sched_yield()


@pytest.fixture
def case() -> Iterator[Case]:
    """Return clients that have called nothing yet."""
    clock = FakeClock()
    account = Account(clock.virtual)
    with account.active(), mock_aws():
        yield Case(account, clock)


def test_nothing_waits_while_the_share_of_the_bucket_lasts(case: Case) -> None:
    case.delete(AT_ONCE)
    assert case.clock.waits == []


def test_then_calls_are_spaced_and_none_is_refused(case: Case) -> None:
    case.delete(AT_ONCE + 10)
    spaced_s = 10 / (BUCKETS[DELETE].refill_per_s * SHARE)
    assert sum(case.clock.waits) == pytest.approx(spaced_s, rel=0.05)
    assert case.account.calls.throttled() == ()


def test_each_action_has_its_own_pace_and_describes_have_none(case: Case) -> None:
    case.delete(AT_ONCE)
    case.ec2.list_interfaces("somebody")
    with pytest.raises(EniLifecycleError):
        case.ec2.set_source_dest_check(UNKNOWN, enabled=False)
    assert case.clock.waits == []


def test_a_refused_request_is_repeated_later_than_botocore_alone_would(case: Case) -> None:
    case.account.faults.inject(Fault(DELETE, FaultKind.THROTTLE))
    case.delete(1)
    assert [call.outcome for call in case.account.calls.of_action(DELETE)][:1] == [
        "RequestLimitExceeded"
    ]
    assert sum(case.clock.waits) > 0


def test_a_refused_request_is_repeated_before_those_that_wait_for_their_first_turn() -> None:
    clock = FiberClock()
    ended: list[str] = []
    with account_in_virtual_time(clock=clock) as account:
        ec2 = Ec2(Clients(AccountTime(clock)).ec2)

        def delete(name: str) -> None:
            ec2.delete(UNKNOWN)
            ended.append(name)

        for _ in range(AT_ONCE):
            ec2.delete(UNKNOWN)
        account.faults.inject(Fault(DELETE, FaultKind.THROTTLE))
        for name in ("refused", *"abcdefghijklmnop"):
            clock.call_at(clock.now(), partial(delete, name))
        clock.advance(60.0)
    assert len(ended) == 17
    assert ended.index("refused") <= 4


def test_calls_that_wait_are_sent_in_order() -> None:
    clock = FiberClock()
    ended: list[int] = []
    with account_in_virtual_time(clock=clock):
        ec2 = Ec2(Clients(AccountTime(clock)).ec2)

        def delete(number: int) -> None:
            ec2.delete(UNKNOWN)
            ended.append(number)

        for number in range(AT_ONCE + 20):
            clock.call_at(clock.now() + number / 1000, partial(delete, number))
        clock.advance(60.0)
    assert ended == list(range(AT_ONCE + 20))


def test_what_would_wait_past_the_deadline_is_not_sent(case: Case) -> None:
    case.delete(AT_ONCE)
    case.clients.pacer.deadline = case.clock.now() + timedelta(seconds=1)
    sent = len(case.account.calls.of_action(DELETE))
    with pytest.raises(DeadlineExceeded, match=r"DeleteNetworkInterface would have had to wait"):
        case.delete(4)
    assert len(case.account.calls.of_action(DELETE)) == sent + 2


def test_a_call_that_is_given_up_leaves_its_place_to_the_next(case: Case) -> None:
    case.delete(AT_ONCE)
    case.clients.pacer.deadline = case.clock.now() + timedelta(seconds=0.1)
    for _ in range(5):
        with pytest.raises(DeadlineExceeded):
            case.delete(1)
    case.clients.pacer.deadline = None
    before = case.clock.now()
    case.delete(1)
    assert case.clock.now() - before <= timedelta(
        seconds=1 / (BUCKETS[DELETE].refill_per_s * SHARE)
    )


def test_a_call_that_waits_looks_again_every_second(case: Case) -> None:
    case.delete(AT_ONCE)
    case.account.faults.inject(Fault(DELETE, FaultKind.THROTTLE, times=3))
    case.delete(1)
    case.clock.waits.clear()
    case.delete(3)
    assert case.clock.waits
    assert max(case.clock.waits) <= 1.0


def test_threads_take_their_turns_and_none_is_forgotten() -> None:
    clock, account = RacingClock(), Account(FakeClock().virtual)
    with account.active(), mock_aws():
        clients = Clients(clock)
        ec2 = Ec2(clients.ec2)
        with ThreadPoolExecutor(20) as pool:
            list(pool.map(ec2.delete, [UNKNOWN] * (AT_ONCE + 20)))
        assert len(account.calls.of_action(DELETE)) == AT_ONCE + 20
        spaced_s = 20 / (BUCKETS[DELETE].refill_per_s * SHARE)
        assert clock.now() - clock.began >= timedelta(seconds=0.9 * spaced_s)
        began = clock.now()
        ec2.delete(UNKNOWN)
        assert clock.now() - began <= timedelta(seconds=spaced_s / 20)


def test_after_the_deadline_what_need_not_wait_is_sent_all_the_same(case: Case) -> None:
    case.clients.pacer.deadline = case.clock.now() - timedelta(seconds=1)
    case.delete(1)
    assert len(case.account.calls.of_action(DELETE)) == 1
