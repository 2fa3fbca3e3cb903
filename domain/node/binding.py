"""Which PCI devices get another driver, what that takes, and what speaks against it.

Everything that can be known before the first change is refused here, all of it at once. What only shows after a module is
loaded (a vfio without noiommu mode, a mapping without write combining) the bind itself finds out, and puts back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from domain.node.change import AllowUnsafeNoiommu, Bind, LoadModule
from domain.node.config import DPDK_DRIVERS, Driver, WriteCombining
from domain.node.errors import (
    DeviceBusy,
    DeviceError,
    DeviceRefused,
    IommuMissing,
    ModuleMissing,
    WriteCombiningMissing,
)
from domain.node.routing import MAIN_TABLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from domain.node.change import Change
    from domain.node.config import NodeGroup, NodeInterface
    from domain.node.model import Device, Drivers, Link, PciDevice, Route

KERNEL = Driver.KERNEL.value
"""In place of a driver's name: whichever kernel driver claims the device."""
IGB_UIO_PARAMETERS = {"wc_activate": "1"}

_HARMLESS_IN_GROUP = frozenset({"vfio-pci", "pci-stub", "pcieport"})
"""Drivers that vfio lets be in a group that it gives away (drivers/vfio, vfio_dev_driver_allowed); a device without a driver
is as good."""


@dataclass(frozen=True)
class Guards:
    """What forbids touching a device."""

    primary_mac: str
    default_route_links: frozenset[str]
    """The links that carry the node's default route: what `default_route_links` returns. nodeadm gives our ENIs one too, with
    a higher metric, which goes with its file."""
    holders: Mapping[str, tuple[str, ...]]
    """The processes that have a device open, by PCI address."""


@dataclass(frozen=True)
class BindingPlan:
    """What is to be done, in order, and what is doubtful."""

    changes: tuple[Change, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class _Case:
    """One promised interface on its device, and what there is to know about it."""

    interface: NodeInterface
    device: Device
    pci: PciDevice
    group: NodeGroup
    drivers: Drivers
    guards: Guards
    ours: frozenset[str]
    """PCI addresses that this plan gives to vfio-pci."""

    @property
    def has_iommu(self) -> bool:
        """Whether an IOMMU stands between the device and memory. A group that vfio made up is none."""
        return self.pci.iommu_group is not None and not self.pci.iommu_group.is_noiommu

    @property
    def who(self) -> str:
        """Return how a person is told of the device."""
        return _who(self.interface, self.device)


def default_route_links(
    links: Iterable[Link], routes: Iterable[Route], primary_mac: str
) -> frozenset[str]:
    """Return the names of the links with the best default route of the main table, in each family.

    A family counts only if the primary interface has a default route of it, or none of any: EC2 advertises itself as a
    router in each subnet with an IPv6 block, and nodeadm's files take that up (amazon-eks-ami, eks-managed.network.tpl:
    UseGateway), so on a node whose primary interface is IPv4-only the one IPv6 default route is a Multus interface's. What
    the node itself talks to, it reaches by its primary interface.
    """
    by_index = {link.index: link for link in links}
    candidates = [
        (route, by_index[route.link_index])
        for route in routes
        if route.table == MAIN_TABLE
        and route.destination.prefixlen == 0
        and route.link_index in by_index
        and route.is_unicast
    ]
    families = {route.destination.version for route, link in candidates if link.mac == primary_mac}
    found: set[str] = set()
    for version in families or {4, 6}:
        of_family = [each for each in candidates if each[0].destination.version == version]
        best = min((route.metric for route, _ in of_family), default=None)
        found |= {link.name for route, link in of_family if route.metric == best}
    return frozenset(found)


def plan(
    group: NodeGroup,
    devices: Mapping[str, Device],
    pci_devices: Mapping[str, PciDevice],
    drivers: Drivers,
    guards: Guards,
) -> BindingPlan:
    """Return what gives each promised interface's device the driver it should have; nothing where it has it.

    Args:
        group: the node's group, without interfaces that are left out.
        devices: the interfaces that were found, which must be all of them. Another device is never touched.
        pci_devices: those devices and the others in their IOMMU groups, by PCI address.
        drivers: what the kernel has of drivers.
        guards: what forbids it.

    Raises:
        DeviceError: of the kind of the first problem, with all of them in it.
    """
    cases = _cases(group, devices, pci_devices, drivers, guards)
    pending = [case for case in cases if _differs(case)]
    problems = list(_unconfirmed(group, devices, pci_devices))
    problems += [problem for case in pending for problem in _problems(case, pci_devices)]
    problems += [problem for case in cases for problem in _write_combining_problems(case)]
    if problems:
        raise _together(problems)
    binds = tuple(
        Bind(
            pci_address=case.pci.address,
            interface=case.interface.name,
            driver=case.interface.driver.value,
            before=case.pci.driver,
            write_combining=case.interface.write_combining is WriteCombining.REQUIRED
            and case.interface.driver.is_dpdk,
        )
        for case in pending
    )
    return BindingPlan(
        changes=(*_preparations(pending, drivers), *binds),
        warnings=doubts(group, devices, pci_devices, drivers),
    )


def doubts(
    group: NodeGroup,
    devices: Mapping[str, Device],
    pci_devices: Mapping[str, PciDevice],
    drivers: Drivers,
) -> tuple[str, ...]:
    """Return what is doubtful about the devices under the drivers that are loaded; takes what `plan` takes.

    How a driver maps memory shows when it is loaded, and igb_uio's way when it has a device. So this is asked again once a
    plan is carried out.
    """
    found = (
        (interface, devices[interface.name])
        for interface in group.interfaces
        if interface.name in devices and interface.write_combining is WriteCombining.PREFERRED
    )
    lacking = (
        (_who(*each), _without_write_combining(each[0], pci_devices[each[1].pci_address], drivers))
        for each in found
        if each[1].pci_address in pci_devices
    )
    return tuple(
        f"{who} is mapped without write combining: {why}; low-latency queues are slow"
        for who, why in lacking
        if why is not None
    )


def bind_remedy(change: Bind) -> str:
    """Return what a person does when the kernel did not give a device the driver that it was asked for."""
    see = f"See journalctl -k for {change.pci_address}"
    if change.driver == KERNEL:
        return f"{see}; the device's network driver must be loaded (modprobe ena)."
    if change.driver == Driver.VFIO_PCI.value:
        return f"{see}; without an IOMMU vfio-pci needs noiommu mode."
    return f"{see}; behind an IOMMU that translates, {change.driver} cannot work."


def _cases(
    group: NodeGroup,
    devices: Mapping[str, Device],
    pci_devices: Mapping[str, PciDevice],
    drivers: Drivers,
    guards: Guards,
) -> list[_Case]:
    found = [
        (interface, devices[interface.name], pci_devices[devices[interface.name].pci_address])
        for interface in group.interfaces
        if interface.name in devices and devices[interface.name].pci_address in pci_devices
    ]
    ours = frozenset(
        pci.address for interface, _, pci in found if interface.driver is Driver.VFIO_PCI
    )
    return [_Case(*each, group, drivers, guards, ours) for each in found]


def _unconfirmed(
    group: NodeGroup, devices: Mapping[str, Device], pci_devices: Mapping[str, PciDevice]
) -> Iterator[DeviceError]:
    """Yield the interfaces that have no device of which it is known that it is theirs, and theirs alone."""
    taken: dict[str, str] = {}
    for interface in group.interfaces:
        device = devices.get(interface.name)
        address = device.pci_address if device else ""
        if address not in pci_devices:
            yield DeviceRefused(
                f"{interface.name} has no device that is confirmed as its own",
                value=f"nothing at {address}" if address else "none found",
                remedy="It may have been detached just now: run `multus-node run` again.",
                interfaces=(interface.name,),
            )
        elif address in taken:
            yield DeviceRefused(
                f"{interface.name} and {taken[address]} are found at one PCI address",
                value=address,
                remedy="See `multus-node status`; one of them is not attached to this node.",
                interfaces=(interface.name,),
            )
        taken.setdefault(address, interface.name)


def _differs(case: _Case) -> bool:
    """Return whether the device lacks its driver.

    A kernel interface has it with any driver that is not DPDK's. A device without a driver is what a run leaves that was
    killed in the middle of a bind.
    """
    if case.interface.driver.is_dpdk:
        return case.pci.driver != case.interface.driver.value
    return case.pci.driver is None or case.pci.driver in DPDK_DRIVERS


def _problems(case: _Case, pci_devices: Mapping[str, PciDevice]) -> Iterator[DeviceError]:
    yield from _refusals(case)
    yield from _users(case)
    if case.interface.driver.is_dpdk:
        yield from _module_problems(case)
        yield from _iommu_problems(case)
    if case.interface.driver is Driver.VFIO_PCI:
        yield from _group_problems(case, pci_devices)


def _refusals(case: _Case) -> Iterator[DeviceError]:
    eni = case.device.eni
    if eni.mac == case.guards.primary_mac or (eni.network_card_index, eni.device_index) == (0, 0):
        yield DeviceRefused(
            f"{case.who} is the node's primary interface",
            value=eni.mac,
            remedy="Give the interface another device index.",
            interfaces=(case.interface.name,),
        )
    carrying = sorted(set(case.pci.link_names) & case.guards.default_route_links)
    if carrying:
        yield DeviceRefused(
            f"{case.who} carries the node's default route",
            value=carrying[0],
            remedy="See ip route show default; a Multus interface must not have the best one.",
            interfaces=(case.interface.name,),
        )


def _users(case: _Case) -> Iterator[DeviceError]:
    holders = case.guards.holders.get(case.pci.address, ())
    if holders:
        yield DeviceBusy(
            f"{case.who} is in use",
            value=", ".join(holders),
            remedy="End it, then run `multus-node run`.",
            interfaces=(case.interface.name,),
        )
    has_kernel_driver = case.pci.driver is not None and case.pci.driver not in DPDK_DRIVERS
    if has_kernel_driver and case.device.link is None:
        yield DeviceBusy(
            f"{case.who} has its link in another network namespace",
            value=f"driver {case.pci.driver}, no link here",
            remedy="End the pod that has it, then run `multus-node run`.",
            interfaces=(case.interface.name,),
        )


def _module_problems(case: _Case) -> Iterator[DeviceError]:
    name = case.interface.driver.value
    if name in case.drivers.loaded or name.replace("-", "_") in case.drivers.loadable:
        return
    yield ModuleMissing(
        f"{case.who} needs module {name}, which this kernel does not have",
        value=name,
        remedy="Bake the module for this kernel into the AMI; nothing is compiled at boot.",
        interfaces=(case.interface.name,),
    )


def _iommu_problems(case: _Case) -> Iterator[DeviceError]:
    if case.interface.driver is not Driver.VFIO_PCI:
        if case.has_iommu and case.pci.iommu_group and case.pci.iommu_group.translates:
            yield DeviceRefused(
                f"{case.who}: {case.interface.driver.value} cannot work behind an IOMMU",
                value=f"IOMMU group {case.pci.iommu_group.number}",
                remedy="Use driver: vfio-pci on this instance type.",
                interfaces=(case.interface.name,),
            )
        return
    if case.has_iommu:
        return
    if not case.group.allow_unsafe_noiommu:
        yield IommuMissing(
            f"{case.who}: there is no IOMMU, and the node group does not consent to do without",
            value="allow_unsafe_noiommu: false",
            remedy="Virtualised instances have none: write node.allow_unsafe_noiommu: true (a DPDK process can then write"
            " to all memory), or launch a metal type with intel_iommu=on.",
            interfaces=(case.interface.name,),
        )
    elif case.drivers.noiommu_supported is False:
        yield IommuMissing(
            f"{case.who}: this kernel's vfio cannot work without an IOMMU",
            value="no parameter enable_unsafe_noiommu_mode",
            remedy="Use a kernel with CONFIG_VFIO_NOIOMMU (Amazon Linux 2023's have it), a metal type, or another driver.",
            interfaces=(case.interface.name,),
        )


def _group_problems(case: _Case, pci_devices: Mapping[str, PciDevice]) -> Iterator[DeviceError]:
    """Yield what else is in the device's IOMMU group under another driver: vfio then refuses the group to DPDK."""
    group = case.pci.iommu_group
    if group is None or group.is_noiommu:
        return
    others = [
        f"{address} has driver {other.driver}"
        for address in group.members
        for other in [pci_devices.get(address)]
        if other is not None
        and address not in case.ours
        and other.driver is not None
        and other.driver not in _HARMLESS_IN_GROUP
    ]
    if others:
        yield DeviceRefused(
            f"{case.who} shares IOMMU group {group.number} with devices that stay with the kernel",
            value=", ".join(others),
            remedy="Give them vfio-pci too, or use another slot.",
            interfaces=(case.interface.name,),
        )


def _write_combining_problems(case: _Case) -> Iterator[DeviceError]:
    if case.interface.write_combining is WriteCombining.REQUIRED:
        lacking = _without_write_combining(case.interface, case.pci, case.drivers)
        if lacking is not None:
            yield WriteCombiningMissing(
                f"{case.who} would be mapped without write combining",
                value=lacking,
                remedy="Use a vfio-pci with Amazon's write-combining patch or igb_uio with wc_activate=1 in the AMI, or"
                " write_combining: preferred.",
                interfaces=(case.interface.name,),
            )


def _who(interface: NodeInterface, device: Device) -> str:
    return f"{interface.name} ({device.eni.eni_id} at {device.pci_address})"


def _without_write_combining(
    interface: NodeInterface, pci: PciDevice, drivers: Drivers
) -> str | None:
    """Return why the device's memory is not write-combined; None when it is, or when that shows only after the bind."""
    driver = interface.driver
    if not driver.is_dpdk:
        return None
    if not pci.write_combinable:
        return "the device has no prefetchable memory"
    if driver is Driver.VFIO_PCI and drivers.vfio_pci_out_of_tree is False:
        return "vfio-pci is the kernel's own, which maps no memory write-combined"
    if driver is Driver.IGB_UIO and drivers.igb_uio_write_combining is False:
        return "igb_uio was loaded without wc_activate=1, and devices use it"
    return None


def _preparations(pending: list[_Case], drivers: Drivers) -> Iterator[Change]:
    wanted = {case.interface.driver for case in pending if case.interface.driver.is_dpdk}
    for driver in sorted(wanted, key=lambda each: each.value):
        parameters = IGB_UIO_PARAMETERS if driver is Driver.IGB_UIO else {}
        if driver.value not in drivers.loaded:
            yield LoadModule(driver.value, parameters)
        elif driver is Driver.IGB_UIO and drivers.igb_uio_write_combining is None:
            # Without a device nothing shows how it was loaded, and nobody minds that it is loaded again.
            yield LoadModule(driver.value, parameters, reload=True)
    without = any(
        case.interface.driver is Driver.VFIO_PCI and not case.has_iommu for case in pending
    )
    if without and not drivers.noiommu_enabled:
        yield AllowUnsafeNoiommu()


def _together(problems: list[DeviceError]) -> DeviceError:
    """Return one error with everything in it, of the kind of the first."""
    if len(problems) == 1:
        return problems[0]
    remedies = dict.fromkeys(problem.remedy for problem in problems)
    names = dict.fromkeys(name for problem in problems for name in problem.interfaces)
    return type(problems[0])(
        "; ".join(str(problem) for problem in problems),
        value="; ".join(problem.value for problem in problems),
        remedy=" ".join(remedies),
        interfaces=tuple(names),
    )
