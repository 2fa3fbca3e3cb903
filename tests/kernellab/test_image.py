"""Building is done once, and what a machine lacks for it is named."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING

import pytest

from kernellab import image

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.subprocesses("python3.9")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(image.CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def _built(folder: Path) -> None:
    folder.mkdir(parents=True)
    manifest = {"kernel_release": "6.1.0-1-amd64", "python": "3.9.18", "packages": []}
    (folder / "manifest.json").write_text(json.dumps(manifest))


def _fake_build(work: Path) -> None:
    _built(work / "out")


def test_a_bare_machine_is_told_every_package_it_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(image, "_SYSTEM_PATH", str(tmp_path))
    monkeypatch.setattr(image, "_APT_LISTS", tmp_path)
    lacks = image.missing()
    assert "qemu-system-x86_64 (apt-get install qemu-system-x86)" in lacks
    assert "gcc-12 (apt-get install gcc-12)" in lacks
    assert "package lists of Debian 12, amd64 (apt-get update)" in lacks


def test_a_cached_image_needs_qemu_alone(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _built(cache / image.definition())
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(image, "_SYSTEM_PATH", str(tmp_path))
    monkeypatch.setattr(image, "definition", lambda: next(cache.iterdir()).name)
    assert image.missing() == ["qemu-system-x86_64 (apt-get install qemu-system-x86)"]


def test_an_image_is_built_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image, "_build_into", _fake_build)
    built = image.build()
    monkeypatch.setattr(image, "_build_into", pytest.fail)
    assert image.build() == built == image.cached()
    assert built.folder.parent == cache


def test_an_image_that_nobody_asked_for_in_a_week_is_dropped(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image, "_build_into", _fake_build)
    _built(cache / "old")
    _built(cache / "recent")
    eight_days_ago = time.time() - 8 * 24 * 3600
    os.utime(cache / "old/manifest.json", (eight_days_ago, eight_days_ago))
    image.build()
    assert not (cache / "old").exists()
    assert (cache / "recent").exists()


def test_a_failed_build_leaves_nothing_and_a_killed_one_is_swept(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(work: Path) -> None:
        _built(work / "out")
        raise RuntimeError

    monkeypatch.setattr(image, "_build_into", fail)
    (cache / f"{image.definition()}.building-killed").mkdir(parents=True)
    with pytest.raises(RuntimeError):
        image.build()
    assert image.cached() is None
    assert [path.suffix for path in cache.iterdir()] == [".lock"]
