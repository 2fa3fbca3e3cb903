"""What is seen of kernel modules, and loading them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from domain.node.change import LoadModule
from domain.node.errors import IommuMissing, ModuleMissing, ToolFailed
from node_bootstrap.modules import Modules
from tests.fakes.host import (
    IGB_UIO,
    RELEASE,
    STOCK_MODULES,
    VFIO_WITHOUT_NOIOMMU,
    Host,
    HostPrograms,
    Module,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

A = "0000:00:06.0"
WITH_WRITE_COMBINING = {"wc_activate": "1"}


class Loaded:
    """A host with modules."""

    def __init__(self, root: Path, modules: Sequence[Module] = (*STOCK_MODULES, IGB_UIO)) -> None:
        self.host = Host(root, modules)
        self.programs = HostPrograms(self.host)
        self.modules = Modules(self.host, self.programs, RELEASE)

    def bind(self, address: str, driver: str) -> None:
        self.host.add_nic(address, "02:00:00:00:00:01")
        self.host.set(f"/sys/bus/pci/devices/{address}/driver_override", driver)
        self.host.set("/sys/bus/pci/drivers/ena/unbind", address)
        self.host.set(f"/sys/bus/pci/drivers/{driver}/bind", address)


def changed(name: str, **fields: object) -> tuple[Module, ...]:
    """Return the modules with one of them changed."""
    return tuple(
        replace(module, **fields) if module.name == name else module  # type: ignore[arg-type]  # any field
        for module in (*STOCK_MODULES, IGB_UIO)
    )


def test_a_fresh_host_shows_what_could_be_loaded(tmp_path: Path) -> None:
    drivers = Loaded(tmp_path).modules.observe()
    assert drivers.loaded == {"ena"}
    assert {"vfio_pci", "igb_uio", "uio_pci_generic", "configfs"} <= drivers.loadable
    assert "vfio-pci" not in drivers.loadable
    assert drivers.noiommu_supported is None
    assert not drivers.noiommu_enabled
    assert drivers.igb_uio_write_combining is None
    assert drivers.vfio_pci_out_of_tree is None


def test_another_kernels_modules_are_none(tmp_path: Path) -> None:
    loaded = Loaded(tmp_path)
    other = Modules(loaded.host, loaded.programs, "6.1.0")
    assert other.observe().loadable == frozenset()


def test_loading_makes_the_driver_appear(tmp_path: Path) -> None:
    loaded = Loaded(tmp_path)
    loaded.modules.load(LoadModule("vfio-pci"))
    drivers = loaded.modules.observe()
    assert "vfio-pci" in drivers.loaded
    assert (drivers.noiommu_supported, drivers.noiommu_enabled) == (True, False)
    assert loaded.programs.started == 1


@pytest.mark.parametrize(
    ("modules", "said"),
    [
        pytest.param(STOCK_MODULES, "not found", id="absent"),
        pytest.param(changed("igb_uio", loads=False), "key", id="refused"),
    ],
)
def test_a_module_that_does_not_load_is_to_be_baked_in(
    tmp_path: Path, modules: tuple[Module, ...], said: str
) -> None:
    loaded = Loaded(tmp_path, modules)
    with pytest.raises(ModuleMissing) as caught:
        loaded.modules.load(LoadModule("igb_uio"))
    assert said in caught.value.value
    assert "never compiles" in caught.value.remedy


def test_modprobes_success_proves_nothing(tmp_path: Path) -> None:
    loaded = Loaded(tmp_path, changed("igb_uio", driver=None))
    with pytest.raises(ModuleMissing, match="succeeded and there is no driver"):
        loaded.modules.load(LoadModule("igb_uio"))


@pytest.mark.parametrize(
    ("given", "write_combining"),
    [({}, False), (WITH_WRITE_COMBINING, True)],
    ids=["without", "with"],
)
def test_what_igb_uio_maps_tells_how_it_was_loaded(
    tmp_path: Path, given: dict[str, str], write_combining: bool
) -> None:
    loaded = Loaded(tmp_path)
    loaded.modules.load(LoadModule("igb_uio", given))
    assert loaded.modules.observe().igb_uio_write_combining is None
    loaded.bind(A, "igb_uio")
    assert loaded.modules.observe().igb_uio_write_combining is write_combining


def test_without_the_list_of_mappings_nobody_is_believed_to_combine_writes(tmp_path: Path) -> None:
    loaded = Loaded(tmp_path)
    loaded.modules.load(LoadModule("igb_uio", WITH_WRITE_COMBINING))
    loaded.bind(A, "igb_uio")
    loaded.host.at("/proc/vmallocinfo").unlink()
    assert loaded.modules.observe().igb_uio_write_combining is False


def test_an_unused_module_is_loaded_again_with_its_parameter(tmp_path: Path) -> None:
    loaded = Loaded(tmp_path)
    loaded.host.load("igb_uio")
    loaded.modules.load(LoadModule("igb_uio", WITH_WRITE_COMBINING, reload=True))
    loaded.bind(A, "igb_uio")
    assert loaded.modules.observe().igb_uio_write_combining is True


def test_a_module_is_never_taken_from_under_a_device(tmp_path: Path) -> None:
    loaded = Loaded(tmp_path)
    loaded.host.load("igb_uio")
    loaded.bind(A, "igb_uio")
    loaded.modules.load(LoadModule("igb_uio", WITH_WRITE_COMBINING, reload=True))
    assert loaded.host.driver(A) == "igb_uio"
    assert ("modprobe", "-r", "igb_uio") not in loaded.programs.commands


@pytest.mark.parametrize("in_tree", [True, False])
def test_a_vfio_pci_that_was_built_apart_is_told_by_its_taint(
    tmp_path: Path, in_tree: bool
) -> None:
    loaded = Loaded(tmp_path, changed("vfio_pci_core", in_tree=in_tree))
    loaded.modules.load(LoadModule("vfio-pci"))
    assert loaded.modules.observe().vfio_pci_out_of_tree is not in_tree


def test_consent_is_written_and_taken_back(tmp_path: Path) -> None:
    loaded = Loaded(tmp_path)
    loaded.modules.load(LoadModule("vfio-pci"))
    loaded.modules.allow_unsafe_noiommu()
    assert loaded.modules.observe().noiommu_enabled
    loaded.modules.allow_unsafe_noiommu(allowed=False)
    assert not loaded.modules.observe().noiommu_enabled


def test_a_kernel_that_needs_an_iommu_is_named(tmp_path: Path) -> None:
    loaded = Loaded(tmp_path, (*STOCK_MODULES, VFIO_WITHOUT_NOIOMMU))
    loaded.modules.load(LoadModule("vfio-pci"))
    assert loaded.modules.observe().noiommu_supported is False
    with pytest.raises(IommuMissing, match=r"CONFIG_VFIO_NOIOMMU"):
        loaded.modules.allow_unsafe_noiommu()


def test_what_was_loaded_is_unloaded_with_what_it_needed(tmp_path: Path) -> None:
    loaded = Loaded(tmp_path)
    before = loaded.host.snapshot()
    loaded.modules.load(LoadModule("vfio-pci"))
    loaded.modules.unload(LoadModule("vfio-pci"))
    loaded.modules.unload(LoadModule("vfio-pci"))
    assert loaded.host.snapshot() == before


def test_what_was_only_loaded_again_stays(tmp_path: Path) -> None:
    loaded = Loaded(tmp_path)
    loaded.host.load("igb_uio")
    change = LoadModule("igb_uio", WITH_WRITE_COMBINING, reload=True)
    loaded.modules.load(change)
    loaded.modules.unload(change)
    assert loaded.host.is_loaded("igb_uio")


def test_a_module_in_use_is_not_unloaded(tmp_path: Path) -> None:
    loaded = Loaded(tmp_path)
    loaded.modules.load(LoadModule("igb_uio"))
    loaded.bind(A, "igb_uio")
    loaded.host.hold(4242, "testpmd", "/dev/uio0")
    with pytest.raises(ToolFailed):
        loaded.modules.unload(LoadModule("igb_uio"))
