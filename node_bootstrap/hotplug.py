"""The notes that are left when a link comes, by udev, and when CNI plugins do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.node import layout
from domain.node.change import RemoveFile

if TYPE_CHECKING:
    from node_bootstrap.files import Files


def take_notes(files: Files) -> tuple[str, ...]:
    """Take the notes away and return their names, which for links are the links'.

    A run does it before it looks at links and plugins, holding the lock: what comes after that leaves another note, and
    the next run begins when this one ends.
    """
    names = files.names(layout.HOTPLUG)
    for name in names:
        files.carry_out(RemoveFile(f"{layout.HOTPLUG}/{name}"))
    return names
