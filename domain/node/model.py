"""What is observed on a node, in the field's own words: ENIs in the metadata service, links, PCI devices, memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipaddress import (
        IPv4Address,
        IPv4Interface,
        IPv4Network,
        IPv6Address,
        IPv6Interface,
        IPv6Network,
    )


@dataclass(frozen=True)
class Eni:
    """A network interface as the instance metadata service shows it below network/interfaces/macs/<mac>."""

    mac: str
    """Lower case, with colons."""
    eni_id: str
    device_index: int
    network_card_index: int
    subnet_id: str
    security_group_ids: tuple[str, ...]
    ipv4_subnet: IPv4Network | None
    ipv4_addresses: tuple[IPv4Address, ...]
    """The primary one first."""
    ipv6_subnets: tuple[IPv6Network, ...]
    ipv6_addresses: tuple[IPv6Address, ...]


@dataclass(frozen=True)
class Instance:
    """The node as its metadata service shows it."""

    instance_id: str
    instance_type: str
    availability_zone: str
    region: str
    primary_mac: str
    enis: tuple[Eni, ...]
    """Every network interface whose attributes are all there; the primary one included."""


@dataclass(frozen=True)
class Link:
    """A Linux network device of this namespace."""

    name: str
    index: int
    mac: str
    """The permanent address where the driver tells it, else the current one."""
    up: bool
    mtu: int
    pci_address: str | None
    """None for a device that is not on the PCI bus."""
    carrier: bool = False


@dataclass(frozen=True)
class LinkAddress:
    """An address that a link has."""

    link_index: int
    address: IPv4Interface | IPv6Interface
    """With its prefix length; on a point-to-point link, this end's."""
    tentative: bool = False
    """IPv6 is still asking whether somebody else has it (duplicate address detection)."""
    dad_failed: bool = False
    """Somebody else has it."""
    permanent: bool = True
    """Somebody put it there, for good. One of a router's advertisement or of DHCP has a lifetime."""


@dataclass(frozen=True)
class Route:
    """A route of one of the kernel's tables; one with several next hops counts as that many."""

    table: int
    """254 is main, 255 local."""
    destination: IPv4Network | IPv6Network
    """Prefix length 0 for a default route."""
    gateway: IPv4Address | IPv6Address | None
    link_index: int | None
    metric: int
    """0 for an IPv4 route without one; IPv6 has 1024 then."""
    is_unicast: bool = True
    """Whether packets go out by it: not for local, broadcast, multicast, unreachable, blackhole…"""


@dataclass(frozen=True)
class RoutingRule:
    """A rule that sends packets to a routing table."""

    family: int
    """4 or 6."""
    priority: int
    table: int
    """0 for a rule that does something else."""
    source: IPv4Network | IPv6Network | None = None
    """None: packets from everywhere."""
    destination: IPv4Network | IPv6Network | None = None
    incoming_link: str | None = None
    outgoing_link: str | None = None
    """Set by a socket that is bound to the link (SO_BINDTODEVICE)."""


@dataclass(frozen=True)
class IommuGroup:
    """The devices that an IOMMU cannot tell apart."""

    number: int
    is_noiommu: bool
    """A group that vfio made up for a device without an IOMMU (its name reads `vfio-noiommu`)."""
    members: tuple[str, ...]
    """PCI addresses."""
    translates: bool = True
    """Whether a device's memory accesses go through page tables; not where the group's type is `identity` (iommu=pt)."""


@dataclass(frozen=True)
class PciDevice:
    """A device on the PCI bus, as sysfs shows it."""

    address: str
    """With domain, e.g. `0000:00:06.0`."""
    vendor: str
    """Four hexadecimal digits, e.g. `1d0f`."""
    device: str
    driver: str | None
    driver_override: str | None
    numa_node: int | None
    """None when the kernel says -1: the machine has one node, or does not tell."""
    link_names: tuple[str, ...]
    """Its links in this network namespace: none under a DPDK driver, and none while a pod has the link."""
    iommu_group: IommuGroup | None
    write_combinable: bool = False
    """Whether it has memory that may be mapped write-combined: a prefetchable BAR, for which sysfs has a resourceN_wc."""


@dataclass(frozen=True)
class HugePagePool:
    """The huge pages of one size on one NUMA node."""

    numa_node: int
    size_kib: int
    total: int
    free: int


@dataclass(frozen=True)
class NumaMemory:
    """The memory of one NUMA node."""

    numa_node: int
    free_kib: int


@dataclass(frozen=True)
class Drivers:
    """What the kernel has of DPDK's drivers."""

    loaded: frozenset[str]
    """Names of drivers registered on the PCI bus."""
    loadable: frozenset[str]
    """Names of modules that modprobe would find for this kernel."""
    noiommu_supported: bool | None
    """Whether vfio has the parameter enable_unsafe_noiommu_mode; None while vfio is not loaded."""
    noiommu_enabled: bool
    igb_uio_write_combining: bool | None
    """Whether igb_uio was loaded with wc_activate; None while nothing shows it (not loaded, or no device is bound)."""
    vfio_pci_out_of_tree: bool | None = None
    """Whether the loaded vfio-pci was built apart from its kernel, as one patched for write combining is; None while it
    is not loaded."""


@dataclass(frozen=True)
class Device:
    """A promised interface, found: which ENI it is, where it sits, and its link if it has one here."""

    interface: str
    """Its name in the configuration."""
    eni: Eni
    pci_address: str
    link: Link | None
    """None while a DPDK driver or a pod has the device."""
