"""Run an embedded account until it is interrupted: `python -m localaws --port 5555`."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Annotated

import typer

from localaws.account import Account
from localaws.clock import SystemClock
from localaws.server import serve

if TYPE_CHECKING:
    from localaws.server import Endpoint

DEFAULT_PORT = 5555


def greeting(endpoint: Endpoint) -> str:
    """Return what tells a person how to point the AWS CLI here."""
    exports = "\n".join(f"export {name}={value}" for name, value in endpoint.settings().items())
    return f"An AWS account of your own is at {endpoint.url}. In another terminal:\n\n{exports}\naws ec2 describe-vpcs\n"


def main(
    port: Annotated[int, typer.Option(help="Port on loopback; 0 takes a free one.")] = DEFAULT_PORT,
) -> None:
    """Serve an embedded AWS account on loopback until interrupted."""
    clock = SystemClock()
    stopped = threading.Event()
    for interruption in (signal.SIGINT, signal.SIGTERM):
        signal.signal(interruption, lambda *_: stopped.set())
    with serve(Account(clock), port) as endpoint:
        typer.echo(greeting(endpoint))
        stopped.wait()
    clock.stop()


if __name__ == "__main__":
    typer.run(main)
