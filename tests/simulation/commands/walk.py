"""`walk`: random walks, and one of them again."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from tests.simulation import walks
from tests.simulation.commands.options import CORES, Jobs
from tests.simulation.commands.terminal import console, stopped_with
from tests.simulation.forks import each_in_a_copy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.simulation.walks import Step, Walked

TRACE_LINES = 80
"""Of a walk that failed; its replay shows all of it."""


def run_walks(
    *,
    hours: Annotated[float, typer.Option(min=0.1, help="Virtual hours per walk.")] = 6.0,
    seed: Annotated[int, typer.Option(help="Of the first walk; each takes the next one.")] = 1,
    walks_: Annotated[int, typer.Option("--walks", min=1, help="How many walks.")] = 5,
    steps: Annotated[
        str, typer.Option(help="Take these steps instead, as a walk that failed prints them.")
    ] = "",
    plays: Annotated[
        int, typer.Option(help="How often a walk that failed is tried with fewer steps.")
    ] = 40,
    jobs: Jobs = CORES,
) -> None:
    """Let groups grow, shrink and be replaced for hours while everything fails that may fail."""
    try:
        given = walks.replayed(steps)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    done: list[Walked] = []
    with stopped_with(lambda: f"{len(done)} walks, without a violation"):
        if given:
            _walk_again(seed, given)
        for walked in walks.play_each(range(seed, seed + walks_), hours, at_once=jobs):
            _print_plainly(_in_words(walked))
            if walked.violations:
                _tell(_shortened(walked, plays))
                raise typer.Exit(1)
            done.append(walked)


def _walk_again(seed: int, steps: Sequence[Step]) -> NoReturn:
    """Take the steps and tell of each; ends the command."""
    (walked,) = each_in_a_copy([partial(walks.play, seed, steps)])
    _print_plainly(*walked.trace, _in_words(walked))
    raise typer.Exit(1 if walked.violations else 0)


def _shortened(walked: Walked, plays: int) -> Walked:
    (shorter,) = each_in_a_copy([partial(walks.shortened, walked, plays)])
    return shorter


def _in_words(walked: Walked) -> str:
    return (
        f"seed {walked.seed}: {len(walked.steps)} steps in {walked.hours:.1f} h, {walked.launched} nodes launched, "
        f"{walked.gone} gone, {walked.calls} calls, {walked.fired} made to fail; settled within {walked.settled_s:.0f} s; "
        f"{len(walked.excused)} hooks abandoned or left to their time-out for a good reason, {len(walked.violations)} violations"
    )


def _tell(walked: Walked) -> None:
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
