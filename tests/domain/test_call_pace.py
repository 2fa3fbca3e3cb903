"""Calls of a contended action go out as fast as its bucket allows, and hardly ever faster."""

from __future__ import annotations

import heapq

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import call_pace
from domain.call_pace import BUCKETS, LARGEST, SHARE, SMALLEST, CallPace, full
from localaws.account import Settings
from localaws.throttling import Bucket, ec2_bucket

MODIFY = BUCKETS["ModifyNetworkInterfaceAttribute"]


def waits(pace: CallPace, calls: int, now_s: float = 0.0) -> tuple[CallPace, list[float]]:
    """Return how long each of so many calls waits that are asked for at once, and the pace after those that need not."""
    seen: list[float] = []
    for _ in range(calls):
        seen.append(pace.wait_s(now_s, sum(wait_s > 0 for wait_s in seen)))
        pace = pace if seen[-1] else pace.sent(now_s)
    return pace, seen


@pytest.mark.parametrize("action", [name for name in BUCKETS if "NetworkInterface" in name])
def test_ec2s_buckets_are_those_that_the_account_is_held_to(action: str) -> None:
    assert tuple(BUCKETS[action]) == (
        ec2_bucket(action, {})[1].size,
        ec2_bucket(action, {})[1].refill_per_s,
    )


@pytest.mark.parametrize("action", [name for name in BUCKETS if "Lifecycle" in name])
def test_of_auto_scaling_the_account_and_the_pace_assume_the_same(action: str) -> None:
    assumed = Settings()
    assert tuple(BUCKETS[action]) == (
        assumed.autoscaling_bucket_size,
        assumed.autoscaling_refill_per_s,
    )


def test_a_share_of_the_bucket_goes_out_at_once_and_the_rest_at_the_share_of_the_refill() -> None:
    _, seen = waits(full(MODIFY, 0.0), 53)
    assert seen[:50] == [0.0] * 50
    assert seen[50:] == pytest.approx([0.4, 0.8, 1.2])


def test_what_was_spent_comes_back_with_time() -> None:
    pace, _ = waits(full(MODIFY, 0.0), 50)
    _, seen = waits(pace, 6, now_s=2.0)
    assert seen == pytest.approx([0.0] * 5 + [0.4])


def test_a_refusal_says_that_the_bucket_is_empty_whatever_the_mirror_says() -> None:
    _, (wait_s,) = waits(full(MODIFY, 0.0).refused(0.0), 1)
    assert wait_s > call_pace.REST_S


def test_refusals_of_calls_that_were_under_way_together_are_one() -> None:
    once = full(MODIFY, 0.0).refused(10.0)
    assert once.refused(10.5).refused(11.0) == once


def test_a_process_that_is_never_refused_comes_to_use_the_whole_refill() -> None:
    pace, now_s = full(MODIFY, 0.0), 0.0
    for _ in range(2_000):
        now_s += pace.wait_s(now_s, 0)
        pace = pace.sent(now_s).answered()
    _, (first_s, second_s) = waits(pace, 2, now_s)
    assert second_s - first_s == pytest.approx(1 / (MODIFY.refill_per_s * SHARE * LARGEST))


def test_after_a_refusal_it_asks_for_no_more_than_its_fair_share() -> None:
    pace = full(MODIFY, 0.0)
    now_s = 0.0
    for _ in range(2_000):
        now_s += pace.wait_s(now_s, 0)
        pace = pace.sent(now_s).answered()
    assert pace.share > 1
    assert pace.refused(now_s).share == 1.0


def test_a_clock_that_is_set_back_stops_nothing() -> None:
    pace, _ = waits(full(MODIFY, 3600.0), 50, 3600.0)
    assert pace.wait_s(0.0, 0) == pytest.approx(0.4)
    assert pace.sent(0.0).wait_s(1.0, 0) < 1.0
    assert full(MODIFY, 3600.0).refused(3600.0).refused(0.0).share < 1


def test_refusals_that_go_on_bring_it_below_its_fair_share_and_answers_back_to_it() -> None:
    pace = full(MODIFY, 0.0)
    for second in range(0, 30, 3):
        pace = pace.refused(float(second))
    assert pace.share < 0.5
    for _ in range(500):
        pace = pace.answered()
    assert pace.share >= 1.0


@given(
    st.lists(
        st.tuples(st.sampled_from(["call", "answered", "refused"]), st.floats(0, 50)), max_size=200
    )
)
def test_no_wait_is_negative_and_no_share_out_of_bounds(steps: list[tuple[str, float]]) -> None:
    pace, now_s = full(MODIFY, 0.0), 0.0
    for what, passed_s in steps:
        now_s += passed_s
        if what == "call":
            wait_s = pace.wait_s(now_s, 0)
            # Clocks tell microseconds.
            assert wait_s == 0 or wait_s > 2e-6
            pace = pace.sent(now_s + wait_s)
            now_s += wait_s
            assert pace.tokens > -1e-3
        else:
            pace = pace.answered() if what == "answered" else pace.refused(now_s)
        assert SMALLEST <= pace.share <= LARGEST
        assert pace.tokens <= MODIFY.size * SHARE


@pytest.mark.parametrize(
    ("processes", "tenant", "most_refused", "most_ratio"),
    [
        pytest.param(1, 0.0, 0.05, 1.6, id="alone: it has to find out that it is"),
        pytest.param(2, 0.0, 0.05, 1.1, id="two: what the stack runs"),
        pytest.param(2, 0.5, 0.12, 1.35, id="two, and somebody else who uses half of the refill"),
    ],
)
def test_the_bucket_is_used_up_and_few_calls_are_refused(
    processes: int, tenant: float, most_refused: float, most_ratio: float
) -> None:
    calls, latency_s, looks_again_s = 600, 0.25, 1.0
    bucket = Bucket(ec2_bucket("ModifyNetworkInterfaceAttribute", {})[1], 0.0)
    bucket.drain(MODIFY.refill_per_s * tenant, 0.0)
    paces = [full(MODIFY, 0.0) for _ in range(processes)]
    left = [calls // processes] * processes
    due: list[tuple[float, int, str]] = []
    free = [20] * processes
    for process in range(processes):
        heapq.heappush(due, (0.0, process, "look"))
    refused, answered, now_s = 0, 0, 0.0
    while answered < calls:
        now_s, process, what = heapq.heappop(due)
        if what in ("yes", "no"):
            refused += what == "no"
            answered += what == "yes"
            left[process] += what == "no"
            free[process] += 1
            pace = paces[process]
            paces[process] = pace.answered() if what == "yes" else pace.refused(now_s)
        while left[process] and free[process]:
            if (wait_s := paces[process].wait_s(now_s, 0)) > 0:
                heapq.heappush(due, (now_s + min(wait_s, looks_again_s), process, "look"))
                break
            paces[process] = paces[process].sent(now_s)
            left[process] -= 1
            free[process] -= 1
            said = "yes" if bucket.take(now_s) else "no"
            heapq.heappush(due, (now_s + latency_s, process, said))
    least_s = (calls - MODIFY.size) / (MODIFY.refill_per_s * (1 - tenant))
    assert refused / (calls + refused) <= most_refused
    assert now_s / least_s <= most_ratio
