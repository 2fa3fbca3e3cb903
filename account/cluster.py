"""The cluster that nodes of created groups join."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from account.session import UNANSWERED, line
from domain.errors import ConfigInvalid, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from account.session import Session


def describe(name: str, session: Session) -> Mapping[str, Any] | None:
    """Return what EKS says of a cluster; None when there is none of this name.

    Args:
        name: the cluster's.
        session: with whose credentials, and where.

    Raises:
        ConfigInvalid: the account cannot be asked.
    """
    try:
        client = session.client("eks")
        try:
            seen: Mapping[str, Any] = client.describe_cluster(name=name)["cluster"]
        except client.exceptions.ResourceNotFoundException:
            return None
    except (*UNANSWERED, ClientError) as error:
        raise ConfigInvalid(
            [
                Problem(
                    "cluster_name",
                    name,
                    f"cannot be looked up: {line(error)}",
                    "Use credentials that may call eks:DescribeCluster, or write `cluster:`.",
                )
            ]
        ) from error
    return seen
