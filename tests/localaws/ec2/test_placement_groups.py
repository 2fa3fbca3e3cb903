"""Placement groups over the API."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.localaws.ec2.conftest import Lab, Refused


def shown(lab: Lab, **request: object) -> list[str]:
    """Return the names that DescribePlacementGroups shows."""
    answer = lab.ec2.describe_placement_groups(**request)
    return [each["GroupName"] for each in answer["PlacementGroups"]]


def test_a_placement_group_is_shown_as_it_was_made(lab: Lab) -> None:
    made = lab.ec2.create_placement_group(
        GroupName="rack",
        Strategy="spread",
        TagSpecifications=[
            {"ResourceType": "placement-group", "Tags": [{"Key": "use", "Value": "multus"}]}
        ],
    )["PlacementGroup"]
    assert (made["GroupName"], made["State"], made["Strategy"]) == ("rack", "available", "spread")
    assert lab.ec2.describe_placement_groups(GroupNames=["rack"])["PlacementGroups"] == [made]


def test_placement_groups_can_be_filtered(lab: Lab) -> None:
    for name, strategy in (("near", "cluster"), ("far", "spread")):
        lab.ec2.create_placement_group(GroupName=name, Strategy=strategy)
    assert shown(lab) == ["near", "far"]
    for filter_name, value, expected in (
        ("group-name", "n*", ["near"]),
        ("strategy", "spread", ["far"]),
        ("state", "available", ["near", "far"]),
        ("state", "deleted", []),
    ):
        assert shown(lab, Filters=[{"Name": filter_name, "Values": [value]}]) == expected


def test_an_unknown_name_fails_the_call_and_a_known_one_is_taken(
    lab: Lab, refused: Refused
) -> None:
    with refused("InvalidPlacementGroup.Unknown"):
        shown(lab, GroupNames=["rack"])
    lab.ec2.create_placement_group(GroupName="rack", Strategy="cluster")
    with refused("InvalidPlacementGroup.Duplicate"):
        lab.ec2.create_placement_group(GroupName="rack", Strategy="cluster")
