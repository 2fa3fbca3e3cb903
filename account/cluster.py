"""The cluster that nodes of created groups join."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from account.session import AccountUnreachable, Session
from domain.errors import ConfigInvalid, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping


def describe(name: str, *, region: str | None) -> Mapping[str, Any] | None:
    """Return what EKS says of a cluster; None when there is none of this name.

    Args:
        name: the cluster's.
        region: where; None leaves it to the environment.

    Raises:
        ConfigInvalid: the account cannot be asked.
    """
    try:
        client = Session(region=region, profile=None).client("eks")
        try:
            seen: Mapping[str, Any] = client.describe_cluster(name=name)["cluster"]
        except client.exceptions.ResourceNotFoundException:
            return None
    except AccountUnreachable as error:
        raise _unasked(name, error.message, error.remedy) from error
    except (BotoCoreError, ClientError) as error:
        remedy = (
            "Synthesize with credentials that may call eks:DescribeCluster, or write `cluster:`."
        )
        raise _unasked(name, str(error), remedy) from error
    return seen


def _unasked(name: str, message: str, remedy: str) -> ConfigInvalid:
    return ConfigInvalid([Problem("cluster_name", name, f"cannot be looked up: {message}", remedy)])
