"""What is simulated for each part of the report."""

from __future__ import annotations

from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from bench import benchmarks
from bench.nodes import Addressing, Shape
from tests.simulation import burst, faults, scale_in
from tests.simulation.faults import Act
from tests.simulation.processes import Job
from tests.simulation.report.results import Benched, Faulted, Part

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Asked = tuple[int, Shape, float]
    """How many nodes, of which shape, and the other tenant's share of the buckets."""

UNCHECKED, CHECKED = Shape(2, source_dest_check=False), Shape(2)
SIZES = (1, 10, 100, 1000)
LARGE = (100, 1000)
WIDE = 100
"""So many nodes have one to six interfaces."""
MOST_INTERFACES = 6
TENANT_SHARE = 0.5
FROM_START = Shape(2, source_dest_check=False, addressing=Addressing.FROM_START)
SHARES = 16
"""Into so many jobs the pairs are divided, so that every process has some to the end."""
SHARE_SIZE = 300.0
"""About how long a share of the pairs takes, in interfaces of a burst."""

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
    "Another tenant uses half of every bucket, 2 interfaces without the check": tuple(
        (n, UNCHECKED, TENANT_SHARE) for n in LARGE
    ),
}
"""The tables of bursts by title."""


def bursts() -> list[Job]:
    """Return every burst of the tables, each once."""
    asked = dict.fromkeys(one for table in BURSTS.values() for one in table)
    return [
        Job(
            f"{count} nodes, {shape}" + (f", tenant {share:.0%}" if share else ""),
            count * shape.interfaces,
            partial(burst.run, count, shape, tenant_share=share),
        )
        for count, shape, share in asked
    ]


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
    """Return all single failures and all pairs, of a launch and of a termination, in shares."""
    return [
        Job(
            f"{act}: {'pairs' if both else 'single failures'}, share {share + 1} of {SHARES}",
            SHARE_SIZE if both else 1.0,
            partial(faulted, act, both=both, share=share),
        )
        for act in Act
        for both in (False, True)
        for share in range(SHARES)
    ]


def faulted(act: Act, *, both: bool, share: int, seed: int = 1) -> Faulted:
    """Play every SHARES-th schedule, beginning with one of the first."""
    calls = faults.play(act, seed=seed).calls
    schedules = faults.pairs(calls) if both else faults.singles(calls)
    played, broken = 0, []
    for schedule in islice(schedules, share, None, SHARES):
        played += 1
        if faults.play(act, schedule, seed=seed).violations:
            broken.append(",".join(map(str, schedule)))
    return Faulted(str(act), "pairs" if both else "single", played, tuple(broken))


def benched() -> Iterator[Benched]:
    """Measure every benchmark: real time, so nothing else may be under way."""
    for benchmark in benchmarks.Benchmark:
        title, obstacle = benchmarks.TITLES[benchmark], benchmarks.why_not(benchmark)
        figures = () if obstacle else tuple(benchmarks.figures_of(benchmark, quick=False))
        yield Benched(title, figures, obstacle or "")


SIMULATED: Mapping[Part, Callable[[], list[Job]]] = {
    Part.BURSTS: bursts,
    Part.SCALE_IN: scale_ins,
    Part.FAULTS: failures,
}
"""The parts that are simulated, by the jobs that they take. What a job returns is what `results` reads and `tables` shows."""
