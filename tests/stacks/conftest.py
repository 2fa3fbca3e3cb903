"""A configuration made by hand, and a way to vary it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

# jsii reads it when node starts, which importing aws_cdk does.
os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")

from domain.config import (
    Config,
    InterfaceSpec,
    NodeGroup,
    SecurityGroupSelector,
    SubnetSelector,
)
from domain.model import GroupName, SecurityGroupId, SubnetId

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@pytest.fixture
def config_with() -> Callable[..., Config]:
    """Return a function that makes a configuration of one group with one interface."""

    def make(subnets: int = 1, tags: Mapping[str, str] | None = None) -> Config:
        spec = InterfaceSpec(
            name="n3",
            subnets=SubnetSelector(ids=tuple(SubnetId(f"subnet-{i:017x}") for i in range(subnets))),
            security_groups=SecurityGroupSelector(ids=(SecurityGroupId("sg-0123456789abcdef0"),)),
            device_index=1,
            tags=tags or {},
        )
        group = NodeGroup("workers", GroupName("workers-asg"), (spec,))
        return Config("MultusEni-fleet", "core", (group,))

    return make
