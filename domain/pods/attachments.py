"""NetworkAttachmentDefinitions: by what name pods ask for a network, and what Multus then runs.

Two forms. Without a spec, Multus looks on the node for the configuration of the definition's name, which `multus-node` has
written there: it differs from node to node where PCI addresses and addresses do. With a spec.config, one configuration is for
all nodes (k8snetworkplumbingwg/network-attachment-definition-client, pkg/utils/cniconfig.go, GetCNIConfig).
"""

from __future__ import annotations

import json
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

from domain.node.cni import CNI_VERSION, ipvlan
from domain.node.config import PodNetwork
from domain.node.routing import IPV6_ROUTER
from domain.pods.model import Ipam

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from domain.pods.model import Network
    from domain.pods.ranges import PodRange

MANAGED_BY = {"app.kubernetes.io/managed-by": "multus-eni"}
RESOURCE = "k8s.v1.cni.cncf.io/resourceName"
"""Multus hands the device that kubelet allocated of this resource to the CNI plugin (k8snetworkplumbingwg/multus-cni,
docs/how-to-use.md)."""


def attachment(network: Network, namespace: str) -> dict[str, Any]:
    """Return the NetworkAttachmentDefinition of a network in a namespace."""
    metadata: dict[str, Any] = {
        "name": network.name,
        "namespace": namespace,
        "labels": dict(MANAGED_BY),
    }
    if network.resource is not None:
        metadata["annotations"] = {RESOURCE: network.resource}
    document: dict[str, Any] = {
        "apiVersion": "k8s.cni.cncf.io/v1",
        "kind": "NetworkAttachmentDefinition",
        "metadata": metadata,
    }
    if network.ipam is not Ipam.NODE:
        document["spec"] = {"config": json.dumps(configuration(network), indent=2) + "\n"}
    return document


def configuration(network: Network) -> dict[str, Any]:
    """Return the CNI configuration for all nodes; a list of plugins where some follow the network's own."""
    if network.mode is PodNetwork.HOST_DEVICE:
        plugin = _host_device(network)
    else:
        # The link is called the same on every node.
        plugin = ipvlan(network.link, network.mode, network.mtu)
    plugin["ipam"] = _ipam(network)
    if network.ipam is Ipam.STATIC:
        plugin["capabilities"] = {"ips": True}
    chained: list[dict[str, Any]] = []
    if network.sysctls:
        chained.append({"type": "tuning", "sysctl": dict(sorted(network.sysctls.items()))})
    if network.source_routing:
        chained.append({"type": "sbr"})
    head: dict[str, Any] = {"cniVersion": CNI_VERSION, "name": network.name}
    if network.source_routing:
        # The network's own plugin would look where its routes were before sbr moved them (CNI specification, disableCheck).
        head["disableCheck"] = True
    return {**head, "plugins": [plugin, *chained]} if chained else {**head, **plugin}


def _host_device(network: Network) -> dict[str, Any]:
    """Return the whole device without its name: Multus adds the address of the one that the device plugin chose, as
    `deviceID` and `pciBusID` (k8snetworkplumbingwg/multus-cni, pkg/types/conf.go, delegateAddDeviceID)."""
    if network.resource is None:
        raise ValueError(f"nothing names the device of {network.interface}")
    return {"type": "host-device"}


def _ipam(network: Network) -> dict[str, Any]:
    ipam: dict[str, Any] = {"type": network.ipam.value}
    if network.ipam is Ipam.WHEREABOUTS:
        ipam["ipRanges"] = [_whereabouts(each) for each in network.ranges]
        if network.router is not None:
            ipam["gateway"] = network.router
    elif network.ipam is Ipam.HOST_LOCAL:
        ipam["ranges"] = _host_local(network.ranges)
    if network.routes:
        ipam["routes"] = [{"dst": each.destination, "gw": each.router} for each in network.routes]
    return ipam


def _whereabouts(one: PodRange) -> Mapping[str, str]:
    """Return a range as whereabouts has it: a pod's address has the prefix length of `range` (its pkg/types, types.go)."""
    if one.first is None or one.last is None:
        return {"range": one.network}
    return {"range": one.network, "range_start": one.first, "range_end": one.last}


def _host_local(ranges: Iterable[PodRange]) -> list[list[Mapping[str, str]]]:
    """Return a set of ranges for each family: a pod gets one address of each set (containernetworking/plugins,
    plugins/ipam/host-local, README). The gateway is the first address of `subnet` where none is written, which of an IPv4
    subnet the VPC's router has, and of IPv6 nobody; sbr makes its default route by it."""
    families: dict[int, list[Mapping[str, str]]] = {}
    for one in ranges:
        version = ip_network(one.network).version
        told = {"rangeStart": one.first, "rangeEnd": one.last}
        if version == IPV6_ROUTER.version:
            told["gateway"] = str(IPV6_ROUTER)
        families.setdefault(version, []).append(
            {"subnet": one.network, **{key: value for key, value in told.items() if value}}
        )
    return [families[family] for family in sorted(families)]
