"""The configuration that is measured."""

from __future__ import annotations

import pytest
import yaml

import authoring
from bench.nodes import Addressing, Shape, document
from domain.model import GroupName


@pytest.mark.parametrize(
    "shape",
    [Shape(1), Shape(6, source_dest_check=False, addressing=Addressing.FROM_START)],
    ids=str,
)
def test_the_configuration_is_valid_and_gives_each_node_what_its_shape_says(shape: Shape) -> None:
    config = authoring.resolve(authoring.parse(yaml.safe_dump(document([shape]))))
    group = config.node_group_of(GroupName(shape.group))
    assert group is not None
    assert len(group.interfaces) == shape.interfaces
    assert {spec.source_dest_check for spec in group.interfaces} == {shape.source_dest_check}
    assert {spec.ipv4.value for spec in group.interfaces} == {shape.addressing}
    assert all(spec.subnets.by_zone and spec.security_groups.ids for spec in group.interfaces)
