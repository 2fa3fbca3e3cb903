"""One configuration's ENI lifecycle, in a stack of another application."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from aws_cdk import Stack, Stage, Token

import authoring
from multus_eni import sources
from multus_eni.misuse import Misuse
from stacks.assets import stage
from stacks.bootstrap_archive import stage_bootstrap
from stacks.eni_lifecycle import EniLifecycle
from stacks.settings import settings_of

if TYPE_CHECKING:
    from constructs import Construct

ASSETS = "multus-eni"
"""A folder of the cloud assembly: whoever synthesizes can write there, and no repository keeps it."""


class MultusEniAutomation(EniLifecycle):
    """Hooks, rules, queues, functions, alarms and all else that a configuration stands for.

    The names that others find it by (hooks, exports, parameters) are those of the configuration's `name`, in whatever stack
    it is, so one name is used once in an account and Region.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, configuration: authoring.Authored
    ) -> None:
        """Compose it, code and configuration included.

        Args:
            scope: a stack, or a construct in one.
            construct_id: its id there. A change of it is a new construct, whose hooks and parameters have the old one's names.
            configuration: what `authoring.load` or `authoring.parse` returns, made whole by `account.lookup.completed`
                where it leaves something to the account. The stack's environment is where it gets deployed; an account or
                Region in the file must be the same.

        Raises:
            Misuse: the file is for another account or Region, or not whole.
            ConfigInvalid: the configuration is too large for a role's policy or for a parameter.
        """
        _check_environment(Stack.of(scope), configuration)
        _check_whole(configuration)
        self.configuration = configuration
        config, nodes = authoring.resolve(configuration), authoring.resolve_nodes(configuration)
        application = Stage.of(scope)
        assert application is not None  # noqa: S101 - a stack is in one
        build = Path(application.asset_outdir) / ASSETS
        super().__init__(
            scope,
            construct_id,
            config=config,
            settings=settings_of(configuration),
            asset=stage(config, repository=sources.ROOT, build=build),
            nodes=nodes,
            bootstrap=stage_bootstrap(nodes, repository=sources.ROOT, build=build),
        )


def _check_environment(stack: Stack, configuration: authoring.Authored) -> None:
    for what, written, actual in (
        ("account", configuration.account, stack.account),
        ("Region", configuration.region, stack.region),
    ):
        if written and not Token.is_unresolved(actual) and written != actual:
            raise Misuse(
                f"the configuration {configuration.name} is for the {what} {written} and the stack {stack.node.path} is in "
                f"{actual}: use it in another stack, or leave `{what.lower()}` out of the file"
            )


def _check_whole(configuration: authoring.Authored) -> None:
    if authoring.sought(configuration) or authoring.sought_cluster(configuration):
        raise Misuse(
            f"the configuration {configuration.name} leaves Auto Scaling groups or the cluster to the account: look them up "
            "with account.lookup.completed(configuration, region=…), or write them"
        )
