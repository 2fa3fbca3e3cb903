"""`make simulate` and `make report`, as a person starts them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.deployed.deployment import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.simulation, pytest.mark.subprocesses("python", "node")]


@pytest.mark.parametrize("module", ["tests.simulation", "tests.simulation.report"])
def test_a_command_says_what_it_is_asked_and_nothing_of_node_s_age(module: str) -> None:
    bare = {name: value for name, value in os.environ.items() if not name.startswith("JSII_")}
    asked = subprocess.run(  # noqa: S603 - our own
        [sys.executable, "-m", module, "--help"],
        cwd=REPOSITORY,
        env=bare,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Usage" in asked.stdout
    assert asked.stderr == ""


@pytest.fixture
def as_from_a_terminal() -> Iterator[None]:
    """Let what is started heed Ctrl-C: it would inherit that a shell has its background jobs ignore it (signal(7))."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("as_from_a_terminal")
def test_ctrl_c_ends_a_command_with_one_line_that_says_what_is_done() -> None:
    command = [sys.executable, "-m", "tests.simulation", "walk", "--hours", "0.1", "--walks", "999"]
    with subprocess.Popen(  # noqa: S603 - our own
        command,
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as started:
        assert started.stdout is not None
        assert started.stdout.readline().startswith("seed 1: ")
        # To all of them, as a terminal sends it.
        os.killpg(started.pid, signal.SIGINT)
        # Comes back once nobody is left who could print.
        printed, complained = started.communicate(timeout=60)
    assert printed.splitlines()[-1].endswith("walks, without a violation")
    assert printed.count("stopped: ") == 1
    assert complained == ""
    assert started.returncode == 130
