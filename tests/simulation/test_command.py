"""`make simulate` and `make report`, as a person starts them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.deployed.deployment import REPOSITORY

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
