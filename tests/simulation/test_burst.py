"""Bursts in virtual time: nothing abandoned, nothing leaked, few calls, and hardly slower than EC2 allows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bench.nodes import Addressing, Shape
from tests.simulation import burst
from tests.simulation.draws import Draws
from tests.simulation.report import tables
from tests.simulation.report.parts import UNCHECKED, seeds

if TYPE_CHECKING:
    from tests.simulation.burst import Burst

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"

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
    assert hundred.ratio <= burst.MOST_RATIO


def test_no_node_is_served_before_anybody_could_expect_to(hundred: Burst) -> None:
    assert all(
        at_s > least_s
        for at_s, least_s in zip(hundred.continued_s, hundred.bound.curve_s, strict=True)
    )


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


def test_addresses_from_the_start_of_a_subnet_cost_no_node() -> None:
    shape = Shape(2, source_dest_check=False, addressing=Addressing.FROM_START)
    seen = burst.run(20, shape, seed=5)
    assert seen.broken == ()
    assert (seen.abandoned, seen.expired) == (0, 0)


def test_a_burst_tells_when_each_hook_opened_and_was_answered_and_what_was_refused(
    hundred: Burst,
) -> None:
    assert len(hundred.opened_s) == 100
    assert hundred.opened_s[0] == 0.0
    assert all(
        opened < done for opened, done in zip(hundred.opened_s, hundred.continued_s, strict=True)
    )
    assert sum(hundred.throttled.values()) == len(hundred.throttled_s)


def test_the_document_shows_what_this_code_does() -> None:
    drawn = Draws(tuple(burst.run(10, UNCHECKED, seed=seed) for seed in seeds(10)))
    shown = tables.row(tables.burst_row(drawn))
    text = DOCUMENT.read_text(encoding="utf-8")
    assert shown in text, "docs/benchmarks.md is of other code: run make report"
