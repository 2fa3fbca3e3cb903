"""One account at a time."""

from __future__ import annotations

import pytest

from localaws.account import Account, Settings
from localaws.clock import VirtualClock


def test_a_second_account_is_refused_while_one_is_active_and_not_afterwards() -> None:
    first, second = Account(VirtualClock()), Account(VirtualClock())
    with (
        first.active(),
        pytest.raises(RuntimeError, match="another account is active"),
        second.active(),
    ):
        pass
    with second.active():
        pass


def test_everything_takes_its_usual_time_unless_a_simulation_says_otherwise() -> None:
    assert Settings(attach_s=2.0).duration_s("attach_s") == 2.0
    asked: list[tuple[str, float]] = []

    def vary(name: str, usual_s: float) -> float:
        asked.append((name, usual_s))
        return usual_s * 3

    assert Settings(attach_s=2.0, vary=vary).duration_s("attach_s") == 6.0
    assert asked == [("attach_s", 2.0)]
