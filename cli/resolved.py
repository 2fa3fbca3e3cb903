"""`resolved`: what handlers and nodes will read."""

from __future__ import annotations

import json
from pathlib import Path  # noqa: TC003 - typer reads the annotations at run time
from typing import Annotated

import typer

import authoring
from cli.loading import load_or_exit
from domain import config


def resolved(
    path: Annotated[Path, typer.Argument(metavar="CONFIG", help="A configuration file.")],
) -> None:
    """Print the resolved configuration as JSON: defaults filled in, device indexes given out, tags merged."""
    document = config.to_json(authoring.resolve(load_or_exit(path)))
    typer.echo(json.dumps(json.loads(document), indent=2))
