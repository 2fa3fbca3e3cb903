"""The node bootstrap's archive in S3, and what a node's role needs for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import AssetStaging, FileAssetPackaging, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from domain import naming
from stacks import user_data
from stacks.iam import acknowledge_wildcards, group_arns

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_cdk import FileAssetLocation

    from domain.node.config import NodeConfig
    from stacks.bootstrap_archive import BootstrapAsset


class NodeBootstrap(Construct):
    """One archive for all node groups, and one managed policy to attach to the role of their nodes.

    A bucket that the CDK's bootstrap encrypts with a key of its own (`--bootstrap-customer-key`) needs kms:Decrypt on
    that key besides; it is not ours to give, because the key's own policy decides.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, config: NodeConfig, asset: BootstrapAsset
    ) -> None:
        super().__init__(scope, construct_id)
        self._config = config
        self._object = _published(self, asset)
        self._digest = asset.digest
        statements = self._statements()
        self.policy = iam.ManagedPolicy(
            self,
            "Policy",
            description=f"What nodes of {config.owner} need to fetch and run multus-node",
            statements=statements,
        )
        acknowledge_wildcards(self.policy, statements)

    @property
    def facts(self) -> Mapping[str, str]:
        """Return what is published of it, by kebab-case name."""
        return {
            user_data.LEAF: self._object.s3_object_url,
            f"{user_data.LEAF}-sha256": self._digest,
            "node-policy": self.policy.managed_policy_arn,
        }

    def _statements(self) -> list[iam.PolicyStatement]:
        return [
            iam.PolicyStatement(
                sid="FetchBootstrap",
                actions=["s3:GetObject"],
                resources=[
                    Stack.of(self).format_arn(
                        service="s3",
                        region="",
                        account="",
                        resource=self._object.bucket_name,
                        resource_name=self._object.object_key,
                    )
                ],
            ),
            iam.PolicyStatement(
                sid="FindBootstrap",
                actions=["ssm:GetParameter"],
                resources=[
                    Stack.of(self).format_arn(
                        service="ssm",
                        resource="parameter",
                        # The name begins with the slash that an ARN has before it.
                        resource_name=naming.parameter(
                            self._config.owner, user_data.LEAF
                        ).removeprefix("/"),
                    )
                ],
            ),
            *self._answer_ready_hook(),
        ]

    def _answer_ready_hook(self) -> list[iam.PolicyStatement]:
        """Allow answering the hooks of groups whose nodes say themselves that they are ready.

        A hook has no ARN: with it a node can answer the group's other hooks too, for any node of the group.
        """
        groups = sorted(
            group.auto_scaling_group for group in self._config.node_groups if group.ready_hook
        )
        if not groups:
            return []
        return [
            iam.PolicyStatement(
                sid="AnswerReadyHook",
                actions=["autoscaling:CompleteLifecycleAction"],
                resources=group_arns(Stack.of(self), groups),
            )
        ]


def _published(scope: Construct, asset: BootstrapAsset) -> FileAssetLocation:
    """Put the archive into the cloud assembly, to become an object that is named by the archive's own SHA-256.

    aws_s3_assets.Asset would name it by a hash of the hash that it is given.
    """
    stack = Stack.of(scope)
    staged = AssetStaging(scope, "Archive", source_path=str(asset.archive), asset_hash=asset.digest)
    return stack.synthesizer.add_file_asset(
        file_name=staged.relative_staged_path(stack),
        packaging=FileAssetPackaging.FILE,
        source_hash=asset.digest,
    )


def user_data_by_group(config: NodeConfig) -> dict[str, str]:
    """Return each node group's user data by the group's name."""
    return {
        group.name: user_data.multipart(user_data.shell(user_data.script(config.owner, group.name)))
        for group in config.node_groups
    }
