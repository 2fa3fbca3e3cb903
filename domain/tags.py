"""Every tag key, once. The tags of a network interface are the ledger: nothing else is stored anywhere."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from domain.model import InstanceId

NO_MANAGE = "node.k8s.amazonaws.com/no_manage"
"""The VPC CNI leaves an ENI alone when this tag is exactly `true` (case matters): amazon-vpc-cni-k8s
pkg/ipamd/ipamd.go setUnmanagedENIs. It reads tags when it first sees the ENI, so the tag must be there at birth."""
NO_MANAGE_VALUE = "true"

PREFIX = "multus-eni:"
OWNER = PREFIX + "owner"
NODE_GROUP = PREFIX + "node-group"
INSTANCE = PREFIX + "instance-id"
INTERFACE = PREFIX + "interface"
CREATED_AT = PREFIX + "created-at"
NAME = "Name"

RESERVED_PREFIXES = ("aws:", PREFIX, "node.k8s.amazonaws.com/", "cluster.k8s.amazonaws.com/")
"""Keys that a person may not set. The VPC CNI's leaked-ENI cleaner selects by
`node.k8s.amazonaws.com/instance_id` and `cluster.k8s.amazonaws.com/name`, so an ENI that carried them could be
deleted under us (amazon-vpc-cni-k8s pkg/awsutils/awsutils.go)."""

MAX_TAGS_PER_RESOURCE = 50
MAX_KEY_LENGTH = 128
MAX_VALUE_LENGTH = 256


def of_cluster(cluster_name: str) -> str:
    """Return the key of the tag by which a cluster's components know its nodes (EKS User Guide, self-managed Amazon Linux
    nodes)."""
    return f"kubernetes.io/cluster/{cluster_name}"


def ownership_tags(
    *, owner: str, node_group: str, instance_id: InstanceId, interface: str, created_at: datetime
) -> dict[str, str]:
    """Return the tags that make a network interface ours and let any later run find out what it is for.

    `created_at` is when the instance was launched and never comes from the clock: a repeated create must be identical
    to the first, or EC2 answers IdempotentParameterMismatch. It can be too early and never too late, and what asks for
    an age (the orphan sweep) also asks for the instance to be gone.
    """
    return {
        NO_MANAGE: NO_MANAGE_VALUE,
        OWNER: owner,
        NODE_GROUP: node_group,
        INSTANCE: str(instance_id),
        INTERFACE: interface,
        CREATED_AT: created_at.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        NAME: f"{owner}/{node_group}/{interface}",
    }


def created_at(tags: Mapping[str, str]) -> datetime | None:
    """Return when the tags say the ENI was made, or None when they do not say so legibly (unknown means keep)."""
    try:
        naive = datetime.strptime(tags.get(CREATED_AT, ""), "%Y-%m-%dT%H:%M:%SZ")  # noqa: DTZ007 - the Z is literal
    except ValueError:
        return None
    return naive.replace(tzinfo=timezone.utc)
