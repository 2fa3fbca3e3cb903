"""Turns an adopted group of a configuration into one that is created, for a cluster in a network that is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from localaws.account import Account


def have_created(account: Account, document: dict[str, Any], place: int, **keys: object) -> str:
    """Let the configuration create a group that it adopts, and make its cluster; return the Auto Scaling group's name.

    Args:
        account: where the group's network is.
        document: the configuration, as YAML reads it; it is changed in place.
        place: the group's, in the configuration.
        keys: of `create`, besides the least.
    """
    group = document["node_groups"][place]
    subnets = _subnets(account, group.pop("auto_scaling_group"))
    group["create"] = {"min_size": 0, "max_size": 4, **subnets, **keys}
    (image, *_) = account.client("ec2").describe_images()["Images"]
    group["create"].setdefault("ami", image["ImageId"])
    account.client("eks").create_cluster(
        name=document["cluster_name"],
        version="1.33",
        roleArn="arn:aws:iam::123456789012:role/cluster",
        resourcesVpcConfig={"subnetIds": list(subnets["subnets"].values())},
    )
    return f"MultusEni-{document['name']}-{group['name']}"


def _subnets(account: Account, name: str) -> dict[str, dict[str, str]]:
    """Return the node subnets of a group by zone, and delete it: what it stood in stays."""
    autoscaling = account.client("autoscaling")
    (group,) = autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])[
        "AutoScalingGroups"
    ]
    found = account.client("ec2").describe_subnets(SubnetIds=group["VPCZoneIdentifier"].split(","))[
        "Subnets"
    ]
    autoscaling.delete_auto_scaling_group(AutoScalingGroupName=name)
    return {"subnets": {each["AvailabilityZone"]: each["SubnetId"] for each in found}}
