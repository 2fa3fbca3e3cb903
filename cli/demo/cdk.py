"""The stock CDK command-line tool, pointed at the embedded account."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TOOL = "node_modules/.bin/cdk"


class CdkFailedError(Exception):
    """The tool ended with an error; the message is what it printed last."""


@dataclass(frozen=True)
class Cdk:
    """Runs the tool with everything it prints kept in a log beside the configuration."""

    root: Path
    """The repository."""
    environ: Mapping[str, str]
    """Where its AWS is."""
    config: Path
    """The configuration to deploy, chosen by context as a person would."""

    def run(self, verb: str, *arguments: str, timeout_s: int = 300) -> None:
        """Run one verb to its end.

        Raises:
            CdkFailedError: it ended with an error or not in time.
        """
        folder = self.config.parent
        log = folder / f"cdk-{verb}.log"
        command = [
            str(self.root / TOOL),
            verb,
            *arguments,
            "-c",
            f"config={self.config}",
            "--output",
            str(folder / "cdk.out"),
        ]
        with log.open("wb") as sink:
            try:
                done = subprocess.run(  # noqa: S603 - the tool that package-lock.json pins, with our own arguments
                    [*command, "--no-notices", "--ci"],
                    cwd=self.root,
                    env=dict(self.environ),
                    stdin=subprocess.DEVNULL,
                    stdout=sink,
                    stderr=subprocess.STDOUT,
                    timeout=timeout_s,
                    check=False,
                )
            except subprocess.TimeoutExpired as late:
                raise CdkFailedError(
                    f"cdk {verb} did not end within {timeout_s} s; see {log}"
                ) from late
        if done.returncode:
            tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-25:])
            raise CdkFailedError(f"cdk {verb} ended with {done.returncode}; see {log}\n{tail}")
