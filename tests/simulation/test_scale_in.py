"""Nodes that go at once: nothing is left of them, and hardly anything is called."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.nodes import Shape
from tests.simulation import scale_in

if TYPE_CHECKING:
    from tests.simulation.scale_in import ScaleIn

pytestmark = [pytest.mark.simulation, pytest.mark.subprocesses("node")]

NODES = 30


@pytest.fixture(scope="module")
def seen() -> ScaleIn:
    """Thirty nodes with two interfaces that leave."""
    return scale_in.run(NODES, Shape(2), seed=1)


def test_nothing_is_left_and_every_hook_is_answered_once(seen: ScaleIn) -> None:
    assert seen.broken == ()
    assert (seen.expired, seen.completed_twice) == (0, 0)
    assert len(seen.continued_s) == NODES


def test_ec2_deletes_the_interfaces_itself(seen: ScaleIn) -> None:
    assert seen.mended == 0
    assert seen.calls["CompleteLifecycleAction"] == NODES


def test_hooks_are_answered_long_before_the_instances_have_gone(seen: ScaleIn) -> None:
    assert 0.0 < seen.last_continue_s < 10.0 < seen.gone_s < 120.0
