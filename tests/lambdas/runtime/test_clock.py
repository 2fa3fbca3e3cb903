"""Real time."""

from __future__ import annotations

from datetime import UTC

from lambdas.runtime.clock import SystemClock


def test_the_machines_clock_is_in_utc_and_waiting_takes_time() -> None:
    clock = SystemClock()
    before = clock.now()
    clock.wait(0.01)
    assert before.tzinfo is UTC
    assert (clock.now() - before).total_seconds() >= 0.01
