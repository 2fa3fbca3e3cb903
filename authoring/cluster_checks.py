"""What a group that is created and its cluster show together, whether the cluster is written or looked up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authoring.problems import Fault
from domain.preflight.created import OLDEST_KUBELET, minors_behind
from domain.preflight.networks import MAX_SECURITY_GROUPS, USUAL_SECURITY_GROUPS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authoring.created import Cluster, Create
    from authoring.models import Node
    from authoring.problems import Location


def max_pods(here: Location, node: Node, cluster: Cluster) -> Iterator[Fault]:
    """Yield the fault of nodes that keep places for pods free which nobody takes.

    Args:
        here: where the node's part of the group stands.
        node: what is written there.
        cluster: the cluster that they join.
    """
    if cluster.is_ipv6 and node.reduce_max_pods and node.max_pods is None:
        yield Fault(
            (*here, "reduce_max_pods"),
            True,
            "takes places for pods away that Multus does not need in an IPv6 cluster",
            "Write `reduce_max_pods: false`, or `max_pods`: there the VPC CNI uses the primary interface alone.",
        )


def kubelet(here: Location, create: Create, cluster: Cluster) -> Iterator[Fault]:
    """Yield the fault of an image whose kubelet the API server does not take (Kubernetes, "Version Skew Policy").

    Args:
        here: where the group's `create` stands.
        create: what is written there.
        cluster: the cluster that the nodes join.
    """
    if create.ami is not None or create.kubernetes_version is None:
        return
    behind = minors_behind(create.kubernetes_version, cluster.version)
    if behind < 0:
        seen, remedy = "newer than", "Update the cluster first; nodes follow."
    elif behind > OLDEST_KUBELET:
        seen = f"{behind} minor versions older than"
        remedy = f"Write a version that is at most {OLDEST_KUBELET} older."
    else:
        return
    yield Fault(
        (*here, "kubernetes_version"),
        create.kubernetes_version,
        f"is {seen} the cluster, which is {cluster.version}",
        remedy,
    )


def security_groups(here: Location, create: Create, cluster: Cluster | None) -> Iterator[Fault]:
    """Yield the fault of more security groups than a network interface can ever have.

    Args:
        here: where the group's `create` stands.
        create: what is written there.
        cluster: the cluster that the nodes join; None as long as it is not known, whose security group may be one of these.
    """
    groups = set(create.security_groups)
    if not create.cluster_security_group:
        groups.add("the group's own")
    elif cluster is not None:
        groups.add(cluster.security_group)
    if len(groups) > MAX_SECURITY_GROUPS:
        yield Fault(
            (*here, "security_groups"),
            len(groups),
            f"are, with the one that each node has anyway, more than {MAX_SECURITY_GROUPS} security groups",
            f"Put the rules into fewer: a network interface takes {USUAL_SECURITY_GROUPS}, and with its quota raised at most "
            f"{MAX_SECURITY_GROUPS}.",
        )
