"""Faults between a created group and its cluster: the same ones where the cluster is written and where it is looked up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import authoring
from domain.errors import ConfigInvalid, Problem
from tests.authoring.conftest import CLUSTER, CREATED, GROUP, create

if TYPE_CHECKING:
    from collections.abc import Callable

    from authoring.problems import Location

FIFTEEN = [f"sg-{number:08x}" for number in range(0x10, 0x1F)]
REFUSED: dict[str, tuple[dict[Location, Any], list[str]]] = {
    "max-pods reduced in an IPv6 cluster": (
        CREATED,
        [
            "node_groups[0].node.reduce_max_pods: takes places for pods away that Multus does not need in an IPv6 cluster "
            "(got True). Write `reduce_max_pods: false`, or `max_pods`: there the VPC CNI uses the primary interface alone."
        ],
    ),
    "a kubelet newer than the API server": (
        {
            **create(kubernetes_version="1.34"),
            (*GROUP, "node"): {"reduce_max_pods": False},
        },
        [
            "node_groups[0].create.kubernetes_version: is newer than the cluster, which is 1.33 (got '1.34'). Update the cluster "
            "first; nodes follow."
        ],
    ),
    "a kubelet too old": (
        {
            **create(kubernetes_version="1.29"),
            (*GROUP, "node"): {"reduce_max_pods": False},
        },
        [
            "node_groups[0].create.kubernetes_version: is 4 minor versions older than the cluster, which is 1.33 (got '1.29'). "
            "Write a version that is at most 3 older."
        ],
    ),
    "a security group too many": (
        {
            **create(security_groups=[*FIFTEEN, "sg-0000000d"]),
            (*GROUP, "node"): {"reduce_max_pods": False},
        },
        [
            "node_groups[0].create.security_groups: are, with the one that each node has anyway, more than 16 security groups "
            "(got 17). Put the rules into fewer: a network interface takes 5, and with its quota raised at most 16."
        ],
    ),
}


def described(service_cidr: str) -> dict[str, Any]:
    """Return DescribeCluster's answer for the cluster."""
    family = "ipv6" if ":" in service_cidr else "ipv4"
    return {
        "endpoint": CLUSTER["endpoint"],
        "certificateAuthority": {"data": CLUSTER["certificate_authority"]},
        "kubernetesNetworkConfig": {
            "ipFamily": family,
            f"service{family.capitalize()}Cidr": service_cidr,
        },
        "resourcesVpcConfig": {
            "clusterSecurityGroupId": CLUSTER["security_group"],
            "vpcId": CLUSTER["vpc"],
        },
        "version": CLUSTER["version"],
    }


@pytest.mark.parametrize(("edits", "messages"), REFUSED.values(), ids=REFUSED)
def test_a_fault_is_refused_where_the_cluster_is_written(
    said: Callable[..., list[str]], edits: dict[Location, Any], messages: list[str]
) -> None:
    assert said({**edits, ("cluster",): CLUSTER}) == messages


@pytest.mark.parametrize(("edits", "messages"), REFUSED.values(), ids=REFUSED)
def test_a_fault_is_refused_where_the_cluster_is_looked_up(
    edited: Callable[..., str], edits: dict[Location, Any], messages: list[str]
) -> None:
    authored = authoring.parse(edited(edits))
    with pytest.raises(ConfigInvalid) as refused:
        authoring.with_cluster(authored, described(CLUSTER["service_cidr"]))
    assert [Problem.__str__(problem) for problem in refused.value.problems] == messages


@pytest.mark.parametrize(
    ("edits", "service_cidr"),
    [
        pytest.param(CREATED, "10.100.0.0/16", id="an IPv4 cluster"),
        pytest.param(
            create(kubernetes_version="1.30"),
            "10.100.0.0/16",
            id="the oldest kubelet that it takes",
        ),
        pytest.param(
            create(kubernetes_version="1.29", ami="ami-0123456789abcdef0"),
            "10.100.0.0/16",
            id="an image that is named",
        ),
        pytest.param(
            {**CREATED, (*GROUP, "node"): {"reduce_max_pods": False}},
            CLUSTER["service_cidr"],
            id="an IPv6 cluster",
        ),
        pytest.param(
            {**CREATED, (*GROUP, "node"): {"max_pods": 110}},
            CLUSTER["service_cidr"],
            id="max-pods of its own in an IPv6 cluster",
        ),
        pytest.param(
            create(security_groups=FIFTEEN), "10.100.0.0/16", id="fifteen besides the cluster's"
        ),
        pytest.param(
            create(security_groups=[*FIFTEEN, CLUSTER["security_group"]]),
            "10.100.0.0/16",
            id="the cluster's among sixteen",
        ),
        pytest.param(
            create(security_groups=FIFTEEN, cluster_security_group=False),
            "10.100.0.0/16",
            id="fifteen besides the group's own",
        ),
    ],
)
def test_what_goes_together_is_taken_either_way(
    said: Callable[..., list[str]],
    edited: Callable[..., str],
    edits: dict[Location, Any],
    service_cidr: str,
) -> None:
    assert said({**edits, ("cluster",): {**CLUSTER, "service_cidr": service_cidr}}) == []
    found = authoring.with_cluster(authoring.parse(edited(edits)), described(service_cidr))
    assert found.cluster is not None


def test_a_group_with_rules_of_its_own_has_room_for_fifteen_more_whatever_the_cluster_is(
    said: Callable[..., list[str]],
) -> None:
    groups = [*FIFTEEN, CLUSTER["security_group"]]
    (problem,) = said(create(security_groups=groups, cluster_security_group=False))
    assert problem.startswith("node_groups[0].create.security_groups: are, with the one that")
