"""What every example must agree with: the stack of config/example.yaml, its group `user-plane`, and EKS's own rules."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import authoring
from domain import naming

if TYPE_CHECKING:
    from email.message import Message

    from domain.config import Config

REPOSITORY = Path(__file__).parents[2]
EXAMPLES = REPOSITORY / "examples"
OWNER = naming.owner("example")
NODE_GROUP = "user-plane"
NODE_POLICIES = {"AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly"}
"""What a node needs of EKS, where the VPC CNI has a role of its own (EKS User Guide, "Amazon EKS node IAM role"). Neither has a
right to change network interfaces; AmazonEKS_CNI_Policy has."""


def parameter(leaf: str) -> str:
    """Return the name of one of the stack's parameters."""
    return naming.parameter(OWNER, leaf)


def _config() -> Config:
    return authoring.resolve(authoring.load(REPOSITORY / "config" / "example.yaml"))


def auto_scaling_group() -> str:
    """Return the name of the Auto Scaling group that the configuration has for the node group."""
    (found,) = (g.auto_scaling_group for g in _config().node_groups if g.name == NODE_GROUP)
    return found


def multus_subnets() -> set[str]:
    """Return every subnet that the configuration names for Multus interfaces."""
    return {
        str(subnet)
        for group in _config().node_groups
        for interface in group.interfaces
        for subnet in interface.subnets.ids
    }


def shell_parts(message: Message) -> list[str]:
    """Return the scripts that cloud-init would run, in order, of user data without a defect.

    A script ends with one line feed, whatever stands between it and the next boundary.
    """
    assert message.get_content_type() == "multipart/mixed"
    assert message.defects == []
    return [
        f"{str(part.get_payload()).rstrip()}\n"
        for part in message.walk()
        if part.get_content_type() == "text/x-shellscript"
    ]
