"""The stack of one configuration's ENI lifecycle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Environment, Stack

from stacks.eni_lifecycle import EniLifecycle

if TYPE_CHECKING:
    from constructs import Construct

    from domain.config import Config
    from domain.node.config import NodeConfig
    from stacks.assets import FunctionsAsset
    from stacks.bootstrap_archive import BootstrapAsset
    from stacks.settings import StackSettings


class EniLifecycleStack(Stack):
    """The lifecycle and nothing else, so that what it publishes can have the outputs' short names."""

    def __init__(
        self,
        scope: Construct,
        *,
        config: Config,
        settings: StackSettings,
        asset: FunctionsAsset,
        nodes: NodeConfig,
        bootstrap: BootstrapAsset,
    ) -> None:
        """Compose the stack, which is named as the configuration's owner.

        Raises:
            ConfigInvalid: the configuration is too large for a role's policy or for a parameter.
        """
        super().__init__(
            scope,
            config.owner,
            stack_name=config.owner,
            description=f"Multus network interfaces for the nodes of {config.cluster_name}",
            env=Environment(account=settings.account, region=settings.region),
            analytics_reporting=False,
        )
        lifecycle = EniLifecycle(
            self,
            # Logical ids leave this id out.
            "Default",
            config=config,
            settings=settings,
            asset=asset,
            nodes=nodes,
            bootstrap=bootstrap,
        )
        for leaf, output in lifecycle.outputs.items():
            # What a person sees after a deployment, and scripts pick from its outputs file.
            output.override_logical_id(leaf.title().replace("-", ""))
