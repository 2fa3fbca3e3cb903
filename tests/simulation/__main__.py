"""`make simulate`: bursts and failures in virtual time, on the deployed stack with its real handlers."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from bench.nodes import Addressing, Shape
from tests.simulation import burst, faults, mishaps, recovery, scale_in, walks
from tests.simulation.draws import Draws
from tests.simulation.faults import Act
from tests.simulation.processes import prepare

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.simulation.faults import Played, Schedule
    from tests.simulation.walks import Walked

BINDING_FROM = 100
"""From so many nodes on a missed goal is a failure: fewer share few looks, and one draw more or less decides."""
MOST_INTERFACES = 7
"""As many as fit on the simulated instance type besides the primary one."""
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

TRACE_LINES = 80
"""Of a walk that failed; its replay shows all of it."""

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
console = Console(highlight=False)


@app.command("burst")
def run_burst(
    *,
    nodes: Annotated[int, typer.Option(min=1, max=1000, help="How many nodes at once.")] = 100,
    interfaces: Annotated[
        int, typer.Option(min=1, max=MOST_INTERFACES, help="Interfaces per node.")
    ] = 2,
    checked: Annotated[
        bool, typer.Option("--checked", help="Leave SourceDestCheck on: one modify less each.")
    ] = False,
    addressing: Annotated[
        Addressing, typer.Option(help="Where IPv4 addresses come from.")
    ] = Addressing.AUTO,
    seed: Annotated[int, typer.Option(help="The same seed, the same run.")] = 1,
    tenant: Annotated[
        float, typer.Option(min=0.0, max=0.95, help="Share of the buckets that others use up.")
    ] = 0.0,
) -> None:
    """Launch nodes at once, against EC2's token buckets."""
    shape = Shape(interfaces, source_dest_check=checked, addressing=addressing)
    seen = burst.run(nodes, shape, seed=seed, tenant_share=tenant)
    missed = Draws((seen,)).missed
    console.print(_table(seen))
    for fault in seen.broken[:20]:
        console.print(f"[red]\u2717[/] {fault}")
    if seen.not_as_promised or (missed and nodes >= BINDING_FROM):
        raise typer.Exit(1)


@app.command("scale-in")
def run_scale_in(
    *,
    nodes: Annotated[int, typer.Option(min=1, max=1000, help="How many nodes at once.")] = 100,
    interfaces: Annotated[
        int, typer.Option(min=1, max=MOST_INTERFACES, help="Interfaces per node.")
    ] = 2,
    seed: Annotated[int, typer.Option(help="The same seed, the same run.")] = 1,
) -> None:
    """Let all nodes of a group go at once; what their launch took is not counted."""
    seen = scale_in.run(nodes, Shape(interfaces), seed=seed)
    table = _headed(f"{seen.nodes} nodes with {seen.shape} leave, seed {seen.seed}")
    for row in [*_of_scale_in(seen), *_calls(seen)]:
        table.add_row(*row)
    console.print(table)
    for fault in seen.broken[:20]:
        console.print(f"[red]\u2717[/] {fault}")
    missed = seen.calls_per_node > seen.most_calls_per_node and nodes > BINDING_FROM
    if seen.broken or seen.expired or seen.completed_twice or missed:
        raise typer.Exit(1)


@app.command("faults")
def run_faults(
    both: Annotated[
        bool, typer.Option("--pairs", help="Also every two failures (an hour of two cores).")
    ] = False,
    seed: Annotated[int, typer.Option(help="The same seed, the same runs.")] = 1,
    jobs: Annotated[int, typer.Option(min=1, help="How many runs side by side.")] = CORES,
) -> None:
    """Let every call of a launch and of a termination fail in every way, one by one and in pairs."""
    tally = _Tally(seed, jobs)
    for act in Act:
        calls = faults.play(act, seed=seed).calls
        alone = tally.play(act, f"{act}, {calls} calls: each", list(faults.singles(calls)))
        if both:
            second = [
                schedule for first, seen in alone for schedule in faults.followed(first, seen.calls)
            ]
            tally.play(act, f"{act}: every two", second)
    console.print(
        f"{tally.schedules} schedules with {tally.fired} failures that came to pass; in {tally.broken} something does not hold"
    )
    if tally.broken:
        raise typer.Exit(1)


@app.command("mishaps")
def run_mishaps(
    named: Annotated[
        str, typer.Argument(help="Only those with this in their names, as they are printed.")
    ] = "",
    seed: Annotated[int, typer.Option(help="The same seed, the same runs.")] = 1,
    jobs: Annotated[int, typer.Option(min=1, help="How many runs side by side.")] = CORES,
) -> None:
    """Let events, queues, functions, instances and addresses fail twenty nodes, at every moment that may matter."""
    chosen = [each for each in mishaps.every_incident() if named in str(each)]
    if not chosen:
        raise typer.BadParameter(f"no mishap has {named!r} in its name")
    broken = 0
    for seen in mishaps.endure_each(chosen, seed=seed, at_once=jobs):
        console.print(f"{seen.incident}: {seen.seconds:.0f} s, {seen.abandoned} abandoned")
        broken += _tell_broken(seen.violations, f'mishaps "{seen.incident}" --seed {seed}')
    for act in Act if not named else ():
        for step_s, played in mishaps.terminated_at_any_step(act, seed=seed, at_once=jobs):
            console.print(f"{act}: the instance terminated at second {step_s:.2f}")
            broken += _tell_broken(played.violations, f"mishaps --seed {seed}")
    console.print(f"in {broken} of them something does not hold")
    if broken:
        raise typer.Exit(1)


@app.command("recovery")
def run_recovery(
    nodes: Annotated[int, typer.Option(min=4, max=500, help="How many nodes.")] = recovery.NODES,
    seed: Annotated[int, typer.Option(help="The same seed, the same runs.")] = 1,
) -> None:
    """Disturb the fleet as no event tells, and measure how long it takes to be right again."""
    table = Table("disturbed", "right after", "bound", "which is", title=f"{nodes} nodes")
    broken = 0
    for disturb in recovery.EVERY.values():
        seen = disturb(nodes, seed=seed)
        table.add_row(seen.disturbed, f"{seen.seconds:.0f} s", f"{seen.bound_s:.0f} s", seen.bound)
        broken += not seen.is_in_time
        _tell_broken(seen.violations, f"recovery --nodes {nodes} --seed {seed}")
    console.print(table)
    if broken:
        raise typer.Exit(1)


def _tell_broken(violations: Sequence[str], again: str) -> bool:
    """Print what does not hold and how to see it again; return whether there is something."""
    for violation in violations:
        console.print(f"[red]\u2717[/] {violation}")
    if violations:
        console.print(f"again: make simulate ARGS='{again}'")
    return bool(violations)


@app.command()
def replay(
    act: Annotated[Act, typer.Argument(help="What is disturbed.")],
    schedule: Annotated[
        str, typer.Argument(help="As `faults` prints it: 3:crash-after,7:throttle")
    ],
    seed: Annotated[int, typer.Option(help="As `faults` prints it.")] = 1,
) -> None:
    """Play one schedule of failures again, with every call."""
    try:
        read = faults.replayed(schedule)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    if not read:
        raise typer.BadParameter("names no failure")
    seen = faults.play(act, read, seed=seed)
    for line in seen.trace:
        console.print(line)
    for violation in seen.violations:
        console.print(f"[red]\u2717[/] {violation}")
    console.print(f"{seen.fired} of {len(read)} failures came to pass")
    if seen.violations:
        raise typer.Exit(1)


@app.command("walk")
def run_walks(
    hours: Annotated[float, typer.Option(min=0.1, help="Virtual hours per walk.")] = 6.0,
    seed: Annotated[int, typer.Option(help="Of the first walk; each takes the next one.")] = 1,
    walks_: Annotated[int, typer.Option("--walks", min=1, help="How many walks.")] = 5,
    steps: Annotated[
        str, typer.Option(help="Take these steps instead, as a walk that failed prints them.")
    ] = "",
    plays: Annotated[
        int, typer.Option(help="How often a walk that failed is tried with fewer steps.")
    ] = 40,
) -> None:
    """Let groups grow, shrink and be replaced for hours while everything fails that may fail."""
    try:
        given = walks.replayed(steps)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    if given:
        walked = walks.play(seed, given)
        _print_plainly(*walked.trace, _walk_in_words(walked))
        raise typer.Exit(1 if walked.violations else 0)
    for number in range(seed, seed + walks_):
        walked = walks.play(number, walks.drawn(number, hours))
        _print_plainly(_walk_in_words(walked))
        if walked.violations:
            _tell_walk(walks.shortened(walked, plays))
            raise typer.Exit(1)


def _walk_in_words(walked: Walked) -> str:
    return (
        f"seed {walked.seed}: {len(walked.steps)} steps in {walked.hours:.1f} h, {walked.launched} nodes launched, "
        f"{walked.gone} gone, {walked.calls} calls, {walked.fired} made to fail; settled within {walked.settled_s:.0f} s; "
        f"{len(walked.excused)} hooks abandoned or left to their time-out for a good reason, {len(walked.violations)} violations"
    )


def _tell_walk(walked: Walked) -> None:
    """Tell of a walk that failed: the end of its trace, what does not hold, and how to see it again."""
    _print_plainly(
        *walked.trace[-TRACE_LINES:],
        *(f"\u2717 {violation}" for violation in walked.violations),
        f"{len(walked.steps)} steps are enough: {', '.join(map(str, walked.steps))}; again:",
        walked.command,
    )


def _print_plainly(*lines: str) -> None:
    """Print lines as they are, however long: a command is there to be copied, and `:-1:` is an argument in it."""
    for line in lines:
        console.print(line, soft_wrap=True, markup=False, emoji=False)


@dataclass
class _Tally:
    """How many schedules were played, and what came of them; what does not hold is told at once."""

    seed: int
    jobs: int
    schedules: int = 0
    fired: int = 0
    broken: int = 0

    def play(
        self, act: Act, title: str, schedules: Sequence[Schedule]
    ) -> list[tuple[Schedule, Played]]:
        """Play schedules and return what came of each, in order."""
        played = faults.play_each(act, schedules, seed=self.seed, at_once=self.jobs)
        told = []
        # Its own refreshing would be a thread, and a process with threads is not copied safely.
        for schedule, seen in track(
            played, title, total=len(schedules), console=console, auto_refresh=False
        ):
            self.schedules += 1
            self.fired += seen.fired
            self.broken += bool(seen.violations)
            if seen.violations:
                self._tell(act, schedule, seen)
            told.append((schedule, seen))
            if not console.is_terminal and not len(told) % 500:
                console.print(f"{title}: {len(told)} of {len(schedules)}")
        return told

    def _tell(self, act: Act, schedule: Schedule, seen: Played) -> None:
        name = ",".join(map(str, schedule))
        console.print(f"[red]\u2717[/] {act} {name}: {'; '.join(seen.violations)}")
        for line in seen.trace:
            console.print(line)
        console.print(f'again: make simulate ARGS="replay {act} {name} --seed {self.seed}"')


def _headed(title: str) -> Table:
    table = Table(title=title)
    for column in ("figure", "measured", "goal"):
        table.add_column(column)
    return table


def _table(seen: burst.Burst) -> Table:
    table = _headed(f"{seen.nodes} nodes, {seen.shape}, seed {seen.seed}")
    for row in [*_figures(seen), *_calls(seen)]:
        table.add_row(*row)
    return table


def _figures(seen: burst.Burst) -> Sequence[tuple[str, str, str]]:
    bound = f"bound {seen.bound.seconds:.1f} s: {seen.bound.action}"
    return [
        ("last CONTINUE", f"{seen.last_continue_s:.1f} s", bound),
        ("against the bound", f"{seen.ratio:.2f}", f"\u2264 {burst.MOST_RATIO:.2f}"),
        ("calls per node", f"{seen.calls_per_node:.2f}", f"\u2264 {seen.most_calls_per_node}"),
        ("throttled", f"{seen.throttled_share:.1%}", f"\u2264 {burst.MOST_THROTTLED:.0%}"),
        ("abandoned", str(seen.abandoned), "0"),
        ("hooks left to their time-out", str(seen.expired), "0"),
    ]


def _of_scale_in(seen: scale_in.ScaleIn) -> Sequence[tuple[str, str, str]]:
    most = f"\u2264 {scale_in.MOST_CALLS_PER_NODE}, and {seen.mended} that mended"
    return [
        ("last CONTINUE", f"{seen.last_continue_s:.1f} s", ""),
        ("last instance terminated", f"{seen.gone_s:.1f} s", ""),
        ("calls per node", f"{seen.calls_per_node:.2f}", most),
        ("hooks left to their time-out", str(seen.expired), "0"),
    ]


def _calls(seen: burst.Burst | scale_in.ScaleIn) -> Sequence[tuple[str, str, str]]:
    return [
        (
            action,
            str(number),
            f"{seen.throttled[action]} refused for the rate" if action in seen.throttled else "",
        )
        for action, number in sorted(seen.calls.items())
    ]


if __name__ == "__main__":
    prepare()
    app()
