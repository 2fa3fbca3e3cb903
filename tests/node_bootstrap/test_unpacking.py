"""From archive to folder: the same files, all of them or none, whatever an earlier unpacking left."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import pytest

from domain.node import layout
from node_bootstrap import unpacking
from node_bootstrap.files import Files

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = {"__main__.py": b"\xff\r\n", "package/module.py": b"pass"}


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path / "host")


def test_an_archive_and_the_folder_made_of_it_have_the_same_content(
    tmp_path: Path, files: Files
) -> None:
    archive = tmp_path / "program.pyz"
    with zipfile.ZipFile(archive, "w") as opened:
        for name, data in PROGRAM.items():
            opened.writestr(name, data)
    assert unpacking.content(archive) == PROGRAM
    unpacking.unpack(PROGRAM, files)
    folder = files.at(unpacking.folder(PROGRAM))
    (folder / "package/__pycache__").mkdir()
    (folder / "package/__pycache__/module.pyc").write_bytes(b"kept by Python")
    assert unpacking.content(folder) == PROGRAM


def test_there_is_nothing_in_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert unpacking.content(tmp_path / "none") == {}


@pytest.mark.parametrize(
    "other",
    [
        {"__main__.py": b"", "package/module.py": b"pass"},
        {"__main__.py": b"\xff\r\n", "package/modul.py": b"pass"},
        {"__main__.py": b"\xff\r\n"},
        {"__main__.py": b"\xff\r\npackage/module.pypass"},
    ],
    ids=["content", "name", "fewer", "the same bytes divided otherwise"],
)
def test_another_program_has_another_folder(other: dict[str, bytes]) -> None:
    assert unpacking.folder(other) != unpacking.folder(PROGRAM)


@pytest.mark.parametrize(
    "left",
    [
        {},
        {".fresh/package/old.py": b"of an unpacking that was killed"},
        {"{folder}/__main__.py": b"changed", "{folder}/more.py": b"", ".fresh/x.py": b""},
    ],
    ids=["nothing", "part of it", "something else"],
)
def test_unpacking_ends_the_same_whatever_it_finds(files: Files, left: dict[str, bytes]) -> None:
    target = unpacking.folder(PROGRAM)
    for name, data in left.items():
        path = files.at(f"{layout.PROGRAMS}/{name.format(folder=target.rpartition('/')[2])}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    unpacking.unpack(PROGRAM, files)
    assert unpacking.content(files.at(target)) == PROGRAM
    assert files.names(layout.PROGRAMS) == (target.rpartition("/")[2],)


def test_what_is_not_there_need_not_be_removed(files: Files) -> None:
    unpacking.remove(f"{layout.PROGRAMS}/gone", files)
    assert files.names(layout.PROGRAMS) == ()
