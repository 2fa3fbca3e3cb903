"""udev's notes are taken before a run looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.node import layout
from domain.node.change import WriteFile
from node_bootstrap.files import Files
from node_bootstrap.hotplug import take_notes

if TYPE_CHECKING:
    from pathlib import Path


def test_each_note_is_taken_once(tmp_path: Path) -> None:
    files = Files(tmp_path)
    for link in ("eth2", "eth1"):
        files.carry_out(WriteFile(f"{layout.HOTPLUG}/{link}", ""))
    assert take_notes(files) == ("eth1", "eth2")
    assert take_notes(files) == ()
    assert files.at(layout.HOTPLUG).is_dir(), "systemd watches the folder"


def test_no_folder_is_no_note(tmp_path: Path) -> None:
    assert take_notes(Files(tmp_path)) == ()
