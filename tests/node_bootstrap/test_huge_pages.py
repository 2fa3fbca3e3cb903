"""Huge pages are asked for and counted again."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest

from domain.node.change import SetHugePages
from domain.node.errors import HugePagesShort
from domain.node.model import HugePagePool, NumaMemory
from node_bootstrap.huge_pages import carry_out, observe, put_back
from tests.fakes.host import Host, Memory

if TYPE_CHECKING:
    from pathlib import Path

SMALL, LARGE = 2048, 1048576
POOL = "/sys/devices/system/node/node0/hugepages/hugepages-{}kB/nr_hugepages"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """Return a host with two NUMA nodes, the first of which can put together one page of 1 GiB."""
    made = Host(tmp_path)
    first = Memory(4 * LARGE, file_kib=1000, contiguous_gib=1, pages={SMALL: 4}, used={SMALL: 1})
    made.add_numa_node(0, first, (SMALL, LARGE))
    made.add_numa_node(1, Memory(LARGE), (SMALL, LARGE))
    return made


def test_pools_and_memory_are_seen_per_numa_node(host: Host) -> None:
    pools, memory = observe(host)
    assert set(pools) == {
        HugePagePool(0, SMALL, 4, 3),
        HugePagePool(0, LARGE, 0, 0),
        HugePagePool(1, SMALL, 0, 0),
        HugePagePool(1, LARGE, 0, 0),
    }
    # The page cache is given back on demand.
    assert memory == (NumaMemory(0, 4 * LARGE + 1000), NumaMemory(1, LARGE))


def test_a_host_without_huge_pages_has_no_pools(tmp_path: Path) -> None:
    host = Host(tmp_path)
    assert observe(host) == ((), ())
    host.add_numa_node(0, Memory(LARGE), ())
    assert observe(host) == ((), (NumaMemory(0, LARGE),))


def test_pages_that_are_granted_are_there_and_can_be_given_back(host: Host) -> None:
    before = host.snapshot()
    change = SetHugePages(0, SMALL, 512, 4)
    carry_out(change, host)
    assert host.text(POOL.format(SMALL)) == "512\n"
    put_back(change, host)
    assert host.snapshot() == before


def test_a_partial_grant_is_put_back_and_counted(host: Host) -> None:
    with pytest.raises(HugePagesShort, match="granted 1 of 3 pages of 1048576 KiB on NUMA node 0"):
        carry_out(SetHugePages(0, LARGE, 3, 0), host)
    assert host.text(POOL.format(LARGE)) == "0\n"


def test_a_refusal_of_the_kernel_is_told(host: Host) -> None:
    host.refusals[POOL.format(LARGE)] = errno.EINVAL
    with pytest.raises(HugePagesShort, match="granted 0 of 1") as caught:
        carry_out(SetHugePages(0, LARGE, 1, 0), host)
    assert "Invalid argument" in caught.value.value


def test_a_failed_return_does_not_hide_the_partial_grant(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    def once(path: str, value: str) -> None:
        Host.set(host, path, value)
        host.refusals[path] = errno.EIO

    monkeypatch.setattr(host, "set", once)
    with pytest.raises(HugePagesShort, match="granted 1 of 3") as caught:
        carry_out(SetHugePages(0, LARGE, 3, 0), host)
    assert "not put back" in caught.value.value
