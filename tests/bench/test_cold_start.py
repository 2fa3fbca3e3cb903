"""What is started cold, and how its imports are shown."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bench import cold_start
from domain.environment import from_environ

REPORT = """\
import time: self [us] | cumulative | imported package
import time:       120 |        120 |   boto3.session
import time:      5000 |       5120 | boto3
a line of the program's own
import time:       900 |        900 | domain.model
"""

PYTHON = Path(sys.executable).name


def test_the_slowest_imports_come_first_by_their_own_time() -> None:
    heading, *rows = cold_start.slowest(REPORT, 2)
    assert heading.endswith("imported package")
    assert [row.split()[-1] for row in rows] == ["boto3", "domain.model"]


def test_the_function_starts_from_its_asset_with_an_environment_that_it_can_read(
    tmp_path: Path,
) -> None:
    program = cold_start.function(tmp_path)
    assert from_environ(program.environ).owner == "MultusEni-bench"
    assert (tmp_path / "lambdas" / "handlers" / "launch.py").is_file()
    assert program.environ["LAMBDA_TASK_ROOT"] == str(tmp_path)


@pytest.mark.subprocesses(PYTHON)
def test_the_function_starts_without_the_parts_that_a_launch_never_needs(tmp_path: Path) -> None:
    program = cold_start.function(tmp_path)
    listed = replace(program, code=f"{program.code}\nimport sys; print(*sys.modules)")
    loaded = set(listed.run().stdout.split())
    assert "lambdas.reconcile.launch" in loaded
    unwanted = {
        "aws_xray_sdk",
        "pydantic",
        "yaml",
        "aws_lambda_powertools.utilities.data_classes",
        "lambdas.reconcile.fleet",
        "lambdas.reconcile.termination",
    }
    assert loaded & unwanted == set()


@pytest.mark.subprocesses(PYTHON)
def test_a_program_that_computes_takes_more_than_one_that_does_not(tmp_path: Path) -> None:
    idle = cold_start.Program("pass", {}, tmp_path)
    busy = cold_start.Program("sum(range(20_000_000))", {}, tmp_path)
    idle_s, busy_s = cold_start.typical_cpu_s([idle, busy], 2)
    assert 0 < idle_s < busy_s
