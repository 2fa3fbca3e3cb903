"""The CDK application: one configuration file, named by the context value `config`, becomes one stack, and one more for each
node group that is created."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks

import authoring
from account.lookup import completed
from domain import naming
from domain.errors import ConfigInvalid, Problem
from stacks.assets import stage
from stacks.bootstrap_archive import stage_bootstrap
from stacks.eni_lifecycle_stack import EniLifecycleStack
from stacks.node_group_stack import NodeGroupStack
from stacks.settings import settings_of

if TYPE_CHECKING:
    from stacks.settings import StackSettings

REPOSITORY = Path(__file__).resolve().parent
DEFAULT_ACCOUNT, DEFAULT_REGION = "CDK_DEFAULT_ACCOUNT", "CDK_DEFAULT_REGION"
"""What the CDK CLI says of its credentials, those of its --profile."""
INVALID_CONFIG = 2
"""The exit code of a configuration that cannot be used."""


def build(app: App, *, repository: Path = REPOSITORY) -> EniLifecycleStack:
    """Compose the stacks for the file that the context names, and return the one that all of them need.

    Raises:
        ConfigInvalid: no file is named, the file cannot be used, or a group that it names is not in the account.
    """
    path = app.node.try_get_context("config")
    if not isinstance(path, str):
        raise ConfigInvalid(
            [
                Problem(
                    path="context config",
                    value=path,
                    message="no configuration file is named",
                    remedy="Pass `-c config=config/NAME.yaml` to cdk.",
                )
            ]
        )
    authored = authoring.load(repository / path)
    authored = completed(
        authored,
        region=authored.region or os.environ.get(DEFAULT_REGION),
        account=authored.account or os.environ.get(DEFAULT_ACCOUNT),
    )
    config, nodes = authoring.resolve(authored), authoring.resolve_nodes(authored)
    settings = settings_of(authored)
    stack = EniLifecycleStack(
        app,
        config=config,
        settings=settings,
        asset=stage(config, repository=repository, build=repository / "build"),
        nodes=nodes,
        bootstrap=stage_bootstrap(nodes, repository=repository, build=repository / "build"),
    )
    for created in node_group_stacks(app, authored, settings):
        # The functions must be there before the first node is.
        created.add_stack_dependency(stack)
    return stack


def node_group_stacks(
    app: App, authored: authoring.Authored, settings: StackSettings
) -> list[NodeGroupStack]:
    """Compose the stacks of the groups that are created; the file has its cluster by now.

    Raises:
        ConfigInvalid: a group's user data is too large.
    """
    if authored.cluster is None:
        return []
    return [
        NodeGroupStack(
            app,
            owner=naming.owner(authored.name),
            cluster_name=authored.cluster_name,
            cluster=authored.cluster,
            group=group,
            settings=settings,
            common_tags=authored.tags,
        )
        for group in authored.node_groups
        if group.create is not None
    ]


def main(app: App) -> int:
    """Synthesize; on a configuration that cannot be used, say all that is wrong with it and write nothing."""
    try:
        build(app)
    except ConfigInvalid as invalid:
        source = app.node.try_get_context("config") or "cdk"
        sys.stderr.write(f"{authoring.report(source, invalid)}\n")
        return INVALID_CONFIG
    check_and_synthesize(app)
    return 0


def check_and_synthesize(app: App) -> None:
    """Write the cloud assembly, unless a rule of AwsSolutions finds fault with it.

    Raises:
        RuntimeError: a finding that nobody acknowledged; it is printed.
    """
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()


if __name__ == "__main__":
    sys.exit(main(App(analytics_reporting=False)))
