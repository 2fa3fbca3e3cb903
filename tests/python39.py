"""A real Python 3.9, the system Python of Amazon Linux 2023, and the bootstrap's built archive in it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from domain.node.config import NodeConfig, NodeGroup
from kernellab.pythons import pythons39
from stacks.bootstrap_archive import stage_bootstrap

REPOSITORY = Path(__file__).parents[1]
CONFIG = NodeConfig("MultusEni-fleet", "core", None, (NodeGroup("workers", "asg", ()),))
ISOLATED = ("-W", "error", "-I", "-S", "-B")

PREAMBLE = """
import sys
assert sys.version_info[:2] == (3, 9), sys.version
archive, repository = sys.argv[1:3]
del sys.argv[1:3]
sys.path[:0] = [archive, repository]
"""
"""The repository comes second, for tests.fakes alone."""
EPILOGUE = """
elsewhere = {
    name: module.__spec__.origin
    for name, module in sys.modules.items()
    if name.partition(".")[0] in ("domain", "node_bootstrap", "pod_addresses")
    and not (module.__spec__.origin or "").startswith(archive + "/")
}
assert not elsewhere, elsewhere
"""


def python39() -> Path:
    """Return a Python 3.9, or skip out loud where this machine has none."""
    for found in pythons39():
        return found.executable
    pytest.skip("no Python 3.9 on this machine: what runs on the nodes was NOT proved to run there")


def run_in_archive(script: str, *arguments: Path | str, build: Path) -> str:
    """Run a script whose imports of the product come from the built archive, and return what it writes.

    Fail when it fails, writes anything to stderr, or had a module of the product from anywhere else.

    Args:
        script: Python 3.9.
        arguments: sys.argv from 1 on.
        build: where to put the archive.
    """
    staged = stage_bootstrap(CONFIG, repository=REPOSITORY, build=build)
    whole = f"{PREAMBLE}{script}{EPILOGUE}"
    done = subprocess.run(  # noqa: S603 - a fixed program and scripts of this repository
        [python39(), *ISOLATED, "-c", whole, staged.archive, REPOSITORY, *arguments],
        cwd=build,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout
