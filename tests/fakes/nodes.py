"""Builders of what is configured for a node and observed on it, for tests that care about a part of it."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from domain.node.config import NodeGroup, NodeInterface
from domain.node.model import Device, Eni, Link, PciDevice

_INTERFACE = NodeInterface(
    name="n3",
    link_name="mul0",
    network_card_index=0,
    device_index=1,
    device_index_fixed=False,
    subnet_ids=("subnet-0a1b2c3d4e5f60718",),
    security_group_ids=("sg-0a1b2c3d4e5f60718",),
)
_DEVICE = PciDevice("0000:00:06.0", "1d0f", "ec20", "ena", None, None, ("mul0",), None)


def interface(name: str = "n3", **changed: Any) -> NodeInterface:  # noqa: ANN401 - any field
    """Return a promised interface."""
    return replace(_INTERFACE, name=name, **changed)


def group(*interfaces: NodeInterface, **changed: Any) -> NodeGroup:  # noqa: ANN401 - any field
    """Return a node group."""
    return replace(NodeGroup("workers", "asg-workers", interfaces), **changed)


def device(name: str = "n3", pci_address: str = "0000:00:06.0", link: str | None = None) -> Device:
    """Return a promised interface that was found, with a link if that is named."""
    mac = "06:00:00:00:00:01"
    eni = Eni(
        mac=mac,
        eni_id="eni-0a1b2c3d4e5f60718",
        device_index=1,
        network_card_index=0,
        subnet_id="subnet-0a1b2c3d4e5f60718",
        security_group_ids=("sg-0a1b2c3d4e5f60718",),
        ipv4_subnet=IPv4Network("10.0.3.0/24"),
        ipv4_addresses=(IPv4Address("10.0.3.10"),),
        ipv6_subnets=(),
        ipv6_addresses=(),
    )
    found = None if link is None else Link(link, 3, mac, True, 9001, pci_address)
    return Device(name, eni, pci_address, found)


def pci_device(address: str = "0000:00:06.0", **changed: Any) -> PciDevice:  # noqa: ANN401 - any field
    """Return a PCI device, an ENA unless told otherwise."""
    return replace(_DEVICE, address=address, **changed)
