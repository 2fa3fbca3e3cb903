"""The resolved configuration of the nodes: what the bootstrap reads. Machine-made from the authored file; JSON in transit."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar

from domain.node.errors import ConfigurationForeign

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SCHEMA_VERSION = 1


class Driver(str, Enum):
    """The kernel driver that a network interface's PCI device has."""

    KERNEL = "kernel"
    """The network driver (ena): the interface is a link."""
    VFIO_PCI = "vfio-pci"
    IGB_UIO = "igb_uio"
    UIO_PCI_GENERIC = "uio_pci_generic"

    @property
    def is_dpdk(self) -> bool:
        """Whether a DPDK application drives the device, and there is no link."""
        return self is not Driver.KERNEL


DPDK_DRIVERS = frozenset(driver.value for driver in Driver if driver.is_dpdk)
"""By the names that they have on the PCI bus."""


class WriteCombining(str, Enum):
    """Whether the driver must map the device's memory write-combined (the ENA's low-latency queues need it)."""

    REQUIRED = "required"
    """Without it the interface is not ready."""
    PREFERRED = "preferred"
    """Without it the status says so."""
    IGNORED = "ignored"


class OnFailure(str, Enum):
    """What becomes of a node that does not get ready."""

    ABANDON = "abandon"
    """Its own launch hook is answered with ABANDON: Auto Scaling replaces it. kubelet does not start."""
    HOLD = "hold"
    """kubelet does not start, and the node stays for somebody to look at."""
    CONTINUE = "continue"
    """It joins without the interface, and carries a label that says so."""


class PodNetwork(str, Enum):
    """How pods get at an interface."""

    NONE = "none"
    IPVLAN_L2 = "ipvlan-l2"
    IPVLAN_L3 = "ipvlan-l3"
    HOST_DEVICE = "host-device"


@dataclass(frozen=True)
class NodeInterface:
    """One Multus interface of a node group, as a node must make it."""

    name: str
    """The interface's name in the configuration."""
    link_name: str
    """What its link is called on every node, e.g. `mul0`."""
    network_card_index: int
    device_index: int
    """Where the launch function attaches it, unless that index is taken."""
    device_index_fixed: bool
    """Whether it can only be at that index."""
    subnet_ids: tuple[str, ...]
    """Every subnet it may be in; empty when they are chosen by tag, which a node cannot read."""
    security_group_ids: tuple[str, ...]
    """Empty when they are chosen by tag."""
    ipv4: bool = True
    ipv6_count: int = 0
    mtu: int = 9001
    host_address: bool = True
    """Whether the host itself has the interface's addresses. A master of pods' interfaces needs none."""
    driver: Driver = Driver.KERNEL
    write_combining: WriteCombining = WriteCombining.PREFERRED
    pod_network: PodNetwork = PodNetwork.NONE
    pool_ipv4: int = 0
    """Secondary IPv4 addresses that the node hands out to its pods."""
    pool_ipv6: int = 0
    """IPv6 addresses besides `ipv6_count` that it hands out."""
    pod_routes: tuple[str, ...] = ()
    """Destinations, in CIDR notation, that pods reach by this network through the VPC's router."""
    pod_ipam: str | None = None
    """The IPAM plugin of the network's NetworkAttachmentDefinition, which then has the whole configuration; None where pods
    use the node's own file."""
    pod_sysctls: tuple[str, ...] = ()
    """Sysctls that the definition sets in pods, IFNAME standing for the pod's link."""
    pod_source_routing: bool = False
    """Whether the definition has a table of its own for the network's routes in pods."""
    resource_name: str | None = None
    """The SR-IOV device plugin's pool, without its prefix; None keeps it out of every pool."""

    @property
    def has_pod_pool(self) -> bool:
        """Whether the node has addresses of the ENI to hand out to its pods."""
        return bool(self.pool_ipv4 or self.pool_ipv6)


@dataclass(frozen=True)
class HugePages:
    """Huge pages of one size."""

    size_kib: int
    """2048 or 1048576."""
    count: int
    """How many on each of `numa_nodes`."""
    numa_nodes: tuple[int, ...] = ()
    """Empty: on every NUMA node that has memory."""


@dataclass(frozen=True)
class NodeGroup:
    """What each node of a group must become."""

    name: str
    auto_scaling_group: str
    """Its name. Where there are several, all of them, separated by commas; then there is no ready hook."""
    interfaces: tuple[NodeInterface, ...]
    instance_types: tuple[str, ...] = ()
    """The types that the interfaces were checked for; empty when none were named."""
    deadline_s: int = 300
    """How long a run waits for interfaces that are not there yet."""
    on_failure: OnFailure = OnFailure.HOLD
    ready_hook: str | None = None
    """The launch hook that the node answers itself."""
    allow_unsafe_noiommu: bool = False
    """Consent to vfio without an IOMMU: a DPDK application can then write to all of the node's memory."""
    huge_pages: tuple[HugePages, ...] = ()
    resource_prefix: str = "multus-eni.io"
    rp_filter: int = 2
    """For each link with a host address: 0 off, 1 strict, 2 loose (kernel ip-sysctl)."""
    require_plugins: bool = False
    """Whether an absent CNI plugin is a failure: on AL2023 aws-node brings them only after kubelet has started."""
    reduce_max_pods: bool = True
    """Whether nodeadm computes max-pods without the ENIs that Multus takes."""
    max_pods: int | None = None
    """What kubelet is told outright, whatever user data says; None leaves it to nodeadm."""

    def interface(self, name: str) -> NodeInterface:
        """Return the interface of this name.

        Raises:
            ConfigurationForeign: the group promises none.
        """
        for one in self.interfaces:
            if one.name == name:
                return one
        raise ConfigurationForeign(
            f"node group {self.name} promises no such interface",
            value=name,
            remedy=f"Name one of {', '.join(one.name for one in self.interfaces)}.",
        )


@dataclass(frozen=True)
class NodeConfig:
    """What the nodes of one stack look like."""

    owner: str
    """The stack's name."""
    cluster_name: str
    region: str | None
    """None when the stack goes where its deployer's credentials point."""
    node_groups: tuple[NodeGroup, ...]

    def node_group(self, name: str) -> NodeGroup:
        """Return the node group of this name.

        Raises:
            ConfigurationForeign: there is none.
        """
        for group in self.node_groups:
            if group.name == name:
                return group
        known = ", ".join(group.name for group in self.node_groups)
        raise ConfigurationForeign(
            f"the configuration of {self.owner} has no such node group",
            value=name,
            remedy=f"Write one of {known} after --node-group.",
        )


def to_json(config: NodeConfig) -> str:
    """Return the configuration as one line of JSON, the same for the same configuration."""
    document = {"node_version": SCHEMA_VERSION, **dataclasses.asdict(config)}
    return json.dumps(document, sort_keys=True, separators=(",", ":"))


def from_json(text: str) -> NodeConfig:
    """Read what `to_json` wrote.

    Raises:
        ConfigurationForeign: the text is anything else.
    """
    try:
        document = json.loads(text)
        version = document["node_version"]
        if version != SCHEMA_VERSION:
            raise _foreign(f"version {version}")
        return NodeConfig(
            owner=document["owner"],
            cluster_name=document["cluster_name"],
            region=document["region"],
            node_groups=tuple(_node_group(group) for group in document["node_groups"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as cause:
        raise _foreign(f"{type(cause).__name__}: {cause}") from cause


def _foreign(found: str) -> ConfigurationForeign:
    return ConfigurationForeign(
        f"no resolved node configuration of version {SCHEMA_VERSION}",
        value=found,
        remedy="Use the file that the stack put into the bootstrap's archive.",
    )


def _node_group(raw: Mapping[str, Any]) -> NodeGroup:
    return _made(
        NodeGroup,
        raw,
        interfaces=lambda items: tuple(_interface(item) for item in items),
        instance_types=tuple,
        on_failure=OnFailure,
        huge_pages=lambda items: tuple(_made(HugePages, x, numa_nodes=tuple) for x in items),
    )


def _interface(raw: Mapping[str, Any]) -> NodeInterface:
    return _made(
        NodeInterface,
        raw,
        subnet_ids=tuple,
        security_group_ids=tuple,
        driver=Driver,
        write_combining=WriteCombining,
        pod_network=PodNetwork,
        pod_routes=tuple,
        pod_sysctls=tuple,
    )


_Made = TypeVar("_Made")


def _made(
    made: Callable[..., _Made], raw: Mapping[str, Any], **readers: Callable[[Any], object]
) -> _Made:
    """Return a data class from its JSON object; a key it does not have is a TypeError, and so is one it lacks."""
    return made(
        **{key: readers[key](value) if key in readers else value for key, value in raw.items()}
    )
