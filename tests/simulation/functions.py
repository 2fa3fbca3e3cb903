"""Deployed functions as fibers: execution environments that start cold and stay warm, time-outs and crashes that end them."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from lambdas.aws.session import MAX_CONNECTIONS
from localaws.faults import CallerCrashed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lambdas.runtime.wiring import LambdaContext, Runtime
    from localaws.fibers import FiberClock
    from tests.deployed.deployment import DeployedFunction

T = TypeVar("T")

STAYS_WARM_S = 600.0
"""How long an idle execution environment is kept. AWS names no figure; some minutes are usual."""
OVERRUN_S = 0.001
"""By how much a function that is killed overruns its time-out."""


class _Invocation:
    """One run of a function; what it still does after its end is not done."""

    def __init__(self) -> None:
        self.ended = False


_RUNNING: ContextVar[_Invocation | None] = ContextVar("_RUNNING", default=None)


def check_alive(**_: object) -> None:
    """End what belongs to an invocation that is over.

    Raises:
        CallerCrashed: it is.
    """
    invocation = _RUNNING.get()
    if invocation is not None and invocation.ended:
        raise CallerCrashed("its invocation has ended")


@dataclass(frozen=True)
class FunctionTime:
    """The account's time as the handlers' clock; it ends with the invocation."""

    clock: FiberClock

    def now(self) -> datetime:
        """Return the time, in UTC."""
        return datetime.fromtimestamp(self.clock.now(), UTC)

    def wait(self, seconds: float) -> None:
        """Put the calling fiber aside."""
        self.clock.wait(seconds)
        check_alive()


_NESTED: ContextVar[bool] = ContextVar("_NESTED", default=False)


class FiberWorkers:
    """What the threads of `ThreadWorkers` are in the deployed function: so many tasks at once, nested ones one by one."""

    def __init__(self, clock: FiberClock) -> None:
        self._clock = clock

    def run(self, tasks: Sequence[Callable[[], T]]) -> list[T | Exception]:
        """Run the tasks side by side and return what each returned or raised, in order.

        Raises:
            CallerCrashed: the function's process died.
        """
        if len(tasks) == 1 or _NESTED.get():
            return [_caught(task) for task in tasks]
        results = self._clock.gather([_nesting(task) for task in tasks], MAX_CONNECTIONS)
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, Exception):
                raise result
        return results  # type: ignore[return-value]  # what is no Exception was raised


def _nesting(task: Callable[[], T]) -> Callable[[], T]:
    def run() -> T:
        _NESTED.set(True)
        try:
            return task()
        except CallerCrashed:
            # The process is one: what its other tasks have sent takes effect, and they send nothing more.
            if (invocation := _RUNNING.get()) is not None:
                invocation.ended = True
            raise

    return run


def _caught(task: Callable[[], T]) -> T | Exception:
    try:
        return task()
    except Exception as error:  # noqa: BLE001 - handed to the caller as a value; nothing is swallowed
        return error


@dataclass
class _Environment:
    """An execution environment that waits for its next invocation."""

    runtime: Runtime
    idle_since_s: float
    deployment: int
    """Counts the redeployments before it was started: a new deployment's invocations never meet it."""


@dataclass(frozen=True)
class Run:
    """One invocation that has ended, whatever came of it."""

    began_s: float
    ended_s: float


class FunctionFibers:
    """One deployed function: each invocation is a fiber in an execution environment of its own."""

    def __init__(
        self, clock: FiberClock, function: DeployedFunction, *, cold_start_s: Callable[[], float]
    ) -> None:
        self._clock = clock
        self._function = function
        self._cold_start_s = cold_start_s
        self._idle: list[_Environment] = []
        self._deployment = 0
        self.runs: list[Run] = []
        self.cold_starts = 0
        self.invocations = 0
        self.timeouts = 0

    def __call__(self, event: object, context: LambdaContext) -> dict[str, Any]:
        """Run the handler once. An environment whose function died or overran its time is not used again.

        Raises:
            CallerCrashed: the function's process died.
        """
        self.invocations += 1
        began_s = self._clock.now()
        try:
            return self._invoke(event, context)
        finally:
            self.runs.append(Run(began_s, self._clock.now()))

    def _invoke(self, event: object, context: LambdaContext) -> dict[str, Any]:
        environment = self._environment()
        invocation, over = _Invocation(), self._clock.signal()
        answers: list[dict[str, Any] | BaseException] = []

        def run() -> None:
            _RUNNING.set(invocation)
            try:
                answers.append(self._function.handle(event, context, environment.runtime))
            except BaseException as error:  # noqa: BLE001 - raised again below, in the invoker's fiber
                answers.append(error)
            over.set()

        deadline_s = self._clock.now() + context.get_remaining_time_in_millis() / 1000
        deadline = self._clock.call_at(deadline_s + OVERRUN_S, over.set)
        self._clock.start(run)
        over.wait()
        deadline.cancel()
        invocation.ended = True
        if not answers:
            # Lambda's host sees by the clock that it is late, and reports the time-out whatever is returned here.
            self.timeouts += 1
            return {}
        [answer] = answers
        if isinstance(answer, CallerCrashed):
            raise answer
        environment.idle_since_s = self._clock.now()
        if environment.deployment == self._deployment:
            self._idle.append(environment)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def forget(self) -> None:
        """Use no environment again that is there now, as after a redeployment; what runs in one goes on to its end."""
        self._deployment += 1
        self._idle.clear()

    def _environment(self) -> _Environment:
        now_s = self._clock.now()
        self._idle = [each for each in self._idle if now_s - each.idle_since_s < STAYS_WARM_S]
        if self._idle:
            return self._idle.pop()
        self.cold_starts += 1
        deployment = self._deployment
        self._clock.wait(self._cold_start_s())
        runtime = self._function.start(FunctionTime(self._clock), FiberWorkers(self._clock))
        clients = runtime.clients
        # A client takes over its session's handlers when it is made: those made later have this one from there.
        for events in (
            clients.ec2.meta.events,
            clients.autoscaling.meta.events,
            clients._session.events,
        ):
            events.register_first("before-send", check_alive)
        return _Environment(runtime, self._clock.now(), deployment)
