"""The operator's command as a process of its own: what it loads, and an AWS profile that does not exist."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "config"
COMMAND = ("-m", "cli")
WITH_MODULES = """
import sys
from cli.__main__ import app
app()(sys.argv[1:], standalone_mode=False)
print(*(name for name in ("aws_cdk", "lambdas.handlers", "localaws.account", "moto") if name in sys.modules))
"""

pytestmark = pytest.mark.subprocesses("python")


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run this interpreter for a caller whose AWS configuration lacks the profile that the environment names."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environ |= {"AWS_PROFILE": "nosuch", "AWS_CONFIG_FILE": os.devnull, "AWS_REGION": "us-east-1"}
    return subprocess.run(  # noqa: S603 - this interpreter with our own code
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    "arguments", [["--help"], ["validate", str(CONFIG / "minimal.yaml")]], ids=["help", "validate"]
)
def test_nothing_of_the_embedded_account_is_loaded_before_a_command_needs_it(
    arguments: list[str],
) -> None:
    done = run("-c", WITH_MODULES, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == ""


def test_invoke_works_in_its_own_account_whatever_profile_is_named() -> None:
    event = ROOT / "events" / "launch.json"
    done = run(*COMMAND, "invoke", event, "--config", CONFIG / "minimal.yaml")
    assert (done.returncode, done.stderr) == (0, "")
    assert "result: continued" in done.stdout


def test_demo_works_in_its_own_account_whatever_profile_is_named(tmp_path: Path) -> None:
    listed = "\n          ".join(f"- subnet-{place:08x}" for place in range(199))
    text = (CONFIG / "minimal.yaml").read_text(encoding="utf-8")
    path = tmp_path / "too-many.yaml"
    path.write_text(text.replace("us-east-1a: subnet-0d10b5c8a4f7e2a31", listed), "utf-8")
    done = run(*COMMAND, "demo", "--config", path)
    assert (done.returncode, done.stderr) == (1, "")
    assert "201 subnets" in done.stdout


def test_preflight_says_that_there_is_no_such_profile() -> None:
    done = run(*COMMAND, "preflight", CONFIG / "minimal.yaml")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "preflight: The config profile (nosuch) could not be found. Name a profile of your AWS configuration.\n"
    )
