"""What nodes must know of their cluster: whether it has to be looked up, and the file with what was found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from authoring import cluster_checks
from authoring.created import Cluster
from authoring.problems import path_of, unlocated
from domain.errors import ConfigInvalid, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from authoring.models import Authored

CONFIG_MAP_ONLY = "CONFIG_MAP"
"""The authentication mode in which a cluster has no access entries (EKS API, AccessConfigResponse)."""


def sought_cluster(authored: Authored) -> str | None:
    """Return the name of the cluster that has to be looked up; None where no group is created, or the file tells."""
    created = any(group.create is not None for group in authored.node_groups)
    return authored.cluster_name if created and authored.cluster is None else None


def with_cluster(authored: Authored, described: Mapping[str, Any] | None) -> Authored:
    """Return the file with what was found of its cluster.

    Args:
        authored: what was written.
        described: `cluster` of DescribeCluster's answer; None when there is no such cluster.

    Raises:
        ConfigInvalid: there is none, it cannot take nodes yet, or it does not take them as the file says.
    """
    if described is None:
        raise ConfigInvalid(
            [
                Problem(
                    "cluster_name",
                    authored.cluster_name,
                    "is no EKS cluster in this account and Region",
                    "`aws eks list-clusters` shows those that there are; or write `cluster:`.",
                )
            ]
        )
    problems = list(_without_access_entries(authored, described))
    try:
        cluster = Cluster.model_validate(facts(described))
    except ValidationError as error:
        keys = sorted({str(detail["loc"][0]) for detail in error.errors()})
        raise ConfigInvalid([*problems, _not_ready(authored, described, keys)]) from None
    problems += _not_together(authored, cluster)
    if problems:
        raise ConfigInvalid(problems)
    return authored.model_copy(update={"cluster": cluster})


def _not_together(authored: Authored, cluster: Cluster) -> Iterator[Problem]:
    """Yield what would have been said of the file if the cluster had been written in it."""
    for position, group in enumerate(authored.node_groups):
        here = ("node_groups", position)
        if group.create is not None:
            for fault in (
                *cluster_checks.security_groups((*here, "create"), group.create, cluster),
                *cluster_checks.kubelet((*here, "create"), group.create, cluster),
                *cluster_checks.max_pods((*here, "node"), group.node, cluster),
            ):
                yield unlocated(fault)


def written(authored: Authored) -> Mapping[str, str]:
    """Return what the file says under `cluster:`, by key; nothing where it leaves the cluster to the account."""
    return authored.cluster.model_dump() if authored.cluster is not None else {}


def facts(described: Mapping[str, Any]) -> dict[str, str | None]:
    """Return the keys of `cluster:` as the cluster says them; one that it does not have yet is None.

    Args:
        described: `cluster` of DescribeCluster's answer.
    """
    network = described.get("kubernetesNetworkConfig", {})
    vpc = described.get("resourcesVpcConfig", {})
    family = "serviceIpv6Cidr" if network.get("ipFamily") == "ipv6" else "serviceIpv4Cidr"
    return {
        "endpoint": described.get("endpoint"),
        "certificate_authority": described.get("certificateAuthority", {}).get("data"),
        "service_cidr": network.get(family),
        "security_group": vpc.get("clusterSecurityGroupId"),
        "vpc": vpc.get("vpcId"),
        "version": described.get("version"),
    }


def _not_ready(authored: Authored, described: Mapping[str, Any], keys: Sequence[str]) -> Problem:
    return Problem(
        "cluster_name",
        authored.cluster_name,
        f"is {described.get('status', 'in no known state')} and does not say its {', '.join(keys)} as a node needs it",
        "Wait until it is ACTIVE, or write `cluster:`.",
    )


def _without_access_entries(authored: Authored, described: Mapping[str, Any]) -> Iterator[Problem]:
    mode = described.get("accessConfig", {}).get("authenticationMode")
    if mode != CONFIG_MAP_ONLY:
        return
    for position, group in enumerate(authored.node_groups):
        if group.create is not None and group.create.access_entry:
            yield Problem(
                path_of(("node_groups", position, "create", "access_entry")),
                True,
                f"is not for a cluster whose authentication mode is {mode}",
                "Change the mode to API_AND_CONFIG_MAP; or write `access_entry: false` and add the nodes' role to aws-auth.",
            )
