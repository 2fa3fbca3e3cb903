"""The CDK application: one configuration file, named by the context value `config`, becomes one stack."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks

import authoring
from account.groups import look_up
from domain.errors import ConfigInvalid, Problem
from stacks.assets import stage
from stacks.bootstrap_archive import stage_bootstrap
from stacks.eni_lifecycle_stack import EniLifecycleStack
from stacks.settings import settings_of

REPOSITORY = Path(__file__).resolve().parent
DEFAULT_REGION = "CDK_DEFAULT_REGION"
"""What the CDK CLI says that the credentials' Region is."""
INVALID_CONFIG = 2
"""The exit code of a configuration that cannot be used."""


def build(app: App, *, repository: Path = REPOSITORY) -> EniLifecycleStack:
    """Compose the stack for the file that the context names.

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
    found = look_up(
        authoring.sought(authored), region=authored.region or os.environ.get(DEFAULT_REGION)
    )
    authored = authoring.adopted(authored, found)
    config, nodes = authoring.resolve(authored), authoring.resolve_nodes(authored)
    return EniLifecycleStack(
        app,
        config=config,
        settings=settings_of(authored),
        asset=stage(config, repository=repository, build=repository / "build"),
        nodes=nodes,
        bootstrap=stage_bootstrap(nodes, repository=repository, build=repository / "build"),
    )


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
