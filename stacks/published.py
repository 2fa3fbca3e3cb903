"""What others read of a stack: each fact once as an output and once as an SSM parameter."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING

from aws_cdk import CfnOutput
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from domain import naming
from domain.config import to_json
from domain.errors import ConfigInvalid, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from domain.config import Config

STANDARD_PARAMETER_CHARACTERS = 4096
ADVANCED_PARAMETER_CHARACTERS = 8192
"""Parameter Store's quotas for a value; an advanced parameter is charged for."""


def node_group_documents(config: Config) -> dict[str, str]:
    """Return by leaf, for each node group, the configuration narrowed to it, in the form that `config.from_json` reads.

    Raises:
        ConfigInvalid: a document does not fit into a parameter.
    """
    documents = {
        f"node-groups/{name}": to_json(replace(config, node_groups=tuple(groups)))
        for name, groups in groupby(config.node_groups, key=lambda group: group.name)
    }
    problems = [
        Problem(
            path="node_groups",
            value=leaf.removeprefix("node-groups/"),
            message=f"takes {len(document)} characters resolved, more than the "
            f"{ADVANCED_PARAMETER_CHARACTERS} of an SSM parameter",
            remedy="Give the group fewer interfaces or tags.",
        )
        for leaf, document in documents.items()
        if len(document) > ADVANCED_PARAMETER_CHARACTERS
    ]
    if problems:
        raise ConfigInvalid(problems)
    return documents


class Published(Construct):
    """Outputs with stable export names, and parameters below the stack's own path."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        owner: str,
        facts: Mapping[str, str],
        documents: Mapping[str, str],
    ) -> None:
        """Publish `facts` by kebab-case name, and the node groups' `documents`, by leaf, as parameters alone."""
        super().__init__(scope, construct_id)
        self.outputs: dict[str, CfnOutput] = {}
        for leaf, value in facts.items():
            self._parameter(owner, leaf, value)
            self.outputs[leaf] = CfnOutput(
                self, f"{leaf}-output", value=value, export_name=f"{owner}-{leaf}"
            )
        for leaf, document in documents.items():
            self._parameter(owner, leaf, document)

    def _parameter(self, owner: str, leaf: str, value: str) -> None:
        fits = len(value) <= STANDARD_PARAMETER_CHARACTERS
        ssm.StringParameter(
            self,
            leaf,
            parameter_name=naming.parameter(owner, leaf),
            string_value=value,
            tier=ssm.ParameterTier.STANDARD if fits else ssm.ParameterTier.ADVANCED,
        )
