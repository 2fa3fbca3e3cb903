"""Compose the operator's command from its parts."""

from __future__ import annotations

import typer

from cli.demo.command import demo
from cli.invoke import invoke
from cli.migrate import migrate
from cli.preflight import preflight
from cli.render import render
from cli.resolved import resolved
from cli.schema import schema
from cli.validate import validate


def app() -> typer.Typer:
    """Return the whole command."""
    command = typer.Typer(
        name="python -m cli",
        help="Look after the network interfaces of EKS nodes that run Multus.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    command.command()(validate)
    command.command()(preflight)
    command.command()(resolved)
    command.command()(render)
    command.command()(schema)
    command.command()(migrate)
    command.command()(demo)
    command.command()(invoke)
    return command


if __name__ == "__main__":
    app()()
