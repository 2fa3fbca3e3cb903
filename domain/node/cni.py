"""Node-local CNI configuration: what a NetworkAttachmentDefinition cannot say, because it differs from node to node."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from domain.node import layout, pod_addresses
from domain.node.config import PodNetwork
from domain.node.errors import ConfigurationConflict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from domain.node.config import NodeGroup, NodeInterface
    from domain.node.model import Device

CNI_VERSION = "0.4.0"
"""host-device 0.8.6, the oldest that serves, knows no newer one, and 1.1.1 refuses 1.1.0."""

_MODES = {PodNetwork.IPVLAN_L2: "l2", PodNetwork.IPVLAN_L3: "l3"}
_PCI_ADDRESS = re.compile(r"[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")


def ipvlan(link: str, mode: PodNetwork, mtu: int) -> dict[str, Any]:
    """Return what the ipvlan plugin is told, but for addresses (containernetworking/plugins, plugins/main/ipvlan, NetConf).

    Args:
        link: the master.
        mode: one of ipvlan's.
        mtu: of the pods' links, in bytes.
    """
    return {"type": "ipvlan", "master": link, "mode": _MODES[mode], "mtu": mtu}


def network_name(interface: str) -> str:
    """Return the network's name: the NetworkAttachmentDefinition without spec.config has to be called the same."""
    return f"{layout.CNI_PREFIX}{interface}"


def path(interface: str) -> str:
    """Return where the configuration of an interface's network lies."""
    return f"{layout.CNI_CONFIGURATION}/{network_name(interface)}.conf"


def files(group: NodeGroup, devices: Iterable[Device]) -> Mapping[str, str]:
    """Return the files by absolute path, one for each found interface that pods get at.

    Multus looks for the file itself: for a NetworkAttachmentDefinition with an empty spec it reads the .conf, .json and
    .conflist files of its confDir in the order of their names and takes the first whose key `name` is the definition's
    name (GetCNIConfigFromFile in k8snetworkplumbingwg/network-attachment-definition-client, pkg/utils/cniconfig.go). One
    file that is no JSON ends that search for all that sort after it, so these are replaced in one step.

    Raises:
        ConfigurationConflict: ipvlan is asked for on an interface that has no link.
    """
    found = {device.interface: device for device in devices}
    return {
        path(interface.name): _text(interface, found[interface.name])
        for interface in group.interfaces
        if interface.pod_network is not PodNetwork.NONE and interface.name in found
    }


def _text(interface: NodeInterface, device: Device) -> str:
    network: dict[str, Any] = {"cniVersion": CNI_VERSION, "name": network_name(interface.name)}
    if interface.pod_network is PodNetwork.HOST_DEVICE:
        network.update(_host_device(device))
    else:
        network.update(_ipvlan(interface))
    network["ipam"] = _ipam(interface, device, network["ipam"])
    return json.dumps(network, indent=2) + "\n"


def _ipam(
    interface: NodeInterface, device: Device, without_pool: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Return who gives the pods their addresses, and the routes that go with them.

    A pool that is empty gives the pod what a network without one does: nothing but what its annotation asks for.
    """
    given = pod_addresses.ipam(interface, device.eni) or without_pool
    routes = pod_addresses.routes(interface, device.eni)
    return {**given, "routes": routes} if routes and given else given


def _host_device(device: Device) -> dict[str, Any]:
    """Return what names the device: the one key that also finds a device without a link.

    The plugin joins pciBusID to /sys/bus/pci/devices as it is, so the domain (0000:) must be there, and looks there for a
    DPDK driver; `device` and `hwaddr` would miss such a device (containernetworking/plugins,
    plugins/main/host-device/host-device.go). Without an IPAM type it moves the link and leaves addresses to others. When
    the device plugin chose the device, Multus's runtimeConfig.deviceID takes precedence over pciBusID.
    """
    if not _PCI_ADDRESS.fullmatch(device.pci_address):
        raise ValueError(f"no PCI address with domain: {device.pci_address}")
    return {"type": "host-device", "pciBusID": device.pci_address, "ipam": {}}


def _ipvlan(interface: NodeInterface) -> dict[str, Any]:
    """Return an ipvlan below the interface's link; the pod says which addresses it has.

    The plugin fails without an IPAM plugin, and when that returns no address (containernetworking/plugins,
    plugins/main/ipvlan/ipvlan.go). `static` with the capability `ips` takes them from the pod's own annotation and has
    none otherwise, so the node never gives a pod an address that EC2 did not assign to the ENI, which the VPC would
    drop; host-local knows those of a pool. Tested with 1.1.1: runtimeConfig {"ips": ["10.0.3.10/24"]} is honoured.
    """
    if interface.driver.is_dpdk:
        raise ConfigurationConflict(
            f"ipvlan needs a link, and {interface.name} has none under a DPDK driver",
            value=f"{interface.pod_network.value} with {interface.driver.value}",
            remedy="Use host-device for it, or the kernel driver.",
            interfaces=(interface.name,),
        )
    return {
        **ipvlan(interface.link_name, interface.pod_network, interface.mtu),
        "capabilities": {"ips": True},
        "ipam": {"type": "static"},
    }
