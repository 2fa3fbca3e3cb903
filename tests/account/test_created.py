"""What groups that are created name, as the account shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from account import created
from account.created import Named
from account.session import Session
from domain.preflight.observed import Image, shown
from domain.preflight.planned import Created
from tests.account.conftest import change_answers

if TYPE_CHECKING:
    from tests.account.conftest import Place

MOTO_ROOT = ("/dev/sda1", 15)
"""The root device of every image that moto registers, and its size."""
NOBODY = Created(subnets={})


def named(*groups: Created) -> Named:
    """Return what looks up what these groups name, as the preflight's caller."""
    return Named(Session(region=None, profile=None).client("ec2"), groups)


def test_nobody_is_asked_about_what_no_group_names(place: Place) -> None:
    looked = named(NOBODY)
    place.account.calls.clear()
    assert (looked.images(), looked.key_pairs(), looked.placement_groups()) == (
        {},
        frozenset(),
        {},
    )
    assert place.account.calls.all() == ()


def test_images_are_seen_and_unknown_ones_are_left_out(place: Place) -> None:
    image = place.account.client("ec2").register_image(Name="node", Architecture="arm64")["ImageId"]
    groups = [Created(subnets={}, ami=ami) for ami in (image, "ami-00000000", image)]
    assert named(*groups, NOBODY).images() == {
        image: Image(image, "arm64", "available", *MOTO_ROOT)
    }
    [call] = place.account.calls.of_action("DescribeImages")
    assert call.params["IncludeDeprecated"] is True


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        pytest.param({"BlockDeviceMappings": []}, ("/dev/xvda", None), id="no volumes"),
        pytest.param(
            {
                "BlockDeviceMappings": [
                    {"DeviceName": "/dev/sdb", "Ebs": {"VolumeSize": 500}},
                    {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 20}},
                ]
            },
            ("/dev/xvda", 20),
            id="a volume besides the root's",
        ),
        pytest.param(
            {"BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "VirtualName": "ephemeral0"}]},
            ("/dev/xvda", None),
            id="a root that is no volume",
        ),
        pytest.param(
            {"RootDeviceName": None, "BlockDeviceMappings": []}, (None, None), id="no root"
        ),
    ],
)
def test_the_root_of_an_image_is_seen(
    place: Place,
    monkeypatch: pytest.MonkeyPatch,
    told: dict[str, Any],
    expected: tuple[str | None, int | None],
) -> None:
    image = place.account.client("ec2").register_image(Name="node", Architecture="arm64")["ImageId"]

    def with_root(answer: dict[str, Any]) -> None:
        for each in answer["Images"]:
            each.update({"RootDeviceName": "/dev/xvda", **told})

    change_answers(monkeypatch, "ec2.DescribeImages", with_root)
    images = named(Created(subnets={}, ami=image)).images()
    seen = shown(images)[image]
    assert (seen.root_device, seen.root_gib) == expected


def test_key_pairs_are_seen_and_unknown_ones_are_left_out(place: Place) -> None:
    place.account.client("ec2").create_key_pair(KeyName="ops")
    groups = [Created(subnets={}, key_pair=name) for name in ("ops", "nobody")]
    assert named(*groups).key_pairs() == frozenset({"ops"})


def test_placement_groups_are_seen_and_unknown_ones_are_left_out(place: Place) -> None:
    place.account.client("ec2").create_placement_group(GroupName="rack", Strategy="spread")
    groups = [Created(subnets={}, placement_group=name) for name in ("rack", "nowhere")]
    assert named(*groups).placement_groups() == {"rack": "spread"}
    [call] = place.account.calls.of_action("DescribePlacementGroups")
    assert {"Name": "state", "Values": ["available"]} in call.params["Filters"]


def test_many_are_asked_for_in_several_calls(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(created, "FILTER_VALUES", 1)
    ec2 = place.account.client("ec2")
    for name in ("a", "b"):
        ec2.create_key_pair(KeyName=name)
    groups = [Created(subnets={}, key_pair=name) for name in ("a", "b")]
    assert named(*groups).key_pairs() == frozenset({"a", "b"})
    assert len(place.account.calls.of_action("DescribeKeyPairs")) == 2
