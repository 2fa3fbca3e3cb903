"""What is measured of a node's files, and when the collector's file is written."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from domain.node import layout
from domain.node.change import WriteFile
from domain.node.status import Interface, Run, State, Status
from node_bootstrap import __main__ as command
from node_bootstrap import metrics
from node_bootstrap import status as status_file
from node_bootstrap.files import Files

if TYPE_CHECKING:
    from pathlib import Path

POOL = Interface("n3", "ready", pod_addresses=("10.0.3.11", "10.0.3.12"))
READY = Status(State.READY, "done", Run.BOOT, "2026-11-29T08:00:00Z", interfaces=(POOL,))
USED = 'multus_node_pod_addresses_used{interface="n3",family="ipv4"}'
FILE = f"{layout.RUN}/metrics/multus-node.prom"


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Give a ready node with a pool, one of whose addresses a pod has."""
    made = Files(tmp_path)
    status_file.write(READY, made)
    folder = f"{layout.POD_ADDRESSES}/{layout.CNI_PREFIX}n3"
    for name in ("10.0.3.12", "last_reserved_ip.0", "lock"):
        made.carry_out(WriteFile(f"{folder}/{name}", "pod-a"))
    return made


def test_what_host_local_notes_is_counted(files: Files) -> None:
    assert f"{USED} 1\n" in metrics.shown(files)


def test_a_node_whose_status_cannot_be_read_is_not_ready(tmp_path: Path) -> None:
    assert "multus_node_ready 0\n" in metrics.shown(Files(tmp_path))


def test_the_file_has_what_is_shown(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "Files", lambda: files)
    assert command.main(["metrics", "--output", FILE]) == 0
    assert files.text(FILE) == metrics.shown(files)


def test_without_a_file_they_are_said(
    files: Files, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "Files", lambda: files)
    assert command.main(["metrics"]) == 0
    assert capsys.readouterr().out == metrics.shown(files)


def test_a_run_that_is_under_way_leaves_the_file_as_it_was(files: Files) -> None:
    metrics.write(files, FILE)
    before = files.text(FILE)
    under_way = dataclasses.replace(READY, state=State.WAITING, interfaces=())
    status_file.write(under_way, files)
    metrics.write(files, FILE)
    assert files.text(FILE) == before
