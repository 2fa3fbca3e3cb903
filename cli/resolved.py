"""`resolved`: what handlers and nodes will read."""

from __future__ import annotations

import json
from pathlib import Path  # noqa: TC003 - typer reads the annotations at run time
from typing import Annotated

import typer

import authoring
from cli.loading import adopt_or_exit, load_or_exit
from domain import config
from domain.node import config as node_config


def resolved(
    path: Annotated[Path, typer.Argument(metavar="CONFIG", help="A configuration file.")],
    *,
    nodes: Annotated[
        bool, typer.Option("--nodes", help="What the bootstrap on the nodes reads, instead.")
    ] = False,
) -> None:
    """Print the resolved configuration as JSON: defaults filled in, device indexes given out, tags merged."""
    authored = load_or_exit(path)
    authored = adopt_or_exit(path, authored)
    document = (
        node_config.to_json(authoring.resolve_nodes(authored))
        if nodes
        else config.to_json(authoring.resolve(authored))
    )
    typer.echo(json.dumps(json.loads(document), indent=2))
