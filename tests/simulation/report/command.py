"""`make report`: simulate and measure everything in docs/benchmarks.md that is generated, and write it there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from bench.document import MarkerMissing, replaced
from tests.simulation.commands.options import CORES
from tests.simulation.commands.terminal import stopped_with
from tests.simulation.processes import Job, spread
from tests.simulation.report import parts, plots, results, tables
from tests.simulation.report.results import Part, Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

REPOSITORY = Path(__file__).resolve().parents[3]
DOCUMENT = REPOSITORY / "docs" / "benchmarks.md"
PLOTS = REPOSITORY / "docs" / "plots"
RESULTS = REPOSITORY / "build" / "report"

console = Console(highlight=False, soft_wrap=True)


def main(
    *,
    only: Annotated[
        list[Part] | None, typer.Option(help="One part instead of all; may be given again.")
    ] = None,
    stored: Annotated[
        Path | None,
        typer.Option(
            "--from",
            exists=True,
            file_okay=False,
            help="Render what is stored in this folder, measure nothing.",
        ),
    ] = None,
    processes: Annotated[int, typer.Option(min=1, help="How many simulations at once.")] = CORES,
) -> None:
    """Simulate, keep the results under build/report and write tables and plots.

    What is simulated comes out the same on every machine and for any number of processes; `bench` is measured afterwards,
    alone, for it takes real time.
    """
    chosen = only or list(Part)
    # Before anything is measured: a missing marker would be found hours later.
    _rendered(DOCUMENT.read_text(encoding="utf-8"), dict.fromkeys(chosen, ""))
    if stored is None:
        kept: list[Part] = []
        with stopped_with(lambda: _kept_in_words(kept)):
            for part in _measured(chosen, processes):
                kept.append(part)
    _render(stored or RESULTS, chosen)


def _kept_in_words(kept: Sequence[Part]) -> str:
    if not kept:
        return "no part was through, nothing is kept"
    only = " ".join(f"--only {part}" for part in kept)
    return (
        f"{', '.join(kept)} kept in {RESULTS}; "
        f'make report ARGS="--from {RESULTS} {only}" writes that into the document'
    )


def _measured(chosen: Sequence[Part], processes: int) -> Iterator[Part]:
    """Simulate and measure these parts; yield each once its results are kept."""
    jobs = {part: parts.SIMULATED[part]() for part in chosen if part in parts.SIMULATED}
    everything = [job for each in jobs.values() for job in each]
    ended = 0

    def tell(job: Job) -> None:
        nonlocal ended
        ended += 1
        console.print(f"{ended:4} of {len(everything)}  {job.name}")

    for part, each in jobs.items():
        # At once: what fails later, or a person who has seen enough, loses nothing that was simulated.
        results.write(RESULTS, part, spread(each, processes, tell))
        yield part
    if Part.BENCH in chosen:
        results.write(RESULTS, Part.BENCH, list(parts.benched()))
        yield Part.BENCH


def _render(folder: Path, chosen: list[Part]) -> None:
    try:
        read = {part: results.read(folder, part) for part in chosen}
    except Unreadable as unreadable:
        console.print(str(unreadable), style="red", markup=False)
        raise typer.Exit(1) from unreadable
    known = {part: seen for part, seen in read.items() if seen is not None}
    for part in read.keys() - known.keys():
        console.print(f"[yellow]{part}: no results in {folder}, so it stays as it is[/]")
    generated = {part: tables.OF_PART[part](seen) for part, seen in known.items()}
    text = _rendered(DOCUMENT.read_text(encoding="utf-8"), generated)
    DOCUMENT.write_text(text, encoding="utf-8")
    if Part.BURSTS in known:
        _plot(known[Part.BURSTS])
    console.print(f"written: {', '.join(known) or 'nothing'}")
    wrong = [line for part, each in known.items() for line in tables.wrong(part, each)]
    for line in wrong:
        console.print(f"[red]\u2717[/] {line}")
    if wrong:
        raise typer.Exit(1)


def _plot(seen: list[Any]) -> None:
    PLOTS.mkdir(exist_ok=True)
    for name, draw in plots.OF_BURSTS.items():
        (PLOTS / name).write_bytes(plots.svg(draw, seen))


def _rendered(text: str, generated: dict[Part, str]) -> str:
    """Return the document with these parts written anew; ends the command where one has no place."""
    try:
        for part, markdown in generated.items():
            text = replaced(text, part, markdown)
    except MarkerMissing as missing:
        console.print(f"[red]{DOCUMENT.relative_to(REPOSITORY)}: {missing}[/]")
        raise typer.Exit(1) from missing
    return text
