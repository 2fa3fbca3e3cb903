"""Programs of the host that have no kernel interface a Python program could use: modprobe, networkctl, systemctl, aws."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from domain.node.errors import ToolFailed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""udev and systemd start programs with less."""
_BY_HAND = "Run `{}` by hand, or see journalctl -b for why."


class Programs:
    """Starts programs and counts them: each start costs a node more than most of what the bootstrap does."""

    def __init__(self) -> None:
        self.started = 0

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout_s: float,
        environ: Mapping[str, str] | None = None,
        with_stderr: bool = False,
    ) -> str:
        """Run a program to its end and return what it wrote to stdout, with `with_stderr` to both.

        Raises:
            ToolFailed: it is not installed, ended with another code than 0, or not in time.
        """
        self.started += 1
        command = " ".join(argv)
        try:
            done = subprocess.run(  # noqa: S603 - arguments of our own, no shell
                list(argv),
                env={**os.environ, "PATH": SYSTEM_PATH, "LC_ALL": "C", **(environ or {})},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=timeout_s,
                check=False,
            )
        except FileNotFoundError as cause:
            raise ToolFailed(
                f"{argv[0]} is not installed", value=command, remedy=f"Install {argv[0]}."
            ) from cause
        except subprocess.TimeoutExpired as cause:
            raise ToolFailed(
                f"{argv[0]} did not end within {timeout_s:g} s",
                value=command,
                remedy=_BY_HAND.format(command),
            ) from cause
        said = done.stderr.decode(errors="replace").strip()
        if done.returncode:
            raise ToolFailed(
                f"{argv[0]} ended with {done.returncode}",
                value=f"{command}: {said}" if said else command,
                remedy=_BY_HAND.format(command),
            )
        output = done.stdout + done.stderr if with_stderr else done.stdout
        return output.decode(errors="replace")
