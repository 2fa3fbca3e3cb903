"""The share of On-Demand and Spot Instances."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localaws.autoscaling.purchase import Distribution, Purchase

pytestmark = pytest.mark.localaws

ON_DEMAND, SPOT = Purchase.ON_DEMAND, Purchase.SPOT
distributions = st.builds(Distribution, st.integers(0, 6), st.integers(0, 100))


@pytest.mark.parametrize(
    ("policy", "on_demand"),
    [
        (None, [0, 1, 2, 10]),
        ({"LaunchTemplate": {}}, [0, 1, 2, 10]),
        ({"InstancesDistribution": {"OnDemandPercentageAboveBaseCapacity": 0}}, [0, 0, 0, 0]),
        ({"InstancesDistribution": {"OnDemandPercentageAboveBaseCapacity": "25"}}, [0, 1, 1, 3]),
        (
            {
                "InstancesDistribution": {
                    "OnDemandBaseCapacity": 2,
                    "OnDemandPercentageAboveBaseCapacity": 50,
                }
            },
            [0, 1, 2, 6],
        ),
    ],
)
def test_the_base_comes_first_and_of_the_rest_its_share_rounded_up(
    policy: dict[str, object] | None, on_demand: list[int]
) -> None:
    assert [Distribution.of(policy).on_demand(total) for total in (0, 1, 2, 10)] == on_demand


@given(distributions, st.integers(0, 30))
def test_a_group_that_grows_from_nothing_has_its_share_at_every_size(
    distribution: Distribution, total: int
) -> None:
    bought = distribution.additions(total, [])
    assert bought.count(ON_DEMAND) == distribution.on_demand(total)


@given(distributions, st.integers(1, 30))
def test_a_group_that_shrinks_has_its_share_at_every_size(
    distribution: Distribution, total: int
) -> None:
    has = Counter(distribution.additions(total, []))
    while has.total() > 1:
        has[distribution.surplus(has.elements())] -= 1
        assert has[ON_DEMAND] == distribution.on_demand(has.total())


def test_what_was_lost_is_bought_again() -> None:
    half = Distribution(on_demand_base=1, on_demand_percent=50)
    assert half.additions(2, [SPOT, SPOT, SPOT]) == [ON_DEMAND, ON_DEMAND]
    assert half.additions(2, [ON_DEMAND, ON_DEMAND, ON_DEMAND]) == [SPOT, SPOT]
