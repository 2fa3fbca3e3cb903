"""The cluster of created groups: whether it is looked up, and what is made of EKS's answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import authoring
from authoring.cluster import facts, written
from domain.errors import ConfigInvalid
from tests.authoring.conftest import CREATED

if TYPE_CHECKING:
    from collections.abc import Callable

    from authoring.models import Authored

DESCRIBED: dict[str, Any] = {
    "name": "lab",
    "version": "1.34",
    "endpoint": "https://EXAMPLE.gr7.us-east-1.eks.amazonaws.com",
    "status": "ACTIVE",
    "resourcesVpcConfig": {"vpcId": "vpc-0000000c", "clusterSecurityGroupId": "sg-0000000c"},
    "kubernetesNetworkConfig": {"serviceIpv4Cidr": "172.20.0.0/16", "ipFamily": "ipv4"},
    "certificateAuthority": {"data": "ZXhhbXBsZQ=="},
    "accessConfig": {"authenticationMode": "API_AND_CONFIG_MAP"},
}
"""The parts of DescribeCluster's answer that are read (EKS API reference, Cluster)."""
WRITTEN = {
    "endpoint": DESCRIBED["endpoint"],
    "certificate_authority": "ZXhhbXBsZQ==",
    "service_cidr": "172.20.0.0/16",
    "security_group": "sg-0000000c",
    "vpc": "vpc-0000000c",
    "version": "1.34",
}


@pytest.fixture
def created(edited: Callable[..., str]) -> Authored:
    """The right configuration with its group created."""
    return authoring.parse(edited(CREATED))


def refused(authored: Authored, described: dict[str, Any] | None) -> list[str]:
    """Return what is said of such an answer."""
    with pytest.raises(ConfigInvalid) as error:
        authoring.with_cluster(authored, described)
    return [str(problem) for problem in error.value.problems]


def test_only_a_created_group_needs_its_cluster_and_only_unless_it_is_written(
    edited: Callable[..., str], created: Authored
) -> None:
    assert authoring.sought_cluster(authoring.parse(edited())) is None
    assert authoring.sought_cluster(created) == "lab"
    told = authoring.parse(edited({**CREATED, ("cluster",): WRITTEN}))
    assert authoring.sought_cluster(told) is None


def test_what_eks_says_is_what_a_person_would_have_written(
    edited: Callable[..., str], created: Authored
) -> None:
    told = authoring.parse(edited({**CREATED, ("cluster",): WRITTEN}))
    assert authoring.with_cluster(created, DESCRIBED) == told


def test_an_ipv6_cluster_has_its_ipv6_range(edited: Callable[..., str]) -> None:
    created = authoring.parse(
        edited({**CREATED, ("node_groups", 0, "node"): {"reduce_max_pods": False}})
    )
    network = {"serviceIpv6Cidr": "fd30:1c53:5f8a::/108", "ipFamily": "ipv6"}
    found = authoring.with_cluster(created, {**DESCRIBED, "kubernetesNetworkConfig": network})
    assert found.cluster is not None
    assert (found.cluster.service_cidr, found.cluster.is_ipv6) == ("fd30:1c53:5f8a::/108", True)


def test_a_cluster_that_is_not_there_is_said_so(created: Authored) -> None:
    assert refused(created, None) == [
        "cluster_name: is no EKS cluster in this account and Region (got 'lab'). "
        "`aws eks list-clusters` shows those that there are; or write `cluster:`."
    ]


def test_a_cluster_that_is_not_ready_and_takes_no_access_entries_is_said_both(
    created: Authored,
) -> None:
    creating = {
        key: value
        for key, value in DESCRIBED.items()
        if key not in ("endpoint", "certificateAuthority")
    }
    mode = {"authenticationMode": "CONFIG_MAP"}
    assert refused(created, {**creating, "status": "CREATING", "accessConfig": mode}) == [
        "node_groups[0].create.access_entry: is not for a cluster whose authentication mode is CONFIG_MAP (got True). "
        "Change the mode to API_AND_CONFIG_MAP; or write `access_entry: false` and add the nodes' role to aws-auth.",
        "cluster_name: is CREATING and does not say its certificate_authority, endpoint as a node needs it (got 'lab'). "
        "Wait until it is ACTIVE, or write `cluster:`.",
    ]


def test_a_created_group_is_resolved_by_the_name_that_it_will_have(created: Authored) -> None:
    assert authoring.adopted(created, {}) == created
    assert (
        authoring.resolve(created).node_groups[0].auto_scaling_group
        == "MultusEni-lab-Nodes-workers"
    )
    (node,) = authoring.resolve_nodes(created).node_groups
    assert node.auto_scaling_group == "MultusEni-lab-Nodes-workers"


def test_what_is_written_of_the_cluster_is_told_by_key(
    edited: Callable[..., str], created: Authored
) -> None:
    assert written(created) == {}
    assert written(authoring.parse(edited({**CREATED, ("cluster",): WRITTEN}))) == WRITTEN


def test_a_cluster_says_its_facts_by_the_same_keys() -> None:
    assert facts(DESCRIBED) == WRITTEN
    assert facts({"version": "1.34"}) == {**dict.fromkeys(WRITTEN), "version": "1.34"}
