"""Created groups as a preflight sees them before they are there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

import authoring
from authoring.planned import planned
from domain.model import GroupName, SecurityGroupId
from domain.preflight.observed import AutoScalingGroup, Launches
from domain.preflight.planned import Created, RootVolume

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
        max_healthy_percent=110,
        create=Created(
            subnets={
                "us-east-1a": "subnet-0417f5b2c8ea96d30",  # type: ignore[dict-item]  # literals
                "us-east-1b": "subnet-05d9a3c61b70e8f24",  # type: ignore[dict-item]
            },
            root_volume=RootVolume("/dev/xvda", 80),
        ),
    )


def test_a_created_group_has_what_is_named_for_it() -> None:
    group = the_group(
        ami="ami-0d5b1c7a",
        kubernetes_version="1.32",
        root_volume={"size_gib": 60},
        key_pair="ops",
        placement_group="rack",
        cluster_security_group=False,
        security_groups=["sg-0a7b25f9d138ce604"],
        access_entry=False,
        update={"max_healthy_percent": 130, "min_healthy_percent": 90},
    )
    assert group.create is not None
    assert group.create == Created(
        subnets=group.create.subnets,
        security_groups=(SecurityGroupId("sg-0a7b25f9d138ce604"),),
        cluster_security_group=False,
        access_entry=False,
        ami="ami-0d5b1c7a",
        kubernetes_version="1.32",
        root_volume=RootVolume("/dev/xvda", 60),
        key_pair="ops",
        placement_group="rack",
    )
    assert group.max_healthy_percent == 130


@pytest.mark.parametrize(
    ("create", "expected"),
    [
        pytest.param({}, False, id="without Spot Instances"),
        pytest.param({"spot_percent": 50}, True, id="with Spot Instances"),
        pytest.param(
            {"spot_percent": 50, "capacity_rebalance": False}, False, id="as it is written"
        ),
    ],
)
def test_a_group_with_spot_instances_replaces_those_at_risk(
    create: dict[str, Any], expected: bool
) -> None:
    assert the_group(**create).capacity_rebalance is expected


@pytest.mark.parametrize(
    ("pool", "most"),
    [
        pytest.param({}, 6, id="by itself as many as the group may have"),
        pytest.param({"min_size": 2}, 8, id="a pool that is there beside a full group"),
        pytest.param(
            {"min_size": 2, "max_prepared": 7}, 8, id="a full group beside what is prepared"
        ),
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
