"""`make simulate`: bursts and failures in virtual time, on the deployed stack with its real handlers."""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Annotated

import botocore.session
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from bench.nodes import Shape
from tests.simulation import burst, faults, walks
from tests.simulation.faults import Act

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.simulation.faults import Schedule
    from tests.simulation.walks import Walked

MOST_RATIO = 1.10
MOST_THROTTLED = 0.10
MOST_INTERFACES = 7
"""As many as fit on the simulated instance type besides the primary one."""

TRACE_LINES = 80
"""Of a walk that failed; its replay shows all of it."""

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
console = Console(highlight=False)


@app.command("burst")
def run_burst(
    nodes: Annotated[int, typer.Option(min=1, max=1000, help="How many nodes at once.")] = 100,
    interfaces: Annotated[
        int, typer.Option(min=1, max=MOST_INTERFACES, help="Interfaces per node.")
    ] = 2,
    checked: Annotated[
        bool, typer.Option("--checked", help="Leave SourceDestCheck on: one modify less each.")
    ] = False,
    seed: Annotated[int, typer.Option(help="The same seed, the same run.")] = 1,
    tenant: Annotated[
        float, typer.Option(min=0.0, max=0.95, help="Share of the buckets that others use up.")
    ] = 0.0,
) -> None:
    """Launch nodes at once, against EC2's token buckets."""
    shape = Shape(interfaces, source_dest_check=checked)
    seen = burst.run(nodes, shape, seed=seed, tenant_share=tenant)
    console.print(_table(seen))
    for fault in seen.broken[:20]:
        console.print(f"[red]\u2717[/] {fault}")
    if seen.broken or seen.abandoned or seen.expired or seen.completed_twice:
        raise typer.Exit(1)


@app.command("faults")
def run_faults(
    both: Annotated[
        bool, typer.Option("--pairs", help="Every two failures, not every single one (an hour).")
    ] = False,
    seed: Annotated[int, typer.Option(help="The same seed, the same runs.")] = 1,
) -> None:
    """Let every call of a launch and of a termination fail in every way, one by one or in pairs."""
    played = broken = 0
    for act in Act:
        calls = faults.play(act, seed=seed).calls
        schedules = list(faults.pairs(calls) if both else faults.singles(calls))
        for schedule in track(schedules, f"{act}: {calls} calls", console=console):
            played += 1
            broken += _told(act, schedule, seed)
    console.print(f"{played} schedules, {broken} of them with something that does not hold")
    if broken:
        raise typer.Exit(1)


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


def _told(act: Act, schedule: Schedule, seed: int) -> bool:
    """Play a schedule and tell of it if something does not hold; return whether that is so."""
    seen = faults.play(act, schedule, seed=seed)
    if not seen.violations:
        return False
    name = ",".join(map(str, schedule))
    console.print(f"[red]\u2717[/] {act} {name}: {'; '.join(seen.violations)}")
    for line in seen.trace:
        console.print(line)
    console.print(f'again: make simulate ARGS="replay {act} {name} --seed {seed}"')
    return True


def _table(seen: burst.Burst) -> Table:
    table = Table(title=f"{seen.nodes} nodes, {seen.shape}, seed {seen.seed}")
    for column in ("figure", "measured", "goal"):
        table.add_column(column)
    for row in [*_figures(seen), *_calls(seen)]:
        table.add_row(*row)
    return table


def _figures(seen: burst.Burst) -> Sequence[tuple[str, str, str]]:
    bound = f"bound {seen.bound.seconds:.1f} s: {seen.bound.action}"
    return [
        ("last CONTINUE", f"{seen.last_continue_s:.1f} s", bound),
        ("against the bound", f"{seen.ratio:.2f}", f"\u2264 {MOST_RATIO:.2f}"),
        ("calls per node", f"{seen.calls_per_node:.2f}", f"\u2264 {seen.most_calls_per_node}"),
        ("throttled", f"{seen.throttled_share:.1%}", f"\u2264 {MOST_THROTTLED:.0%}"),
        ("abandoned", str(seen.abandoned), "0"),
        ("hooks left to their time-out", str(seen.expired), "0"),
    ]


def _calls(seen: burst.Burst) -> Sequence[tuple[str, str, str]]:
    return [
        (
            action,
            str(number),
            f"{seen.throttled[action]} refused for the rate" if action in seen.throttled else "",
        )
        for action, number in sorted(seen.calls.items())
    ]


if __name__ == "__main__":
    os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")
    # Each session would read the models of its services anew.
    botocore.session.create_loader = functools.cache(botocore.session.create_loader)
    app()
