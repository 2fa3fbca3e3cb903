"""The report's tables, as Markdown."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from bench.figures import shown
from tests.simulation.draws import grouped
from tests.simulation.report.parts import BURSTS
from tests.simulation.report.results import Part

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from bench.figures import Figure
    from tests.simulation.burst import Burst
    from tests.simulation.draws import Draws
    from tests.simulation.recovery import Recovered
    from tests.simulation.report.results import Benched, Faulted, MishapOutcome, WalkOutcome
    from tests.simulation.scale_in import ScaleIn

MOST_NAMED = 20
"""So many schedules after which something did not hold are named; `make simulate ARGS=faults` has all of them."""
SHORT = {
    "CreateNetworkInterface": "create",
    "AttachNetworkInterface": "attach",
    "ModifyNetworkInterfaceAttribute": "modify",
    "DeleteNetworkInterface": "delete",
    "DetachNetworkInterface": "detach",
    "DescribeNetworkInterfaces": "describe interfaces",
    "DescribeInstances": "describe instances",
    "CompleteLifecycleAction": "complete",
    "RecordLifecycleActionHeartbeat": "heartbeat",
    "DescribeAutoScalingGroups": "describe groups",
    "DescribeSubnets": "describe subnets",
    "GetSubnetCidrReservations": "reservations",
    "path": "the last node's path",
}
"""What people call the actions; any other goes by its own name."""


def bursts(seen: Sequence[Burst]) -> str:
    """Return the tables of bursts; a row that has not been simulated is left out."""
    known = {
        (each.first.nodes, each.first.shape, each.first.tenant_share): each
        for each in grouped(seen)
    }
    parts = []
    for title, asked in BURSTS.items():
        rows = [burst_row(known[one]) for one in asked if one in known]
        if rows:
            parts.append(f"**{title}**\n\n{_table(BURST_COLUMNS, rows)}")
    return "\n\n".join(parts)


BURST_COLUMNS = (
    "nodes",
    "interfaces",
    "draws",
    "last CONTINUE",
    "bound",
    "set by",
    "ratio",
    "worst",
    "calls per node",
    "goal",
    "refused",
    "not as promised",
)


def burst_row(seen: Draws) -> Sequence[str]:
    """Return the row of one burst, or of several that differ in their seeds alone."""
    burst = seen.first
    return (
        number(burst.nodes),
        str(burst.shape.interfaces),
        str(len(seen.seen)),
        _seconds(seen.last_continue_s),
        _seconds(seen.bound_s),
        _named(seen.set_by),
        _marked(f"{seen.ratio:.2f}", missed="ratio" in seen.missed),
        f"{seen.worst_ratio:.2f}",
        _marked(f"{seen.calls_per_node:.2f}", missed="calls_per_node" in seen.missed),
        "" if burst.tenant_share else f"\u2264 {burst.most_calls_per_node}",
        _marked(f"{seen.throttled_share:.1%}", missed="throttled_share" in seen.missed),
        str(seen.not_as_promised),
    )


def _marked(text: str, *, missed: bool) -> str:
    return f"**{text}**" if missed else text


def wrong(part: Part, seen: Sequence[Any]) -> list[str]:
    """Return what is not as promised in the results of a part, a line each; a missed goal is no such thing."""
    of_part: Mapping[Part, Callable[[Any], bool]] = {
        Part.BURSTS: lambda each: bool(each.not_as_promised),
        Part.SCALE_IN: lambda each: bool(each.broken or each.expired or each.completed_twice),
        Part.FAULTS: lambda each: bool(each.broken),
        Part.MISHAPS: lambda each: bool(each.violations),
        Part.RECOVERY: lambda each: not each.is_in_time,
        Part.WALKS: lambda each: bool(each.violations),
    }
    is_wrong = of_part.get(part, lambda _: False)
    return [f"{part}: {each}" for each in seen if is_wrong(each)]


def scale_ins(seen: Sequence[ScaleIn]) -> str:
    """Return the table of scale-ins."""
    columns = (
        "nodes",
        "last CONTINUE",
        "last terminated",
        "calls per node",
        "goal",
        "calls",
        "refused",
        "mended",
        "not as promised",
    )
    rows = [
        (
            number(each.nodes),
            _seconds(each.last_continue_s),
            _seconds(each.gone_s),
            _marked(
                f"{each.calls_per_node:.2f}", missed=each.calls_per_node > each.most_calls_per_node
            ),
            f"\u2264 {each.most_calls_per_node:.2f}",
            _by_action(each.calls),
            str(len(each.throttled_s)),
            str(each.mended),
            str(each.expired + each.completed_twice + len(each.broken)),
        )
        for each in seen
    ]
    return _table(columns, rows, left=("calls",))


def faults(seen: Sequence[Faulted]) -> str:
    """Return how many schedules of failures were played and after how many something did not hold."""
    played: dict[tuple[str, str], int] = defaultdict(int)
    broken: dict[tuple[str, str], list[str]] = defaultdict(list)
    for each in seen:
        played[each.act, each.failures] += each.schedules
        broken[each.act, each.failures] += each.broken
    rows = [
        (act, failures, number(schedules), number(len(broken[act, failures])))
        for (act, failures), schedules in played.items()
    ]
    named = [
        f'- `make simulate ARGS="replay {act} {schedule}"`'
        for (act, _), schedules in broken.items()
        for schedule in schedules
    ]
    table = _table(("of a", "failures", "schedules", "violations"), rows, left=("of a", "failures"))
    return "\n".join([table, *(["", *named[:MOST_NAMED]] if named else [])])


def mishaps(seen: Sequence[MishapOutcome]) -> str:
    """Return how long each mishap delayed what was under way, and after how many something did not hold."""
    rows = [
        (
            each.name,
            "" if each.seconds is None else _seconds(each.seconds),
            "" if each.abandoned is None else str(each.abandoned),
            str(len(each.violations)),
        )
        for each in seen
    ]
    return _table(("mishap", "right after", "abandoned", "violations"), rows, left=("mishap",))


def walks(seen: Sequence[WalkOutcome]) -> str:
    """Return the walks, one line each."""
    columns = (
        "seed",
        "hours",
        "steps",
        "launched",
        "gone",
        "calls",
        "made to fail",
        "settled within",
        "excused",
        "violations",
    )
    rows = [
        (
            str(each.seed),
            f"{each.hours:.1f}",
            number(each.steps),
            number(each.launched),
            number(each.gone),
            number(each.calls),
            number(each.fired),
            _seconds(each.settled_s),
            str(each.excused),
            str(len(each.violations)),
        )
        for each in seen
    ]
    return _table(columns, rows)


def recoveries(seen: Sequence[Recovered]) -> str:
    """Return how long a disturbed fleet took, against what the settings promise."""
    rows = [
        (
            each.disturbed,
            number(each.nodes),
            _seconds(each.seconds),
            f"\u2264 {_seconds(each.bound_s)}",
            each.bound,
            str(len(each.violations)),
        )
        for each in seen
    ]
    columns = ("what was done", "nodes", "right again after", "bound", "made of", "not as promised")
    return _table(columns, rows, left=("what was done", "made of"))


def benches(seen: Sequence[Benched]) -> str:
    """Return a table of figures for each benchmark, and why there is none."""
    return "\n\n".join(
        f"**{each.title}** ({each.where})\n\n"
        + (f"Left out: {each.left_out}." if each.left_out else _of_figures(each.figures))
        for each in seen
    )


def _of_figures(figures: Iterable[Figure]) -> str:
    rows = [
        (
            figure.name,
            f"{shown(figure.measured)} {figure.unit}",
            f"{shown(figure.floor)} {figure.unit}",
            f"{figure.ratio:.2f}",
            figure.goal if figure.is_met else f"{figure.goal}: **missed**",
        )
        for figure in figures
    ]
    columns = ("figure", "measured", "floor", "ratio", "goal")
    return _table(columns, rows, left=("figure", "goal"))


OF_PART: Mapping[Part, Callable[[Any], str]] = {
    Part.BURSTS: bursts,
    Part.SCALE_IN: scale_ins,
    Part.FAULTS: faults,
    Part.MISHAPS: mishaps,
    Part.RECOVERY: recoveries,
    Part.WALKS: walks,
    Part.BENCH: benches,
}
"""How each part's results are shown."""


def row(cells: Iterable[str]) -> str:
    """Return one line of a table."""
    return f"| {' | '.join(cells)} |"


def _table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], left: Sequence[str] = ("set by",)
) -> str:
    rules = ["---" if column in left else "---:" for column in columns]
    return "\n".join([row(columns), f"|{'|'.join(rules)}|", *map(row, rows)])


def _by_action(calls: Mapping[str, int]) -> str:
    often_first = sorted(calls.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{number(often)} {_named(action)}" for action, often in often_first)


def _named(action: str) -> str:
    return SHORT.get(action, action)


def number(value: int) -> str:
    """Return a whole number, thousands apart by a space that does not break."""
    return f"{value:,}".replace(",", "\u202f")


def _seconds(value: float) -> str:
    if math.isinf(value):
        return "never"
    return f"{value:.1f} s" if value < 100 else f"{number(round(value))} s"
