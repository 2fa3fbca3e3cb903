"""The report's plots, as SVG that comes out the same from the same results."""

from __future__ import annotations

import io
from collections import Counter
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from tests.simulation.draws import grouped
from tests.simulation.report.parts import BURSTS, CHECKED, FROM_START, UNCHECKED
from tests.simulation.report.tables import SHORT, number

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.typing import RcKeyType

    from tests.simulation.burst import Burst

BLACK, GREY = "#000000", "#8c8c8c"
BLUE, ORANGE, GREEN = "#0072b2", "#e69f00", "#009e73"
COLOURS = {
    "CreateNetworkInterface": "#56b4e9",
    "AttachNetworkInterface": BLUE,
    "ModifyNetworkInterfaceAttribute": ORANGE,
    "CompleteLifecycleAction": GREEN,
    "RecordLifecycleActionHeartbeat": "#cc79a7",
}
"""Okabe and Ito's, which people tell apart who see red and green alike (jfly.uni-koeln.de/color)."""
LOOKS = "looks (describes)"
LOOKS_COLOUR = "#b3b3b3"
GOAL = "goal"
WIDTH_IN = 8.0
ROUND = (1, 2, 5, 10)
"""Steps between ticks, times a power of ten."""
BIN_S = 10.0
"""What happens at moments is counted in stretches of so many seconds."""
STYLE: dict[RcKeyType, Any] = {
    # Glyphs as paths: no reader's fonts change where a label ends.
    "svg.fonttype": "path",
    "svg.hashsalt": "multus-eni",
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e3e3e3",
    "axes.axisbelow": True,
    "legend.frameon": False,
    # Opaque, so that a dark page does not swallow the black.
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}


def in_service(seen: Sequence[Burst]) -> Figure:
    """Return how many nodes had been let into service when, beside how many could have been at best, by burst size."""
    drawn = [draws.first for draws in grouped(seen)]
    shown = [each for each in drawn if each.shape == UNCHECKED and not each.tenant_share]
    figure, axes = _panels(len(shown), columns=2)
    for panel, burst in zip(axes, shown, strict=True):
        _steps(panel, burst.opened_s, "hook opened", GREY)
        _steps(panel, burst.continued_s, "CONTINUE", BLUE)
        _steps(panel, burst.bound.curve_s, "at best", ORANGE, style="--")
        panel.set_title(_nodes(burst))
        panel.set_xlim(left=0.0)
        panel.set_ylim(0.0, burst.nodes * 1.06)
        panel.yaxis.set_major_locator(MaxNLocator(5, integer=True, steps=ROUND))
    _label(axes, 2, "seconds since the first hook opened", "nodes")
    _legend(figure, axes[0])
    return figure


def calls(seen: Sequence[Burst]) -> Figure:
    """Return each burst's calls per node by action, beside the goal."""
    shown = [
        each
        for each in grouped(seen)
        if each.first.shape in (UNCHECKED, CHECKED, FROM_START)
        and _is_in_a_table_of_sizes(each.first)
    ]
    figure, (panel,) = _panels(1, columns=1, height_in=0.6 + 0.3 * len(shown))
    names = [f"{_nodes(each.first)}{_condition(each.first)}" for each in shown]
    left = [0.0] * len(shown)
    for label, colour, belongs in _kinds():
        widths = [sum(n for action, n in each.calls.items() if belongs(action)) for each in shown]
        panel.barh(names, widths, left=left, color=colour, label=label, height=0.7)
        left = [a + b for a, b in zip(left, widths, strict=True)]
    goals = [each.first.most_calls_per_node for each in shown]
    panel.scatter(goals, names, marker="|", s=220, linewidths=2, color=BLACK, label=GOAL, zorder=3)
    panel.invert_yaxis()
    panel.grid(visible=False, axis="y")
    panel.set_xlabel("calls per node, refused ones included")
    _legend(figure, panel)
    return figure


def throttles(seen: Sequence[Burst]) -> Figure:
    """Return when calls of the largest bursts were refused for the rate, by action."""
    largest = max(each.nodes for each in seen)
    shown = [draws.first for draws in grouped(seen) if draws.first.nodes == largest]
    figure, axes = _panels(len(shown), columns=2)
    for panel, burst in zip(axes, shown, strict=True):
        bins = 1 + int(
            max([burst.last_continue_s, *(at_s for at_s, _ in burst.throttled_s)]) / BIN_S
        )
        below: Counter[int] = Counter()
        for action, colour in COLOURS.items():
            refused = Counter(
                int(at_s / BIN_S) for at_s, name in burst.throttled_s if name == action
            )
            panel.bar(
                [BIN_S * place for place in refused],
                list(refused.values()),
                BIN_S,
                bottom=[below[place] for place in refused],
                align="edge",
                color=colour,
            )
            below += refused
        panel.set_title(
            f"{_nodes(burst)}{_condition(burst)}: {burst.throttled_share:.1%} of {number(sum(burst.calls.values()))} calls"
        )
        panel.yaxis.set_major_locator(MaxNLocator(5, integer=True, steps=ROUND))
        panel.set_xlim(0.0, bins * BIN_S)
    _label(axes, 2, "seconds since the first hook opened", f"refusals in {BIN_S:.0f} s")
    handles = [Patch(color=colour, label=SHORT[action]) for action, colour in COLOURS.items()]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    return figure


OF_BURSTS: Mapping[str, Callable[[Sequence[Burst]], Figure]] = {
    "in-service.svg": in_service,
    "calls.svg": calls,
    "throttles.svg": throttles,
}
"""The plots by file."""


def svg(draw: Callable[[Sequence[Burst]], Figure], seen: Sequence[Burst]) -> bytes:
    """Return a plot as SVG."""
    written = io.BytesIO()
    with mpl.rc_context(STYLE):
        # Without the day and matplotlib's release the same plot is the same file.
        draw(seen).savefig(written, format="svg", metadata={"Date": None, "Creator": None})
    return written.getvalue()


def _kinds() -> list[tuple[str, str, Callable[[str], bool]]]:
    """Return the kinds of calls that are told apart: label, colour, and which actions belong to it."""
    kinds: list[tuple[str, str, Callable[[str], bool]]] = [
        (SHORT[action], colour, action.__eq__) for action, colour in COLOURS.items()
    ]
    return [*kinds, (LOOKS, LOOKS_COLOUR, lambda action: action not in COLOURS)]


def _is_in_a_table_of_sizes(burst: Burst) -> bool:
    sizes = [asked for asked in BURSTS.values() if len({shape for _, shape, _ in asked}) == 1]
    return any((burst.nodes, burst.shape, burst.tenant_share) in asked for asked in sizes)


def _nodes(burst: Burst) -> str:
    return "1 node" if burst.nodes == 1 else f"{number(burst.nodes)} nodes"


def _condition(burst: Burst) -> str:
    if burst.tenant_share:
        return f", tenant {burst.tenant_share:.0%}"
    if burst.shape == FROM_START:
        return ", from_start"
    return ", checked" if burst.shape.source_dest_check else ""


def _panels(count: int, *, columns: int, height_in: float = 2.1) -> tuple[Figure, Sequence[Axes]]:
    rows = -(-count // columns)
    figure = Figure(figsize=(WIDTH_IN, height_in * rows + 0.5), layout="constrained")
    return figure, [figure.add_subplot(rows, columns, place + 1) for place in range(count)]


def _steps(panel: Axes, at_s: Sequence[float], label: str, colour: str, style: str = "-") -> None:
    counted = range(len(at_s) + 1)
    panel.step([0.0, *at_s], counted, style, where="post", color=colour, label=label)


def _label(axes: Sequence[Axes], columns: int, below: str, beside: str) -> None:
    for place, panel in enumerate(axes):
        if place >= len(axes) - columns:
            panel.set_xlabel(below)
        if place % columns == 0:
            panel.set_ylabel(beside)


def _legend(figure: Figure, panel: Axes) -> None:
    """Name what a panel shows above all of them, the goal last."""
    named = sorted(
        zip(*panel.get_legend_handles_labels(), strict=True), key=lambda it: it[1] == GOAL
    )
    handles, labels = zip(*named, strict=True)
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
