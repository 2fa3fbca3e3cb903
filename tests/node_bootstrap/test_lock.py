"""One run at a time, in real processes: the lock ends with whoever holds it, however that ends."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from domain.node import layout
from domain.node.change import WriteFile
from domain.node.errors import RunUnderWay
from domain.node.status import Run
from node_bootstrap.files import Files
from node_bootstrap.lock import held, runner

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).parents[2]
HOLDER = """
import sys
from pathlib import Path
from domain.node.status import Run
from node_bootstrap.files import Files
from node_bootstrap.lock import held

with held(Files(Path(sys.argv[1])), Run.BOOT):
    print("held", flush=True)
    sys.stdin.read()
"""
pytestmark = pytest.mark.subprocesses("python")


@contextmanager
def holder(root: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process that holds the lock until its stdin ends."""
    with subprocess.Popen(  # noqa: S603 - this interpreter and a program of this file
        [sys.executable, "-c", HOLDER, str(root)],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        try:
            yield process
        finally:
            process.kill()


def test_a_person_is_told_at_once_which_process_is_at_it(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        with pytest.raises(RunUnderWay) as refused, held(Files(tmp_path), Run.MANUAL):
            pytest.fail("two runs at once")
        assert refused.value.value == f"process {process.pid}, started by boot"


def test_a_killed_run_leaves_no_lock(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        process.kill()
        process.wait(10)
        with held(Files(tmp_path), Run.MANUAL):
            pass


def test_a_hotplug_run_waits_until_the_one_before_it_ends(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        ended = threading.Timer(0.2, process.kill)
        ended.start()
        with held(Files(tmp_path), Run.HOTPLUG, timeout_s=30):
            assert process.poll() is not None or process.wait(10) is not None
        ended.join()


def test_waiting_has_an_end(tmp_path: Path) -> None:
    with (
        holder(tmp_path),
        pytest.raises(RunUnderWay),
        held(Files(tmp_path), Run.BOOT, timeout_s=0.1),
    ):
        pytest.fail("two runs at once")


def test_the_lock_is_let_go_and_its_file_stays(tmp_path: Path) -> None:
    files = Files(tmp_path)
    with held(files, Run.BOOT):
        first = files.at(layout.LOCK).stat().st_ino
    with held(files, Run.MANUAL):
        assert files.at(layout.LOCK).stat().st_ino == first
        assert (files.text(layout.LOCK) or "").endswith(" manual\n")


def test_a_lock_file_without_a_holders_name_is_still_a_lock(tmp_path: Path) -> None:
    files = Files(tmp_path)
    with holder(tmp_path):
        files.at(layout.LOCK).write_text("")
        with pytest.raises(RunUnderWay) as refused, held(files, Run.HOTPLUG, timeout_s=0.05):
            pytest.fail("two runs at once")
        assert refused.value.value == ""


def locks(inode: str) -> str:
    """Return what /proc/locks shows while a process holds a file's lock and another waits for it."""
    return (
        f"1: POSIX  ADVISORY  WRITE 11 {inode} 0 EOF\n"
        "2: FLOCK  ADVISORY  WRITE 12 fd:00:1 0 EOF\n"
        f"3: FLOCK  ADVISORY  WRITE 13 {inode} 0 EOF\n"
        f"3: -> FLOCK  ADVISORY  WRITE 14 {inode} 0 EOF\n"
    )


def test_whoever_looks_sees_which_process_is_at_it_without_taking_the_lock(tmp_path: Path) -> None:
    files = Files(tmp_path)
    assert runner(files) is None
    with held(files, Run.BOOT):
        found = files.at(layout.LOCK).stat()
    inode = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    files.carry_out(WriteFile("/proc/locks", locks(inode)))
    assert runner(files) == 13
    files.carry_out(WriteFile("/proc/locks", locks("00:17:9")))
    assert runner(files) is None
