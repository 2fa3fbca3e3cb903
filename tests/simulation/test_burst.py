"""Bursts in virtual time: nothing abandoned, nothing leaked, few calls, and hardly slower than EC2 allows."""

from __future__ import annotations

import pytest

from bench.nodes import Shape
from tests.simulation import burst
from tests.simulation.assumptions import Assumptions
from tests.simulation.burst import Burst, bound

pytestmark = [pytest.mark.simulation, pytest.mark.subprocesses("node")]


@pytest.fixture(scope="module")
def hundred() -> Burst:
    """A hundred nodes with two interfaces without source/dest check."""
    return burst.run(100, Shape(2, source_dest_check=False), seed=1)


def test_every_node_is_served_and_nothing_is_left_over(hundred: Burst) -> None:
    assert hundred.broken == ()
    assert hundred.abandoned == 0
    assert hundred.expired == 0
    assert hundred.completed_twice == 0
    assert len(hundred.continued_s) == 100


def test_it_takes_hardly_longer_than_the_token_buckets_allow(hundred: Burst) -> None:
    assert hundred.bound.action == "ModifyNetworkInterfaceAttribute"
    assert hundred.ratio <= 1.15


def test_calls_are_few_and_hardly_any_is_refused(hundred: Burst) -> None:
    assert hundred.calls_per_node <= hundred.most_calls_per_node
    assert hundred.throttled_share <= 0.05


def test_another_tenant_that_uses_half_of_the_buckets_has_nobody_abandoned() -> None:
    shared = burst.run(60, Shape(2, source_dest_check=False), seed=2, tenant_share=0.5)
    assert shared.broken == ()
    assert (shared.abandoned, shared.expired) == (0, 0)


def test_the_same_seed_gives_the_same_run_and_another_seed_another() -> None:
    shape = Shape(2)
    first, again, other = (burst.run(12, shape, seed=seed) for seed in (3, 3, 4))
    assert first == again
    assert first.continued_s != other.continued_s


def test_the_bound_of_few_nodes_is_the_last_ones_own_path() -> None:
    assumed = Assumptions()
    least = bound([1.0, 4.0], Shape(2), assumed)
    assert least.action == "path"
    # An event, a look, create, attach, the attachment, a look, the answer.
    assert least.seconds == pytest.approx(4.0 + 0.5 + 0.2 + 0.35 + 0.45 + 2.0 + 0.2 + 0.15)


def test_the_bound_of_many_nodes_is_the_slowest_bucket() -> None:
    least = bound([0.0] * 1000, Shape(2, source_dest_check=False), Assumptions())
    assert least.action == "ModifyNetworkInterfaceAttribute"
    refill_s = (4000 - 100) / 5
    assert least.seconds == pytest.approx(0.5 + 0.2 + 0.35 + 0.45 + refill_s + 0.25 + 0.15)


def test_where_each_interface_takes_one_modify_attaching_is_slower() -> None:
    assert bound([0.0] * 1000, Shape(2), Assumptions()).action == "AttachNetworkInterface"


def test_a_second_tenant_lengthens_the_bound() -> None:
    alone, shared = (
        bound([0.0] * 1000, Shape(2), Assumptions(), share).seconds for share in (0.0, 0.5)
    )
    assert shared > 1.9 * alone
