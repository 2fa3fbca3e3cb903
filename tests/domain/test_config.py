"""The resolved configuration: what is written is what is read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.config import (
    Config,
    InterfaceSpec,
    Ipv4Mode,
    NodeGroup,
    SecurityGroupSelector,
    SubnetSelector,
    from_json,
    to_json,
)
from domain.model import GroupName, SecurityGroupId, SubnetId

if TYPE_CHECKING:
    from tests.fakes.builders import Builders

texts = st.text(max_size=12)
tag_maps = st.dictionaries(texts, texts, max_size=3)
subnet_ids = texts.map(SubnetId)
selectors = st.one_of(
    st.dictionaries(texts, subnet_ids, max_size=3).map(lambda m: SubnetSelector(by_zone=m)),
    st.lists(subnet_ids, min_size=1, max_size=3).map(lambda ids: SubnetSelector(ids=tuple(ids))),
    tag_maps.map(lambda wanted: SubnetSelector(tags=wanted)),
)
group_selectors = st.one_of(
    st.lists(texts.map(SecurityGroupId), min_size=1, max_size=3).map(
        lambda ids: SecurityGroupSelector(ids=tuple(ids))
    ),
    tag_maps.map(lambda wanted: SecurityGroupSelector(tags=wanted)),
)
specs = st.builds(
    InterfaceSpec,
    name=texts,
    subnets=selectors,
    security_groups=group_selectors,
    device_index=st.integers(0, 15),
    device_index_fixed=st.booleans(),
    network_card_index=st.integers(0, 3),
    ipv4=st.sampled_from(Ipv4Mode),
    pod_ranges=st.lists(texts, max_size=2).map(tuple),
    ipv6_count=st.integers(0, 3),
    pool_ipv4=st.integers(0, 3),
    pool_ipv6=st.integers(0, 3),
    source_dest_check=st.booleans(),
    tags=tag_maps,
)
node_groups = st.builds(
    NodeGroup,
    name=texts,
    auto_scaling_group=texts.map(GroupName),
    interfaces=st.lists(specs, max_size=3).map(tuple),
    adopt_running=st.booleans(),
)
configs = st.builds(
    Config,
    owner=texts,
    cluster_name=texts,
    node_groups=st.lists(node_groups, max_size=3).map(tuple),
)


@given(configs)
def test_a_configuration_survives_its_own_json(config: Config) -> None:
    assert from_json(to_json(config)) == config


@given(configs)
def test_the_same_configuration_is_the_same_line(config: Config) -> None:
    line = to_json(config)
    assert to_json(from_json(line)) == line
    assert "\n" not in line


def test_another_version_is_refused_by_number(build: Builders) -> None:
    document = json.loads(to_json(build.config())) | {"version": 2}
    with pytest.raises(ValueError, match="has version 2, expected 1"):
        from_json(json.dumps(document))


def test_a_node_group_is_found_by_its_auto_scaling_group(build: Builders) -> None:
    config = build.config()
    assert config.node_group_of(build.group_name) is config.node_groups[0]
    assert config.node_group_of(GroupName("someone-elses")) is None
