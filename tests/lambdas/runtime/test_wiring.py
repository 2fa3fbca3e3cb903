"""From the environment to reconcilers, and what a missing variable says."""

from __future__ import annotations

import gc
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from cli.rehearsal import SerialWorkers
from domain.errors import EnvironmentInvalid
from lambdas.runtime import wiring
from lambdas.runtime.wiring import RESERVE, build
from tests.fakes.clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from domain.environment import FunctionEnvironment
    from lambdas.runtime.wiring import Runtime


class Context:
    """What Lambda passes: how long the invocation may still run."""

    def get_remaining_time_in_millis(self) -> int:
        """Return two minutes."""
        return 120_000


@pytest.fixture
def runtime(environment: FunctionEnvironment, task_root: Path) -> Runtime:
    """Return the runtime of a deployed function."""
    environ = environment.to_environ() | {"LAMBDA_TASK_ROOT": str(task_root)}
    return build(environ, FakeClock(), SerialWorkers())


def test_the_stacks_variables_and_the_assets_configuration_make_a_runtime(
    runtime: Runtime, environment: FunctionEnvironment
) -> None:
    assert runtime.environment == environment
    assert runtime.config.owner == environment.owner


@pytest.mark.parametrize(
    "part",
    [
        "ec2",
        "autoscaling",
        "launch_queue",
        "terminate_queue",
        "catalog",
        "executor",
        "launches",
        "terminations",
        "fleet",
        "reporter",
        "reservations",
        "stack_answers",
    ],
)
def test_each_part_is_made_once(runtime: Runtime, part: str) -> None:
    assert getattr(runtime, part) is getattr(runtime, part)


def test_a_run_ends_before_the_function_does(runtime: Runtime) -> None:
    left = runtime.deadline(Context()) - runtime.clock.now()
    assert left == timedelta(seconds=120) - RESERVE


def test_a_missing_environment_is_one_line_with_every_variable(
    environment: FunctionEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    wiring.runtime.cache_clear()
    monkeypatch.delenv("LAMBDA_TASK_ROOT", raising=False)
    with pytest.raises(EnvironmentInvalid) as caught:
        wiring.runtime()
    message = str(caught.value)
    assert "\n" not in message
    assert all(f"{variable} is not set" in message for variable in environment.to_environ())


@pytest.fixture
def collector() -> Iterator[None]:
    """Give back what a test keeps from the collector."""
    yield
    gc.enable()
    gc.unfreeze()


@pytest.mark.usefixtures("collector")
def test_nothing_is_collected_while_the_runtime_is_made_nor_is_it_ever_walked_again() -> None:
    with wiring.no_collection():
        assert not gc.isenabled()
        made: list[list[str]] = [[] for _ in range(1000)]
    assert gc.isenabled()
    assert gc.get_freeze_count() >= len(made)


@pytest.mark.usefixtures("collector")
def test_garbage_is_collected_again_after_a_runtime_that_could_not_be_made() -> None:
    with pytest.raises(ValueError, match="no region"), wiring.no_collection():
        raise ValueError("no region")
    assert gc.isenabled()


@pytest.mark.usefixtures("collector")
def test_a_collector_that_was_off_before_stays_off() -> None:
    gc.disable()
    with wiring.no_collection():
        pass
    assert not gc.isenabled()


@pytest.mark.usefixtures("collector")
def test_a_function_makes_its_runtime_at_its_first_invocation_and_keeps_it(
    environment: FunctionEnvironment, task_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wiring.runtime.cache_clear()
    for variable, value in environment.to_environ().items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("LAMBDA_TASK_ROOT", str(task_root))
    assert wiring.runtime() is wiring.runtime()
    wiring.runtime.cache_clear()
