"""The plots: the same results, the same file, with everything labelled."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

from tests.simulation.report.fixed import RESULTS
from tests.simulation.report.plots import OF_BURSTS, svg
from tests.simulation.report.results import Part

SEEN = RESULTS[Part.BURSTS]


def labels(plot: bytes) -> set[str]:
    """Return the texts of a plot, which matplotlib names in comments beside their glyphs."""
    return set(re.findall(r"<!-- (.+?) -->", plot.decode()))


@pytest.mark.parametrize("name", OF_BURSTS)
def test_a_plot_comes_out_the_same_again_and_tells_no_day(name: str) -> None:
    first, again = (svg(OF_BURSTS[name], SEEN) for _ in range(2))
    assert first == again
    assert b"dc:date" not in first
    assert ET.fromstring(first).tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314 - our own


def test_nodes_in_service_stand_beside_what_could_be_at_best_for_every_size() -> None:
    seen = labels(svg(OF_BURSTS["in-service.svg"], SEEN))
    assert {"1 node", "10 nodes", "1\u202f000 nodes"} <= seen
    assert {"hook opened", "at best", "CONTINUE"} <= seen
    assert {"seconds since the first hook opened", "nodes"} <= seen


def test_calls_are_told_apart_by_action_and_held_against_the_goal() -> None:
    seen = labels(svg(OF_BURSTS["calls.svg"], SEEN))
    assert {"create", "attach", "modify", "complete", "looks (describes)", "goal"} <= seen
    assert {"10 nodes, checked", "100 nodes, from_start", "100 nodes, tenant 50%"} <= seen


def test_refusals_are_shown_for_the_largest_bursts() -> None:
    seen = labels(svg(OF_BURSTS["throttles.svg"], SEEN))
    assert "1\u202f000 nodes: 1.1% of 9\u202f002 calls" in seen
    assert not any(label.startswith("100 nodes") for label in seen)
