"""The Auto Scaling groups behind managed node groups and tags: asked of the account, and what is said when it cannot be asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import NoCredentialsError
from moto import mock_aws

from account.groups import look_up
from account.session import Session
from authoring.adoption import ManagedNodeGroup, TaggedGroups
from domain.errors import ConfigInvalid
from tests.account.conftest import REGION, change_answers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botocore.stub import Stubber

SESSION = Session(region=REGION, profile=None)
MANAGED = ManagedNodeGroup("lab", "workers")
ASKED = {"clusterName": "lab", "nodegroupName": "workers"}


def tagged(**tags: str) -> TaggedGroups:
    """Return groups with such tags."""
    return TaggedGroups(tuple(sorted(tags.items())))


@pytest.fixture
def groups(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make four Auto Scaling groups, three of them with tags."""
    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(key, "testing")
    with mock_aws():
        client = boto3.client("autoscaling", region_name=REGION)
        client.create_launch_configuration(
            LaunchConfigurationName="any", ImageId="ami-12c6146b", InstanceType="m5.large"
        )
        for name, tags in {
            "a": {"multus": "n3", "team": "core"},
            "b": {"multus": "n3", "team": "core"},
            "c": {"multus": "n3"},
            "d": {},
        }.items():
            client.create_auto_scaling_group(
                AutoScalingGroupName=name,
                LaunchConfigurationName="any",
                MinSize=0,
                MaxSize=1,
                AvailabilityZones=["us-east-1a"],
                Tags=[
                    {"Key": key, "Value": value, "PropagateAtLaunch": False, "ResourceId": name}
                    for key, value in tags.items()
                ],
            )
        yield


@pytest.mark.usefixtures("groups")
def test_groups_must_carry_all_of_the_tags() -> None:
    both, one, none = (
        tagged(multus="n3", team="core"),
        tagged(multus="n3"),
        tagged(multus="n3", team="edge"),
    )
    found = look_up([both, one, none], SESSION)
    assert {each: sorted(names) for each, names in found.items()} == {
        both: ["a", "b"],
        one: ["a", "b", "c"],
        none: [],
    }


@pytest.mark.usefixtures("groups")
def test_a_group_that_is_being_deleted_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def deleting(answer: dict[str, Any]) -> None:
        for group in answer["AutoScalingGroups"]:
            if group["AutoScalingGroupName"] == "b":
                group["Status"] = "Delete in progress"

    change_answers(monkeypatch, "auto-scaling.DescribeAutoScalingGroups", deleting)
    found = look_up([tagged(multus="n3")], SESSION)
    assert sorted(found[tagged(multus="n3")]) == ["a", "c"]


def test_eks_is_asked_for_a_managed_node_groups_auto_scaling_group(eks: Stubber) -> None:
    resources = {"autoScalingGroups": [{"name": "eks-workers-1ac4"}]}
    eks.add_response("describe_nodegroup", {"nodegroup": {"resources": resources}}, ASKED)
    assert look_up([MANAGED], SESSION) == {MANAGED: ["eks-workers-1ac4"]}


def test_a_managed_node_group_that_is_not_made_yet_has_none(eks: Stubber) -> None:
    eks.add_response("describe_nodegroup", {"nodegroup": {"status": "CREATING"}}, ASKED)
    assert look_up([MANAGED], SESSION) == {MANAGED: []}


def test_a_managed_node_group_that_does_not_exist_is_not_found(eks: Stubber) -> None:
    eks.add_client_error("describe_nodegroup", "ResourceNotFoundException")
    assert look_up([MANAGED], SESSION) == {MANAGED: ()}


def test_a_look_up_that_is_denied_is_told_with_the_right_that_it_takes(eks: Stubber) -> None:
    eks.add_client_error("describe_nodegroup", "AccessDeniedException", "not authorized")
    with pytest.raises(ConfigInvalid) as refused:
        look_up([MANAGED], SESSION)
    assert str(refused.value) == (
        "node_groups: cannot be looked up: An error occurred (AccessDeniedException) when calling the DescribeNodegroup operation: "
        "not authorized (got 'managed node group workers of cluster lab'). Use credentials that may call "
        "eks:DescribeNodegroup, or write auto_scaling_group."
    )


def test_without_credentials_every_look_up_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_client(*_: object, **__: object) -> None:
        raise NoCredentialsError

    monkeypatch.setattr(boto3.session.Session, "client", no_client)
    with pytest.raises(ConfigInvalid) as refused:
        look_up([MANAGED, tagged(multus="n3")], SESSION)
    assert [problem.value for problem in refused.value.problems] == [
        "managed node group workers of cluster lab",
        "Auto Scaling groups with the tags multus=n3",
    ]
    assert "Unable to locate credentials" in str(refused.value)
