"""The empty copy-on-write disk has the layout that QEMU expects."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from kernellab import qcow2

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("size", "l1_entries"), [(1 << 20, 1), (512 << 20, 1), (640 << 20, 2)], ids=str
)
def test_every_cluster_in_use_is_counted_once(tmp_path: Path, size: int, l1_entries: int) -> None:
    disk = tmp_path / "disk.qcow2"
    qcow2.create(disk, size)
    raw = disk.read_bytes()
    assert len(raw) == 4 * 65536
    magic, version = struct.unpack_from(">4sI", raw)
    assert (magic, version) == (b"QFI\xfb", 3)
    assert struct.unpack_from(">QII", raw, 24) == (size, 0, l1_entries)
    l1_at, refcounts_at = struct.unpack_from(">QQ", raw, 40)
    (block_at,) = struct.unpack_from(">Q", raw, refcounts_at)
    assert {l1_at, refcounts_at, block_at} == {65536, 2 * 65536, 3 * 65536}
    assert struct.unpack_from(">5H", raw, block_at) == (1, 1, 1, 1, 0)
