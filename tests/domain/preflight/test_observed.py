"""How large a group becomes with its warm pool."""

from __future__ import annotations

import pytest

from domain.preflight.observed import largest


@pytest.mark.parametrize(
    ("least_warm", "prepared", "expected"),
    [
        pytest.param(None, None, 10, id="without a pool"),
        pytest.param(0, None, 10, id="filled up to the maximum"),
        pytest.param(0, -1, 10, id="a bound that was taken away"),
        pytest.param(0, 4, 10, id="fewer prepared than the maximum"),
        pytest.param(0, 14, 14, id="more prepared than the maximum"),
        pytest.param(3, None, 13, id="a minimum beside a full group"),
        pytest.param(3, 14, 14, id="more prepared than a full group and the minimum"),
        pytest.param(4, 4, 14, id="a pool of a fixed size"),
    ],
)
def test_a_group_at_its_largest(
    least_warm: int | None, prepared: int | None, expected: int
) -> None:
    """As the sizes of the pool sum up for every desired capacity."""
    assert largest(10, least_warm, prepared) == expected
    bound = 10 if prepared in {None, -1} else prepared
    assert expected == max(
        desired + max(least_warm or 0, (bound or 0) - desired if least_warm is not None else 0)
        for desired in range(11)
    )
