"""The containers that have EC2's assignment follow a pod's addresses: in which order, for whom, with which rights."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from domain.node.config import Driver, PodNetwork
from domain.pods.address_containers import service_accounts
from domain.pods.model import Ipam, Network, PodGroup
from domain.pods.samples import samples

FOLLOWED = Network(
    "n3",
    "mul0",
    9001,
    Driver.KERNEL,
    PodNetwork.IPVLAN_L2,
    ("core", "edge"),
    ipam=Ipam.WHEREABOUTS,
    follow_owner="MultusEni-prod",
)
BARE = replace(FOLLOWED, mode=PodNetwork.HOST_DEVICE, ipam=Ipam.NODE)
NETWORKS = {"an address": FOLLOWED, "no address": BARE}


def pod(network: Network) -> dict[str, Any]:
    (sample,) = samples([PodGroup("workers", (network,))]).values()
    return dict(sample.pod)


def test_an_address_is_assigned_before_anything_else_runs_and_followed_until_the_end() -> None:
    first, sidecar = pod(FOLLOWED)["spec"]["initContainers"]
    asked = ["--owner", "MultusEni-prod", "--link", "net1"]
    assert first["args"] == ["init", *asked]
    assert "restartPolicy" not in first
    assert sidecar["args"] == ["follow", *asked, "--ready-file", "/run/multus-eni/assigned"]
    assert sidecar["restartPolicy"] == "Always"


def test_a_pod_is_ready_while_its_addresses_are_assigned() -> None:
    *_, sidecar = pod(FOLLOWED)["spec"]["initContainers"]
    asked_for = sidecar["readinessProbe"]["exec"]["command"][-1]
    assert asked_for == sidecar["args"][-1]
    (state,) = (m["mountPath"] for m in sidecar["volumeMounts"] if m["name"] == "pod-addresses")
    assert asked_for.startswith(f"{state}/")


def test_a_link_without_an_address_is_followed_and_not_waited_for() -> None:
    (sidecar,) = pod(BARE)["spec"]["initContainers"]
    assert sidecar["restartPolicy"] == "Always"


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_the_containers_have_no_right_on_the_node(network: Network) -> None:
    spec = pod(network)["spec"]
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    for container in spec["initContainers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
            "runAsGroup": 65532,
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        }
        for mount in container["volumeMounts"]:
            if "hostPath" in volumes[mount["name"]]:
                assert mount["readOnly"]


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_the_application_has_no_part_in_the_rights_at_ec2(network: Network) -> None:
    made = pod(network)
    skipped = made["metadata"]["annotations"]["eks.amazonaws.com/skip-containers"].split(",")
    assert skipped == [container["name"] for container in made["spec"]["containers"]]
    assert made["spec"]["automountServiceAccountToken"] is False


def test_there_is_an_account_in_each_namespace_whose_pods_name_it() -> None:
    made = service_accounts([FOLLOWED, replace(FOLLOWED, namespaces=("core",))])
    assert made.keys() == {"core", "edge"}
    for namespace, account in made.items():
        assert account["metadata"]["namespace"] == namespace
        assert account["metadata"]["name"] == pod(FOLLOWED)["spec"]["serviceAccountName"]


def test_an_application_ends_when_it_is_told_so_that_the_sidecar_has_the_time_to_release() -> None:
    (container,) = pod(FOLLOWED)["spec"]["containers"]
    assert "trap" in container["command"][-1]


def test_nothing_of_it_is_there_where_addresses_follow_nobody() -> None:
    alone = replace(FOLLOWED, follow_owner=None)
    made = pod(alone)
    assert made["metadata"]["annotations"].keys() == {"k8s.v1.cni.cncf.io/networks"}
    assert not {"initContainers", "serviceAccountName", "volumes"} & made["spec"].keys()
    assert service_accounts([alone]) == {}
