"""Golden directories per kind of node: all that a run plans there, and every file that it writes."""

from __future__ import annotations

import os
import shutil

import pytest

from domain.node import links
from domain.node.change import Bind
from tests.fakes import golden_nodes
from tests.fakes.golden_nodes import GoldenNode

KINDS = golden_nodes.kinds()


@pytest.mark.golden
@pytest.mark.parametrize("kind", KINDS)
def test_a_nodes_plan_and_files_are_their_golden_copies(kind: str) -> None:
    """A change shows in review. UPDATE_GOLDEN=1 (`make golden`) writes the copies instead of comparing."""
    made = golden_nodes.made(GoldenNode(kind).plan())
    if os.environ.get("UPDATE_GOLDEN") == "1":
        folder = golden_nodes.FOLDER / kind / "expected"
        shutil.rmtree(folder, ignore_errors=True)
        for name, text in made.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    assert made == golden_nodes.expected(kind)


@pytest.mark.parametrize("kind", KINDS)
def test_a_plan_carried_out_leaves_nothing_to_plan_on_any_kind_of_node(kind: str) -> None:
    node = GoldenNode(kind)
    planned = node.plan()
    for change in planned.changes:
        node.carry_out(change)
    assert node.plan().changes == ()
    network = node.links.observe().network
    assert [links.differences(link, network) for link in planned.expected] == [
        () for _ in planned.expected
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_each_device_for_dpdk_is_bound(kind: str) -> None:
    node = GoldenNode(kind)
    bound = {
        change.interface: change.driver
        for change in node.plan().changes
        if isinstance(change, Bind)
    }
    promised = {one.name: one.driver.value for one in node.group.interfaces if one.driver.is_dpdk}
    assert bound == promised
