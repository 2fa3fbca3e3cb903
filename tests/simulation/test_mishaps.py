"""What happens to events, functions, queues and instances while nodes come and go: they are served, and nothing is left."""

from __future__ import annotations

from functools import partial

import pytest

from bench import nodes
from domain import naming
from localaws.faults import ANY, Fault, FaultKind
from tests.simulation.faults import SHAPE, Act, before, disturbed
from tests.simulation.forks import each_in_a_copy
from tests.simulation.invariants import settled
from tests.simulation.mishaps import (
    USUAL,
    Incident,
    endure,
    fill,
    is_launch,
    serving_in,
    terminated_at_any_step,
)
from tests.simulation.world import World, simulated

pytestmark = [pytest.mark.simulation, pytest.mark.subprocesses("node")]


@pytest.mark.parametrize("incident", USUAL, ids=str)
def test_a_group_that_is_scaled_endures_it(incident: Incident) -> None:
    assert endure(incident).violations == ()


@pytest.mark.parametrize("act", Act)
def test_an_instance_that_is_terminated_at_any_step_leaves_nothing(act: Act) -> None:
    played = dict(terminated_at_any_step(act))
    assert len(played) > 4
    assert {step_s: seen.violations for step_s, seen in played.items() if seen.violations} == {}


def test_an_event_that_comes_before_during_or_after_its_duplicate_is_answered_once() -> None:
    with before(Act.LAUNCH) as world:

        def twice(apart_s: float) -> tuple[str, ...]:
            world.account.events.duplicate(is_launch, apart_s=apart_s)
            return disturbed(world, Act.LAUNCH).violations

        work = [partial(twice, apart_s) for apart_s in (0.0, 1.5, 4.0, 120.0)]
        assert list(each_in_a_copy(work)) == [()] * len(work)


def test_a_late_event_finds_its_node_served() -> None:
    with before(Act.LAUNCH) as world:
        late_s = 1.5 * world.settings.reconcile_interval_minutes * 60
        world.account.events.delay(is_launch, seconds=late_s)
        assert disturbed(world, Act.LAUNCH).violations == ()


def test_a_new_deployment_in_mid_launch_costs_no_node() -> None:
    with before(Act.LAUNCH) as world:
        function = world.functions[naming.LAUNCH_HANDLER]
        role = world.deployed.roles[naming.LAUNCH_HANDLER]
        # The environment at work dies between two calls, and a new one begins with the next message.
        world.account.faults.inject(Fault(ANY, FaultKind.CRASH_AFTER, on_call=5, principal=role))
        world.after(11.0, function.forget)
        assert disturbed(world, Act.LAUNCH).violations == ()


def test_a_zone_without_addresses_is_no_concern_of_the_other_zone_s_nodes() -> None:
    full, other = nodes.ZONES
    with simulated(nodes.document([SHAPE]), seed=1) as world:
        undisturbed_s = _served_in(world, other)
    with simulated(nodes.document([SHAPE]), seed=1) as world:
        fill(world, full)
        # Other draws, and batches with nodes in them that are given up.
        assert _served_in(world, other) <= 1.25 * undisturbed_s
        assert serving_in(world, full) == 0
        assert not settled(world, 20)


def _served_in(world: World, zone: str) -> float:
    """Launch twenty nodes and return how long it takes until the zone's half serves."""
    world.deployed.desire(SHAPE.group, 20)
    assert world.until(lambda: serving_in(world, zone) == 10, 120.0, step_s=0.5)
    return world.elapsed_s
