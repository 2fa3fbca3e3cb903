"""What functions write, read back; and an environment to wire from."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest

from domain import naming
from domain.config import to_json
from domain.environment import FunctionEnvironment
from tests.fakes.builders import OWNER, Builders

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _fresh_logger() -> Iterator[None]:
    """Forget the logger of an earlier test: it writes to that test's standard output."""
    logging.Logger.manager.loggerDict.pop(naming.SERVICE, None)
    yield
    logging.Logger.manager.loggerDict.pop(naming.SERVICE, None)


@pytest.fixture
def written(capsys: pytest.CaptureFixture[str]) -> Callable[[], list[dict[str, Any]]]:
    """Return what reads the JSON lines written to standard output since the last time."""

    def read() -> list[dict[str, Any]]:
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return read


@pytest.fixture
def environment() -> FunctionEnvironment:
    """Return an environment as the stack writes it."""
    return FunctionEnvironment(
        owner=OWNER,
        launch_hook=naming.launch_hook(OWNER),
        terminate_hook=naming.terminate_hook(OWNER),
        heartbeat_timeout_s=600,
        launch_queue_url="https://sqs.us-east-1.amazonaws.com/123456789012/launch",
        terminate_queue_url="https://sqs.us-east-1.amazonaws.com/123456789012/terminate",
        orphan_min_age_s=900,
        max_deletions=50,
        max_adoptions=50,
        dry_run=False,
    )


@pytest.fixture
def task_root(tmp_path: Path) -> Path:
    """Return a function's asset: the configuration at its root."""
    (tmp_path / naming.CONFIG_FILE).write_text(to_json(Builders().config()))
    return tmp_path
