"""The cluster that nodes of created groups join."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from account.groups import CONFIG
from domain.errors import ConfigInvalid, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping


def describe(name: str, *, region: str | None) -> Mapping[str, Any] | None:
    """Return what EKS says of a cluster; None when there is none of this name.

    Args:
        name: the cluster's.
        region: where; None leaves it to the credentials' own.

    Raises:
        ConfigInvalid: the account cannot be asked.
    """
    try:
        client = boto3.session.Session(region_name=region).client("eks", config=CONFIG)
        try:
            seen: Mapping[str, Any] = client.describe_cluster(name=name)["cluster"]
        except client.exceptions.ResourceNotFoundException:
            return None
    except (BotoCoreError, ClientError) as error:
        raise ConfigInvalid(
            [
                Problem(
                    path="cluster_name",
                    value=name,
                    message=f"cannot be looked up: {error}",
                    remedy="Synthesize with credentials that may call eks:DescribeCluster, or write `cluster:`.",
                )
            ]
        ) from error
    return seen
