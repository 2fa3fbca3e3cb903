"""When to look again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.pacing import HOLD_LIMIT, AttachPace, needs_heartbeat, retry_delay_s


@pytest.mark.parametrize(
    ("since_attach_s", "looks", "wait_s"),
    [
        pytest.param(0.0, 0, 2.0, id="the first look comes when an attachment is expected"),
        pytest.param(1.5, 0, 0.5, id="what passed already counts"),
        pytest.param(9.0, 0, 0.0, id="never negative"),
        pytest.param(2.0, 1, 0.5, id="then soon"),
        pytest.param(2.5, 2, 0.625, id="then after a quarter of what it has taken so far"),
        pytest.param(9.0, 9, 2.0, id="at last every two seconds"),
    ],
)
def test_one_look_at_the_right_moment(since_attach_s: float, looks: int, wait_s: float) -> None:
    assert AttachPace().wait_s(since_attach_s, looks) == pytest.approx(wait_s)


def test_an_attachment_done_at_the_first_look_may_have_been_done_earlier() -> None:
    assert AttachPace().learned(2.0, 1).expected_s == pytest.approx(1.8)


def test_an_attachment_that_took_longer_is_expected_to_take_so_long_again() -> None:
    assert AttachPace().learned(5.5, 3).expected_s == pytest.approx(5.5)


@pytest.mark.parametrize("attach_s", [1.0, 2.0, 3.3, 7.0])
def test_once_learned_nearly_every_look_is_the_right_one(attach_s: float) -> None:
    pace, late = AttachPace(), 0
    for _ in range(50):
        looks, at_s = 0, pace.wait_s(0, 0)
        while at_s < attach_s:
            looks += 1
            at_s += pace.wait_s(at_s, looks)
        late += looks > 0
        pace = pace.learned(at_s, looks + 1)
    assert late <= 3
    assert attach_s <= pace.expected_s <= attach_s * 1.6


@given(st.lists(st.tuples(st.floats(0, 1e6), st.integers(0, 50)), max_size=60))
def test_what_is_learned_stays_within_bounds(seen: list[tuple[float, int]]) -> None:
    pace = AttachPace()
    for took_s, looks in seen:
        pace = pace.learned(took_s, looks)
        assert pace.floor_s <= pace.expected_s <= pace.ceiling_s


def test_an_unfinished_message_comes_back_ever_later() -> None:
    assert [retry_delay_s(count) for count in (1, 2, 3, 4, 5, 6, 1000)] == [
        5, 10, 20, 40, 60, 60, 60,
    ]  # fmt: skip
    assert retry_delay_s(0) == 5


@pytest.mark.parametrize(
    ("open_for_s", "due"),
    [
        (0, False),
        (299.9, False),
        (300, True),
        (600 * HOLD_LIMIT - 1, True),
        (600 * HOLD_LIMIT, False),
    ],
)
def test_a_timer_is_restarted_from_half_of_the_first_time_out_on_but_not_for_ever(
    open_for_s: float, due: bool
) -> None:
    assert needs_heartbeat(open_for_s, 600) is due
