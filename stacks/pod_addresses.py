"""What the program needs of EC2 that has addresses assigned to the ENI of their pod's node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from domain.errors import ConfigInvalid, Problem
from domain.pods import policy
from stacks.iam import acknowledge_wildcards, deployed_characters

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

MAX_MANAGED_POLICY_CHARACTERS = 6_144
"""IAM's quota for a managed policy, white space not counted (IAM User Guide, "IAM and AWS STS quotas")."""
FRAME = '{"Version":"2012-10-17","Statement":}'
"""What stands around the statements."""


class PodAddresses(Construct):
    """One managed policy, for the role of the pods' service account: never for that of the nodes."""

    def __init__(
        self, scope: Construct, construct_id: str, *, owner: str, interfaces: Collection[str]
    ) -> None:
        """Allow it for the stack's own ENIs of these interfaces: those of the others keep the addresses that their node hands out.

        Raises:
            ConfigInvalid: they have more names than fit into a policy.
        """
        super().__init__(scope, construct_id)
        enis = Stack.of(self).format_arn(
            service="ec2", resource="network-interface", resource_name="*"
        )
        statements = [
            iam.PolicyStatement.from_json(each)
            for each in policy.statements(owner, interfaces, enis)
        ]
        self._check(statements, interfaces)
        self.policy = iam.ManagedPolicy(
            self,
            "Policy",
            description=f"What pods need to have their addresses assigned to ENIs of {owner}",
            statements=statements,
        )
        acknowledge_wildcards(self.policy, statements)

    def _check(
        self, statements: Sequence[iam.PolicyStatement], interfaces: Collection[str]
    ) -> None:
        """Refuse at synth what IAM would refuse in the middle of a deployment."""
        rendered = Stack.of(self).resolve([one.to_statement_json() for one in statements])
        length = len(FRAME) + deployed_characters(rendered)
        if length > MAX_MANAGED_POLICY_CHARACTERS:
            raise ConfigInvalid(
                [
                    Problem(
                        path="node_groups",
                        value=f"{len(interfaces)} names of interfaces with pod_follow",
                        message=f"are so many that the pods' policy takes {length} characters of the "
                        f"{MAX_MANAGED_POLICY_CHARACTERS} that IAM allows",
                        remedy="Give interfaces of one network one name in all node groups, or split the groups over two files.",
                    )
                ]
            )

    @property
    def facts(self) -> Mapping[str, str]:
        """Return what is published of it, by kebab-case name."""
        return {"pod-address-policy": self.policy.managed_policy_arn}
