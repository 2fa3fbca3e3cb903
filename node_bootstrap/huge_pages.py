"""The kernel's pools of huge pages, per NUMA node."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from domain.node.huge_pages import short
from domain.node.model import HugePagePool, NumaMemory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from domain.node.change import SetHugePages
    from node_bootstrap.files import Files

NUMA_NODES = "/sys/devices/system/node"
_RECLAIMABLE = ("MemFree", "Active(file)", "Inactive(file)", "SReclaimable")
"""What the kernel has or gives back on demand: free memory, page cache, and its own caches. There is no MemAvailable per
NUMA node."""


def observe(files: Files) -> tuple[tuple[HugePagePool, ...], tuple[NumaMemory, ...]]:
    """Return every pool of every NUMA node, and what is free on each."""
    pools = []
    memory = []
    for numa_node in _numa_nodes(files):
        directory = f"{NUMA_NODES}/node{numa_node}"
        for name in files.names(f"{directory}/hugepages"):
            size = re.fullmatch(r"hugepages-(\d+)kB", name)
            if size:
                pool = f"{directory}/hugepages/{name}"
                total, free = (
                    int(files.text(f"{pool}/{each}") or 0)
                    for each in ("nr_hugepages", "free_hugepages")
                )
                pools.append(HugePagePool(numa_node, int(size[1]), total, free))
        memory.append(NumaMemory(numa_node, _free_kib(files.text(f"{directory}/meminfo") or "")))
    return tuple(pools), tuple(memory)


def carry_out(change: SetHugePages, files: Files) -> None:
    """Ask for the pages and see what came.

    Killed in between, it leaves the pool as large as the kernel made it, which is what the next run counts from.

    Raises:
        HugePagesShort: the kernel granted fewer; the pool is as it was before, or the message says that it is not.
    """
    refused = ""
    try:
        files.set(_path(change), str(change.count))
    except OSError as cause:
        refused = cause.strerror or str(cause)
    granted = int(files.text(_path(change)) or 0)
    if granted >= change.count:
        return
    error = short(change, granted)
    error.value = "; ".join(filter(None, [error.value, refused]))
    if granted != change.before:
        try:
            put_back(change, files)
        except OSError as second:
            error.value += f"; not put back: {second}"
    raise error


def put_back(change: SetHugePages, files: Files) -> None:
    """Give the pages back that a change brought. Pages that somebody has taken meanwhile stay."""
    files.set(_path(change), str(change.before))


def _path(change: SetHugePages) -> str:
    return (
        f"{NUMA_NODES}/node{change.numa_node}/hugepages/hugepages-{change.size_kib}kB/nr_hugepages"
    )


def _numa_nodes(files: Files) -> Iterator[int]:
    for name in files.names(NUMA_NODES):
        number = re.fullmatch(r"node(\d+)", name)
        if number:
            yield int(number[1])


def _free_kib(meminfo: str) -> int:
    """Return what a NUMA node has free: lines like `Node 0 MemFree:  123456 kB`."""
    found = dict(re.findall(r"^Node \d+ ([^:]+):\s+(\d+) kB$", meminfo, re.MULTILINE))
    return sum(int(found.get(name, 0)) for name in _RECLAIMABLE)
