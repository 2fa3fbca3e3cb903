"""Everything a run will do, decided before the first change: what cannot be done is refused while the host is untouched."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from domain.node import (
    binding,
    cni,
    desired_files,
    device_plugin,
    huge_pages,
    kubelet,
    layout,
    links,
    plugins,
    pod_addresses,
)
from domain.node.change import Bind

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from domain.node.change import Change, RemoveFile, SetHugePages, WriteFile
    from domain.node.config import NodeGroup
    from domain.node.links import LinkPlan
    from domain.node.model import (
        Device,
        Drivers,
        HugePagePool,
        Instance,
        NumaMemory,
        PciDevice,
    )
    from domain.node.routing import ExpectedLink


@dataclass(frozen=True)
class Host:
    """What a plan is made from."""

    instance: Instance
    devices: Mapping[str, Device]
    """The promised interfaces that are there, by name."""
    links: links.Observed
    pci_devices: Mapping[str, PciDevice]
    """By PCI address: the promised ones, and those that share an IOMMU group with one."""
    recorded_drivers: Mapping[str, str]
    """The network driver that a device had before, by PCI address."""
    drivers: Drivers
    guards: binding.Guards
    pools: tuple[HugePagePool, ...]
    memory: tuple[NumaMemory, ...]
    plugins: Mapping[str, plugins.Observed | None]
    files: Mapping[str, str | None]
    """What others read: content by path of what is there and ours."""
    user_data: str
    """The instance's user data; empty when cloud-init keeps none."""


@dataclass(frozen=True)
class NodePlan:
    """What a run does, in its order."""

    huge_pages: tuple[SetHugePages, ...]
    drivers: tuple[Change, ...]
    links: LinkPlan
    files: tuple[WriteFile | RemoveFile, ...]
    expected: tuple[ExpectedLink, ...]
    """What the links then are."""
    warnings: tuple[str, ...]

    @property
    def changes(self) -> tuple[Change, ...]:
        """Return every change in the order in which it is carried out.

        The files of systemd-networkd come before the drivers: a link that is about to lose its driver is left alone by
        then, and one that gets it back is known. What others read comes last, when it is true.
        """
        return (
            *self.huge_pages,
            *self.links.files,
            *self.drivers,
            *self.links.renames,
            *self.links.configuration,
            *self.links.sysctls,
            *self.files,
        )

    @property
    def returning(self) -> tuple[Change, ...]:
        """Return what gives devices back to their kernel driver. It comes first and alone: their links are not there yet."""
        return tuple(
            change
            for change in self.drivers
            if isinstance(change, Bind) and change.driver == binding.KERNEL
        )


def without(group: NodeGroup, left_out: Collection[str]) -> NodeGroup:
    """Return the group without some of its interfaces."""
    return dataclasses.replace(
        group,
        interfaces=tuple(one for one in group.interfaces if one.name not in left_out),
    )


def plan(group: NodeGroup, left_out: Collection[str], host: Host) -> NodePlan:
    """Return what makes the node what its group promises; no change when it is.

    Args:
        group: the node's group.
        left_out: interfaces that the node joins without.
        host: what is there.

    Raises:
        NodeError: something the group asks for cannot be had here.
    """
    kept = without(group, left_out)
    checked = plugins.check(plugins.needs(kept), host.plugins, required=group.require_plugins)
    pages = huge_pages.plan(kept.huge_pages, host.pools, host.memory)
    bindings = binding.plan(kept, host.devices, host.pci_devices, host.drivers, host.guards)
    link_plan = links.plan(kept, host.devices, host.instance, host.links)
    devices = [host.devices[one.name] for one in kept.interfaces if one.name in host.devices]
    resources = device_plugin.pools(kept, devices, host.pci_devices, host.recorded_drivers)
    wanted = dict(cni.files(kept, devices))
    wanted[layout.NODEADM] = kubelet.drop_in(group, sorted(left_out))
    pools = device_plugin.text(resources)
    if pools is not None:
        wanted[layout.DEVICE_PLUGIN] = pools
    return NodePlan(
        huge_pages=tuple(pages),
        drivers=tuple(bindings.changes),
        links=link_plan,
        files=tuple(desired_files.changes(wanted, host.files)),
        expected=links.expected_state(kept, host.devices),
        warnings=(
            *bindings.warnings,
            *link_plan.warnings,
            *device_plugin.unmounted(resources),
            *pod_addresses.shortages(kept.interfaces, devices),
            *(each.message for each in checked if each.message),
            *kubelet.overridden(group, host.user_data),
        ),
    )
