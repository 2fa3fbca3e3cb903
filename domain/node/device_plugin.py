"""The resource pools of the SR-IOV network device plugin: which of this node's devices pods may ask kubelet for."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from domain.node.config import DPDK_DRIVERS, Driver
from domain.node.errors import ConfigurationConflict, DriverMissing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from domain.node.config import NodeGroup, NodeInterface
    from domain.node.model import Device, PciDevice

_RESOURCE_NAME = re.compile(r"[A-Za-z0-9_-]+")
"""ValidResourceName in the plugin's pkg/utils/utils.go. Its README, and its code before hyphens came, know no hyphen."""


@dataclass(frozen=True)
class Pool:
    """One extended resource, `<prefix>/<name>`, and the devices behind it."""

    prefix: str
    name: str
    driver: str
    pci_addresses: tuple[str, ...]


def pools(
    group: NodeGroup,
    devices: Iterable[Device],
    pci_devices: Mapping[str, PciDevice],
    recorded_drivers: Mapping[str, str],
) -> tuple[Pool, ...]:
    """Return the pools of the node, by name, from the devices as they are when the run is done.

    Args:
        group: what the node must become.
        devices: the promised interfaces that were found; a pool has no others.
        pci_devices: what sysfs shows, by PCI address.
        recorded_drivers: the network driver that a device had before a DPDK driver got it, by PCI address.

    Raises:
        ConfigurationConflict: two interfaces of one pool have different drivers, or the plugin refuses the name. A pod
            cannot say which device of a pool it wants, so all must be alike.
        DriverMissing: a kernel interface's device has no network driver, and none is recorded.
    """
    found = {device.interface: device.pci_address for device in devices}
    members: dict[str, list[tuple[NodeInterface, str, str]]] = {}
    for interface in group.interfaces:
        if interface.resource_name is None or interface.name not in found:
            continue
        address = found[interface.name]
        driver = _driver(interface, address, pci_devices.get(address), recorded_drivers)
        members.setdefault(interface.resource_name, []).append((interface, address, driver))
    return tuple(_pool(group.resource_prefix, name, members[name]) for name in sorted(members))


def unmounted(planned: Iterable[Pool]) -> tuple[str, ...]:
    """Return a warning for each pool whose pods do not get the device itself.

    The plugin mounts /dev/vfio and /dev/uio for vfio-pci and igb_uio, and nothing for a driver that it does not know
    (k8snetworkplumbingwg/sriov-network-device-plugin, pkg/factory/factory.go, GetDefaultInfoProvider).
    """
    return tuple(
        f"the device plugin mounts no /dev/uio into pods that ask for {pool.prefix}/{pool.name}, as it does not know"
        f" {pool.driver}: they have to mount it themselves"
        for pool in planned
        if pool.driver == Driver.UIO_PCI_GENERIC.value
    )


def text(planned: Iterable[Pool]) -> str | None:
    """Return the plugin's configuration file; None without a pool, for then the file is not ours to write.

    The keys are those of ResourceConfig and NetDeviceSelectors in k8snetworkplumbingwg/sriov-network-device-plugin,
    pkg/types/types.go. `selectors` is a list, which the plugin prefers to the older single object; within one selector
    every key must match, so a device whose driver is another one at the plugin's start drops out of the pool instead of
    being handed to a pod. isRdma and needVhostNet stay out: an ENA has neither.
    """
    resources = [
        {
            "resourceName": pool.name,
            "resourcePrefix": pool.prefix,
            "deviceType": "netDevice",
            "selectors": [{"drivers": [pool.driver], "pciAddresses": list(pool.pci_addresses)}],
        }
        for pool in planned
    ]
    if not resources:
        return None
    return json.dumps({"resourceList": resources}, indent=2) + "\n"


def _driver(
    interface: NodeInterface,
    address: str,
    observed: PciDevice | None,
    recorded_drivers: Mapping[str, str],
) -> str:
    """Return the driver that the device has when the run is done.

    A DPDK interface gets the one it is configured for. A kernel interface keeps what it has; a device that still has a
    DPDK driver goes back to the recorded one in this same run.
    """
    if interface.driver.is_dpdk:
        return interface.driver.value
    driver = observed.driver if observed is not None else None
    if driver is None or driver in DPDK_DRIVERS:
        driver = recorded_drivers.get(address)
    if driver is None:
        raise DriverMissing(
            f"the device of {interface.name} has no network driver that its pool could name",
            value=address,
            remedy=f"Bind {address} to its network driver (ena), or take resource_name from the interface.",
            interfaces=(interface.name,),
        )
    return driver


def _pool(prefix: str, name: str, members: list[tuple[NodeInterface, str, str]]) -> Pool:
    concerned = tuple(interface.name for interface, _, _ in members)
    if not _RESOURCE_NAME.fullmatch(name):
        raise ConfigurationConflict(
            "the SR-IOV device plugin refuses this resource name",
            value=name,
            remedy="Use letters, digits, underscores and hyphens.",
            interfaces=concerned,
        )
    if len({driver for _, _, driver in members}) > 1:
        raise ConfigurationConflict(
            f"the interfaces of the pool {prefix}/{name} do not have the same driver",
            value=", ".join(f"{interface.name}: {driver}" for interface, _, driver in members),
            remedy="Give each driver a resource_name of its own.",
            interfaces=concerned,
        )
    addresses = tuple(sorted(address for _, address, _ in members))
    return Pool(prefix, name, members[0][2], addresses)
