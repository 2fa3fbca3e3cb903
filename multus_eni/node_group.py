"""A node group that is created, in a stack of another application."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Stack

from multus_eni.misuse import Misuse
from stacks.created_node_group import CreatedNodeGroup
from stacks.settings import settings_of

if TYPE_CHECKING:
    from constructs import Construct

    from multus_eni.automation import MultusEniAutomation


class MultusNodeGroup(CreatedNodeGroup):
    """A self-managed group of Amazon Linux 2023 nodes that is hooked from its first node on.

    It may be in the automation's stack or in another of the same account and Region. There it takes the nodes' policy from
    the automation's parameter, so nothing holds the two stacks together but their order.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        automation: MultusEniAutomation,
        node_group: str,
    ) -> None:
        """Compose the group, with its first node after all of the automation.

        Args:
            scope: a stack, or a construct in one.
            construct_id: its id there. A change of it is a new group, which cannot have the name while the old one has it.
            automation: whose functions answer the group's hooks.
            node_group: its name in the automation's configuration, where it has `create`.

        Raises:
            Misuse: no such group is to be created, or the two would be in different accounts or Regions.
            ConfigInvalid: the group's user data is larger than EC2 takes.
        """
        here, there = Stack.of(scope), Stack.of(automation)
        if here.environment != there.environment:
            raise Misuse(
                f"the node group {node_group} would be in {here.environment} and its functions in {there.environment}: "
                "put both into one account and Region"
            )
        configuration = automation.configuration
        created = {g.name: g for g in configuration.node_groups if g.create is not None}
        if node_group not in created or configuration.cluster is None:
            raise Misuse(
                f"the configuration {configuration.name} creates no node group {node_group}; "
                f"it creates: {', '.join(created) or 'none'}"
            )
        together = here.node.path == there.node.path
        super().__init__(
            scope,
            construct_id,
            owner=automation.owner,
            cluster_name=configuration.cluster_name,
            cluster=configuration.cluster,
            group=created[node_group],
            settings=settings_of(configuration),
            common_tags=configuration.tags,
            # CloudFormation reads parameters before it makes anything, so not that of the stack itself.
            node_policy_arn=automation.node_policy.managed_policy_arn if together else None,
        )
        self.auto_scaling_group.node.add_dependency(automation)
