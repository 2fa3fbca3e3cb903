"""What the role of a pod's service account may do for addresses that follow the pod.

Which resources and condition keys these actions are checked against: Service Authorization Reference, "Actions, resources, and
condition keys for Amazon EC2": the four of them have the resource network-interface, with aws:ResourceTag; the two that read have none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from domain import tags

if TYPE_CHECKING:
    from collections.abc import Collection

CHANGES = (
    "ec2:AssignIpv6Addresses",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignIpv6Addresses",
    "ec2:UnassignPrivateIpAddresses",
)
READS = ("ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets")


def statements(
    owner: str, interfaces: Collection[str], network_interfaces: str
) -> list[dict[str, Any]]:
    """Return the statements of the policy.

    For a move EC2 checks the ENI that gets the address, and not the one that loses it: the request names only the first. So
    `pod_addresses` looks whose it is before it asks for a reassignment.

    Args:
        owner: the value of the owner tag.
        interfaces: the names of those whose addresses follow pods: the ENIs of others keep what their node hands out.
        network_interfaces: the ARN of all ENIs of the account and Region.
    """
    return [
        {"Sid": "FindInterfaces", "Effect": "Allow", "Action": list(READS), "Resource": "*"},
        {
            "Sid": "AssignToOwned",
            "Effect": "Allow",
            "Action": list(CHANGES),
            "Resource": network_interfaces,
            "Condition": {
                "StringEquals": {
                    f"aws:ResourceTag/{tags.OWNER}": owner,
                    f"aws:ResourceTag/{tags.INTERFACE}": sorted(interfaces),
                }
            },
        },
    ]
