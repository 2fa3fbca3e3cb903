"""The fences themselves: a test that reaches out fails, whatever the code under test catches."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest


def test_a_program_that_was_not_named_is_refused() -> None:
    with pytest.raises(BaseException, match="mark the test with subprocesses") as caught:
        subprocess.run([sys.executable, "-c", ""], check=True)
    assert not isinstance(caught.value, Exception)


@pytest.mark.subprocesses("python")
def test_a_program_that_was_named_runs() -> None:
    assert subprocess.run([sys.executable, "-c", ""], check=False).returncode == 0


@pytest.mark.parametrize("host", ["192.0.2.1", "example.com"], ids=["address", "name"])
def test_no_connection_leaves_the_machine(host: str) -> None:
    with pytest.raises(BaseException, match="loopback only") as caught:
        socket.create_connection((host, 443), timeout=1)
    assert not isinstance(caught.value, Exception)


def test_credentials_are_made_up() -> None:
    assert os.environ["AWS_ACCESS_KEY_ID"] == "testing"
