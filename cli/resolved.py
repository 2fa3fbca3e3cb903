"""`resolved`: what handlers and nodes will read."""

from __future__ import annotations

import json
from pathlib import Path  # noqa: TC003 - typer reads the annotations at run time
from typing import Annotated

import typer

import authoring
from account.groups import look_up
from cli.loading import EXIT_BAD_CONFIG, load_or_exit
from domain import config
from domain.errors import ConfigInvalid
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
    try:
        found = look_up(authoring.sought(authored), region=authored.region)
        authored = authoring.adopted(authored, found)
    except ConfigInvalid as invalid:
        typer.echo(authoring.report(path, invalid), err=True)
        raise typer.Exit(EXIT_BAD_CONFIG) from invalid
    document = (
        node_config.to_json(authoring.resolve_nodes(authored))
        if nodes
        else config.to_json(authoring.resolve(authored))
    )
    typer.echo(json.dumps(json.loads(document), indent=2))
