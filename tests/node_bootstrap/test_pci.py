"""What is read of PCI devices from sysfs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from domain.node.model import IommuGroup, PciDevice
from node_bootstrap import pci
from tests.fakes.host import Host

if TYPE_CHECKING:
    from pathlib import Path

A, B, C = "0000:00:06.0", "0000:00:07.0", "0000:00:08.0"
MAC = "02:00:00:00:00:0{}"
MEMORY_TYPES = "/sys/kernel/debug/x86/pat_memtype_list"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """Return a host with vfio and uio loaded, and a device without an IOMMU."""
    made = Host(tmp_path)
    made.load("vfio-pci")
    made.load("igb_uio")
    made.add_nic(A, MAC.format(1))
    return made


def bind(host: Host, address: str, driver: str) -> None:
    host.set(f"{pci.DEVICES}/{address}/driver_override", driver)
    host.set(f"{pci.DRIVERS}/ena/unbind", address)
    host.set(f"{pci.DRIVERS}/{driver}/bind", address)


def test_a_device_is_what_sysfs_shows_of_it(host: Host) -> None:
    assert pci.read(host, A) == PciDevice(
        address=A,
        vendor="1d0f",
        device="ec20",
        driver="ena",
        driver_override=None,
        numa_node=None,
        link_names=("eth0",),
        iommu_group=None,
        write_combinable=True,
    )


def test_there_may_be_no_device_at_an_address(host: Host) -> None:
    assert pci.read(host, B) is None
    assert set(pci.observe(host, [A, B])) == {A}


def test_memory_that_is_not_prefetchable_is_not_write_combinable(host: Host) -> None:
    host.add_nic(B, MAC.format(2), write_combinable=False)
    assert [pci.observe(host, [A, B])[each].write_combinable for each in (A, B)] == [True, False]


def test_whoever_shares_an_iommu_group_is_observed_too(host: Host) -> None:
    host.add_nic(B, MAC.format(2), group="12")
    host.add_nic(C, MAC.format(3), group="12")
    found = pci.observe(host, [B])
    assert set(found) == {B, C}
    assert found[B].iommu_group == IommuGroup(12, is_noiommu=False, members=(B, C))


@pytest.mark.parametrize(
    ("kind", "translates"), [("DMA\n", True), ("DMA-FQ\n", True), ("identity\n", False)]
)
def test_an_identity_group_translates_nothing(host: Host, kind: str, translates: bool) -> None:
    host.add_nic(B, MAC.format(2), group="12")
    host.at("/sys/kernel/iommu_groups/12/type").write_text(kind)
    device = pci.read(host, B)
    assert device is not None
    assert device.iommu_group is not None
    assert device.iommu_group.translates is translates


def test_a_group_that_vfio_made_up_is_told_from_an_iommu(host: Host) -> None:
    host.set("/sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "Y")
    bind(host, A, "vfio-pci")
    device = pci.read(host, A)
    assert device is not None
    assert (device.driver, device.driver_override, device.link_names) == ("vfio-pci",) * 2 + ((),)
    assert device.iommu_group == IommuGroup(0, is_noiommu=True, members=(A,), translates=False)


@pytest.mark.parametrize(
    ("driver", "node"), [("vfio-pci", "/dev/vfio/noiommu-0"), ("igb_uio", "/dev/uio0")]
)
def test_whoever_has_the_devices_node_open_holds_it(host: Host, driver: str, node: str) -> None:
    host.set("/sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "Y")
    bind(host, A, driver)
    host.add_nic(B, MAC.format(2))
    host.hold(4242, "dpdk-testpmd", node)
    host.hold(17, "agetty", "/dev/pts/0")
    found = pci.observe(host, [A, B])
    assert pci.holders(host, found.values()) == {A: ("process 4242 (dpdk-testpmd)",), B: ()}


def test_no_process_is_looked_at_while_no_device_has_a_node(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = pci.observe(host, [A])

    def names(path: str) -> tuple[str, ...]:
        assert not path.startswith("/proc"), path
        return Host.names(host, path)

    monkeypatch.setattr(host, "names", names)
    assert pci.holders(host, found.values()) == {A: ()}


@pytest.mark.parametrize(
    ("types", "mapped"),
    [
        pytest.param(None, None, id="no-list"),
        pytest.param("PAT memtype list:\n", None, id="nothing-mapped"),
        pytest.param(
            "PAT: [mem 0x00000000fe300000-0x00000000fe400000] write-combining\n", True, id="yes"
        ),
        pytest.param("write-combining @ 0xfe300000-0xfe400000\n", True, id="before-5.8"),
        pytest.param(
            "PAT: [mem 0x00000000fe300000-0x00000000fe400000] uncached-minus\n", False, id="no"
        ),
        pytest.param(
            "PAT: [mem 0x00000000fe400000-0x00000000fe500000] write-combining\n"
            "PAT: [mem 0x00000000fe200000-0x00000000fe300000] write-combining\n",
            None,
            id="neighbours",
        ),
    ],
)
def test_the_kernels_list_tells_how_memory_is_mapped(
    host: Host, types: str | None, mapped: bool | None
) -> None:
    resource = host.at(f"{pci.DEVICES}/{A}/resource")
    resource.write_text(
        "0x00000000fe200000 0x00000000fe203fff 0x0000000000040200\n"
        "0x00000000fe300000 0x00000000fe3fffff 0x0000000000042208\n"
        "0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
    )
    if types is not None:
        host.at(MEMORY_TYPES).parent.mkdir(parents=True)
        host.at(MEMORY_TYPES).write_text(types)
    assert pci.maps_write_combined(host, A) is mapped


def test_a_process_that_ends_while_it_is_looked_at_holds_nothing(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    bind(host, A, "igb_uio")
    host.hold(4242, "testpmd", "/dev/uio0")
    host.hold(4243, "testpmd", "/dev/uio0")

    def names(path: str) -> tuple[str, ...]:
        if path == "/proc/4242/fd":
            raise ProcessLookupError
        if path == "/proc/4243/fd":
            return ("99",)
        return Host.names(host, path)

    found = pci.observe(host, [A])
    monkeypatch.setattr(host, "names", names)
    assert pci.holders(host, found.values()) == {A: ()}


def test_a_process_that_ends_before_it_is_named_is_a_holder_without_a_name(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    bind(host, A, "igb_uio")
    host.hold(4242, "testpmd", "/dev/uio0")

    def text(path: str) -> str | None:
        if path == "/proc/4242/comm":
            raise ProcessLookupError
        return Host.text(host, path)

    found = pci.observe(host, [A])
    monkeypatch.setattr(host, "text", text)
    assert pci.holders(host, found.values()) == {A: ("process 4242 (?)",)}


def test_a_list_that_only_root_may_read_tells_nobody_else_anything(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    def text(path: str) -> str | None:
        raise PermissionError(path)

    monkeypatch.setattr(host, "text", text)
    assert pci.maps_write_combined(host, A) is None
