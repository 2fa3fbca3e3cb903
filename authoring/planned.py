"""Created groups as the account will show them: a preflight looks at them before they are there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authoring.created import ROOT_DEVICE
from authoring.node_policies import CNI_POLICY, aws_managed
from authoring.resolution import named
from domain import naming
from domain.model import GroupName, SecurityGroupId, SubnetId
from domain.preflight.observed import AutoScalingGroup, Launches, largest
from domain.preflight.planned import Created, RootVolume

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authoring.created import Create
    from authoring.models import Authored, NodeGroup


def planned(authored: Authored) -> Mapping[GroupName, AutoScalingGroup]:
    """Return the groups that the file creates, without nodes, by name."""
    owner = naming.owner(authored.name)
    groups = [
        _group(owner, group, group.create, authored.tags)
        for group in authored.node_groups
        if group.create is not None
    ]
    return {group.name: group for group in groups}


def _group(
    owner: str, group: NodeGroup, create: Create, common_tags: Mapping[str, str]
) -> AutoScalingGroup:
    pool = create.warm_pool
    hooks = [naming.launch_hook(owner), naming.terminate_hook(owner)]
    if group.has_ready_hook:
        hooks.append(naming.ready_hook(owner))
    return AutoScalingGroup(
        name=GroupName(named(group, owner)),
        most_nodes=largest(
            create.max_size, pool.min_size if pool else None, pool.max_prepared if pool else None
        ),
        nodes=0,
        subnet_ids=tuple(SubnetId(subnet) for subnet in create.subnets.values()),
        running_types=(),
        launches=Launches(group.instance_types),
        hooks=tuple(hooks),
        tags={**common_tags, **create.tags},
        max_healthy_percent=create.update.max_healthy_percent,
        capacity_rebalance=create.replaces_spot_at_risk,
        create=Created(
            subnets={zone: SubnetId(subnet) for zone, subnet in create.subnets.items()},
            security_groups=tuple(map(SecurityGroupId, create.security_groups)),
            cluster_security_group=create.cluster_security_group,
            access_entry=create.access_entry,
            ami=create.ami,
            kubernetes_version=create.kubernetes_version,
            root_volume=RootVolume(ROOT_DEVICE, create.root_volume.size_gib),
            key_pair=create.key_pair,
            placement_group=create.placement_group,
            cni_policy=any(aws_managed(arn) == CNI_POLICY for arn in create.policies),
        ),
    )
