"""The fake host refuses what a kernel refuses, with its errno."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest

from domain.node.errors import ToolFailed
from tests.fakes.host import (
    IGB_UIO,
    STOCK_MODULES,
    VFIO_WITHOUT_NOIOMMU,
    Host,
    HostPrograms,
    Hung,
    Killed,
    Memory,
)

if TYPE_CHECKING:
    from pathlib import Path

ADDRESS = "0000:00:06.0"
MAC = "02:00:00:00:00:01"
DEVICE = f"/sys/bus/pci/devices/{ADDRESS}"
DRIVERS = "/sys/bus/pci/drivers"
NOIOMMU = "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode"
POOL = "/sys/devices/system/node/node0/hugepages/hugepages-{}kB/nr_hugepages"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """Return a host with one device under the kernel's driver, and every DPDK driver loaded."""
    made = Host(tmp_path)
    for module in ("vfio-pci", "uio_pci_generic", "igb_uio"):
        made.load(module)
    made.add_nic(ADDRESS, MAC)
    return made


def refused(host: Host, path: str, value: str) -> int | None:
    with pytest.raises(OSError, match=r".") as caught:
        host.set(path, value)
    return caught.value.errno


def test_a_new_device_gets_the_driver_that_knows_it_and_a_link(host: Host) -> None:
    assert host.driver(ADDRESS) == "ena"
    assert host.names(f"{DEVICE}/net") == ("eth0",)
    assert host.text("/sys/class/net/eth0/address") == f"{MAC}\n"


@pytest.mark.parametrize(
    ("path", "value", "number"),
    [
        pytest.param(f"{DRIVERS}/ena/bind", ADDRESS, errno.EBUSY, id="bound-already"),
        pytest.param(f"{DRIVERS}/uio_pci_generic/bind", ADDRESS, errno.ENODEV, id="no-match"),
        pytest.param(f"{DRIVERS}/vfio-pci/unbind", ADDRESS, errno.ENODEV, id="not-its-driver"),
        pytest.param(f"{DRIVERS}/ena/unbind", "0000:00:1f.0", errno.ENODEV, id="no-such-device"),
        pytest.param(f"{DRIVERS}/absent/bind", ADDRESS, errno.ENOENT, id="no-such-driver"),
        pytest.param(f"{DEVICE}/driver_override", "x" * 4095, errno.EINVAL, id="long-override"),
        pytest.param(f"{DEVICE}/vendor", "0x1234", errno.EACCES, id="read-only"),
        pytest.param(NOIOMMU, "perhaps", errno.EINVAL, id="no-boolean"),
        pytest.param("/sys/bus/pci/drivers_probe", "0000:00:1f.0", errno.ENODEV, id="probe"),
    ],
)
def test_the_kernel_refuses(host: Host, path: str, value: str, number: int) -> None:
    before = host.snapshot()
    assert refused(host, path, value) == number
    assert host.snapshot() == before


@pytest.mark.parametrize("cleared_by", ["\n", "\0", "\0\0\0", "\nvfio-pci"])
def test_nothing_before_a_newline_or_nul_clears_an_override(host: Host, cleared_by: str) -> None:
    host.set(f"{DEVICE}/driver_override", "vfio-pci\n")
    assert host.text(f"{DEVICE}/driver_override") == "vfio-pci\n"
    host.set(f"{DEVICE}/driver_override", cleared_by)
    assert host.text(f"{DEVICE}/driver_override") == "(null)\n"


def test_without_an_iommu_only_bind_says_that_vfio_refused(host: Host) -> None:
    host.set(f"{DEVICE}/driver_override", "vfio-pci")
    host.set(f"{DRIVERS}/ena/unbind", ADDRESS)
    host.set("/sys/bus/pci/drivers_probe", ADDRESS)
    assert host.driver(ADDRESS) is None
    assert refused(host, f"{DRIVERS}/vfio-pci/bind", ADDRESS) == errno.EINVAL
    assert host.driver(ADDRESS) is None
    host.set(NOIOMMU, "Y")
    host.set("/sys/bus/pci/drivers_probe", ADDRESS)
    assert host.driver(ADDRESS) == "vfio-pci"
    group = host.target(f"{DEVICE}/iommu_group")
    assert host.text(f"/sys/kernel/iommu_groups/{group}/name") == "vfio-noiommu\n"


def test_a_link_goes_with_its_driver_and_comes_back_under_a_free_name(host: Host) -> None:
    host.set(f"{DRIVERS}/ena/unbind", ADDRESS)
    assert host.names(f"{DEVICE}/net") == ()
    assert host.names("/sys/class/net") == ()
    host.add_nic("0000:00:07.0", "02:00:00:00:00:02")
    host.set(f"{DRIVERS}/ena/bind", ADDRESS)
    assert host.names(f"{DEVICE}/net") == ("eth1",)


def test_a_link_in_a_pod_is_not_shown(host: Host) -> None:
    host.give_link_to_pod(ADDRESS)
    assert (host.driver(ADDRESS), host.names(f"{DEVICE}/net")) == ("ena", ())


def test_unbinding_what_a_process_holds_does_not_return(host: Host) -> None:
    host.set(NOIOMMU, "Y")
    host.set(f"{DEVICE}/driver_override", "vfio-pci")
    host.set(f"{DRIVERS}/ena/unbind", ADDRESS)
    host.set(f"{DRIVERS}/vfio-pci/bind", ADDRESS)
    host.hold(4242, "testpmd", f"/dev/vfio/noiommu-{host.target(f'{DEVICE}/iommu_group')}")
    with pytest.raises(Hung):
        host.set(f"{DRIVERS}/vfio-pci/unbind", ADDRESS)


def test_a_plugged_device_remembers_nothing_of_its_former_plugging(host: Host) -> None:
    host.set(f"{DEVICE}/driver_override", "vfio-pci")
    host.unplug(ADDRESS)
    assert not host.at(DEVICE).exists()
    host.add_nic(ADDRESS, MAC)
    assert (host.driver(ADDRESS), host.override(ADDRESS)) == ("ena", None)


@pytest.mark.parametrize(
    ("size_kib", "asked", "granted"),
    [
        pytest.param(2048, 512, 512, id="all"),
        pytest.param(1048576, 3, 1, id="fewer-without-an-error"),
        pytest.param(2048, 0, 2, id="used-ones-stay"),
    ],
)
def test_huge_pages_are_granted_as_far_as_there_are_some(
    host: Host, size_kib: int, asked: int, granted: int
) -> None:
    memory = Memory(4 * 1048576, contiguous_gib=1, pages={2048: 4}, used={2048: 2})
    host.add_numa_node(0, memory, (2048, 1048576))
    host.set(POOL.format(size_kib), str(asked))
    assert host.text(POOL.format(size_kib)) == f"{granted}\n"


def test_asking_for_more_memory_than_there_is_does_not_end_well(host: Host) -> None:
    host.add_numa_node(0, Memory(1048576, file_kib=2048), (2048,))
    with pytest.raises(Hung):
        host.set(POOL.format(2048), "514")


def test_modprobe_accepts_an_unknown_parameter_and_a_loaded_module(tmp_path: Path) -> None:
    host = Host(tmp_path, (*STOCK_MODULES, VFIO_WITHOUT_NOIOMMU))
    programs = HostPrograms(host)
    programs.run(["modprobe", "vfio", "enable_unsafe_noiommu_mode=1"], timeout_s=1)
    programs.run(["modprobe", "vfio"], timeout_s=1)
    assert host.is_loaded("vfio")
    assert host.text(NOIOMMU) is None


def test_modprobe_finds_no_module_that_is_not_there(tmp_path: Path) -> None:
    programs = HostPrograms(Host(tmp_path, STOCK_MODULES))
    with pytest.raises(ToolFailed, match="ended with 1"):
        programs.run(["modprobe", "igb_uio"], timeout_s=1)


def test_a_module_that_goes_takes_the_driver_from_its_devices(host: Host) -> None:
    host.set(f"{DEVICE}/driver_override", "igb_uio")
    host.set(f"{DRIVERS}/ena/unbind", ADDRESS)
    host.set(f"{DRIVERS}/igb_uio/bind", ADDRESS)
    assert "[igb_uio]" in (host.text("/proc/vmallocinfo") or "")
    host.remove(IGB_UIO.name)
    assert host.driver(ADDRESS) is None
    assert host.is_loaded("uio"), "uio_pci_generic needs it"


def test_a_kill_comes_after_the_effect_of_its_write(host: Host) -> None:
    host.writes, host.kill_at = 0, 2
    host.set(f"{DEVICE}/driver_override", "vfio-pci")
    with pytest.raises(Killed):
        host.set(f"{DRIVERS}/ena/unbind", ADDRESS)
    assert host.driver(ADDRESS) is None
