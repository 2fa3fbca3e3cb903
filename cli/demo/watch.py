"""A live view of the nodes while they come and go."""

from __future__ import annotations

from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.live import Live
from rich.table import Table

from cli.demo.promises import IN_SERVICE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console

    from cli.demo.promises import EniView, NodeView, Observer
    from domain.config import Config
    from localaws.account import Account

LOOK_EVERY_S = 0.2
ROWS = 24
"""More nodes than this are counted instead of listed."""
_COLUMNS = {"node": 19, "zone": 10, "state": 19, "ENIs": 5, "launch": 7}
"""Column widths in which ids and states stay whole; a terminal of 80 leaves 15 for the group."""


@dataclass
class Trace:
    """What was seen of one node."""

    node: NodeView
    first_seen_s: float
    in_service_s: float | None = None
    gone_s: float | None = None
    states: list[str] = field(default_factory=list)
    attached: int = 0

    @property
    def took_s(self) -> float | None:
        """Seconds from the first sight to the state InService."""
        return None if self.in_service_s is None else self.in_service_s - self.first_seen_s


class Watch:
    """Looks at the nodes until they are as wanted, and shows them meanwhile."""

    def __init__(
        self, account: Account, observer: Observer, config: Config, console: Console
    ) -> None:
        self._account = account
        self._observer = observer
        self._console = console
        self._promised = {
            str(group.auto_scaling_group): len(group.interfaces) for group in config.node_groups
        }
        self._names = {str(group.auto_scaling_group): group.name for group in config.node_groups}
        self._since_s = account.clock.now()
        self.traces: dict[str, Trace] = {}

    def until(self, done: Callable[[Sequence[NodeView]], bool], timeout_s: float) -> bool:
        """Show the nodes until `done` says so of them; return False when it did not in time."""
        clock = self._account.clock
        self._since_s = clock.now()
        end_s = self._since_s + timeout_s
        live = (
            Live(console=self._console, refresh_per_second=5) if self._console.is_terminal else None
        )
        with live or nullcontext():
            while True:
                nodes = self._look()
                if live is not None:
                    live.update(self._table(clock.now()))
                if done(nodes):
                    return True
                if clock.now() >= end_s:
                    return False
                clock.wait(LOOK_EVERY_S)

    def _look(self) -> list[NodeView]:
        now_s = self._account.clock.now()
        nodes, enis = self._observer.nodes(), self._observer.enis()
        for node in nodes:
            self._note(node, enis, now_s)
        present = {node.instance_id for node in nodes}
        for trace in self.traces.values():
            if trace.node.instance_id not in present and trace.gone_s is None:
                trace.gone_s, trace.attached = now_s, 0
                self._say(trace, "gone", now_s)
        return nodes

    def _note(self, node: NodeView, enis: Sequence[EniView], now_s: float) -> None:
        trace = self.traces.setdefault(node.instance_id, Trace(node, now_s))
        trace.node = node
        trace.attached = sum(eni.is_attached for eni in enis if eni.instance_id == node.instance_id)
        if not trace.states or trace.states[-1] != node.state:
            trace.states.append(node.state)
            self._say(trace, node.state, now_s)
        if node.state == IN_SERVICE and trace.in_service_s is None:
            trace.in_service_s = now_s

    def _say(self, trace: Trace, state: str, now_s: float) -> None:
        """Print a line per change where there is no terminal to draw on."""
        if not self._console.is_terminal:
            age_s = now_s - self._since_s
            self._console.print(
                f"  {self._names[trace.node.group]:<22} {trace.node.instance_id}  {trace.node.zone}  {age_s:5.1f} s  "
                f"{state:<19} {trace.attached}/{self._promised[trace.node.group]} interfaces"
            )

    def _table(self, now_s: float) -> Table:
        table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
        left = max(1, self._console.width - sum(width + 1 for width in _COLUMNS.values()))
        table.add_column("node group", no_wrap=True, max_width=left)
        for column, width in _COLUMNS.items():
            table.add_column(column, width=width)
        shown = sorted(
            self.traces.values(), key=lambda trace: (trace.node.group, trace.first_seen_s)
        )
        for trace in shown[-ROWS:]:
            state = "gone" if trace.gone_s is not None else trace.node.state
            end_s = trace.in_service_s or trace.gone_s or now_s
            table.add_row(
                self._names[trace.node.group],
                trace.node.instance_id,
                trace.node.zone,
                f"[{_colour(state)}]{state}[/]",
                f"{trace.attached}/{self._promised[trace.node.group]}",
                f"{end_s - trace.first_seen_s:.1f} s",
            )
        if len(shown) > ROWS:
            counts = Counter(
                "gone" if trace.gone_s is not None else trace.node.state for trace in shown
            )
            table.caption = "all nodes: " + ", ".join(
                f"{number} {state}" for state, number in counts.items()
            )
        return table


def _colour(state: str) -> str:
    if state == IN_SERVICE:
        return "green"
    if state == "gone":
        return "dim"
    return "yellow" if "Wait" in state else "cyan"
