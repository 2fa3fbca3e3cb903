"""From the archive that user data fetched to a folder on the node, one for each version.

Python keeps no bytecode of what it imports from an archive: every start would compile every module anew. Of what lies in a
folder it keeps it, so that only the first start does.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import zipfile
from typing import TYPE_CHECKING

from domain.node import layout

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from node_bootstrap.files import Files

_FRESH = f"{layout.PROGRAMS}/.fresh"
_BYTECODE = "__pycache__"


def content(place: Path) -> dict[str, bytes]:
    """Return every file of an archive, or of a folder made of one, by its name in it; none if there is no such place.

    Raises:
        OSError: it cannot be read.
    """
    if place.is_file():
        with zipfile.ZipFile(place) as archive:
            return {name: archive.read(name) for name in archive.namelist()}
    return {
        path.relative_to(place).as_posix(): path.read_bytes()
        for path in place.rglob("*")
        if path.is_file() and _BYTECODE not in path.parts
    }


def folder(program: Mapping[str, bytes]) -> str:
    """Return where on a node these files go: the name tells what is in it."""
    digest = hashlib.sha256()
    for name, data in sorted(program.items()):
        digest.update(f"{len(name)} {name} {len(data)}\n".encode())
        digest.update(data)
    return f"{layout.PROGRAMS}/{digest.hexdigest()[:16]}"


def unpack(program: Mapping[str, bytes], files: Files) -> None:
    """Make the folder of these files. Whoever looks there sees all of them or none, also after a power cut.

    It can find any of these, and each ends the same:
    1. no folder;
    2. part of the files, not in their place yet: an earlier one was killed;
    3. the folder with something else in it: somebody changed it, or the disk fails.

    Raises:
        OSError: the file system is full or read-only.
    """
    fresh = files.at(_FRESH)
    remove(_FRESH, files)
    for name, data in program.items():
        path = fresh / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    # Once for all: sixty files synced one by one take longer than the rest of the installation.
    os.sync()
    remove(folder(program), files)
    fresh.rename(files.at(folder(program)))


def remove(folder: str, files: Files) -> None:
    """Take a folder away; it is fine if there is none.

    Raises:
        OSError: the file system is read-only.
    """
    path = files.at(folder)
    if path.exists():
        shutil.rmtree(path)
