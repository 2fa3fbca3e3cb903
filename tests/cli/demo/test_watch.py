"""The live view of a run's nodes."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from cli.demo.promises import IN_SERVICE, Observer
from cli.demo.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cli.demo.promises import NodeView
    from cli.rehearsal import Rehearsal


def _watch(rehearsal: Rehearsal, console: Console) -> Watch:
    observer = Observer(rehearsal.account, rehearsal.config)
    return Watch(rehearsal.account, observer, rehearsal.config, console)


def _all_in_service(nodes: Sequence[NodeView]) -> bool:
    return all(node.state == IN_SERVICE for node in nodes)


def test_a_log_has_a_line_per_change_and_nothing_is_left_of_a_node_that_is_gone(
    rehearsal: Rehearsal,
) -> None:
    console = Console(file=io.StringIO(), width=150)
    with console.capture() as captured:
        watch = _watch(rehearsal, console)
        assert watch.until(_all_in_service, 1)
        for group in rehearsal.platform.groups:
            rehearsal.desire(group, 0)
        assert not watch.until(lambda nodes: not nodes, 5)
        rehearsal.account.clock.wait(rehearsal.runtime.environment.heartbeat_timeout_s)
        assert watch.until(lambda nodes: not nodes, 60)
    lines = captured.get().splitlines()
    assert [line.split()[-3:] for line in lines[:2]] == [
        [IN_SERVICE, "2/2", "interfaces"],
        [IN_SERVICE, "3/3", "interfaces"],
    ]
    assert sorted(line.split()[-3:-1] for line in lines[-2:]) == [["gone", "0/2"], ["gone", "0/3"]]
    assert all(trace.took_s is not None for trace in watch.traces.values())


@pytest.mark.parametrize("width", [80, 150])
def test_a_terminal_shows_ids_and_states_whole(rehearsal: Rehearsal, width: int) -> None:
    for group in rehearsal.platform.groups:
        rehearsal.desire(group, 0)
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    with console.capture() as captured:
        watch = _watch(rehearsal, console)
        watch.until(lambda _: True, 1)
    shown = captured.get()
    for node in watch.traces:
        assert node in shown
    assert "Terminating:Wait" in shown
