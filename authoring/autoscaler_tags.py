"""The tags by which cluster-autoscaler finds a group, and knows what a node of it would have before there is one."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from authoring.models import HugePages
from domain.node.kubelet import LABEL_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from authoring.created import Create
    from authoring.models import Node

PREFIX = "k8s.io/cluster-autoscaler"
TEMPLATE = f"{PREFIX}/node-template"
"""Cluster Autoscaler on AWS, "Auto-Discovery Setup"."""


def autoscaler_tags(
    cluster_name: str, group_name: str, create: Create, node: Node, pools: Iterable[str | None]
) -> dict[str, str]:
    """Return the tags of a group that is created; none when it wants none.

    Without the template's tags a group of no nodes is never scaled up for a pod that asks for a label, tolerates a taint or
    wants huge pages or a device of the SR-IOV device plugin's pools: cluster-autoscaler would not know that its nodes have
    them.

    Args:
        cluster_name: the cluster that the nodes join.
        group_name: the node group's name in the configuration.
        create: what is written of the group.
        node: what is written of its nodes.
        pools: the device plugin's pool of each interface; None where it is in none.
    """
    if not create.cluster_autoscaler:
        return {}
    labels = {**create.labels, f"{LABEL_PREFIX}/node-group": group_name}
    resources = {
        **_huge_pages(node.huge_pages),
        **{pool_resource(node, name): str(count) for name, count in Counter(pools).items() if name},
    }
    return {
        f"{PREFIX}/enabled": "true",
        f"{PREFIX}/{cluster_name}": "owned",
        **{label_tag(key): value for key, value in sorted(labels.items())},
        **{taint_tag(taint.key): f"{taint.value}:{taint.effect}" for taint in create.taints},
        **{resource_tag(name): value for name, value in sorted(resources.items())},
    }


def label_tag(key: str) -> str:
    """Return the key of the tag that tells a label."""
    return f"{TEMPLATE}/label/{key}"


def taint_tag(key: str) -> str:
    """Return the key of the tag that tells a taint. Its effect is in the value, so of one taint key it tells one effect
    (kubernetes/autoscaler, cloudprovider/aws/aws_manager.go, extractTaintsFromAsg)."""
    return f"{TEMPLATE}/taint/{key}"


def resource_tag(name: str) -> str:
    """Return the key of the tag that tells how much of a resource a node has."""
    return f"{TEMPLATE}/resources/{name}"


def pool_resource(node: Node, pool: str) -> str:
    """Return what pods ask for to get a device of a pool."""
    return f"{node.resource_prefix}/{pool}"


def _huge_pages(written: Iterable[HugePages]) -> Mapping[str, str]:
    """Return the huge pages that every node has for certain: their resources, as quantities of memory.

    An entry without `numa_nodes` is counted for one: how many a type has is not known. Too much would make nodes for a pod
    that then fits on none of them.
    """
    counts: Counter[str] = Counter()
    for pages in written:
        counts[pages.size] += pages.count * max(1, len(pages.numa_nodes))
    return {f"hugepages-{size}": HugePages.quantity(size, count) for size, count in counts.items()}
