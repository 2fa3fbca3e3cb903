"""`python -m bench` as a person runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import typer
from typer.testing import CliRunner

from bench import __main__ as command
from bench import bootstrap, latency
from bench.benchmarks import TITLES, Benchmark
from bench.figures import Figure

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.mark.parametrize(
    ("measured", "code"), [(3.6, 0), (4.2, 1)], ids=["every goal met", "a goal missed"]
)
def test_the_exit_code_tells_whether_every_goal_is_met(
    measured: float, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def figures(_: object) -> Iterator[Figure]:
        yield Figure("time", measured, 3.5, "s", "at most 4", 4.0)

    monkeypatch.setattr(latency, "figures", figures)
    app = typer.Typer()
    app.command()(command.main)
    result = CliRunner().invoke(app, ["--only", "latency", "--quick"])
    assert result.exit_code == code
    assert ("1 of the goals missed" in result.stdout) is bool(code)
    assert TITLES[Benchmark.LATENCY] in result.stdout


@pytest.mark.parametrize("benchmark", list(Benchmark))
def test_every_benchmark_has_a_title(benchmark: Benchmark) -> None:
    assert TITLES[benchmark]


def test_a_benchmark_that_cannot_be_run_here_is_left_out_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bootstrap, "unavailable", lambda: "qemu-system-x86_64 is not installed")
    app = typer.Typer()
    app.command()(command.main)
    result = CliRunner().invoke(app, ["--only", "bootstrap"])
    assert result.exit_code == 0
    assert result.stdout == "left out: bootstrap: qemu-system-x86_64 is not installed\n"
