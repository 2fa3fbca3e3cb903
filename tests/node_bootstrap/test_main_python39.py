"""The command from the archive under the system Python of Amazon Linux 2023 (3.9): what its start costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.python39 import run_in_archive

if TYPE_CHECKING:
    from pathlib import Path

STATUS = """
from node_bootstrap.__main__ import main

assert main(["status"]) == 1
runs_alone = {"domain.node.plan", "http.client", "ipaddress", "node_bootstrap.runs", "subprocess"}
assert not runs_alone & set(sys.modules), runs_alone & set(sys.modules)
from node_bootstrap import runs
assert runs_alone <= set(sys.modules), runs_alone - set(sys.modules)
"""


@pytest.mark.subprocesses("python3.9")
def test_status_is_told_without_loading_what_only_runs_need(tmp_path: Path) -> None:
    assert run_in_archive(STATUS, build=tmp_path).startswith("NOT READY  no run has begun")
