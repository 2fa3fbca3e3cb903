"""The managed policies of a created group's role: those that it has anyway, and how many it may have."""

from __future__ import annotations

NODE_POLICIES = ("AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly")
"""What a node needs for itself (EKS User Guide, "Amazon EKS node IAM role"). AmazonEKS_CNI_Policy is left out: with it every
pod that reaches the node's credentials could create and attach network interfaces. The VPC CNI has a role of its own."""
CNI_POLICY = "AmazonEKS_CNI_Policy"
ENI_POLICIES = frozenset(
    {
        CNI_POLICY,
        "AdministratorAccess",
        "AmazonEC2FullAccess",
        "AmazonEKSVPCResourceController",
        "AmazonVPCFullAccess",
        "NetworkAdministrator",
        "PowerUserAccess",
        "SystemAdministrator",
    }
)
"""Those of AWS's own with which any instance can attach network interfaces, as far as somebody might give them to nodes (AWS Managed
Policy Reference)."""
MAX_POLICIES = 25
"""Managed policies per role: what the default quota, 10, can be raised to (IAM User Guide, IAM and AWS STS quotas)."""
MAX_FURTHER_POLICIES = MAX_POLICIES - len(NODE_POLICIES) - 1
"""The one is what the ENI stack publishes for nodes."""


PARTITIONS = {
    "cn-": "aws-cn",
    "us-gov-": "aws-us-gov",
    "us-iso-": "aws-iso",
    "us-isob-": "aws-iso-b",
    "us-isof-": "aws-iso-f",
    "eu-isoe-": "aws-iso-e",
    "eusc-": "aws-eusc",
}
"""Those besides `aws`, by how the names of their Regions begin (botocore, data/partitions.json)."""


def partition(region: str) -> str:
    """Return the partition of a Region, which each of its ARNs begins with."""
    return next((name for prefix, name in PARTITIONS.items() if region.startswith(prefix)), "aws")


def aws_managed(arn: str) -> str | None:
    """Return the name of a policy that is AWS's own, without its path; None for an account's."""
    _, own, path = arn.partition(":iam::aws:policy/")
    return path.rpartition("/")[2] if own else None
