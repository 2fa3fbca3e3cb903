"""The pods' side of a configuration: the networks of each node group, and what its nodes have for pods that use them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from domain.node.cni import network_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from domain.node.config import Driver, PodNetwork
    from domain.pods.ranges import PodRange


class Ipam(str, Enum):
    """Who gives pods their addresses."""

    NODE = "node"
    """The node, by its own file of the network."""
    WHEREABOUTS = "whereabouts"
    HOST_LOCAL = "host-local"
    STATIC = "static"


@dataclass(frozen=True)
class Route:
    """A destination that pods reach by a network."""

    destination: str
    router: str


@dataclass(frozen=True)
class Network:
    """What pods get at an interface by."""

    interface: str
    link: str
    mtu: int
    driver: Driver
    mode: PodNetwork
    namespaces: tuple[str, ...]
    resource: str | None = None
    """The extended resource by which the device plugin chooses the device, with its prefix."""
    address_families: tuple[int, ...] = (4,)
    """Of which the ENI has addresses: 4, 6 or both."""
    ipam: Ipam = Ipam.NODE
    follow_owner: str | None = None
    """The owner tag of the ENIs to which pods' addresses are assigned; None where no program of ours does so."""
    has_pool: bool = False
    """Whether the node has addresses to hand out."""
    ranges: tuple[PodRange, ...] = ()
    prefix_lengths: Mapping[int, int] = field(default_factory=dict)
    """By family, of the subnets that pods' addresses are in; without those of which the file does not say it."""
    routes: tuple[Route, ...] = ()
    source_routing: bool = False
    router: str | None = None
    """Of whereabouts' addresses, where source routing needs it."""
    sysctls: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Return what its NetworkAttachmentDefinition is called."""
        return network_name(self.interface)


@dataclass(frozen=True)
class Taint:
    """What keeps pods that do not tolerate it off a node."""

    key: str
    value: str
    effect: str


@dataclass(frozen=True)
class PodGroup:
    """A node group as its pods see it."""

    name: str
    networks: tuple[Network, ...]
    taints: tuple[Taint, ...] = ()
    """Those that the group's nodes are known to have: of a created group."""
    huge_pages: Mapping[str, str] = field(default_factory=dict)
    """How much of each size one of a node's NUMA nodes has, as Kubernetes writes both: 2Mi, 1Gi."""
    no_iommu: bool = False
    """Whether vfio-pci may work without an IOMMU here."""
