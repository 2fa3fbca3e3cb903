"""Whole nodes as a given.json describes them: what a run plans there, what that writes, and the node once it is done.

Python 3.9, as the nodes have it, reads this too.
"""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any

from domain.node import layout
from domain.node.binding import Guards
from domain.node.change import (
    AllowUnsafeNoiommu,
    Bind,
    LoadModule,
    RemoveFile,
    SetHugePages,
    WriteFile,
)
from domain.node.config import DPDK_DRIVERS, from_json
from domain.node.model import (
    Device,
    Drivers,
    Eni,
    HugePagePool,
    Instance,
    IommuGroup,
    Link,
    NumaMemory,
    PciDevice,
)
from domain.node.plan import Host, plan
from domain.node.plugins import Observed
from tests.fakes.links import LinkHost

if TYPE_CHECKING:
    from collections.abc import Mapping

    from domain.node.change import Change
    from domain.node.config import NodeGroup
    from domain.node.plan import NodePlan

FOLDER = Path(__file__).parents[1] / "domain" / "node" / "golden" / "nodes"
PLAN = "plan.txt"


def kinds() -> list[str]:
    """Return the kinds of nodes."""
    return sorted(path.name for path in FOLDER.iterdir())


def expected(kind: str) -> dict[str, str]:
    """Return the golden plan and the files that it writes, by their paths on the node without the first slash."""
    root = FOLDER / kind / "expected"
    return {
        path.relative_to(root).as_posix(): path.read_text()
        for path in root.rglob("*")
        if path.is_file()
    }


def made(planned: NodePlan) -> dict[str, str]:
    """Return a plan and the files that it writes, as `expected` returns them."""
    lines = [str(change) for change in planned.changes]
    lines += [f"warning: {warning}" for warning in planned.warnings]
    return {
        PLAN: "".join(f"{line}\n" for line in lines),
        **{
            change.path.lstrip("/"): change.text
            for change in planned.changes
            if isinstance(change, WriteFile)
        },
    }


class GoldenNode:
    """A node of one kind. What a plan changes, the node then has."""

    def __init__(self, kind: str) -> None:
        given = json.loads((FOLDER / kind / "given.json").read_text())
        self.group = _group(given["group"])
        told = given["instance"]
        self.instance = Instance(**{**told, "enis": tuple(_eni(eni) for eni in told["enis"])})
        links = [
            Link(name, index, mac, False, 1500, address)
            for index, (name, mac, address) in enumerate(given["links"], start=2)
        ]
        self.links = LinkHost(links)
        self.links.sysctls.update(given["sysctls"])
        self._by_mac = {link.mac: link for link in links}
        self._devices = {
            name: (next(eni for eni in self.instance.enis if eni.mac == mac), address)
            for name, (mac, address) in given["devices"].items()
        }
        self.pci_devices = {each["address"]: _pci_device(each) for each in given["pci_devices"]}
        self._modules = given["modules"]
        self.drivers = Drivers(
            loaded=frozenset({"ena"}),
            loadable=frozenset(self._modules["loadable"]),
            noiommu_supported=None,
            noiommu_enabled=False,
            igb_uio_write_combining=None,
        )
        self._guards = Guards(
            self.instance.primary_mac, frozenset(given["default_route_links"]), {}
        )
        self.pages = {(numa, size): total for numa, size, total in given["huge_pages"]}
        self._memory = dict(given["memory"])
        self._plugins = {
            name: None if said is None else Observed(name, said)
            for name, said in given["plugins"].items()
        }
        self.files: dict[str, str] = {}
        self._user_data = given["user_data"]
        self._recorded: dict[str, str] = {}

    def plan(self) -> NodePlan:
        """Return what a run would do now."""
        return plan(self.group, (), self._observed())

    def carry_out(self, change: Change) -> None:
        """Do what a change says."""
        if isinstance(change, SetHugePages):
            self._set_huge_pages(change)
        elif isinstance(change, LoadModule):
            self._load(change)
        elif isinstance(change, AllowUnsafeNoiommu):
            assert self.drivers.noiommu_supported, "vfio is loaded first"
            self.drivers = replace(self.drivers, noiommu_enabled=True)
        elif isinstance(change, Bind):
            self._bind(change)
        elif isinstance(change, (WriteFile, RemoveFile)) and not _concerns_links(change.path):
            self._write(change)
        else:
            self.links.carry_out(change)

    def _observed(self) -> Host:
        return Host(
            instance=self.instance,
            devices={name: self._device(name) for name in self._devices},
            links=self.links.observe(),
            pci_devices=self.pci_devices,
            recorded_drivers=self._recorded,
            drivers=self.drivers,
            guards=self._guards,
            pools=tuple(HugePagePool(*where, total, total) for where, total in self.pages.items()),
            memory=tuple(NumaMemory(*each) for each in self._memory.items()),
            plugins=self._plugins,
            files=self.files,
            user_data=self._user_data,
        )

    def _device(self, name: str) -> Device:
        eni, address = self._devices[name]
        link = self._by_mac[eni.mac]
        return Device(name, eni, address, self.links.links.get(link.index))

    def _set_huge_pages(self, change: SetHugePages) -> None:
        where = change.numa_node, change.size_kib
        assert self.pages[where] == change.before
        self.pages[where] = change.count
        self._memory[change.numa_node] -= (change.count - change.before) * change.size_kib
        assert self._memory[change.numa_node] > 0

    def _load(self, change: LoadModule) -> None:
        assert change.name.replace("-", "_") in self.drivers.loadable
        self.drivers = replace(self.drivers, loaded=self.drivers.loaded | {change.name})
        if change.name == "vfio-pci":
            self.drivers = replace(
                self.drivers,
                noiommu_supported=True,
                vfio_pci_out_of_tree=self._modules["vfio_pci_is_patched"],
            )

    def _bind(self, change: Bind) -> None:
        device = self.pci_devices[change.pci_address]
        assert device.driver == change.before
        assert change.driver in self.drivers.loaded & DPDK_DRIVERS, "no node here goes back"
        group = device.iommu_group
        if change.driver == "vfio-pci" and group is None:
            assert self.drivers.noiommu_enabled, "EINVAL"
            group = IommuGroup(0, True, (device.address,), translates=False)
        if change.driver == "igb_uio":
            self.drivers = replace(self.drivers, igb_uio_write_combining=True)
        self.pci_devices[device.address] = replace(
            device, driver=change.driver, link_names=(), iommu_group=group
        )
        self._recorded[device.address] = str(change.before)
        eni, _ = self._devices[change.interface]
        del self.links.links[self._by_mac[eni.mac].index]

    def _write(self, change: WriteFile | RemoveFile) -> None:
        if isinstance(change, RemoveFile):
            del self.files[change.path]
        else:
            assert change.replaces is (change.path in self.files)
            self.files[change.path] = change.text


def _concerns_links(path: str) -> bool:
    return path == layout.SYSCTL or path.startswith(layout.NETWORKD)


def _group(told: Mapping[str, Any]) -> NodeGroup:
    config = {"node_version": 1, "owner": "o", "cluster_name": "c", "region": None}
    return from_json(json.dumps({**config, "node_groups": [told]})).node_groups[0]


def _eni(told: Mapping[str, Any]) -> Eni:
    subnet = told["ipv4_subnet"]
    return Eni(
        **{
            **told,
            "security_group_ids": tuple(told["security_group_ids"]),
            "ipv4_subnet": None if subnet is None else ip_network(subnet),
            "ipv4_addresses": tuple(map(ip_address, told["ipv4_addresses"])),
            "ipv6_subnets": tuple(map(ip_network, told["ipv6_subnets"])),
            "ipv6_addresses": tuple(map(ip_address, told["ipv6_addresses"])),
        }
    )


def _pci_device(told: Mapping[str, Any]) -> PciDevice:
    group = told["iommu_group"]
    return PciDevice(
        **{
            **told,
            "link_names": tuple(told["link_names"]),
            "iommu_group": group and IommuGroup(**{**group, "members": tuple(group["members"])}),
        }
    )
