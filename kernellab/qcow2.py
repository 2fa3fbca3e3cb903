"""Create an empty copy-on-write disk in QEMU's qcow2 format, so that no qemu-img need be installed."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

CLUSTER_BITS = 16
_CLUSTER = 1 << CLUSTER_BITS


def create(path: Path, size: int) -> None:
    """Write a disk of `size` bytes with nothing in it; QEMU is told apart what lies beneath.

    Four clusters: header, refcount table, refcount block, L1 table
    (https://gitlab.com/qemu-project/qemu/-/blob/master/docs/interop/qcow2.txt).
    """
    bytes_per_l1_entry = (_CLUSTER // 8) * _CLUSTER
    l1_entries = -(-size // bytes_per_l1_entry)
    header = struct.pack(
        ">4sIQIIQIIQQIIQQQQII",
        *(b"QFI\xfb", 3, 0, 0, CLUSTER_BITS, size, 0, l1_entries, 3 * _CLUSTER),
        *(_CLUSTER, 1, 0, 0, 0, 0, 0, 4, 104),
    )
    refcount_table = struct.pack(">Q", 2 * _CLUSTER)
    refcount_block = struct.pack(">4H", 1, 1, 1, 1)
    with path.open("wb") as disk:
        for cluster in (header, refcount_table, refcount_block, b""):
            disk.write(cluster.ljust(_CLUSTER, b"\0"))
