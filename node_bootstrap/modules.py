"""Kernel modules: what of DPDK's drivers the kernel has, and loading what is missing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from domain.node.errors import IommuMissing, ModuleMissing, ToolFailed
from domain.node.model import Drivers
from node_bootstrap import pci

if TYPE_CHECKING:
    from domain.node.change import LoadModule
    from node_bootstrap.files import Files
    from node_bootstrap.programs import Programs

NOIOMMU = "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode"
_TIMEOUT_S = 60.0
"""modprobe runs the module's init, which probes devices."""
_BAKE = "Put it into the AMI, built for this kernel: the bootstrap never compiles a module."


class Modules:
    """The modules of one host."""

    def __init__(self, files: Files, programs: Programs, release: str | None = None) -> None:
        """Take the host.

        Args:
            files: the host's files.
            programs: starts modprobe.
            release: the kernel's release; left out, the running one's.
        """
        self._files = files
        self._programs = programs
        self._release = release or os.uname().release

    def observe(self) -> Drivers:
        """Return what the kernel has of DPDK's drivers."""
        noiommu = self._files.text(NOIOMMU)
        return Drivers(
            loaded=frozenset(self._files.names(pci.DRIVERS)),
            loadable=self._loadable(),
            noiommu_supported=noiommu is not None
            if self._files.names("/sys/module/vfio")
            else None,
            noiommu_enabled=(noiommu or "").strip() == "Y",
            igb_uio_write_combining=igb_uio_write_combining(self._files),
            vfio_pci_out_of_tree=vfio_pci_out_of_tree(self._files),
        )

    def load(self, change: LoadModule) -> None:
        """Load a module, and see whether its driver is there: modprobe's success proves nothing.

        The states that a run finds: not loaded; loaded without its parameter and unused (`reload`), where a run that was
        killed between taking it out and putting it in leaves the first.

        Raises:
            ModuleMissing: there is no such module, or the kernel refuses it.
        """
        # A module goes even when devices are bound to it, which lose their driver then: one that came since the plan stays.
        given = [f"{key}={value}" for key, value in change.parameters.items()]
        try:
            if change.reload and not _bound(self._files, change.name):
                self._programs.run(["modprobe", "-r", change.name], timeout_s=_TIMEOUT_S)
            self._programs.run(["modprobe", change.name, *given], timeout_s=_TIMEOUT_S)
        except ToolFailed as cause:
            raise ModuleMissing(
                f"module {change.name} does not load on kernel {self._release}",
                value=cause.value or str(cause),
                remedy=_BAKE,
            ) from cause
        if change.name not in self._files.names(pci.DRIVERS):
            raise ModuleMissing(
                f"modprobe {change.name} succeeded and there is no driver of that name",
                value=", ".join(self._files.names(pci.DRIVERS)),
                remedy=f"See `journalctl -k` for {change.name}. {_BAKE}",
            )

    def unload(self, change: LoadModule) -> None:
        """Take a module out that `load` put in. One that was reloaded stays: with other parameters it was of no use.

        Raises:
            ToolFailed: something uses it.
        """
        if not change.reload and change.name in self._files.names(pci.DRIVERS):
            self._programs.run(["modprobe", "-r", change.name], timeout_s=_TIMEOUT_S)

    def allow_unsafe_noiommu(self, allowed: bool = True) -> None:
        """Let vfio work without an IOMMU, or take that back. It matters at the moment of a bind only.

        Raises:
            IommuMissing: the kernel's vfio cannot do without.
        """
        wanted = "Y" if allowed else "N"
        try:
            self._files.set(NOIOMMU, wanted)
        except OSError as cause:
            raise _no_noiommu(self._release, cause.strerror or str(cause)) from cause
        found = (self._files.text(NOIOMMU) or "").strip()
        if found != wanted:
            raise _no_noiommu(self._release, found)

    def _loadable(self) -> frozenset[str]:
        """Return the names of modules that are on disk for this kernel or part of it, each with underscores.

        kmod takes - and _ for the same character (modprobe(8)). Whoever is built in, has its driver already.
        """
        directory = f"/lib/modules/{self._release}"
        found = set()
        for line in (self._files.text(f"{directory}/modules.dep") or "").splitlines():
            found.add(_module_name(line.partition(":")[0]))
        for line in (self._files.text(f"{directory}/modules.builtin") or "").splitlines():
            found.add(_module_name(line))
        return frozenset(found)


def igb_uio_write_combining(files: Files) -> bool | None:
    """Return whether igb_uio was loaded with wc_activate; None while nothing shows it.

    The parameter has no file in sysfs (dpdk-kmods, linux/igb_uio/igb_uio.c: permission 0). What it does is seen:
    without it the driver maps each device's BARs itself, uncached, and no later mapping of the same memory can then be
    write-combined; /proc/vmallocinfo lists such mappings with the module that made them. So it takes a bound device.
    """
    if not _bound(files, "igb_uio"):
        return None
    mappings = files.text("/proc/vmallocinfo")
    return mappings is not None and not any(
        "[igb_uio]" in line and "ioremap" in line for line in mappings.splitlines()
    )


def vfio_pci_out_of_tree(files: Files) -> bool | None:
    """Return whether the loaded vfio-pci was built apart from its kernel; None while it is not loaded.

    The patch for write combining (amzn-drivers, userspace/dpdk/enav2-vfio-patch) adds no parameter that could be read:
    it changes how prefetchable BARs are mapped. But it is built as an external module, which the kernel marks with the
    taint O. A module without that mark is the kernel's own, and mainline maps no BAR write-combined.
    """
    if "vfio-pci" not in files.names(pci.DRIVERS):
        return None
    # Since 5.15 the mapping is done in vfio_pci_core, before in vfio_pci.
    return any(
        "O" in (files.text(f"/sys/module/{name}/taint") or "")
        for name in ("vfio_pci_core", "vfio_pci")
    )


def _bound(files: Files, driver: str) -> tuple[str, ...]:
    """Return the PCI addresses of a driver's devices."""
    return tuple(name for name in files.names(f"{pci.DRIVERS}/{driver}") if ":" in name)


def _module_name(path: str) -> str:
    return path.rpartition("/")[2].partition(".ko")[0].replace("-", "_")


def _no_noiommu(release: str, found: str) -> IommuMissing:
    return IommuMissing(
        f"vfio of kernel {release} cannot work without an IOMMU (CONFIG_VFIO_NOIOMMU)",
        value=found,
        remedy="Use a kernel that has it (Amazon Linux 2023's do), an instance type with an IOMMU (metal), or another driver.",
    )
