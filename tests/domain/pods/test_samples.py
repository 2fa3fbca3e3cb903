"""Sample pods: on which nodes, with which addresses, and with no more rights than the device takes."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from domain.node.config import Driver, PodNetwork
from domain.pods.model import Ipam, Network, PodGroup, Taint
from domain.pods.samples import Sample, samples
from tests.domain.pods.cni import NETWORK_NAME

IPVLAN = Network("n3", "mul0", 9001, Driver.KERNEL, PodNetwork.IPVLAN_L2, ("core", "edge"))
DEVICE = replace(IPVLAN, mode=PodNetwork.HOST_DEVICE)
DPDK = replace(DEVICE, driver=Driver.VFIO_PCI, resource="multus-eni.io/n3")
GROUP = PodGroup("workers", (), huge_pages={"1Gi": "4Gi"})
UNTRUSTED = replace(GROUP, no_iommu=True)


def sample(network: Network, group: PodGroup = GROUP) -> Sample:
    """Return the pod for one network of a group."""
    (made,) = samples([replace(group, networks=(network,))]).values()
    return made


def container(network: Network, group: PodGroup = GROUP) -> dict[str, Any]:
    """Return its only container."""
    (made,) = sample(network, group).pod["spec"]["containers"]
    return dict(made)


RIGHTS: dict[str, tuple[Network, PodGroup, list[str] | None]] = {
    "ipvlan": (IPVLAN, GROUP, []),
    "a link without an address": (DEVICE, GROUP, ["NET_ADMIN"]),
    "a link with addresses of a pool": (replace(DEVICE, has_pool=True), GROUP, []),
    "a link with addresses of whereabouts": (
        replace(DEVICE, resource="multus-eni.io/n3", ipam=Ipam.WHEREABOUTS),
        GROUP,
        [],
    ),
    "vfio behind an IOMMU": (DPDK, GROUP, ["IPC_LOCK"]),
    "vfio without": (DPDK, UNTRUSTED, ["DAC_READ_SEARCH", "IPC_LOCK", "SYS_ADMIN", "SYS_RAWIO"]),
    "igb_uio": (
        replace(DPDK, driver=Driver.IGB_UIO),
        GROUP,
        ["DAC_READ_SEARCH", "IPC_LOCK", "SYS_ADMIN"],
    ),
    "uio_pci_generic": (replace(DPDK, driver=Driver.UIO_PCI_GENERIC), GROUP, None),
    "a device of no pool": (replace(DPDK, resource=None), GROUP, None),
}


@pytest.mark.parametrize(("network", "group", "expected"), RIGHTS.values(), ids=RIGHTS)
def test_a_container_has_the_rights_that_its_device_takes(
    network: Network, group: PodGroup, expected: list[str] | None
) -> None:
    made = sample(network, group)
    security = container(network, group)["securityContext"]
    assert security.get("privileged", False) is (expected is None)
    if expected is None:
        assert any(note.startswith("Privileged, as") for note in made.notes)
        return
    assert security["capabilities"]["drop"] == ["ALL"]
    assert security["capabilities"].get("add", []) == expected
    # The API server refuses allowPrivilegeEscalation: false beside CAP_SYS_ADMIN.
    assert ("allowPrivilegeEscalation" in security) is ("SYS_ADMIN" not in expected)
    assert bool(made.notes) or expected in ([], ["IPC_LOCK"])


ASKED = {
    "from a pool": (replace(IPVLAN, has_pool=True), False),
    "by whereabouts": (replace(IPVLAN, ipam=Ipam.WHEREABOUTS), False),
    "by nobody": (IPVLAN, True),
    "static": (replace(DPDK, ipam=Ipam.STATIC), True),
    "a whole device": (DEVICE, False),
}


@pytest.mark.parametrize(("network", "brings"), ASKED.values(), ids=ASKED)
def test_a_pod_brings_addresses_where_nobody_gives_them(network: Network, *, brings: bool) -> None:
    asked = sample(network).pod["metadata"]["annotations"]["k8s.v1.cni.cncf.io/networks"]
    if brings:
        (asked,) = [each["name"] for each in json.loads(asked) if each["ips"]]
    assert asked == "multus-eni-n3"
    assert NETWORK_NAME.fullmatch(asked)


LENGTHS: dict[str, tuple[dict[int, int], list[str]]] = {
    "of no subnet that is written": ({}, ["192.0.2.10/24", "2001:db8::10/64"]),
    "of the subnets": ({4: 22, 6: 80}, ["192.0.2.10/22", "2001:db8::10/80"]),
    "of one family's subnet": ({4: 20}, ["192.0.2.10/20", "2001:db8::10/64"]),
}


@pytest.mark.parametrize(("lengths", "expected"), LENGTHS.values(), ids=LENGTHS)
@pytest.mark.parametrize("owner", [None, "MultusEni-lab"])
def test_a_pods_own_address_has_its_subnets_prefix_length(
    lengths: dict[int, int], expected: list[str], owner: str | None
) -> None:
    network = replace(
        IPVLAN,
        ipam=Ipam.STATIC,
        address_families=(4, 6),
        prefix_lengths=lengths,
        follow_owner=owner,
    )
    made = sample(network)
    (asked,) = json.loads(made.pod["metadata"]["annotations"]["k8s.v1.cni.cncf.io/networks"])
    assert asked["ips"] == expected
    notes = [note for note in made.notes if "prefix length" in note]
    assert [note.split()[0] for note in notes] == expected


def test_a_pod_is_where_its_network_is() -> None:
    taints = (Taint("dpdk", "true", "NoSchedule"), Taint("core", "", "NoExecute"))
    pod = sample(IPVLAN, replace(GROUP, taints=taints)).pod
    assert pod["metadata"]["namespace"] == "core"
    assert pod["spec"]["nodeSelector"] == {"multus-eni.io/node-group": "workers"}
    assert pod["spec"]["tolerations"] == [
        {"key": "dpdk", "operator": "Equal", "value": "true", "effect": "NoSchedule"},
        {"key": "core", "operator": "Exists", "effect": "NoExecute"},
    ]


@pytest.mark.parametrize("pages", [{}, {"1Gi": "4Gi"}, {"2Mi": "1024Mi", "1Gi": "2Gi"}], ids=str)
def test_dpdk_has_the_groups_huge_pages(pages: dict[str, str]) -> None:
    group = replace(GROUP, huge_pages=pages)
    made, spec = container(DPDK, group), sample(DPDK, group).pod["spec"]
    limits = made["resources"]["limits"]
    assert {key: value for key, value in limits.items() if key.startswith("hugepages")} == {
        f"hugepages-{size}": amount for size, amount in pages.items()
    }
    # Kubernetes wants memory or CPU beside huge pages ("Manage HugePages").
    assert {"cpu", "memory", "multus-eni.io/n3"} <= limits.keys()
    media = [volume["emptyDir"]["medium"] for volume in spec.get("volumes", ())]
    assert media == [f"HugePages-{size}" for size in pages]
    mounts = [each["mountPath"] for each in made.get("volumeMounts", ())]
    assert len(set(mounts)) == len(pages)
    assert all(re.fullmatch(r"[a-z0-9-]+", each["name"]) for each in spec.get("volumes", ()))


def test_a_device_of_a_pool_is_asked_for_once() -> None:
    kernel = replace(DEVICE, resource="multus-eni.io/n3")
    assert container(kernel)["resources"]["limits"] == {"multus-eni.io/n3": 1}
    assert "resources" not in container(IPVLAN)


def test_igb_uio_writes_below_sys() -> None:
    made = container(replace(DPDK, driver=Driver.IGB_UIO))
    assert {"name": "sys", "mountPath": "/sys"} in made["volumeMounts"]
