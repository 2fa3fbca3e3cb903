"""`demo`: deploy, scale out, show, scale in, prove."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.demo import platform
from cli.demo.faults import DemoFault  # noqa: TC001 - typer reads the annotations at run time
from cli.environment import environment_of_our_own
from cli.loading import load_or_exit

EXAMPLE = Path("config/example.yaml")
"""The only configuration that is not deployed as it is written: of its groups one is to be created, one adopted."""


def demo(
    config: Annotated[
        Path, typer.Option(help="The configuration to deploy; its ids are replaced.")
    ] = EXAMPLE,
    nodes: Annotated[
        int, typer.Option(min=1, max=200, help="Nodes to launch, spread over the node groups.")
    ] = 4,
    interfaces: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=platform.MAX_INTERFACES,
            help="Interfaces per node, instead of the configuration's.",
        ),
    ] = None,
    fault: Annotated[DemoFault | None, typer.Option(help="Something to let go wrong.")] = None,
    keep_running: Annotated[
        bool,
        typer.Option(
            "--keep-running", help="Leave the nodes and the account up, and say how to reach it."
        ),
    ] = False,
) -> None:
    """Deploy into the embedded account, scale out, show every ENI, scale in, prove that nothing is left."""
    load_or_exit(config)
    with environment_of_our_own():
        from cli.demo.performance import perform  # noqa: PLC0415 - no other command waits for moto

        creates_one = config == EXAMPLE
        as_promised = perform(
            config, nodes, interfaces, fault, creates_one=creates_one, keep_running=keep_running
        )
    if not as_promised:
        raise typer.Exit(1)
