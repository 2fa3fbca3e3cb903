"""`invoke`: one payload through the real handler, in an embedded account where what it speaks of is so."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
import yaml

from cli.demo.networks import TooManySubnets
from cli.environment import environment_of_our_own
from cli.exits import EXIT_BAD_CONFIG
from cli.loading import load_or_exit


def invoke(
    event: Annotated[Path, typer.Argument(metavar="EVENT.json", help="A payload, as in events/.")],
    config: Annotated[
        Path, typer.Option(help="The configuration to rehearse; its ids are replaced.")
    ] = Path("config/example.yaml"),
) -> None:
    """Run a handler on a payload in an embedded account, and show what it logs, answers and changes."""
    try:
        text = event.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        typer.echo(f"{event}: cannot be read: {reason}", err=True)
        raise typer.Exit(EXIT_BAD_CONFIG) from error
    load_or_exit(config)
    document = yaml.safe_load(config.read_text(encoding="utf-8"))
    with environment_of_our_own():
        from cli.invocation import run  # noqa: PLC0415 - no other command waits for moto

        try:
            run(document, text)
        except TooManySubnets as too_many:
            typer.echo(f"{config}: {too_many}", err=True)
            raise typer.Exit(1) from too_many
