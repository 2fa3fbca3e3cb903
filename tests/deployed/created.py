"""Turns an adopted group of a configuration into one that is created, in a network that is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from localaws.account import Account

CLUSTER = "telco"


def have_created(account: Account, document: dict[str, Any], place: int, **keys: object) -> str:
    """Let the configuration create a group, of no node, that it adopts; return the Auto Scaling group's name.

    Args:
        account: where the group's network is.
        document: the configuration, as YAML reads it; it is changed in place.
        place: the group's, in the configuration.
        keys: of `create`, besides the least.
    """
    group = document["node_groups"][place]
    subnets = _subnets(account, group.pop("auto_scaling_group"))
    group["create"] = {"min_size": 0, "max_size": 4, **subnets, **keys}
    ec2 = account.client("ec2")
    (image, *_) = ec2.describe_images()["Images"]
    group["create"].setdefault("ami", image["ImageId"])
    described = ec2.describe_subnets(SubnetIds=list(subnets["subnets"].values()))["Subnets"][0]
    security_group = ec2.create_security_group(
        GroupName="cluster", Description="cluster", VpcId=described["VpcId"]
    )["GroupId"]
    document["cluster"] = {
        "endpoint": "https://EXAMPLE.gr7.us-east-1.eks.amazonaws.com",
        "certificate_authority": "ZXhhbXBsZQ==",
        "service_cidr": "172.20.0.0/16",
        "security_group": security_group,
        "vpc": described["VpcId"],
        "version": "1.33",
    }
    account.client("eks").create_cluster(
        name=CLUSTER,
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
