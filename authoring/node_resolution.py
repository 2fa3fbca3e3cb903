"""From what a person wrote to what the bootstrap on a node reads."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from authoring.models import ByTags, PodPool
from authoring.resolution import device_indexes, named
from domain import naming
from domain.node.config import (
    Driver,
    HugePages,
    NodeConfig,
    NodeGroup,
    NodeInterface,
    OnFailure,
    PodNetwork,
    WriteCombining,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from authoring import models

_SIZES_KIB = {"2Mi": 2048, "1Gi": 1048576}
_RP_FILTERS = {"off": 0, "strict": 1, "loose": 2}


def resolve_nodes(authored: models.Authored) -> NodeConfig:
    """Return what the nodes of the stack must become: defaults filled in, links named, device indexes given out."""
    owner = naming.owner(authored.name)
    return NodeConfig(
        owner=owner,
        cluster_name=authored.cluster_name,
        region=authored.region,
        node_groups=tuple(
            _node_group(groups, owner)
            for _, groups in groupby(authored.node_groups, key=lambda group: group.name)
        ),
    )


def _node_group(groups: Iterable[models.NodeGroup], owner: str) -> NodeGroup:
    """Return what the nodes of all Auto Scaling groups of one node group must become."""
    group, *others = groups
    node = group.node
    indexes = device_indexes(group.interfaces)
    return NodeGroup(
        name=group.name,
        auto_scaling_group=", ".join(named(each, owner) for each in (group, *others)),
        interfaces=tuple(
            _interface(item, position, index)
            for position, (item, index) in enumerate(zip(group.interfaces, indexes, strict=True))
        ),
        instance_types=group.instance_types,
        deadline_s=node.deadline_s,
        on_failure=OnFailure(node.on_failure),
        ready_hook=naming.ready_hook(owner) if group.has_ready_hook else None,
        allow_unsafe_noiommu=node.allow_unsafe_noiommu,
        huge_pages=tuple(
            HugePages(_SIZES_KIB[pages.size], pages.count, pages.numa_nodes)
            for pages in node.huge_pages
        ),
        resource_prefix=node.resource_prefix,
        rp_filter=_RP_FILTERS[node.rp_filter],
        require_plugins=node.require_plugins,
        reduce_max_pods=node.reduce_max_pods,
        max_pods=node.max_pods,
    )


def _interface(item: models.Interface, position: int, index: int) -> NodeInterface:
    node, pool = item.node, item.pod_pool or PodPool()
    return NodeInterface(
        name=item.name,
        link_name=link_name(node, position),
        network_card_index=item.network_card,
        device_index=index,
        device_index_fixed=item.device_index is not None,
        subnet_ids=_subnet_ids(item.subnets),
        security_group_ids=_ids(item.security_groups),
        ipv4=item.ipv4 != "none",
        ipv6_count=item.ipv6.count if item.ipv6 else 0,
        mtu=node.mtu,
        host_address=has_host_address(node),
        driver=Driver(node.driver),
        write_combining=WriteCombining(node.write_combining or "preferred"),
        pod_network=PodNetwork(node.pod_network),
        pool_ipv4=pool.ipv4,
        pool_ipv6=pool.ipv6,
        pod_routes=item.pod_routes,
        pod_ipam=None if item.pod_ipam == "node" else item.pod_ipam,
        pod_sysctls=tuple(sorted(item.pod_plugins.sysctls)) if item.pod_plugins else (),
        pod_source_routing=item.pod_plugins is not None and item.pod_plugins.sbr,
        resource_name=node.resource,
    )


def link_name(node: models.InterfaceNode, position: int) -> str:
    """Return what the link of a group's interface is called.

    Args:
        node: what is written of it.
        position: of the interface in its group, from 0.
    """
    return node.link or f"mul{position}"


def has_host_address(node: models.InterfaceNode) -> bool:
    """Return whether the node itself has the interface's addresses.

    Unless written otherwise it has none where pods or a DPDK application have the interface. ipvlan needs its master up
    and nothing more, and an address on the master would do harm: the ENI's secondary addresses are the pods', and a packet
    to an address that the host has too is delivered to the host; the node's own daemons would listen on the pods' network;
    and an ipvlan child cannot reach its own master (kernel, ipvlan.rst), so the address is of no use to the pods either.
    """
    if node.host_address is not None:
        return node.host_address
    return node.driver == "kernel" and node.pod_network == "none"


def _subnet_ids(written: dict[str, str] | tuple[str, ...] | ByTags) -> tuple[str, ...]:
    if isinstance(written, dict):
        return tuple(dict.fromkeys(written.values()))
    return _ids(written)


def _ids(written: tuple[str, ...] | ByTags) -> tuple[str, ...]:
    return () if isinstance(written, ByTags) else written
