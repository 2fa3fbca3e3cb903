"""What a platform team has, made for any configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

import authoring
from cli.demo import platform
from localaws.client import REGION

if TYPE_CHECKING:
    from localaws.account import Account


@pytest.mark.parametrize("count", [1, 3, 7, platform.MAX_INTERFACES])
def test_every_group_gets_so_many_interfaces_and_stays_valid(
    document: dict[str, Any], count: int
) -> None:
    platform.with_interfaces(document, count)
    config = authoring.resolve(authoring.parse(yaml.safe_dump(document)))
    assert [len(group.interfaces) for group in config.node_groups] == [count] * 2


def test_only_a_group_whose_types_are_too_small_launches_a_larger_one(
    document: dict[str, Any],
) -> None:
    assert platform.with_interfaces(document, 7) == ["control-plane"]
    assert document["node_groups"][0]["instance_types"] == [platform.LARGEST_TYPE]
    assert document["node_groups"][1]["instance_types"] == ["c6in.8xlarge"]


def test_a_ready_hook_that_no_node_would_answer_is_taken_out(document: dict[str, Any]) -> None:
    document["node_groups"][1]["node"] |= {"ready_hook": True, "on_failure": "abandon"}
    assert platform.without_ready_hooks(document) == ["user-plane"]
    nodes = authoring.resolve_nodes(authoring.parse(yaml.safe_dump(document)))
    assert [group.ready_hook for group in nodes.node_groups] == [None, None]
    assert nodes.node_groups[1].allow_unsafe_noiommu


def test_a_configuration_of_another_account_is_deployed_into_this_one(
    document: dict[str, Any], empty_account: Account
) -> None:
    document |= {"account": "210987654321", "region": "eu-west-1"}
    document |= {"alarm_topic_arn": "arn:aws:sns:eu-west-1:210987654321:on-call"}
    made = platform.build(empty_account, document)
    assert made.document.keys().isdisjoint({"account", "region", "alarm_topic_arn"})
    assert REGION in made.zones[0]
