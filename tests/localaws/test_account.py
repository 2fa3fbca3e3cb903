"""One account at a time."""

from __future__ import annotations

import pytest

from localaws.account import Account
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
