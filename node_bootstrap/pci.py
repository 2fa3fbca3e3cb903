"""What sysfs shows of PCI devices, and who holds one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from domain.node.model import IommuGroup, PciDevice

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from node_bootstrap.files import Files

DEVICES = "/sys/bus/pci/devices"
DRIVERS = "/sys/bus/pci/drivers"
_MEMORY_TYPES = "/sys/kernel/debug/x86/pat_memtype_list"
_PREFETCHABLE = 0x2000
"""include/linux/ioport.h: IORESOURCE_PREFETCH."""


def observe(files: Files, addresses: Iterable[str]) -> dict[str, PciDevice]:
    """Return the devices at these addresses, and all that share an IOMMU group with one of them, by address.

    An address at which there is no device is left out.
    """
    found: dict[str, PciDevice] = {}
    waiting = list(addresses)
    while waiting:
        address = waiting.pop()
        if address in found:
            continue
        device = read(files, address)
        if device is None:
            continue
        found[address] = device
        if device.iommu_group is not None:
            waiting += device.iommu_group.members
    return found


def read(files: Files, address: str) -> PciDevice | None:
    """Return the device at an address; None if there is none."""
    directory = f"{DEVICES}/{address}"
    vendor = files.text(f"{directory}/vendor")
    if vendor is None:
        return None
    override = (files.text(f"{directory}/driver_override") or "").strip()
    numa_node = int(files.text(f"{directory}/numa_node") or -1)
    return PciDevice(
        address=address,
        vendor=_identifier(vendor),
        device=_identifier(files.text(f"{directory}/device") or ""),
        driver=files.target(f"{directory}/driver"),
        # The kernel writes "(null)" where there is none.
        driver_override=None if override in ("", "(null)") else override,
        numa_node=None if numa_node < 0 else numa_node,
        link_names=files.names(f"{directory}/net"),
        iommu_group=_iommu_group(files, directory),
        write_combinable=any(
            re.fullmatch(r"resource\d+_wc", name) for name in files.names(directory)
        ),
    )


def holders(files: Files, devices: Iterable[PciDevice]) -> dict[str, tuple[str, ...]]:
    """Return the processes that have devices' nodes open, e.g. `process 4242 (dpdk-testpmd)`, by PCI address.

    Only a device under vfio or uio has a node: while none is, no process is looked at. The kernel does not refuse to
    unbind a device that is held: under vfio the write waits until the holder lets go (vfio_unregister_group_dev), so
    somebody has to look first.
    """
    nodes = {device.address: _nodes(files, device) for device in devices}
    found: dict[str, tuple[str, ...]] = dict.fromkeys(nodes, ())
    if not any(nodes.values()):
        return found
    for process_id in filter(str.isdecimal, files.names("/proc")):
        opened = set(_open_files(files, process_id))
        for address, own in nodes.items():
            if own & opened:
                found[address] += (f"process {process_id} ({_name(files, process_id)})",)
    return found


def maps_write_combined(files: Files, address: str) -> bool | None:
    """Return whether a device's prefetchable memory is mapped write-combined right now.

    Returns:
        None where nothing tells: not an x86, debugfs not mounted, or no application has it mapped (amzn-drivers,
        userspace/dpdk/README.md: the application must be running).
    """
    try:
        types = files.text(_MEMORY_TYPES)
    except OSError:
        return None
    mapped = [
        "write-combining" in line
        for line, low, high in _ranges(types or "")
        for start, end in _prefetchable(files, address)
        if low <= end and start < high
    ]
    return any(mapped) if mapped else None


def _identifier(text: str) -> str:
    return text.strip()[2:].lower()


def _iommu_group(files: Files, directory: str) -> IommuGroup | None:
    number = files.target(f"{directory}/iommu_group")
    if number is None:
        return None
    group = f"/sys/kernel/iommu_groups/{number}"
    # drivers/vfio/group.c names a group so that it makes up for a device without an IOMMU: the link proves nothing.
    is_noiommu = (files.text(f"{group}/name") or "").strip() == "vfio-noiommu"
    return IommuGroup(
        number=int(number),
        is_noiommu=is_noiommu,
        members=files.names(f"{group}/devices"),
        translates=not is_noiommu and (files.text(f"{group}/type") or "").strip() != "identity",
    )


def _nodes(files: Files, device: PciDevice) -> set[str]:
    """Return the device nodes by which a process can have the device."""
    directory = f"{DEVICES}/{device.address}"
    nodes = {f"/dev/{name}" for name in files.names(f"{directory}/uio")}
    nodes |= {f"/dev/vfio/devices/{name}" for name in files.names(f"{directory}/vfio-dev")}
    group = device.iommu_group
    if device.driver == "vfio-pci" and group is not None:
        nodes.add(f"/dev/vfio/{'noiommu-' if group.is_noiommu else ''}{group.number}")
    return nodes


def _name(files: Files, process_id: str) -> str:
    try:
        return (files.text(f"/proc/{process_id}/comm") or "?").strip()
    except OSError:
        return "?"  # it ended since it was found to hold the device (ESRCH)


def _open_files(files: Files, process_id: str) -> Iterator[str]:
    directory = f"/proc/{process_id}/fd"
    try:
        names = files.names(directory)
    except OSError:
        return  # it ended while it was looked at (ESRCH)
    for name in names:
        try:
            yield str(files.at(f"{directory}/{name}").readlink())
        except OSError:
            continue  # closed in between


def _prefetchable(files: Files, address: str) -> Iterator[tuple[int, int]]:
    """Yield first and last address of a device's prefetchable BARs."""
    for line in (files.text(f"{DEVICES}/{address}/resource") or "").splitlines():
        start, end, flags = (int(part, 16) for part in line.split())
        if flags & _PREFETCHABLE and end > start:
            yield start, end


def _ranges(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield each line of the list with first address and end; kernels before 5.8 put `@ ` where newer ones have `[mem `."""
    for line in text.splitlines():
        found = re.search(r"0x([0-9a-f]+)-0x([0-9a-f]+)", line)
        if found:
            yield line, int(found[1], 16), int(found[2], 16)
