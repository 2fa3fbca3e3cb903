"""How many huge pages each NUMA node still needs, and whether its memory has room for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.node.change import SetHugePages
from domain.node.errors import HugePagesShort

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from domain.node.config import HugePages
    from domain.node.model import HugePagePool, NumaMemory

RESERVE_KIB = 128 * 1024
"""Left on each NUMA node, of what is free. The kernel takes the last page for a huge one and then kills processes, at last
itself (seen on Linux 6.1: asked for more than there was, it panicked)."""
GIB_KIB = 1024 * 1024

_COMMAND_LINE = (
    "Reserve 1 GiB pages on the kernel command line of the AMI:"
    " default_hugepagesz=1G hugepagesz=1G hugepages=N (DPDK, System Requirements)."
)
_FEWER = "Ask for fewer huge pages or other ones, or launch a type with more memory."


def plan(
    wanted: Iterable[HugePages], pools: Sequence[HugePagePool], memory: Sequence[NumaMemory]
) -> tuple[SetHugePages, ...]:
    """Return what brings each pool to what is wanted. A pool that has more is left as it is.

    Args:
        wanted: from the configuration.
        pools: every pool of every NUMA node.
        memory: what is free on each NUMA node.

    Raises:
        HugePagesShort: the CPU has no such pages, or a NUMA node has no room for them. All that is wrong is in it.
    """
    there = {(pool.numa_node, pool.size_kib): pool for pool in pools}
    changes = []
    problems = []
    for numa_node, size_kib, count in _requests(wanted, pools):
        pool = there.get((numa_node, size_kib))
        if pool is None:
            problems.append(_no_pool(numa_node, size_kib, pools))
        elif pool.total < count:
            changes.append(SetHugePages(numa_node, size_kib, count, pool.total))
    problems += _shortages(changes, memory)
    if problems:
        large = any(request[1] == GIB_KIB for request in _requests(wanted, pools))
        raise HugePagesShort(
            "the node cannot have the huge pages it was asked for",
            value="; ".join(problems),
            remedy=f"{_FEWER} {_COMMAND_LINE}" if large else _FEWER,
        )
    return tuple(changes)


def _no_pool(numa_node: int, size_kib: int, pools: Sequence[HugePagePool]) -> str:
    sizes = sorted(pool.size_kib for pool in pools if pool.numa_node == numa_node)
    if not sizes:
        return f"there is no NUMA node {numa_node} with memory"
    has = " and ".join(str(size) for size in sizes)
    return f"the CPU has no huge pages of {size_kib} KiB, only of {has} (NUMA node {numa_node})"


def short(change: SetHugePages, granted: int) -> HugePagesShort:
    """Return the error for a pool that the kernel made smaller than it was asked for, without an error of its own."""
    return HugePagesShort(
        f"the kernel granted {granted} of {change.count} pages of {change.size_kib} KiB"
        f" on NUMA node {change.numa_node}",
        value=f"{change.before} before",
        remedy=_COMMAND_LINE if change.size_kib == GIB_KIB else _FEWER,
    )


def _requests(
    wanted: Iterable[HugePages], pools: Sequence[HugePagePool]
) -> Iterator[tuple[int, int, int]]:
    """Yield (NUMA node, size, count) of everything that is wanted."""
    numa_nodes = sorted({pool.numa_node for pool in pools}) or [0]
    for each in wanted:
        for numa_node in each.numa_nodes or numa_nodes:
            yield numa_node, each.size_kib, each.count


def _shortages(changes: Iterable[SetHugePages], memory: Iterable[NumaMemory]) -> Iterator[str]:
    needed_kib: dict[int, int] = {}
    for change in changes:
        more = (change.count - change.before) * change.size_kib
        needed_kib[change.numa_node] = needed_kib.get(change.numa_node, 0) + more
    free_kib = {each.numa_node: each.free_kib for each in memory}
    for numa_node, needed in sorted(needed_kib.items()):
        room = max(0, free_kib.get(numa_node, 0) - RESERVE_KIB)
        if needed > room:
            yield (
                f"NUMA node {numa_node} has room for {room // 1024} MiB of huge pages,"
                f" and {needed // 1024} MiB more are asked for"
            )
