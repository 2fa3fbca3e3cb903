"""What the account does not show: said once, with the right that is missing, and never taken for fine."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from domain.config import SubnetSelector
from domain.preflight import created
from domain.preflight.examination import NOT_SHOWN
from domain.preflight.findings import Severity
from domain.preflight.observed import Unseen

if TYPE_CHECKING:
    from tests.fakes.scene import Scene

SILENT = {
    ("groups", "autoscaling:DescribeAutoScalingGroups"): {
        "group-missing",
        "cluster-vpc",
        "zone-uncovered",
        "subnet-shared",
        "subnet-too-small",
        "instance-type-unknown",
        "zone-without-type",
        "too-many-hooks",
        "served-by-another-stack",
        "nodes-without-interfaces",
        *(rule.code for rule in created.RULES),
    },
    ("others", "autoscaling:DescribeAutoScalingGroups"): {"created-group-left", "hooks-left"},
    ("subnets", "ec2:DescribeSubnets"): {
        "cluster-vpc",
        "subnet-missing",
        "zone-uncovered",
        "zone-wrong",
        "vpc-mismatch",
        "subnet-tagged-for-cni",
        "subnet-shared",
        "address-family",
        "pod-range-outside",
        "pod-range-unreservable",
        "pod-range-unreserved",
        "subnet-too-small",
        "zone-without-type",
        "node-subnet-wrong",
        "node-address-family",
    },
    ("reservations", "ec2:GetSubnetCidrReservations"): {
        "pod-range-unreservable",
        "pod-range-unreserved",
        "reservation-left-over",
    },
    ("takers", "ec2:DescribeNetworkInterfaces"): {"pod-range-in-use"},
    ("security_groups", "ec2:DescribeSecurityGroups"): {
        "vpc-mismatch",
        "security-group-missing",
        "node-security-groups",
    },
    ("instance_types", "ec2:DescribeInstanceTypes"): {
        "instance-type-missing",
        "interfaces-exceed-type",
        "addresses-exceed-type",
        "hardware-unsuitable",
        "cni-without-room",
        "max-pods-too-high",
    },
    ("offerings", "ec2:DescribeInstanceTypeOfferings"): {"zone-without-type"},
    ("cluster", "eks:DescribeCluster"): {
        "cluster-missing",
        "cluster-differs",
        "cluster-vpc",
        "cni-ip-family",
        "max-pods-too-low",
        "node-address-family",
        "node-security-groups",
        "access-entry",
        "kubelet-version",
    },
    ("vpc_cni", "eks:DescribeAddon"): {
        *("cni-too-old", "cni-settings", "cni-prefixes", "cni-without-role"),
    },
    ("images", "ec2:DescribeImages"): {"image-unsuitable"},
    ("key_pairs", "ec2:DescribeKeyPairs"): {"key-pair-missing"},
    ("placement_groups", "ec2:DescribePlacementGroups"): {
        *("placement-group-missing", "placement-group-zones"),
    },
    ("rules", "events:ListRules"): {"hook-answered-by-others"},
    ("held", "ec2:DescribeNetworkInterfaces"): {"nodes-without-interfaces"},
}


@pytest.mark.parametrize(("part", "action"), SILENT)
def test_rules_are_silent_about_what_was_not_shown(scene: Scene, part: str, action: str) -> None:
    scene.create()
    everything = {each.code for each in scene.findings()}
    scene.hide(part, action)
    [told] = scene.by(NOT_SHOWN)
    assert (told.severity, told.auto_scaling_group, told.subject) == (Severity.WARNING, "", action)
    assert told.remedy.startswith(f"Allow {action};")
    found = scene.findings()
    assert everything - {each.code for each in found} == SILENT[part, action]
    assert [each.code for each in found if each.severity is not Severity.FINE] == [NOT_SHOWN]


def test_a_right_that_several_parts_lack_is_told_once(scene: Scene) -> None:
    scene.hide("subnets", "ec2:Describe")
    scene.hide("security_groups", "ec2:Describe")
    assert len(scene.by(NOT_SHOWN)) == 1


@pytest.mark.parametrize(
    ("part", "action", "silent"),
    [
        ("launches", "ec2:DescribeLaunchTemplateVersions", "instance-type-unknown"),
        ("hooks", "autoscaling:DescribeLifecycleHooks", "too-many-hooks"),
    ],
)
def test_parts_of_a_group_may_be_hidden_too(
    scene: Scene, part: str, action: str, silent: str
) -> None:
    changes: dict[str, object] = {part: Unseen(action, "AccessDenied")}
    scene.group = dataclasses.replace(scene.group, **changes)  # type: ignore[arg-type]  # its fields
    assert [each.subject for each in scene.by(NOT_SHOWN)] == [action]
    assert scene.by(silent) == []
    [enough] = scene.by("interfaces-exceed-type")
    assert enough.severity is Severity.FINE


def test_tags_are_looked_for_in_the_clusters_vpc_when_the_group_is_hidden(scene: Scene) -> None:
    scene.hide("groups", "autoscaling:DescribeAutoScalingGroups")
    scene.change_spec("n3", subnets=SubnetSelector(tags={"use": "n3"}))
    [(_, _, message)] = scene.troubles("subnet-missing")
    assert "no subnet of the nodes' VPC has the tags use=n3" in message
    scene.change_subnet("n3-a", tags={"use": "n3"})
    assert scene.troubles("subnet-missing") == []


def test_prefixes_are_looked_at_without_cluster_and_instance_types(
    scene: Scene,
) -> None:
    scene.hide("cluster", "eks:DescribeCluster")
    scene.turn_on("ENABLE_PREFIX_DELEGATION")
    scene.hide("instance_types", "ec2:DescribeInstanceTypes")
    [prefixes] = scene.by("prefix-delegation")
    assert prefixes.severity is Severity.FINE
