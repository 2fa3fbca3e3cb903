"""Functions as fibers: cold and warm environments, time-outs and deaths."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from localaws.faults import CallerCrashed
from localaws.fibers import FiberClock
from tests.deployed.deployment import DeployedFunction
from tests.simulation.functions import (
    FiberWorkers,
    FunctionFibers,
    FunctionTime,
    Run,
    check_alive,
)

if TYPE_CHECKING:
    from collections.abc import Callable

COLD_START_S = 2.0


@dataclass
class Context:
    """As much of Lambda's context as is used here."""

    clock: FiberClock
    deadline_s: float

    def get_remaining_time_in_millis(self) -> int:
        return int((self.deadline_s - self.clock.now()) * 1000)


class Events:
    """An event emitter that is asked to register and nothing else."""

    def __init__(self) -> None:
        self.meta = self
        self.events = self

    def register_first(self, name: str, handler: object) -> None:
        assert (name, handler) == ("before-send", check_alive)


class Case:
    """A function that does what a test says, invoked at chosen times."""

    def __init__(self, act: Callable[[FunctionTime, FiberWorkers], Any]) -> None:
        self.clock = FiberClock(0.0)
        self.started = 0
        self.ended: list[tuple[float, object]] = []
        function = DeployedFunction("f", "handler", "role", self._start, self._handle)  # type: ignore[arg-type]  # no runtime
        self.function = FunctionFibers(self.clock, function, cold_start_s=lambda: COLD_START_S)
        self._act = act

    def _start(self, clock: FunctionTime, workers: FiberWorkers) -> Case:
        self.started += 1
        self.time, self.workers = clock, workers
        return self

    @property
    def clients(self) -> Any:  # noqa: ANN401 - something with event emitters
        events = Events()
        return type("Clients", (), {"ec2": events, "autoscaling": events, "_session": events})

    def _handle(self, _event: object, _context: object, _runtime: object) -> dict[str, Any]:
        return {"answer": self._act(self.time, self.workers)}

    def invoke(self, at_s: float, timeout_s: float = 60.0) -> None:
        def call() -> None:
            context = Context(self.clock, self.clock.now() + timeout_s)
            try:
                came: object = self.function({}, context)
            except BaseException as error:  # noqa: BLE001 - what a function raises is what is looked at
                came = error
            self.ended.append((self.clock.now(), came))

        self.clock.call_at(at_s, call)


def test_the_first_invocation_starts_cold_and_the_next_is_warm() -> None:
    case = Case(lambda time, _: time.wait(1.0))
    case.invoke(0.0)
    case.invoke(10.0)
    case.clock.advance(60.0)
    assert [at_s for at_s, _ in case.ended] == [COLD_START_S + 1.0, 11.0]
    assert case.started == 1


def test_invocations_that_overlap_have_an_environment_each() -> None:
    case = Case(lambda time, _: time.wait(5.0))
    case.invoke(0.0)
    case.invoke(1.0)
    case.clock.advance(60.0)
    assert case.started == 2


def test_an_environment_that_is_idle_for_long_is_gone() -> None:
    case = Case(lambda time, _: time.wait(1.0))
    case.invoke(0.0)
    case.invoke(3600.0)
    case.clock.advance(4000.0)
    assert case.started == 2


def test_an_environment_at_work_during_a_redeployment_is_not_used_again() -> None:
    case = Case(lambda time, _: time.wait(5.0))
    case.invoke(0.0)
    case.clock.call_at(4.0, case.function.forget)
    case.invoke(20.0)
    case.clock.advance(60.0)
    assert case.started == 2
    assert len(case.ended) == 2


def test_each_invocation_is_on_record_with_its_cold_start() -> None:
    case = Case(lambda time, _: time.wait(5.0))
    case.invoke(1.0)
    case.invoke(20.0)
    case.clock.advance(60.0)
    assert case.function.runs == [Run(1.0, 6.0 + COLD_START_S), Run(20.0, 25.0)]


def test_a_function_that_overruns_its_time_does_nothing_more_and_its_environment_goes() -> None:
    done: list[float] = []

    def act(time: FunctionTime, _: FiberWorkers) -> None:
        for _turn in range(10):
            time.wait(4.0)
            done.append(time.now().timestamp())

    case = Case(act)
    case.invoke(0.0, timeout_s=9.0)
    case.clock.advance(100.0)
    assert done == [6.0]
    assert case.ended[0][0] == pytest.approx(9.0, abs=0.01)
    assert case.function.timeouts == 1
    case.invoke(200.0)
    case.clock.advance(200.0)
    assert case.started == 2


def test_a_death_in_one_task_is_the_death_of_the_function() -> None:
    def act(_: FunctionTime, workers: FiberWorkers) -> None:
        def die() -> None:
            raise CallerCrashed("here")

        workers.run([die, lambda: None])

    case = Case(act)
    case.invoke(0.0)
    case.clock.advance(60.0)
    assert isinstance(case.ended[0][1], CallerCrashed)


def test_tasks_go_side_by_side_and_what_one_raises_is_its_result() -> None:
    def act(time: FunctionTime, workers: FiberWorkers) -> list[str]:
        def fail() -> None:
            time.wait(3.0)
            raise ValueError("no")

        return [str(result) for result in workers.run([fail, lambda: time.wait(3.0)])]

    case = Case(act)
    case.invoke(0.0)
    case.clock.advance(60.0)
    assert case.ended == [(COLD_START_S + 3.0, {"answer": ["no", "None"]})]
