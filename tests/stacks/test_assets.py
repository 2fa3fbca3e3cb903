"""The functions' archive: the same everywhere, and nothing in it that Lambda cannot run."""

from __future__ import annotations

import shutil
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stacks.assets import AssetError, functions_content, stage

if TYPE_CHECKING:
    from collections.abc import Callable

    from domain.config import Config

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Another checkout of the repository, as far as the asset is concerned, with the dirt of daily work in it."""
    for package in ("domain", "lambdas"):
        shutil.copytree(REPOSITORY / package, tmp_path / "elsewhere" / package)
    cache = tmp_path / "elsewhere" / "domain" / "__pycache__"
    cache.mkdir(exist_ok=True)
    (cache / "config.cpython-311.pyc").write_bytes(b"\0")
    (tmp_path / "elsewhere" / "lambdas" / "notes.txt").write_text("not code")
    return tmp_path / "elsewhere"


def test_two_checkouts_give_the_same_archive(
    config_with: Callable[..., Config], checkout: Path, tmp_path: Path
) -> None:
    here = stage(config_with(), repository=REPOSITORY, build=tmp_path / "here")
    there = stage(config_with(), repository=checkout, build=tmp_path / "there")
    assert here.digest == there.digest
    assert here.archive.read_bytes() == there.archive.read_bytes()


def test_a_changed_line_gives_another_archive(
    config_with: Callable[..., Config], checkout: Path, tmp_path: Path
) -> None:
    before = stage(config_with(), repository=checkout, build=tmp_path)
    with (checkout / "domain" / "naming.py").open("a") as source:
        source.write("# changed\n")
    after = stage(config_with(), repository=checkout, build=tmp_path)
    assert before.digest != after.digest
    assert before.archive != after.archive


def test_a_changed_configuration_gives_another_archive(
    config_with: Callable[..., Config], tmp_path: Path
) -> None:
    one = stage(config_with(subnets=1), repository=REPOSITORY, build=tmp_path)
    two = stage(config_with(subnets=2), repository=REPOSITORY, build=tmp_path)
    assert one.digest != two.digest


def test_an_archive_that_is_there_is_not_written_again(
    config_with: Callable[..., Config], tmp_path: Path
) -> None:
    first = stage(config_with(), repository=REPOSITORY, build=tmp_path)
    written = first.archive.stat()
    again = stage(config_with(), repository=REPOSITORY, build=tmp_path)
    assert again == first
    assert again.archive.stat().st_ino == written.st_ino
    assert list(first.archive.parent.iterdir()) == [first.archive]


def test_entries_are_sorted_dated_alike_and_readable(
    config_with: Callable[..., Config], tmp_path: Path
) -> None:
    staged = stage(config_with(), repository=REPOSITORY, build=tmp_path)
    with zipfile.ZipFile(staged.archive) as archive:
        entries = archive.infolist()
    assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {entry.external_attr >> 16 for entry in entries} == {0o100644}


def install(site: Path, name: str, *files: str) -> None:
    """Lay out an installed distribution by the wheel specification, with a record of its files."""
    metadata = site / f"{name}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (metadata / "RECORD").write_text("".join(f"{file},,\n" for file in files))
    for file in files:
        (site / file).write_bytes(b"")


def test_a_compiled_dependency_is_refused(
    config_with: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "jmespath", "jmespath.py", "_speedups.cpython-314-x86_64-linux-gnu.so")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    with pytest.raises(AssetError, match=r"jmespath holds _speedups.* compiled for this machine"):
        functions_content(config_with(), repository=REPOSITORY)


def test_a_dependency_that_is_not_installed_is_named(
    config_with: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(AssetError, match="aws-lambda-powertools is not installed"):
        functions_content(config_with(), repository=REPOSITORY)


def test_what_only_nodes_and_the_operator_import_stays_out(
    config_with: Callable[..., Config],
) -> None:
    packages = {
        Path(name).parent.as_posix()
        for name in functions_content(config_with(), repository=REPOSITORY)
        if name.startswith("domain/")
    }
    assert packages == {"domain"}
