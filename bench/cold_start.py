"""CPU time of a cold start: the launch function as it is deployed, against boto3 with the same two clients."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

import authoring
from bench import nodes
from bench.figures import Figure, at_most
from bench.nodes import Shape
from domain import naming
from domain.environment import FunctionEnvironment
from stacks.assets import stage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

REPOSITORY = Path(__file__).resolve().parents[1]
RUNS = 30
RATIO = 1.12
LINES = 25
"""How many of the slowest imports are shown."""

FUNCTION = (
    "import lambdas.handlers.launch; from lambdas.runtime import wiring; wiring.runtime().reporter"
)
"""What happens before the first event is looked at, and the logger that every invocation needs."""

FLOOR = """
import boto3
from botocore.config import Config
config = Config(
    retries={"mode": "standard", "total_max_attempts": 4},
    connect_timeout=3, read_timeout=10, max_pool_connections=32, user_agent_extra="multus-eni",
)
session = boto3.session.Session()
session.client("ec2", config=config), session.client("autoscaling", config=config)
"""
"""Nobody makes do with less who calls EC2 and Auto Scaling by boto3 and leaves Python's settings alone."""

ENDING = "import os; os._exit(0)"
"""No tidying up at the end: an execution environment stays."""

UNCOLLECTED = f"import gc; gc.disable()\n{FLOOR}"
"""The same without the search for cyclic garbage, as the function does it: what is above this is our own code."""


@dataclass(frozen=True)
class Program:
    """Something that a fresh interpreter does."""

    code: str
    environ: Mapping[str, str]
    directory: Path
    """Where it runs, and what it finds its own modules in."""

    def run(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end in an interpreter with these options.

        Raises:
            CalledProcessError: it failed; what it said is in `stderr`.
        """
        return subprocess.run(  # noqa: S603 - this interpreter with our own code
            [sys.executable, *options, "-c", self.code],
            cwd=self.directory,
            env=dict(self.environ),
            capture_output=True,
            text=True,
            check=True,
        )


def cpu_s(program: Program) -> float:
    """Run a program once and return the seconds of user and system time until its last statement is done."""
    staying = replace(program, code=f"{program.code}\n{ENDING}")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    staying.run()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)


def typical_cpu_s(programs: Sequence[Program], runs: int) -> list[float]:
    """Return the median CPU time of each program, run in turns.

    In turns, because a machine's speed drifts; the median, because in a drift the least of each program comes from
    another moment, and their ratio says more about the moments than about the programs.
    """
    seen: list[list[float]] = [[] for _ in programs]
    for _ in range(runs):
        for place, program in enumerate(programs):
            seen[place].append(cpu_s(program))
    return [statistics.median(each) for each in seen]


def function(directory: Path) -> Program:
    """Unpack the staged asset and return its cold start, as the function's own environment would see it."""
    document = yaml.safe_dump(nodes.document([Shape(3)]))
    config = authoring.resolve(authoring.parse(document))
    asset = stage(config, repository=REPOSITORY, build=REPOSITORY / "build")
    with zipfile.ZipFile(asset.archive) as archive:
        archive.extractall(directory)
    environment = FunctionEnvironment(
        owner=config.owner,
        launch_hook=naming.launch_hook(config.owner),
        terminate_hook=naming.terminate_hook(config.owner),
        heartbeat_timeout_s=600,
        launch_queue_url="https://sqs.us-east-1.amazonaws.com/123456789012/launches",
        terminate_queue_url="https://sqs.us-east-1.amazonaws.com/123456789012/terminations",
        orphan_min_age_s=900,
        max_deletions=50,
        max_adoptions=50,
        dry_run=False,
    )
    environ = {
        **_environ(directory),
        **environment.to_environ(),
        "LAMBDA_TASK_ROOT": str(directory),
    }
    return Program(FUNCTION, environ, directory)


def floor(directory: Path, code: str = FLOOR) -> Program:
    """Return the cold start of boto3 with the two clients."""
    return Program(code, _environ(directory), directory)


def _environ(directory: Path) -> dict[str, str]:
    return {
        "PATH": os.defpath,
        "PYTHONPATH": str(directory),
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
    }


def without_bytecode(program: Program) -> Program:
    """Return the same where the function's own code is compiled at every start, boto3's not.

    A deployed function's directory is read-only and its archive has no bytecode, while the runtime brings its own.
    """
    nowhere = {"PYTHONDONTWRITEBYTECODE": "1"}
    return Program(program.code, {**program.environ, **nowhere}, program.directory)


def figures(runs: int = RUNS) -> Iterator[Figure]:
    """Yield the cold start with the function's bytecode there, as it is on Lambda without, and the part that is ours."""
    with tempfile.TemporaryDirectory() as scratch:
        places = [Path(scratch) / name for name in ("warm", "bare", "floor")]
        for place in places:
            place.mkdir()
        programs = [
            function(places[0]),
            without_bytecode(function(places[1])),
            floor(places[2]),
            floor(places[2], UNCOLLECTED),
        ]
        cached_ms, bare_ms, floor_ms, uncollected_ms = (
            1000 * seconds for seconds in typical_cpu_s(programs, runs)
        )
    yield at_most("code compiled before", cached_ms, floor_ms, "ms CPU", RATIO)
    yield Figure("code compiled at the start", bare_ms, floor_ms, "ms CPU")
    yield Figure("boto3 uncollected too", cached_ms, uncollected_ms, "ms CPU")


def explain() -> str:
    """Return the slowest imports of the function's cold start, their own time first (`python -X importtime`)."""
    with tempfile.TemporaryDirectory() as scratch:
        program = function(Path(scratch))
        program.run()
        report = program.run("-X", "importtime").stderr
    return "\n".join(slowest(report, LINES))


def slowest(report: str, lines: int) -> list[str]:
    """Return the heading and so many lines of an import-time report, the longest own time first."""
    heading, *rows = [line for line in report.splitlines() if line.startswith("import time:")]
    rows.sort(key=lambda row: -int(row.removeprefix("import time:").split("|")[0]))
    return [heading, *rows[:lines]]
