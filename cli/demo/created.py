"""Node groups that the stacks create: what they ask of the account that is there before them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from domain import naming
from localaws.identity import ACCOUNT_ID

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from localaws.account import Account

KUBERNETES = "1.33"
ELSEWHERE = ("ami", "key_pair", "placement_group", "policies", "security_groups")
"""What names something in the account that the configuration was written for, and matters to no interface."""
NOT_HERE = ("warm_pool",)
"""A warm pool would never let a group come to an end."""


def have_one_created(document: dict[str, Any]) -> str:
    """Have the last node group of a configuration, which is adopted, created instead; return its name."""
    group = document["node_groups"][-1]
    del group["auto_scaling_group"]
    group["create"] = {}
    return str(group["name"])


def have_none_created(document: dict[str, Any]) -> None:
    """Have the groups that a configuration creates adopted instead, by the names that they would have."""
    for group in document["node_groups"]:
        if group.pop("create", None) is not None:
            owner = naming.owner(document["name"])
            group["auto_scaling_group"] = naming.created_group(owner, group["name"])


def from_none_to(document: dict[str, Any], most: int) -> None:
    """Let every created group begin without a node and have room for so many."""
    for group in document["node_groups"]:
        if "create" in group:
            kept = {key: value for key, value in group["create"].items() if key not in NOT_HERE}
            group["create"] = {**kept, "min_size": 0, "max_size": most}


def rewrite(create: dict[str, Any], *, subnets: Mapping[str, str]) -> None:
    """Put what there is here in the place of what is in the account that the configuration was written for."""
    for key in ELSEWHERE:
        create.pop(key, None)
    create.get("root_volume", {}).pop("kms_key_arn", None)
    create["subnets"] = dict(subnets)


def make_cluster(account: Account, name: str, subnets: Sequence[str], *, ipv6: bool) -> None:
    """Make the cluster that the nodes join, of the IP family that the configuration's has."""
    account.client("eks").create_cluster(
        name=name,
        version=KUBERNETES,
        roleArn=f"arn:aws:iam::{ACCOUNT_ID}:role/cluster",
        resourcesVpcConfig={"subnetIds": list(subnets)},
        kubernetesNetworkConfig={"ipFamily": "ipv6" if ipv6 else "ipv4"},
        # Without it a cluster that is made over the API has no access entries (EKS API reference, CreateAccessConfigRequest).
        accessConfig={"authenticationMode": "API_AND_CONFIG_MAP"},
    )
