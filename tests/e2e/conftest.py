"""An account in real time, served to other processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from localaws.account import Account
from localaws.clock import SystemClock
from localaws.server import serve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localaws.server import Endpoint


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    clock = SystemClock()
    yield Account(clock)
    clock.stop()


@pytest.fixture(scope="module")
def endpoint(account: Account) -> Iterator[Endpoint]:
    with serve(account) as endpoint:
        yield endpoint
