"""After what no event tells of the fleet comes right by itself, and as soon as the settings promise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench import nodes
from tests.simulation.faults import SHAPE
from tests.simulation.invariants import settled, wrong
from tests.simulation.recovery import EVERY, LOST, spoil
from tests.simulation.world import simulated

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulation.recovery import Recovered

pytestmark = [pytest.mark.simulation, pytest.mark.subprocesses("node")]

FEW = 12
"""Fewer nodes than the command takes: how long it is until somebody looks depends on the settings, not on them."""


@pytest.mark.parametrize("disturbed", EVERY.values(), ids=EVERY)
def test_the_fleet_is_right_again_within_what_the_settings_promise(
    disturbed: Callable[[int], Recovered],
) -> None:
    recovered = disturbed(FEW)
    assert recovered.violations == ()
    assert recovered.seconds <= recovered.bound_s


def test_whatever_is_spoilt_is_seen() -> None:
    with simulated(nodes.document([SHAPE]), seed=1) as world:
        world.deployed.desire(SHAPE.group, 2)
        assert world.until(lambda: settled(world, 2), 600.0)
        assert wrong(world) == []
        spoil(world)
        assert len(wrong(world)) == 4 + LOST
