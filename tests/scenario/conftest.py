"""A stack's handlers in the embedded account."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from moto import mock_aws
from moto.core.config import DefaultConfig

from localaws.account import Account, Settings
from localaws.clock import VirtualClock
from localaws.faults import CallerCrashed
from tests.fakes.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

SHARED_SESSION = DefaultConfig(core={"reset_boto3_session": False})


@contextmanager
def _staged() -> Iterator[Stage]:
    clock = VirtualClock()
    account = Account(clock, Settings(launch_s=3.0, attach_s=3.0, terminate_s=3.0))
    with account.active(), mock_aws(config=SHARED_SESSION):
        yield Stage(account, clock)


@pytest.fixture(scope="session")
def staged() -> Callable[[], AbstractContextManager[Stage]]:
    """Return what opens a fresh stage; a property opens one per example."""
    return _staged


@pytest.fixture
def stage() -> Iterator[Stage]:
    """Return a stage."""
    with _staged() as opened:
        yield opened


@pytest.fixture(scope="session")
def crashed() -> type[CallerCrashed]:
    """Return what is raised where a function's process ends."""
    return CallerCrashed
