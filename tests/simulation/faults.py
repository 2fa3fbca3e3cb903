"""One node's launch or termination with failures at chosen calls, and what must hold afterwards whatever they were."""

from __future__ import annotations

import itertools
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

from bench import nodes
from bench.nodes import Shape
from domain import naming
from localaws.faults import ANY, Fault, FaultKind
from tests.simulation.forks import each_in_a_copy
from tests.simulation.invariants import settled, violations
from tests.simulation.world import simulated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tests.simulation.world import World

SHAPE = Shape(2, source_dest_check=False)
SETTLES_WITHIN_HEARTBEATS = 2
"""What a retry can meet is met long before."""
LOOK_EVERY_S = 30.0
"""Looking at the group costs more than the simulated seconds between two looks."""


class Act(StrEnum):
    """What is disturbed."""

    LAUNCH = "launch"
    TERMINATION = "termination"


@dataclass(frozen=True)
class Mishap:
    """One call of the function at work and what goes wrong with it."""

    call: int
    """Counted from 1 over all calls of the function, retries included."""
    kind: FaultKind

    def __str__(self) -> str:
        """Return it as `replayed` reads it."""
        return f"{self.call}:{self.kind}"


Schedule = tuple[Mishap, ...]


@dataclass(frozen=True)
class Played:
    """What came of one schedule."""

    violations: tuple[str, ...]
    calls: int
    """Of the disturbed function."""
    fired: int
    """How many of the failures came to pass; a later one may not, when an earlier one changes what is called."""
    trace: tuple[str, ...]
    """Every call of the product, with its time and answer."""


def replayed(text: str) -> Schedule:
    """Read a schedule as it is printed: `3:crash-after,7:throttle`.

    Raises:
        ValueError: it is none.
    """
    return tuple(_mishap(item) for item in text.split(",") if item)


def _mishap(text: str) -> Mishap:
    call, _, kind = text.partition(":")
    kinds = ", ".join(FaultKind)
    if not call.isdecimal() or int(call) < 1 or kind not in set(FaultKind):
        raise ValueError(f"{text}: write CALL:KIND, with a call counted from 1 and one of {kinds}")
    return Mishap(int(call), FaultKind(kind))


def singles(calls: int) -> Iterator[Schedule]:
    """Yield every failure of every one of so many calls."""
    for call, kind in itertools.product(range(1, calls + 1), FaultKind):
        yield (Mishap(call, kind),)


def followed(first: Schedule, calls: int) -> Iterator[Schedule]:
    """Yield a schedule with every failure of every later call besides.

    Args:
        first: what fails first.
        calls: how many calls there are in the run in which it does. What a failure changes is called after it, so two
            failures at two calls are met, each pair once, by following up every single one in its own run.
    """
    for call, kind in itertools.product(range(first[-1].call + 1, calls + 1), FaultKind):
        yield (*first, Mishap(call, kind))


@contextmanager
def before(act: Act, *, seed: int = 1) -> Iterator[World]:
    """Yield the world as it is just before its node is launched, or terminated.

    Args:
        act: what is to be disturbed; a termination is that of a node launched without disturbance.
        seed: of every draw.
    """
    with simulated(nodes.document([SHAPE]), seed=seed) as world:
        if act is Act.TERMINATION:
            world.deployed.desire(SHAPE.group, 1)
            world.until(lambda: settled(world, 1), _settles_within_s(world))
            world.clock.advance(60.0)
            world.forget()
        yield world


def play(
    act: Act,
    schedule: Schedule = (),
    *,
    seed: int = 1,
    disturb: Callable[[World], None] | None = None,
) -> Played:
    """Let one node be launched, or terminated, with these failures, and look whether everything holds.

    Args:
        act: what is disturbed.
        schedule: which calls fail, and how.
        seed: of every draw.
        disturb: anything else to be done to the world just before.
    """
    with before(act, seed=seed) as world:
        return disturbed(world, act, schedule, disturb)


def play_each(
    act: Act, schedules: Iterable[Schedule], *, seed: int = 1, at_once: int = 1
) -> Iterator[tuple[Schedule, Played]]:
    """Do the same with each of many schedules, from one world; yield them in order with what came of each."""
    with before(act, seed=seed) as world:
        first, second = itertools.tee(schedules)
        work = (partial(disturbed, world, act, schedule) for schedule in first)
        yield from zip(second, each_in_a_copy(work, at_once), strict=True)


def _settles_within_s(world: World) -> float:
    return float(SETTLES_WITHIN_HEARTBEATS * world.settings.heartbeat_timeout_s)


def disturbed(
    world: World,
    act: Act,
    schedule: Schedule = (),
    disturb: Callable[[World], None] | None = None,
) -> Played:
    """Let the node be launched, or terminated, in a world that is about to; see `play`."""
    role = world.deployed.roles[
        naming.LAUNCH_HANDLER if act is Act.LAUNCH else naming.TERMINATE_HANDLER
    ]
    injected = [
        world.account.faults.inject(Fault(ANY, mishap.kind, on_call=mishap.call, principal=role))
        for mishap in schedule
    ]
    if disturb is not None:
        disturb(world)
    wanted = 1 if act is Act.LAUNCH else 0
    world.deployed.desire(SHAPE.group, wanted)
    in_time = world.until(lambda: settled(world, wanted), _settles_within_s(world), LOOK_EVERY_S)
    # One more scheduled run after everything has settled, then the books must balance.
    world.clock.advance(world.interval_s)
    calls = world.account.calls.of_principal(role)
    trace = [f"{c.at_s - world.began_s:9.2f} {c.action} {c.outcome}" for c in world.calls()]
    fired = sum(bool(fault.fired) for fault in injected)
    states = [] if in_time else [node.state for node in world.deployed.observer.nodes()]
    found = [*violations(world), *(f"not settled: {state}" for state in states)]
    return Played(tuple(found), len(calls), fired, tuple(trace))
