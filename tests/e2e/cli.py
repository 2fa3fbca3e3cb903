"""The CDK's CLI as it is installed, pointed at a served account."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from localaws.server import Endpoint

CLI = Path(__file__).parents[2] / "node_modules" / ".bin" / "cdk"
CLI_TIMEOUT_S = 240


@dataclass(frozen=True)
class Cli:
    """The CDK's CLI in an app's folder, pointed at an account."""

    folder: Path
    endpoint: Endpoint

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        environ = {
            **self.endpoint.environ(),
            "CDK_HOME": str(self.folder / "home"),
            "CDK_VALIDATION": "false",
            "QUEUE_TIMEOUT_S": "60",
            **variables,
        }
        return subprocess.run(  # noqa: S603  # our own npm package
            [str(CLI), *arguments, "--no-notices", "--ci"],
            cwd=self.folder,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=CLI_TIMEOUT_S,
        )


def bootstrapped(folder: Path, endpoint: Endpoint) -> Cli:
    """Return the CLI in a folder, of an account that it has bootstrapped."""
    cli = Cli(folder, endpoint)
    done = cli.run("bootstrap", "aws://123456789012/us-east-1")
    assert done.returncode == 0, done.stdout
    return cli
