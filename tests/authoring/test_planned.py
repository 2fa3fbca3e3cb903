"""Created groups as a preflight sees them before they are there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

import authoring
from authoring.planned import planned
from domain.model import GroupName
from domain.preflight.observed import AutoScalingGroup, Launches

SAMPLE = Path(__file__).parents[2] / "config" / "created.yaml"


def the_group(**create: Any) -> AutoScalingGroup:  # noqa: ANN401 - keys of `create`
    """Return the sample's group with other keys."""
    document = yaml.safe_load(SAMPLE.read_text(encoding="utf-8"))
    document["node_groups"][0]["create"].update(create)
    (group,) = planned(authoring.parse(yaml.safe_dump(document))).values()
    return group


def test_a_created_group_has_its_subnets_types_and_hooks_and_no_node_yet() -> None:
    assert the_group() == AutoScalingGroup(
        name=GroupName("MultusEni-created-Nodes-user-plane"),
        most_nodes=6,
        nodes=0,
        subnet_ids=("subnet-0417f5b2c8ea96d30", "subnet-05d9a3c61b70e8f24"),  # type: ignore[arg-type]  # literals
        running_types=(),
        launches=Launches(("c6in.8xlarge", "c6i.8xlarge")),
        hooks=(
            "MultusEni-created-launch",
            "MultusEni-created-terminate",
            "MultusEni-created-ready",
        ),
        tags={"team": "packet-core"},
    )


@pytest.mark.parametrize(
    ("pool", "most"),
    [
        pytest.param({"min_size": 2}, 6, id="by itself as many as the group may have"),
        pytest.param({"max_prepared": 9}, 9, id="a pool that prepares more"),
        pytest.param({"max_prepared": 3}, 6, id="a pool that prepares fewer"),
    ],
)
def test_a_warm_pool_takes_addresses_too(pool: dict[str, int], most: int) -> None:
    document = yaml.safe_load(SAMPLE.read_text(encoding="utf-8"))
    document["node_groups"][0]["create"]["warm_pool"] = pool
    (group,) = planned(authoring.parse(yaml.safe_dump(document))).values()
    assert group.most_nodes == most


def test_groups_that_are_adopted_are_not_planned() -> None:
    assert planned(authoring.load(SAMPLE.with_name("example.yaml"))) == {}


def test_a_group_has_the_tags_of_the_file_and_its_own() -> None:
    document = yaml.safe_load(SAMPLE.read_text(encoding="utf-8"))
    document["tags"] = {"team": "core", "plane": "any"}
    document["node_groups"][0]["create"]["tags"] = {"plane": "user"}
    (group,) = planned(authoring.parse(yaml.safe_dump(document))).values()
    assert group.tags == {"team": "core", "plane": "user"}
