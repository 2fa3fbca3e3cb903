"""From what a person wrote to what handlers and nodes read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authoring.models import ByTags, PodPool
from domain import naming
from domain.config import (
    Config,
    InterfaceSpec,
    Ipv4Mode,
    NodeGroup,
    SecurityGroupSelector,
    SubnetSelector,
)
from domain.errors import InvariantBroken
from domain.model import GroupName, SecurityGroupId, SubnetId

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from authoring import models


def resolve(authored: models.Authored) -> Config:
    """Return the resolved configuration: defaults filled in, device indexes given out, tags merged.

    Every node group has its Auto Scaling group's name by now, see `authoring.adopted`. Several of one name are one node group
    that has several Auto Scaling groups.
    """
    owner = naming.owner(authored.name)
    return Config(
        owner=owner,
        cluster_name=authored.cluster_name,
        node_groups=tuple(
            _node_group(group, owner, authored.tags) for group in authored.node_groups
        ),
    )


def _node_group(group: models.NodeGroup, owner: str, tags: Mapping[str, str]) -> NodeGroup:
    indexes = device_indexes(group.interfaces)
    return NodeGroup(
        name=group.name,
        auto_scaling_group=GroupName(named(group, owner)),
        adopt_running=group.adopt_running,
        interfaces=tuple(
            _interface(item, index, tags)
            for item, index in zip(group.interfaces, indexes, strict=True)
        ),
    )


def named(group: models.NodeGroup, owner: str) -> str:
    """Return the name of a node group's Auto Scaling group, which is known by now.

    Args:
        group: the node group.
        owner: the stack's name, which begins the name of a group that is created.
    """
    if group.create is not None:
        return naming.created_group(owner, group.name)
    if group.auto_scaling_group is None:
        raise InvariantBroken(f"the Auto Scaling group of {group.name} has not been looked up")
    return group.auto_scaling_group


def device_indexes(interfaces: Sequence[models.Interface]) -> list[int]:
    """Return the device index of each interface, in the order given.

    An interface without one takes the lowest from 1 that is free on its card: the index is unique per network
    card (EC2 User Guide, network cards), and 0 on card 0 is the primary interface's.
    """
    taken = {(item.network_card, item.device_index) for item in interfaces}
    indexes = []
    for item in interfaces:
        index = item.device_index
        if index is None:
            index = 1
            while (item.network_card, index) in taken:
                index += 1
            taken.add((item.network_card, index))
        indexes.append(index)
    return indexes


def _interface(item: models.Interface, index: int, tags: Mapping[str, str]) -> InterfaceSpec:
    pool = item.pod_pool or PodPool()
    return InterfaceSpec(
        name=item.name,
        subnets=_subnets(item.subnets),
        security_groups=_security_groups(item.security_groups),
        device_index=index,
        device_index_fixed=item.device_index is not None,
        network_card_index=item.network_card,
        ipv4=Ipv4Mode(item.ipv4),
        pod_ranges=item.pod_ranges,
        reserve_pod_ranges=item.reserve_pod_ranges,
        ipv6_count=item.ipv6.count if item.ipv6 else 0,
        pool_ipv4=pool.ipv4,
        pool_ipv6=pool.ipv6,
        source_dest_check=item.source_dest_check,
        tags={**tags, **item.tags},
    )


def _subnets(written: dict[str, str] | tuple[str, ...] | ByTags) -> SubnetSelector:
    if isinstance(written, ByTags):
        return SubnetSelector(tags=dict(written.tags))
    if isinstance(written, tuple):
        return SubnetSelector(ids=tuple(SubnetId(subnet) for subnet in written))
    return SubnetSelector(by_zone={zone: SubnetId(subnet) for zone, subnet in written.items()})


def _security_groups(written: tuple[str, ...] | ByTags) -> SecurityGroupSelector:
    if isinstance(written, ByTags):
        return SecurityGroupSelector(tags=dict(written.tags))
    return SecurityGroupSelector(ids=tuple(SecurityGroupId(group) for group in written))
