"""One run at a time: a lock that ends with the process that holds it."""

from __future__ import annotations

import fcntl
import os
import select
from contextlib import contextmanager
from typing import TYPE_CHECKING

from domain.node import layout
from domain.node.errors import RunUnderWay
from domain.node.status import Run
from node_bootstrap.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from node_bootstrap.files import Files

WAIT_S: Mapping[Run, float] = {Run.BOOT: 3600, Run.HOTPLUG: 3600, Run.MANUAL: 0}
"""How long each waits for the run before it. Nobody starts the first two a second time, so they wait as long as a run can
take (the longest deadline that a configuration may set). A person is told at once."""

_LOCKS = "/proc/locks"
_LONGEST_WAIT_MS = 1000
"""The process that the lock's file names is not the holder in the moment between its taking the lock and writing its id."""


@contextmanager
def held(files: Files, started_by: Run, *, timeout_s: float | None = None) -> Iterator[None]:
    """Hold the lock of runs.

    The kernel lets go of it when the process ends, however it ends (flock(2)); no program that it starts inherits it.

    Args:
        files: where the lock's file is.
        started_by: who waits.
        timeout_s: how long; by default as `WAIT_S` says.

    Raises:
        RunUnderWay: another run holds it and did not end in time.
    """
    deadline = Deadline(WAIT_S[started_by] if timeout_s is None else timeout_s)
    path = files.at(layout.LOCK)
    path.parent.mkdir(parents=True, exist_ok=True)
    # The file stays: two processes that lock a file of this name, one of them unlinked, would both hold a lock.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        while not _taken(descriptor):
            if deadline.is_over():
                raise _under_way(descriptor)
            _wait_for_holder(descriptor, deadline)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()} {started_by.value}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def runner(files: Files) -> int | None:
    """Return the process of the run that is under way; None when there is none.

    Takes no lock, which a run that begins at this moment would find taken, and needs no rights.
    """
    try:
        found = files.at(layout.LOCK).stat()
    except OSError:
        return None
    file = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    # "1: FLOCK  ADVISORY  WRITE 1234 fe:00:5678 0 EOF"; a process that waits has "->" after the number (proc_locks(5)).
    for line in (files.text(_LOCKS) or "").splitlines():
        words = line.split()
        if words[1:2] == ["FLOCK"] and words[5] == file:
            return int(words[4])
    return None


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(descriptor: int) -> tuple[int | None, str]:
    """Return the process id and the trigger that the lock's file names."""
    pid, _, started_by = os.pread(descriptor, 64, 0).decode(errors="replace").partition(" ")
    return (int(pid), started_by.strip()) if pid.isdecimal() else (None, "")


def _wait_for_holder(descriptor: int, deadline: Deadline) -> None:
    """Return when the holder has ended, or after a moment."""
    watched = select.poll()
    pid, _ = _holder(descriptor)
    process = None if pid is None else _process(pid)
    try:
        if process is not None:
            watched.register(process, select.POLLIN)
        watched.poll(min(_LONGEST_WAIT_MS, 1 + deadline.left_s() * 1000))
    finally:
        if process is not None:
            os.close(process)


def _process(pid: int) -> int | None:
    """Return a descriptor that can be read from when the process has ended (pidfd_open(2)); None if it has already."""
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None


def _under_way(descriptor: int) -> RunUnderWay:
    pid, started_by = _holder(descriptor)
    return RunUnderWay(
        "another run holds the lock",
        value=f"process {pid}, started by {started_by}" if pid else "",
        remedy="Wait until it has ended; `multus-node status` says how far it is.",
    )
