"""Every golden node from the archive under the system Python of Amazon Linux 2023 (3.9): the same plans and files as here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fakes import golden_nodes
from tests.python39 import run_in_archive

if TYPE_CHECKING:
    from pathlib import Path

REPLAY = """
from tests.fakes import golden_nodes

for kind in golden_nodes.kinds():
    node = golden_nodes.GoldenNode(kind)
    planned = node.plan()
    assert golden_nodes.made(planned) == golden_nodes.expected(kind), kind
    for change in planned.changes:
        node.carry_out(change)
    assert node.plan().changes == (), kind
    print(kind)
"""


@pytest.mark.subprocesses("python3.9")
def test_every_kind_of_node_gets_the_same_under_python_3_9(tmp_path: Path) -> None:
    assert run_in_archive(REPLAY, build=tmp_path).split() == golden_nodes.kinds()
