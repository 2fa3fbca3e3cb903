"""What the command says to whoever started it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from domain.node.errors import NotPermitted

if TYPE_CHECKING:
    from collections.abc import Iterable


def require_root(verb: str) -> None:
    """Let only root go on.

    Raises:
        NotPermitted: somebody else started the command.
    """
    if os.geteuid() != 0:
        raise NotPermitted(
            f"`multus-node {verb}` changes the host",
            value=f"user id {os.geteuid()}",
            remedy="Run it as root; `multus-node status` needs no rights.",
        )


def say(lines: Iterable[str]) -> None:
    """Write lines to stdout."""
    for line in lines:
        sys.stdout.write(f"{line}\n")


def say_now(line: str) -> None:
    """Write a line to stdout at once."""
    say([line])
    sys.stdout.flush()


def complain(line: str) -> None:
    """Write a line to stderr."""
    sys.stderr.write(f"{line}\n")
