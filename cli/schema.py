"""`schema`: the JSON Schema of a configuration file."""

from __future__ import annotations

import json

import typer

import authoring


def schema() -> None:
    """Print the JSON Schema of configuration files; config/schema.json is this output."""
    typer.echo(json.dumps(authoring.schema(), indent=2))
