"""How long and how often a message comes back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import pacing
from stacks.queues import max_receive_count, visibility_timeout_s

pytestmark = [pytest.mark.infra, pytest.mark.subprocesses("node")]

heartbeats = st.integers(min_value=30, max_value=7200)


@pytest.mark.parametrize(
    ("function_timeout_s", "heartbeat_timeout_s", "expected_s"),
    [
        pytest.param(120, 7200, 720, id="a long heartbeat leaves room for AWS's factor of six"),
        pytest.param(
            120, 900, 180, id="a crashed run's message returns four times in the heartbeat"
        ),
        pytest.param(120, 120, 120, id="never shorter than the function's timeout"),
    ],
)
def test_a_silent_runs_message_returns_after(
    function_timeout_s: int, heartbeat_timeout_s: int, expected_s: int
) -> None:
    assert (
        visibility_timeout_s(
            function_timeout_s=function_timeout_s, heartbeat_timeout_s=heartbeat_timeout_s
        )
        == expected_s
    )


@given(heartbeat_timeout_s=heartbeats)
def test_retries_outlast_the_time_for_which_a_launch_is_held(heartbeat_timeout_s: int) -> None:
    receives = max_receive_count(heartbeat_timeout_s=heartbeat_timeout_s)
    lasts_s = sum(pacing.retry_delay_s(n) for n in range(1, receives))
    assert lasts_s >= pacing.HOLD_LIMIT * heartbeat_timeout_s


@given(heartbeat_timeout_s=heartbeats)
def test_receives_are_within_what_sqs_takes_and_lambda_advises(heartbeat_timeout_s: int) -> None:
    assert 5 <= max_receive_count(heartbeat_timeout_s=heartbeat_timeout_s) <= 1000
