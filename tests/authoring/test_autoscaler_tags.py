"""What cluster-autoscaler is told of a group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import authoring
from authoring.autoscaler_tags import autoscaler_tags
from tests.authoring.conftest import GROUP, create

if TYPE_CHECKING:
    from collections.abc import Callable

RESOURCES = "k8s.io/cluster-autoscaler/node-template/resources/"


@pytest.mark.parametrize(
    ("pages", "resources"),
    [
        pytest.param([], {}, id="none"),
        pytest.param(
            [{"size": "2Mi", "count": 512}],
            {"hugepages-2Mi": "1024Mi"},
            id="on every NUMA node: for certain there is one",
        ),
        pytest.param(
            [{"size": "1Gi", "count": 4, "numa_nodes": [0, 1]}],
            {"hugepages-1Gi": "8Gi"},
            id="on two NUMA nodes",
        ),
        pytest.param(
            [
                {"size": "1Gi", "count": 4, "numa_nodes": [0]},
                {"size": "1Gi", "count": 2, "numa_nodes": [1]},
                {"size": "2Mi", "count": 1},
            ],
            {"hugepages-1Gi": "6Gi", "hugepages-2Mi": "2Mi"},
            id="several entries",
        ),
    ],
)
def test_huge_pages_are_told_as_quantities_of_memory(
    edited: Callable[..., str], pages: list[dict[str, Any]], resources: dict[str, str]
) -> None:
    (group,) = authoring.parse(
        edited({**create(), (*GROUP, "node"): {"huge_pages": pages}})
    ).node_groups
    assert group.create is not None
    told = autoscaler_tags("lab", group.name, group.create, group.node, [])
    assert {
        key.removeprefix(RESOURCES): value
        for key, value in told.items()
        if key.startswith(RESOURCES)
    } == resources
