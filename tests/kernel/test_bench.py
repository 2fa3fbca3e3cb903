"""The benchmark of the bootstrap in the guest: its count of programs is the bootstrap's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench import bootstrap
from domain.node import layout

if TYPE_CHECKING:
    from kernellab.image import Image

pytestmark = [pytest.mark.kernel, pytest.mark.subprocesses("qemu-system-x86_64")]

COUNTED = "/run/bench/counted"
COUNTING = f"""
import sys
sys.path.insert(0, "{layout.FETCHED}")
sys.argv = {list(bootstrap.INSTALL[2:])}
from node_bootstrap import __main__, host
made = []
class Counting(host.Programs):
    def __init__(self):
        super().__init__()
        made.append(self)
host.Programs = Counting
code = __main__.main()
with open("{COUNTED}", "w") as file:
    file.write(str(sum(each.started for each in made)))
sys.exit(code)
"""


def test_the_kernel_counts_the_programs_that_the_bootstrap_counts(
    lab: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "INSTALL", ("/usr/bin/python3", "-IS", "-c", COUNTING))
    monkeypatch.setattr(bootstrap, "LOOK", f"cat {COUNTED}")
    shape = bootstrap.Shape(1, 1)
    seen = bootstrap.bootstrap(shape, lab)
    assert len(seen.started) == int(seen.left)
    assert sorted(set(seen.started) - bootstrap.INSTALLERS) == sorted(shape.tools)
