"""The stack of one node group that is created."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Environment, Stack

from domain import naming
from stacks.created_node_group import CreatedNodeGroup

if TYPE_CHECKING:
    from collections.abc import Mapping

    from constructs import Construct

    from authoring.created import Cluster
    from authoring.models import NodeGroup
    from stacks.settings import StackSettings


class NodeGroupStack(Stack):
    """The group and nothing else: it comes and goes without the ENI stack, of which it takes the nodes' policy by parameter."""

    def __init__(
        self,
        scope: Construct,
        *,
        owner: str,
        cluster_name: str,
        cluster: Cluster,
        group: NodeGroup,
        settings: StackSettings,
        common_tags: Mapping[str, str],
    ) -> None:
        """Compose the stack, which is named as its Auto Scaling group.

        Args:
            scope: the application.
            owner: the ENI stack's name.
            cluster_name: the cluster that the nodes join.
            cluster: what they must know of it.
            group: what is written of the node group; its `create` is set.
            settings: for the hooks' times, the account and the Region.
            common_tags: the file's own.

        Raises:
            ConfigInvalid: the group's user data is larger than EC2 takes.
        """
        name = naming.created_group(owner, group.name)
        super().__init__(
            scope,
            name,
            stack_name=name,
            description=f"Node group {group.name} of {cluster_name}, with Multus network interfaces",
            env=Environment(account=settings.account, region=settings.region),
            analytics_reporting=False,
        )
        CreatedNodeGroup(
            self,
            # Logical ids leave this id out.
            "Default",
            owner=owner,
            cluster_name=cluster_name,
            cluster=cluster,
            group=group,
            settings=settings,
            common_tags=common_tags,
        )
