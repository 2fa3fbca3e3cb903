"""What the program needs of EC2 that has addresses assigned to the ENI of their pod's node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from domain import tags
from stacks.iam import acknowledge_wildcards

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ACTIONS = (
    "ec2:AssignIpv6Addresses",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignIpv6Addresses",
    "ec2:UnassignPrivateIpAddresses",
)


class PodAddresses(Construct):
    """One managed policy, for the role of the pods' service account: never for that of the nodes.

    Each of the four actions is checked against one network interface and its tags, and DescribeNetworkInterfaces against nothing
    (Service Authorization Reference, "Actions, resources, and condition keys for Amazon EC2"). The interface that
    AssignPrivateIpAddresses is checked against is the one that gets the address. Whose it was until then no policy can say: EC2 moves
    any secondary IPv4 address of the subnet that the request allows to be reassigned.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, owner: str, interfaces: Iterable[str]
    ) -> None:
        """Allow it for the stack's own ENIs of these interfaces: those of the others keep the addresses that their node hands out."""
        super().__init__(scope, construct_id)
        statements = [
            iam.PolicyStatement(
                sid="FindInterfaces",
                actions=["ec2:DescribeNetworkInterfaces"],
                resources=["*"],
            ),
            iam.PolicyStatement(
                sid="AssignToOwned",
                actions=list(ACTIONS),
                resources=[
                    Stack.of(self).format_arn(
                        service="ec2", resource="network-interface", resource_name="*"
                    )
                ],
                conditions={
                    "StringEquals": {
                        f"aws:ResourceTag/{tags.OWNER}": owner,
                        f"aws:ResourceTag/{tags.INTERFACE}": sorted(interfaces),
                    }
                },
            ),
        ]
        self.policy = iam.ManagedPolicy(
            self,
            "Policy",
            description=f"What pods need to have their addresses assigned to ENIs of {owner}",
            statements=statements,
        )
        acknowledge_wildcards(self.policy, statements)

    @property
    def facts(self) -> Mapping[str, str]:
        """Return what is published of it, by kebab-case name."""
        return {"pod-address-policy": self.policy.managed_policy_arn}
