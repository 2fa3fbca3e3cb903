"""The bound: what no implementation could beat, by hand where nothing varies."""

from __future__ import annotations

import pytest

from bench.nodes import Shape
from tests.simulation.assumptions import Assumptions
from tests.simulation.bound import bound

STEADY = Assumptions(spread=0.0, late_share=0.0)
"""Everything takes its median."""
UNCHECKED = Shape(2, source_dest_check=False)
KNOWN_S = 0.5 + 0.2
"""An event and a look."""
PATH_S = KNOWN_S + 0.35 + 0.45 + 2.0 + 0.2
"""Then create, attach, the attachment and a look."""
START_S = 1.5
"""Before the first node: a function that starts cold."""


def test_few_nodes_are_bound_by_the_last_ones_own_path() -> None:
    least = bound([0.0, 4.0], Shape(2), STEADY)
    assert least.action == "path"
    assert least.seconds == pytest.approx(4.0 + PATH_S)
    assert least.curve_s == pytest.approx((START_S + PATH_S, 4.0 + PATH_S))


def test_many_nodes_are_bound_by_the_slowest_bucket() -> None:
    least = bound([0.0] * 1000, UNCHECKED, STEADY)
    assert least.action == "ModifyNetworkInterfaceAttribute"
    # The check of an interface can be turned off as soon as it is there; 4 000 calls less the 100 that the bucket holds.
    assert least.seconds == pytest.approx(START_S + KNOWN_S + 0.35 + (4000 - 100) / 5 + 0.25)


def test_where_each_interface_takes_one_modify_attaching_is_slower() -> None:
    least = bound([0.0] * 1000, Shape(2), STEADY)
    assert least.action == "AttachNetworkInterface"
    known_s = START_S + KNOWN_S
    assert least.seconds == pytest.approx(known_s + 0.35 + (2000 - 50) / 5 + 0.45 + 2.0 + 0.2)


def test_tokens_that_a_full_bucket_cannot_hold_are_lost() -> None:
    twice = bound([0.0] * 50 + [1000.0] * 50, UNCHECKED, STEADY)
    once = bound([0.0] * 50, UNCHECKED, STEADY)
    assert twice.seconds == pytest.approx(1000.0 - START_S + once.seconds)


def test_a_second_tenant_takes_its_share_of_the_refill() -> None:
    alone, shared = (bound([0.0] * 1000, UNCHECKED, STEADY, share).seconds for share in (0.0, 0.5))
    assert shared - alone == pytest.approx((4000 - 100) / 5)


def test_of_many_attachments_the_slowest_counts() -> None:
    one, six = (bound([0.0], Shape(interfaces), Assumptions()).seconds for interfaces in (1, 6))
    assert PATH_S < one < six


def test_every_node_has_its_place_on_the_curve() -> None:
    least = bound([number / 10 for number in range(100)], UNCHECKED, Assumptions())
    assert len(least.curve_s) == 100
    assert list(least.curve_s) == sorted(least.curve_s)
    assert least.curve_s[-1] == least.seconds


def test_nodes_that_are_served_one_by_one_are_not_ahead_of_the_curve() -> None:
    least = bound([0.0] * 1000, UNCHECKED, STEADY)
    # Whoever finishes one node after the other has sent 4 000 / 2 modifies for the first half of them.
    half_s = START_S + KNOWN_S + 0.35 + (2000 - 100) / 5 + 0.25
    assert least.curve_s[499] == pytest.approx(half_s)
