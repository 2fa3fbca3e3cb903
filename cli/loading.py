"""Load configuration files for a command: what is wrong with them goes to stderr in plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

import authoring
from account.lookup import with_groups
from account.session import AccountUnreachable, Session
from cli.exits import EXIT_BAD_CONFIG
from domain.errors import ConfigInvalid

if TYPE_CHECKING:
    from pathlib import Path


def load_or_tell(path: Path) -> authoring.Authored | None:
    """Return the file's configuration, or None after telling every problem on stderr."""
    try:
        return authoring.load(path)
    except ConfigInvalid as invalid:
        typer.echo(authoring.report(path, invalid), err=True)
        return None


def load_or_exit(path: Path) -> authoring.Authored:
    """Return the file's configuration.

    Raises:
        typer.Exit: with status 2, after telling every problem on stderr.
    """
    authored = load_or_tell(path)
    if authored is None:
        raise typer.Exit(EXIT_BAD_CONFIG)
    return authored


def adopt_or_exit(
    path: Path, authored: authoring.Authored, session: Session | None = None
) -> authoring.Authored:
    """Return the configuration with the names of all Auto Scaling groups; those that it does not name are looked up.

    Args:
        path: the file, for what is told.
        authored: what is in it.
        session: with whose credentials; None leaves them to the environment, if they are needed at all.

    Raises:
        typer.Exit: with status 2, after telling every problem on stderr.
    """
    try:
        return with_groups(
            authored, lambda: session or Session(region=authored.region, profile=None)
        )
    except AccountUnreachable as unreachable:
        typer.echo(f"{path}: {unreachable}", err=True)
        raise typer.Exit(EXIT_BAD_CONFIG) from unreachable
    except ConfigInvalid as invalid:
        typer.echo(authoring.report(path, invalid), err=True)
        raise typer.Exit(EXIT_BAD_CONFIG) from invalid
