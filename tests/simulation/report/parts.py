"""What is simulated for each part of the report."""

from __future__ import annotations

import os
import platform
from datetime import date
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from bench import benchmarks
from bench.nodes import Addressing, Shape
from tests.simulation import burst, faults, mishaps, recovery, scale_in, walks
from tests.simulation.faults import Act
from tests.simulation.processes import Job
from tests.simulation.report.results import Benched, Faulted, MishapOutcome, Part, WalkOutcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from tests.simulation.faults import Schedule

    Asked = tuple[int, Shape, float]
    """How many nodes, of which shape, and the other tenant's share of the buckets."""

UNCHECKED, CHECKED = Shape(2, source_dest_check=False), Shape(2)
DRAWS = {1: 10, 10: 10, 100: 5, 1000: 3}
"""How often a burst is drawn, by its nodes. Of one or ten a single slow attachment decides; of a thousand, how many heartbeats
there are depends on when the scheduled runs come."""
SIZES = tuple(DRAWS)
LARGE = (100, 1000)
WIDE = 100
"""So many nodes have one to six interfaces."""
MOST_INTERFACES = 6
TENANT_SHARE = 0.5
FROM_START = Shape(2, source_dest_check=False, addressing=Addressing.FROM_START)
SHARES = 16
"""Into so many jobs the pairs are divided, so that every process has some to the end."""
SINGLES_SIZE, SHARE_SIZE = 200.0, 400.0
"""About how long the single failures and a share of the pairs take, beside as many interfaces of a burst."""
MISHAP_SIZE, WALK_SIZE = 15.0, 250.0
"""Likewise."""
WALK_SEEDS = range(1, 6)
WALK_HOURS = 6.0

BURSTS: Mapping[str, tuple[Asked, ...]] = {
    "2 interfaces without source/dest check": tuple((n, UNCHECKED, 0.0) for n in SIZES),
    "2 interfaces with the check left on": tuple((n, CHECKED, 0.0) for n in SIZES),
    f"{WIDE} nodes, 1 to {MOST_INTERFACES} interfaces without the check": tuple(
        (WIDE, Shape(number, source_dest_check=False), 0.0)
        for number in range(1, MOST_INTERFACES + 1)
    ),
    f"{WIDE} nodes, 1 to {MOST_INTERFACES} interfaces with the check left on": tuple(
        (WIDE, Shape(number), 0.0) for number in range(1, MOST_INTERFACES + 1)
    ),
    "Addresses `from_start`, 2 interfaces without the check": tuple(
        (n, FROM_START, 0.0) for n in LARGE
    ),
    "Another tenant uses half of the refill of creates, attaches and modifies; 2 interfaces without the check": tuple(
        (n, UNCHECKED, TENANT_SHARE) for n in LARGE
    ),
}
"""The tables of bursts by title."""


def bursts() -> list[Job]:
    """Return every burst of the tables, each once for every seed."""
    asked = dict.fromkeys(one for table in BURSTS.values() for one in table)
    return [
        Job(
            f"{count} nodes, {shape}"
            + (f", tenant {share:.0%}" if share else "")
            + f", seed {seed}",
            count * shape.interfaces,
            partial(burst.run, count, shape, seed=seed, tenant_share=share),
        )
        for count, shape, share in asked
        for seed in seeds(count)
    ]


def seeds(count: int) -> range:
    """Return the seeds with which a burst of so many nodes is drawn: the fewer nodes, the more."""
    return range(1, DRAWS[count] + 1)


def scale_ins() -> list[Job]:
    """Return the scale-ins; the launch before is simulated too."""
    return [
        Job(
            f"{count} nodes leave",
            count * CHECKED.interfaces,
            partial(scale_in.run, count, CHECKED),
        )
        for count in SIZES
    ]


def failures() -> list[Job]:
    """Return all single failures, and all pairs in shares, of a launch and of a termination."""
    return [
        *(Job(f"{act}: every failure", SINGLES_SIZE, partial(single_failures, act)) for act in Act),
        *(
            Job(
                f"{act}: pairs of failures, share {share + 1} of {SHARES}",
                SHARE_SIZE,
                partial(pairs_of_failures, act, share),
            )
            for act in Act
            for share in range(SHARES)
        ),
    ]


def recoveries() -> list[Job]:
    """Return every disturbance that no event tells of."""
    return [
        Job(f"recovery: {name}", float(recovery.NODES), disturb)
        for name, disturb in recovery.EVERY.items()
    ]


def incidents() -> list[Job]:
    """Return every mishap of many nodes, and the loss of a single node's instance at each of its steps."""
    return [
        *(
            Job(f"mishap: {each}", MISHAP_SIZE, partial(mishap, str(each)))
            for each in mishaps.every_incident()
        ),
        *(
            Job(f"{act}: the instance terminated at each step", MISHAP_SIZE, partial(lost, act))
            for act in Act
        ),
    ]


def mishap(name: str, *, seed: int = 1) -> MishapOutcome:
    """Let the mishap of this name happen; it is named because what it does cannot be handed to another process."""
    (incident,) = (each for each in mishaps.every_incident() if str(each) == name)
    seen = mishaps.endure(incident, seed=seed)
    return MishapOutcome(name, seen.seconds, seen.abandoned, seen.violations)


def lost(act: Act, *, seed: int = 1) -> MishapOutcome:
    """Terminate the one instance at each of its steps."""
    played = list(mishaps.terminated_at_any_step(act, seed=seed))
    return MishapOutcome(
        f"{act}: the one instance terminated at each of {len(played)} steps",
        seconds=None,
        abandoned=None,
        violations=tuple(
            f"second {step_s:.2f}: {violation}"
            for step_s, seen in played
            for violation in seen.violations
        ),
    )


def random_walks() -> list[Job]:
    """Return walks of some hours, of one seed each."""
    return [
        Job(f"walk of {WALK_HOURS:g} h, seed {seed}", WALK_SIZE, partial(walk, seed, WALK_HOURS))
        for seed in WALK_SEEDS
    ]


def walk(seed: int, hours: float) -> WalkOutcome:
    """Take a walk of so many hours."""
    walked = walks.play(seed, walks.drawn(seed, hours))
    return WalkOutcome(
        seed=seed,
        hours=walked.hours,
        steps=len(walked.steps),
        launched=walked.launched,
        gone=walked.gone,
        calls=walked.calls,
        fired=walked.fired,
        settled_s=walked.settled_s,
        excused=len(walked.excused),
        violations=walked.violations,
    )


def single_failures(act: Act, *, seed: int = 1) -> Faulted:
    """Let every call fail in every way."""
    return _played(act, "single", faults.singles(faults.play(act, seed=seed).calls), seed)


def pairs_of_failures(act: Act, share: int, *, seed: int = 1) -> Faulted:
    """Let every SHARES-th failure, beginning with one of the first, be followed by every one of a later call.

    What a failure changes is called after it, so each is followed up in its own run, and every pair is met once.
    """
    calls = faults.play(act, seed=seed).calls
    firsts = islice(faults.singles(calls), share, None, SHARES)
    schedules = [
        pair
        for first, seen in faults.play_each(act, firsts, seed=seed)
        for pair in faults.followed(first, seen.calls)
    ]
    return _played(act, "pairs", schedules, seed)


def _played(act: Act, failures: str, schedules: Iterable[Schedule], seed: int) -> Faulted:
    played, broken = 0, []
    for schedule, seen in faults.play_each(act, schedules, seed=seed):
        played += 1
        if seen.violations:
            broken.append(",".join(map(str, schedule)))
    return Faulted(str(act), failures, played, tuple(broken))


def benched() -> Iterator[Benched]:
    """Measure every benchmark: real time, so nothing else may be under way."""
    where = (
        f"Python {platform.python_version()}, {os.cpu_count()} cores, {date.today().isoformat()}"  # noqa: DTZ011 - whoever measures reads their own calendar
    )
    for benchmark in benchmarks.Benchmark:
        title, obstacle = benchmarks.TITLES[benchmark], benchmarks.why_not(benchmark)
        figures = () if obstacle else tuple(benchmarks.figures_of(benchmark, quick=False))
        yield Benched(title, where, figures, obstacle or "")


SIMULATED: Mapping[Part, Callable[[], list[Job]]] = {
    Part.BURSTS: bursts,
    Part.SCALE_IN: scale_ins,
    Part.FAULTS: failures,
    Part.MISHAPS: incidents,
    Part.RECOVERY: recoveries,
    Part.WALKS: random_walks,
}
"""The parts that are simulated, by the jobs that they take. What a job returns is what `results` reads and `tables` shows."""
