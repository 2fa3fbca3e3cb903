"""The tables at the end of a demo, as a person sees them."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import pytest
from rich.console import Console, RenderableType

from cli.demo import report
from cli.demo.promises import NodeView, Observer
from cli.demo.watch import Trace
from localaws.calls import OK, Call

if TYPE_CHECKING:
    from cli.rehearsal import Rehearsal


def _shown(part: RenderableType, width: int) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    with console.capture() as captured:
        console.print(part)
    return captured.get()


@pytest.mark.parametrize("width", [80, 200])
def test_every_id_can_be_copied_whatever_the_terminal(rehearsal: Rehearsal, width: int) -> None:
    observer = Observer(rehearsal.account, rehearsal.config)
    nodes, enis = observer.nodes(), observer.enis()
    shown = _shown(report.enis_by_node(nodes, enis), width)
    words = shown.split()
    for node in nodes:
        assert node.instance_id in words
    for eni in enis:
        assert {eni.eni_id, eni.raw["SubnetId"], eni.raw["PrivateIpAddress"]} <= set(words)
    assert words.count("no_manage=true") == shown.count("goes with node") == len(enis)
    assert max(map(len, shown.splitlines())) <= width


def _call(action: str, outcome: str = OK) -> Call:
    return Call(1, "ec2", action, {}, "Launch", "us-east-1", 0.0, outcome)


def test_figures_say_what_was_refused_and_what_it_cost_per_node() -> None:
    node = NodeView("i-1", "g", "us-east-1a", "InService")
    calls = [
        _call("AttachNetworkInterface"),
        _call("AttachNetworkInterface", "IncorrectState"),
        _call("CreateNetworkInterface", "RequestLimitExceeded"),
        _call("DescribeInstances"),
    ]
    traces = [Trace(node, 10.0, in_service_s=14.0), Trace(node, 10.0, gone_s=12.0)]
    shown = _shown(report.figures(traces, calls, [{"HookToContinue": [3.0]}]), 120)
    rows = dict(re.split(r"\s{2,}", line.strip(), maxsplit=1) for line in shown.splitlines()[1:])
    assert rows["nodes that came into service"] == "1"
    assert rows["launch to in service"] == "median 4.0 s, slowest 4.0 s"
    assert rows["API calls per node to launch it"] == "4.0"
    assert rows["AttachNetworkInterface"] == "2, 1 of them refused or unanswered"
    assert rows["throttled answers"] == "1"
