"""A host whose sysfs and procfs behave as the kernel's: a write to an attribute has the kernel's effect, or its errno.

What each rule rests on is named at the rule: the file in the kernel's source (6.1 to 6.12), or what was seen on a real
6.1 kernel in a virtual machine ("seen").
"""

from __future__ import annotations

import errno
import os
import re
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from domain.node.errors import ToolFailed
from node_bootstrap.files import Files
from node_bootstrap.programs import Programs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

RELEASE = "6.12.40-63.114.amzn2023.x86_64"
ENA = "1d0f", "ec20"
_PAGE_SIZE = 4096
_BUS = "/sys/bus/pci"
_NOIOMMU = "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode"
_GIB_KIB = 1048576


class Killed(BaseException):
    """The process was killed at this write. Not an Exception: nothing may catch it."""


class Hung(BaseException):
    """The write would not return, or the machine would not survive it."""


@dataclass
class Module:
    """A kernel module, as it lies on disk."""

    name: str
    path: str
    driver: str | None = None
    """The PCI driver that it registers."""
    ids: frozenset[tuple[str, str]] = frozenset()
    """The devices (vendor, device) that its driver claims without being told."""
    depends: tuple[str, ...] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Those with a file in sysfs, and their defaults."""
    hidden_parameters: frozenset[str] = frozenset()
    """Those without one (module_param with permission 0)."""
    in_tree: bool = True
    loads: bool = True


@dataclass
class Nic:
    """A network interface's PCI device."""

    address: str
    mac: str
    ids: tuple[str, str] = ENA
    driver: str | None = None
    override: str | None = None
    group: str | None = None
    """The IOMMU group that the hardware puts it into."""
    link: str | None = None
    link_in_pod: bool = False
    bound_group: str | None = None
    """The group that vfio made up for it."""


@dataclass
class Memory:
    """The memory of a NUMA node."""

    free_kib: int
    file_kib: int = 0
    """The page cache, counted as free by nobody but given back on demand."""
    contiguous_gib: int = 0
    """How many pages of 1 GiB can still be put together."""
    pages: dict[int, int] = field(default_factory=dict)
    used: dict[int, int] = field(default_factory=dict)
    """Pages that a process holds."""


STOCK_MODULES = (
    Module("ena", "kernel/drivers/amazon/net/ena/ena.ko", "ena", frozenset({ENA})),
    Module("uio", "kernel/drivers/uio/uio.ko.xz"),
    Module(
        "uio_pci_generic",
        "kernel/drivers/uio/uio_pci_generic.ko.xz",
        "uio_pci_generic",
        depends=("uio",),
    ),
    Module(
        "vfio",
        "kernel/drivers/vfio/vfio.ko.xz",
        parameters={"enable_unsafe_noiommu_mode": "N"},
    ),
    Module(
        "vfio_pci_core",
        "kernel/drivers/vfio/pci/vfio-pci-core.ko.xz",
        depends=("vfio",),
    ),
    Module(
        "vfio_pci",
        "kernel/drivers/vfio/pci/vfio-pci.ko.xz",
        "vfio-pci",
        depends=("vfio_pci_core", "vfio"),
        parameters={"ids": ""},
    ),
)
IGB_UIO = Module(
    "igb_uio",
    "extra/igb_uio.ko",
    "igb_uio",
    depends=("uio",),
    # dpdk-kmods linux/igb_uio/igb_uio.c: module_param(wc_activate, int, 0), so sysfs has no file for it.
    hidden_parameters=frozenset({"wc_activate"}),
    parameters={"intr_mode": "msix"},
    in_tree=False,
)
VFIO_WITHOUT_NOIOMMU = Module("vfio", "kernel/drivers/vfio/vfio.ko.xz")
"""Built without CONFIG_VFIO_NOIOMMU, as Debian's is: the parameter is not there."""


class Host(Files):
    """The files of a host, below a directory of the test's own."""

    def __init__(self, root: Path, modules: Sequence[Module] = (*STOCK_MODULES, IGB_UIO)) -> None:
        super().__init__(root)
        self.writes = 0
        """How many kernel attributes were written and programs run."""
        self.kill_at: int | None = None
        """The number of the write after which the process is killed; 1 is the next one after `writes` was reset."""
        self.refusals: dict[str, int] = {}
        """The errno that writing a path gives, whatever the kernel would say."""
        self.nics: dict[str, Nic] = {}
        self._modules = {module.name: module for module in modules}
        self._loaded: dict[str, dict[str, str]] = {}
        self._memory: dict[int, Memory] = {}
        self._sizes: tuple[int, ...] = (2048, _GIB_KIB)
        self._held: set[str] = set()
        self._indexes = 1
        self._groups = 0
        for directory in (f"{_BUS}/devices", f"{_BUS}/drivers", "/sys/module", "/sys/class/net"):
            self.at(directory).mkdir(parents=True)
        self._put(f"{_BUS}/drivers_probe", "")
        self._put("/proc/vmallocinfo", "")
        self._write_module_lists()
        self.load("ena")

    # What a test sets up and looks at.

    def add_nic(
        self, address: str, mac: str, *, group: str | None = None, write_combinable: bool = True
    ) -> Nic:
        """Plug in a network interface; its driver, if loaded, takes it at once."""
        nic = Nic(address, mac, group=group)
        self.nics[address] = nic
        directory = f"/sys/devices/pci{address[:7]}/{address}"
        vendor, device = nic.ids
        self._put(f"{directory}/vendor", f"0x{vendor}\n")
        self._put(f"{directory}/device", f"0x{device}\n")
        self._put(f"{directory}/class", "0x020000\n")
        self._put(f"{directory}/numa_node", "-1\n")
        # drivers/pci/pci-sysfs.c: sysfs_emit("%s\n") of a null pointer.
        self._put(f"{directory}/driver_override", "(null)\n")
        number = len(self.nics)
        low = 0xFE000000 + number * 0x200000
        self._put(
            f"{directory}/resource",
            f"0x{low:016x} 0x{low + 0x3FFF:016x} 0x0000000000040200\n"
            f"0x{0:016x} 0x{0:016x} 0x0000000000000000\n"
            f"0x{low + 0x100000:016x} 0x{low + 0x1FFFFF:016x} 0x0000000000042208\n",
        )
        self._put(f"{directory}/resource0", "")
        if write_combinable:
            # drivers/pci/pci-sysfs.c, pci_create_resource_files: for a prefetchable BAR where the CPU can.
            self._put(f"{directory}/resource2_wc", "")
        self._link(f"{_BUS}/devices/{address}", directory)
        if group is not None:
            self._join_group(address, group, "", "DMA-FQ\n")
        self._probe(nic)
        return nic

    def unplug(self, address: str) -> None:
        """Take a device off the bus."""
        nic = self.nics[address]
        self._detach(nic)
        if nic.group is not None:
            self._leave_group(address, nic.group)
        self.at(f"{_BUS}/devices/{address}").unlink()
        shutil.rmtree(self.at(self._directory(address)))
        del self.nics[address]

    def give_link_to_pod(self, address: str) -> None:
        """Move a device's link into another network namespace: this one's sysfs does not show it (seen)."""
        nic = self.nics[address]
        nic.link_in_pod = True
        self._remove_link(nic)

    def hold(self, process_id: int, name: str, path: str, descriptor: int = 7) -> None:
        """Let a process have a device node open."""
        self._held.add(path)
        self._put(f"/proc/{process_id}/comm", f"{name}\n")
        target = self.at(f"/proc/{process_id}/fd/{descriptor}")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(path)

    def add_numa_node(self, number: int, memory: Memory, sizes: tuple[int, ...]) -> None:
        """Add a NUMA node with memory."""
        self._memory[number] = memory
        self._sizes = sizes
        for size_kib in sizes:
            memory.pages.setdefault(size_kib, 0)
            self._show_pool(number, size_kib)
        self._show_memory(number)

    def driver(self, address: str) -> str | None:
        """Return the driver that a device has by its driver link, which must agree with what the kernel thinks."""
        shown = self.target(f"{_BUS}/devices/{address}/driver")
        assert shown == self.nics[address].driver
        return shown

    def override(self, address: str) -> str | None:
        """Return a device's driver_override."""
        return self.nics[address].override

    def is_loaded(self, module: str) -> bool:
        """Return whether a module is loaded."""
        return module in self._loaded

    def snapshot(self) -> dict[str, str]:
        """Return every file and link of sysfs, for comparing before and after."""
        root = self.at("/sys")
        found = {}
        for path in sorted(root.rglob("*")):
            if path.is_symlink():
                found[str(path.relative_to(root))] = str(path.readlink())
            elif path.is_file():
                found[str(path.relative_to(root))] = path.read_text()
        return found

    # The kernel's attributes.

    def set(self, path: str, value: str) -> None:
        """Write an attribute as the kernel takes it."""
        real = "/" + str(self.at(path).resolve().relative_to(self.at("/").resolve()))
        if not self.at(real).exists():
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        if path in self.refusals:
            raise OSError(self.refusals[path], os.strerror(self.refusals[path]), path)
        for pattern, store in self._attributes():
            matched = re.fullmatch(pattern, real)
            if matched:
                store(value, *matched.groups())
                self.wrote()
                return
        raise OSError(errno.EACCES, os.strerror(errno.EACCES), path)

    def wrote(self) -> None:
        """Count a change to the host, and be killed if it is the one."""
        self.writes += 1
        if self.writes == self.kill_at:
            raise Killed

    def _attributes(self) -> list[tuple[str, Callable[..., None]]]:
        return [
            (rf"{_BUS}/drivers/([^/]+)/bind", self._bind),
            (rf"{_BUS}/drivers/([^/]+)/unbind", self._unbind),
            (rf"{_BUS}/drivers_probe", self._drivers_probe),
            (r"/sys/devices/pci[^/]+/([^/]+)/driver_override", self._driver_override),
            (re.escape(_NOIOMMU), self._noiommu),
            (
                r"/sys/devices/system/node/node(\d+)/hugepages/hugepages-(\d+)kB/nr_hugepages",
                self._nr_hugepages,
            ),
            (r"(/proc/sys/.+)", self._sysctl),
        ]

    def _sysctl(self, value: str, path: str) -> None:
        self.at(path).write_text(value if value.endswith("\n") else f"{value}\n")

    def _device(self, value: str) -> Nic:
        # drivers/base/bus.c: bus_find_device_by_name through sysfs_streq; without such a device ENODEV.
        nic = self.nics.get(value.rstrip("\n"))
        if nic is None:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        return nic

    def _bind(self, value: str, driver: str) -> None:
        # drivers/base/bus.c bind_store: ENODEV where the driver does not match; drivers/base/dd.c
        # __driver_probe_device: EBUSY where the device has a driver; else what probe says.
        nic = self._device(value)
        if not self._matches(driver, nic):
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        if nic.driver is not None:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        refused = self._attach(nic, driver)
        if refused:
            raise OSError(refused, os.strerror(refused))

    def _unbind(self, value: str, driver: str) -> None:
        # drivers/base/bus.c unbind_store: ENODEV where the device has another driver.
        nic = self._device(value)
        if nic.driver != driver:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        if driver == "vfio-pci" and self._node(nic) in self._held:
            # drivers/vfio/vfio_main.c, vfio_unregister_group_dev: waits until the last user has closed it.
            raise Hung(f"unbinding {nic.address}, which a process holds")
        self._detach(nic)

    def _drivers_probe(self, value: str) -> None:
        # drivers/base/bus.c: ENODEV without such a device. Whatever the drivers say, the write succeeds (seen).
        nic = self._device(value)
        self._probe(nic)

    def _driver_override(self, value: str, address: str) -> None:
        # drivers/base/driver.c, driver_set_override: up to the first NUL, then up to the first newline; nothing clears.
        if len(value) >= _PAGE_SIZE - 1:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        wanted = value.partition("\0")[0].partition("\n")[0]
        nic = self.nics[address]
        nic.override = wanted or None
        self._put(f"{self._directory(address)}/driver_override", f"{nic.override or '(null)'}\n")

    def _noiommu(self, value: str) -> None:
        # kernel/params.c, param_set_bool: y, 1, on and their like; EINVAL otherwise.
        wanted = value.rstrip("\n")
        if wanted not in ("0", "1", "Y", "N", "y", "n"):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        self._loaded["vfio"]["enable_unsafe_noiommu_mode"] = "Y" if wanted in "1Yy" else "N"
        self._put(_NOIOMMU, self._loaded["vfio"]["enable_unsafe_noiommu_mode"] + "\n")

    def _nr_hugepages(self, value: str, node: str, size: str) -> None:
        # mm/hugetlb.c: as many as there are, and no error; pages in use stay.
        # Asking for more than the machine has kills its processes until it panics (seen).
        memory, size_kib = self._memory[int(node)], int(size)
        wanted, have = int(value), memory.pages[size_kib]
        if (wanted - have) * size_kib > memory.free_kib + memory.file_kib:
            raise Hung(f"{wanted} huge pages of {size_kib} KiB: out of memory")
        if wanted > have and size_kib == _GIB_KIB:
            # Seen: asked for 8, granted 1, without an error.
            wanted = have + min(wanted - have, memory.contiguous_gib)
            memory.contiguous_gib -= wanted - have
        wanted = max(wanted, memory.used.get(size_kib, 0))
        from_free = min((wanted - have) * size_kib, memory.free_kib)
        memory.file_kib -= (wanted - have) * size_kib - from_free
        memory.free_kib -= from_free
        memory.pages[size_kib] = wanted
        self._show_pool(int(node), size_kib)
        self._show_memory(int(node))

    # Devices and drivers.

    def _directory(self, address: str) -> str:
        return f"/sys/devices/pci{address[:7]}/{address}"

    def _matches(self, driver: str, nic: Nic) -> bool:
        # drivers/pci/pci-driver.c, pci_match_device: with an override that driver alone, whatever its table says;
        # vfio-pci's table is for overrides only.
        if nic.override is not None:
            return nic.override == driver
        return any(m.driver == driver and nic.ids in m.ids for m in self._modules.values())

    def _probe(self, nic: Nic) -> None:
        for name in self._loaded:
            driver = self._modules[name].driver
            if nic.driver is None and driver is not None and self._matches(driver, nic):
                self._attach(nic, driver)

    def _attach(self, nic: Nic, driver: str) -> int:
        """Probe a driver on a device and return the errno; 0 for success."""
        if driver == "vfio-pci" and nic.group is None:
            # drivers/vfio/group.c, vfio_group_find_or_alloc: EINVAL without an IOMMU, unless noiommu is on;
            # then a group of its own, named vfio-noiommu.
            if self._loaded["vfio"].get("enable_unsafe_noiommu_mode") != "Y":
                return errno.EINVAL
            nic.bound_group = str(self._groups)
            self._groups += 1
            self._join_group(nic.address, nic.bound_group, "vfio-noiommu\n", "unknown\n")
        nic.driver = driver
        self._link(f"{self._directory(nic.address)}/driver", f"{_BUS}/drivers/{driver}")
        self._link(f"{_BUS}/drivers/{driver}/{nic.address}", self._directory(nic.address))
        if driver in ("igb_uio", "uio_pci_generic"):
            number = sum(n.driver in ("igb_uio", "uio_pci_generic") for n in self.nics.values()) - 1
            self._put(f"{self._directory(nic.address)}/uio/uio{number}/name", f"{driver}\n")
        elif driver != "vfio-pci":
            self._add_link(nic)
        self._show_mappings()
        return 0

    def _detach(self, nic: Nic) -> None:
        if nic.driver is None:
            return
        self.at(f"{self._directory(nic.address)}/driver").unlink()
        self.at(f"{_BUS}/drivers/{nic.driver}/{nic.address}").unlink()
        nic.driver = None
        self._remove_link(nic)
        nic.link = None
        nic.link_in_pod = False
        shutil.rmtree(self.at(f"{self._directory(nic.address)}/uio"), ignore_errors=True)
        if nic.bound_group is not None:
            # drivers/vfio/group.c, vfio_device_remove_group: the made-up group goes with the driver.
            self._leave_group(nic.address, nic.bound_group)
            nic.bound_group = None
        self._show_mappings()

    def _add_link(self, nic: Nic) -> None:
        # net/core/dev.c, dev_alloc_name: the lowest number that is free.
        taken = set(self.names("/sys/class/net"))
        nic.link = next(f"eth{n}" for n in range(len(taken) + 1) if f"eth{n}" not in taken)
        directory = f"{self._directory(nic.address)}/net/{nic.link}"
        self._indexes += 1
        for name, value in {
            "address": nic.mac,
            "ifindex": str(self._indexes),
            "mtu": "9001",
            "operstate": "down",
        }.items():
            self._put(f"{directory}/{name}", f"{value}\n")
        self._link(f"{directory}/device", self._directory(nic.address))
        self._link(f"/sys/class/net/{nic.link}", directory)

    def _remove_link(self, nic: Nic) -> None:
        if nic.link is not None:
            self.at(f"/sys/class/net/{nic.link}").unlink(missing_ok=True)
        shutil.rmtree(self.at(f"{self._directory(nic.address)}/net"), ignore_errors=True)

    def _node(self, nic: Nic) -> str:
        if nic.bound_group is not None:
            return f"/dev/vfio/noiommu-{nic.bound_group}"
        return f"/dev/vfio/{nic.group}"

    def _join_group(self, address: str, group: str, name: str, kind: str) -> None:
        directory = f"/sys/kernel/iommu_groups/{group}"
        if name:
            self._put(f"{directory}/name", name)
        self._put(f"{directory}/type", kind)
        self._link(f"{directory}/devices/{address}", self._directory(address))
        self._link(f"{self._directory(address)}/iommu_group", directory)
        if group.isdecimal():
            self._groups = max(self._groups, int(group) + 1)

    def _leave_group(self, address: str, group: str) -> None:
        self.at(f"{self._directory(address)}/iommu_group").unlink()
        directory = self.at(f"/sys/kernel/iommu_groups/{group}")
        (directory / "devices" / address).unlink()
        if not any((directory / "devices").iterdir()):
            shutil.rmtree(directory)

    def _show_mappings(self) -> None:
        # mm/vmalloc.c, s_show: the caller with its module, the physical address, the kind.
        # dpdk-kmods igb_uio.c, igbuio_pci_setup_iomem: BARs are mapped only without wc_activate.
        mapped = "0xffffc90000000000-0xffffc90000005000   20480 acpi_os_map_iomem+0x1cd/0x220 phys=0x000000003fff0000 ioremap\n"
        if self._loaded.get("igb_uio", {}).get("wc_activate", "0") == "0":
            for nic in self.nics.values():
                if nic.driver == "igb_uio":
                    mapped += "0xffffc90000400000-0xffffc90000405000   20480 igbuio_pci_probe+0x1f4/0x5c0 [igb_uio] phys=0x00000000fe200000 ioremap\n"
        self._put("/proc/vmallocinfo", mapped)

    # Modules.

    def load(self, name: str, given: Mapping[str, str] | None = None) -> None:
        """Load a module and what it needs, as modprobe does.

        Raises:
            LookupError: there is no such module.
            OSError: the kernel refuses it.
        """
        name = name.replace("-", "_")
        module = self._modules[name]
        if name in self._loaded:
            # kmod: a loaded module is success, and its parameters stay what they are.
            return
        for needed in module.depends:
            self.load(needed)
        if not module.loads:
            raise OSError(errno.ENOKEY, os.strerror(errno.ENOKEY))
        # kernel/module/main.c, unknown_module_param_cb: an unknown parameter is only logged (seen).
        known = set(module.parameters) | module.hidden_parameters
        parameters = {**module.parameters}
        parameters.update({k: v for k, v in (given or {}).items() if k in known})
        self._loaded[name] = parameters
        directory = f"/sys/module/{name}"
        # kernel/module/main.c: a module without `intree` in its modinfo gets the taint O.
        self._put(f"{directory}/taint", "\n" if module.in_tree else "OE\n")
        for key, value in parameters.items():
            if key not in module.hidden_parameters:
                self._put(f"{directory}/parameters/{key}", f"{value}\n")
        if module.driver is not None:
            for attribute in ("bind", "unbind", "new_id"):
                self._put(f"{_BUS}/drivers/{module.driver}/{attribute}", "")
            for nic in self.nics.values():
                self._probe(nic)

    def remove(self, name: str) -> None:
        """Remove a module and what only it needed, as modprobe -r does; its devices are left without a driver.

        Raises:
            OSError: a process holds one of its devices.
        """
        module = self._modules[name.replace("-", "_")]
        bound = [nic for nic in self.nics.values() if nic.driver == module.driver is not None]
        if self._held and bound:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        for nic in bound:
            self._detach(nic)
        del self._loaded[module.name]
        shutil.rmtree(self.at(f"/sys/module/{module.name}"))
        if module.driver is not None:
            shutil.rmtree(self.at(f"{_BUS}/drivers/{module.driver}"))
        for needed in module.depends:
            if needed in self._loaded and not any(
                needed in self._modules[other].depends for other in self._loaded
            ):
                self.remove(needed)

    def _write_module_lists(self) -> None:
        directory = f"/lib/modules/{RELEASE}"
        paths = {module.name: module.path for module in self._modules.values()}
        lines = [
            f"{module.path}: {' '.join(paths[needed] for needed in module.depends)}".strip()
            for module in self._modules.values()
        ]
        self._put(f"{directory}/modules.dep", "\n".join(lines) + "\n")
        self._put(f"{directory}/modules.builtin", "kernel/fs/configfs/configfs.ko\n")

    # Memory.

    def _show_pool(self, node: int, size_kib: int) -> None:
        memory = self._memory[node]
        directory = f"/sys/devices/system/node/node{node}/hugepages/hugepages-{size_kib}kB"
        total = memory.pages[size_kib]
        self._put(f"{directory}/nr_hugepages", f"{total}\n")
        self._put(f"{directory}/free_hugepages", f"{total - memory.used.get(size_kib, 0)}\n")
        self._put(f"{directory}/surplus_hugepages", "0\n")

    def _show_memory(self, node: int) -> None:
        memory = self._memory[node]
        self._put(
            f"/sys/devices/system/node/node{node}/meminfo",
            f"Node {node} MemFree:        {memory.free_kib} kB\n"
            f"Node {node} Active(file):   {memory.file_kib // 2} kB\n"
            f"Node {node} Inactive(file): {memory.file_kib - memory.file_kib // 2} kB\n"
            f"Node {node} SReclaimable:   0 kB\n"
            f"Node {node} HugePages_Total:     0\n",
        )

    # The tree.

    def _put(self, path: str, text: str) -> None:
        file = self.at(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def _link(self, path: str, target: str) -> None:
        link, end = self.at(path), self.at(target)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(end, link.parent))


class HostPrograms(Programs):
    """The programs that act on such a host: modprobe."""

    def __init__(self, host: Host) -> None:
        super().__init__()
        self._host = host
        self.commands: list[tuple[str, ...]] = []

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout_s: float,  # noqa: ARG002 - the signature of what it stands for
        environ: Mapping[str, str] | None = None,  # noqa: ARG002
        with_stderr: bool = False,  # noqa: ARG002
    ) -> str:
        """Run modprobe; anything else is not installed."""
        self.started += 1
        self.commands.append(tuple(argv))
        if argv[0] != "modprobe":
            raise ToolFailed(f"{argv[0]} is not installed", value=" ".join(argv))
        try:
            if argv[1] == "-r":
                self._host.remove(argv[2])
            else:
                given = dict(argument.split("=", 1) for argument in argv[2:])
                self._host.load(argv[1], given)
        except LookupError as missing:
            raise ToolFailed(
                "modprobe ended with 1", value=f"modprobe: FATAL: Module {argv[1]} not found."
            ) from missing
        except OSError as refused:
            raise ToolFailed(
                "modprobe ended with 1", value=f"modprobe: ERROR: {refused.strerror}"
            ) from refused
        self._host.wrote()
        return ""
