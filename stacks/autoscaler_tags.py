"""The tags by which cluster-autoscaler finds a group, and knows what a node of it would have before there is one."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from domain.node.kubelet import LABEL_PREFIX

if TYPE_CHECKING:
    from authoring.models import NodeGroup

PREFIX = "k8s.io/cluster-autoscaler"
TEMPLATE = f"{PREFIX}/node-template"
"""Cluster Autoscaler on AWS, "Auto-Discovery Setup"."""


def autoscaler_tags(cluster_name: str, group: NodeGroup) -> dict[str, str]:
    """Return the tags of a group that is created; none when it wants none.

    Without the template's tags a group of no nodes is never scaled up for a pod that asks for a label, tolerates a taint or
    wants a device of the SR-IOV device plugin's pools: cluster-autoscaler would not know that its nodes have them.
    """
    create = group.create
    if create is None or not create.cluster_autoscaler:
        return {}
    labels = {**create.labels, f"{LABEL_PREFIX}/node-group": group.name}
    pools = Counter(
        interface.node.resource for interface in group.interfaces if interface.node.resource
    )
    return {
        f"{PREFIX}/enabled": "true",
        f"{PREFIX}/{cluster_name}": "owned",
        **{f"{TEMPLATE}/label/{key}": value for key, value in sorted(labels.items())},
        **{
            f"{TEMPLATE}/taint/{taint.key}": f"{taint.value}:{taint.effect}"
            for taint in create.taints
        },
        **{
            f"{TEMPLATE}/resources/{group.node.resource_prefix}/{name}": str(count)
            for name, count in sorted(pools.items())
        },
    }
