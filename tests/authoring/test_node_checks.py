"""Faults in what is said of nodes: names used twice, drivers that cannot work, times that do not fit together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from authoring.problems import Location

GROUP: Location = ("node_groups", 0)
NODE: Location = (*GROUP, "node")
TYPES: Location = (*GROUP, "instance_types")
FIRST: Location = (*GROUP, "interfaces", 0, "node")
SECOND: Location = (*GROUP, "interfaces", 1, "node")

INTERFACE: Location = (*GROUP, "interfaces", 0)
POOL: Location = (*INTERFACE, "pod_pool")
IPVLAN = {"pod_network": "ipvlan-l2"}
VFIO = {"driver": "vfio-pci"}
CONSENT = {"allow_unsafe_noiommu": True}

REFUSED: dict[str, tuple[dict[Location, Any], list[tuple[str, str]]]] = {
    "one link name for two": (
        {FIRST: {"link": "mul1"}},
        [("node_groups[0].interfaces[1].node.link", "is the same as")],
    ),
    "one size of huge pages twice": (
        {NODE: {"huge_pages": [{"size": "1Gi", "count": 1}, {"size": "1Gi", "count": 2}]}},
        [("node_groups[0].node.huge_pages[1].size", "is on the same NUMA nodes as")],
    ),
    "one NUMA node twice": (
        {NODE: {"huge_pages": [{"size": "2Mi", "count": 1, "numa_nodes": [0, 0]}]}},
        [("node_groups[0].node.huge_pages[0].numa_nodes", "is in the list twice")],
    ),
    "an unknown size": (
        {NODE: {"huge_pages": [{"size": "4Mi", "count": 1}]}},
        [("node_groups[0].node.huge_pages[0].size", "must be")],
    ),
    "abandon without a hook": (
        {NODE: {"on_failure": "abandon"}},
        [("node_groups[0].node.on_failure", "needs a launch hook")],
    ),
    "no time to get ready": (
        {NODE: {"ready_hook": True, "deadline_s": 800, "ready_timeout_s": 900}},
        [("node_groups[0].node.ready_timeout_s", "leaves a node less than 120 s")],
    ),
    "ready before there are interfaces": (
        {("hook",): {"heartbeat_timeout_s": 1200}, NODE: {"ready_hook": True}},
        [("node_groups[0].node.ready_timeout_s", "is shorter than hook.heartbeat_timeout_s")],
    ),
    "no IOMMU and no consent": (
        {TYPES: ["m5.2xlarge"], FIRST: VFIO},
        [("node_groups[0].interfaces[0].node.driver", "needs an IOMMU, and m5.2xlarge has none")],
    ),
    "consent that nobody needs": (
        {NODE: CONSENT},
        [("node_groups[0].node.allow_unsafe_noiommu", "has no effect")],
    ),
    "a uio driver on metal": (
        {TYPES: ["m5.metal"], FIRST: {"driver": "uio_pci_generic"}},
        [("node_groups[0].interfaces[0].node.driver", "does not work for the ENA of m5.metal")],
    ),
    "DPDK on a type without ENA": (
        {TYPES: ["m4.4xlarge"], NODE: CONSENT, FIRST: VFIO},
        [("node_groups[0].interfaces[0].node.driver", "is for the ENA, and m4.4xlarge has none")],
    ),
    "packets too small for IPv6": (
        {(*GROUP, "interfaces", 0, "ipv6"): {"count": 1}, FIRST: {"mtu": 1279}},
        [("node_groups[0].interfaces[0].node.mtu", "is less than the 1280")],
    ),
    "packets too small for a pool of IPv6": (
        {POOL: {"ipv6": 4}, FIRST: IPVLAN | {"mtu": 1279}},
        [("node_groups[0].interfaces[0].node.mtu", "is less than the 1280")],
    ),
    **{
        f"packets too small for IPv6 of {what}": (
            {
                **{(*GROUP, "interfaces", 0, key): value for key, value in keys.items()},
                FIRST: IPVLAN | {"mtu": 1279},
            },
            [("node_groups[0].interfaces[0].node.mtu", "is less than the 1280")],
        )
        for what, keys in {
            "whereabouts": {
                "subnets": ["subnet-0000000a"],
                "pod_ipam": "whereabouts",
                "pod_ranges": ["2001:db8::1:0/112"],
            },
            "a subnet": {"pod_ipam": "static", "pod_subnets": ["2001:db8::/64"]},
            "a destination": {"pod_ipam": "static", "pod_routes": ["2001:db8:1::/48"]},
        }.items()
    },
    "ipvlan without a link": (
        {NODE: CONSENT, FIRST: VFIO | {"pod_network": "ipvlan-l2"}},
        [("node_groups[0].interfaces[0].node.pod_network", "needs a link as its master")],
    ),
    "addresses without a link": (
        {NODE: CONSENT, FIRST: VFIO | {"host_address": True}},
        [("node_groups[0].interfaces[0].node.host_address", "is for a link")],
    ),
    "a device plugin's pool of a link that pods share": (
        {FIRST: {"pod_network": "ipvlan-l3", "resource": "n3"}},
        [("node_groups[0].interfaces[0].node.resource", "is for a device that one pod has")],
    ),
    "addresses on a link that a pod takes": (
        {FIRST: {"pod_network": "host-device", "host_address": True}},
        [("node_groups[0].interfaces[0].node.host_address", "is for a link that stays")],
    ),
    "write combining for the kernel": (
        {FIRST: {"write_combining": "required"}},
        [("node_groups[0].interfaces[0].node.write_combining", "has no effect")],
    ),
    "macvlan": (
        {FIRST: {"pod_network": "macvlan"}},
        [("node_groups[0].interfaces[0].node.pod_network", "macvlan")],
    ),
    "a link called as the kernel calls its own": (
        {FIRST: {"link": "eth1"}},
        [("node_groups[0].interfaces[0].node.link", "")],
    ),
    "a link's name that is too long": (
        {FIRST: {"link": "signalling-links"}},
        [("node_groups[0].interfaces[0].node.link", "")],
    ),
    "a pool of pods that cannot get there": (
        {POOL: {"ipv4": 4}},
        [("node_groups[0].interfaces[0].pod_pool", "no pod network leads to the interface")],
    ),
    "routes of pods that cannot get there": (
        {(*INTERFACE, "pod_routes"): ["10.9.0.0/16"]},
        [("node_groups[0].interfaces[0].pod_routes", "no pod network leads to the interface")],
    ),
    "a pool without an address": (
        {FIRST: IPVLAN, POOL: {}},
        [("node_groups[0].interfaces[0].pod_pool", "asks for no address")],
    ),
    "IPv4 for pods of an interface without": (
        {
            FIRST: IPVLAN,
            POOL: {"ipv4": 4},
            (*INTERFACE, "ipv4"): "none",
            (*INTERFACE, "ipv6"): {"count": 1},
        },
        [("node_groups[0].interfaces[0].pod_pool.ipv4", "the interface says `ipv4: none`")],
    ),
    "an unknown driver, and everything else all the same": (
        {FIRST: {"driver": "vfio"}, SECOND: {"mtu": 9217}, NODE: {"deadline_s": 10}},
        [
            ("node_groups[0].interfaces[0].node.driver", "must be"),
            ("node_groups[0].interfaces[1].node.mtu", ""),
            ("node_groups[0].node.deadline_s", ""),
        ],
    ),
}


@pytest.mark.parametrize(("edits", "expected"), REFUSED.values(), ids=REFUSED)
def test_a_fault_is_said_with_its_place_and_a_remedy(
    said: Callable[..., list[str]],
    edits: dict[Location, Any],
    expected: list[tuple[str, str]],
) -> None:
    lines = sorted(said(edits))
    assert len(lines) == len(expected), lines
    for line, (path, what) in zip(lines, sorted(expected), strict=True):
        assert line.startswith(f"{path}: "), line
        assert what in line
        assert line.partition("(got ")[2].partition(")")[2].strip(". "), "no remedy"


ACCEPTED: dict[str, dict[Location, Any]] = {
    "a pool of both families, with routes": {
        FIRST: IPVLAN,
        POOL: {"ipv4": 4, "ipv6": 8},
        (*INTERFACE, "pod_routes"): ["10.9.0.0/16", "2001:db8::/32"],
    },
    "small packets of IPv4": {FIRST: IPVLAN | {"mtu": 1279}, (*INTERFACE, "pod_ipam"): "static"},
    "DPDK with consent": {TYPES: ["m5.2xlarge"], NODE: CONSENT, FIRST: VFIO},
    "DPDK behind an IOMMU": {TYPES: ["m5.metal"], FIRST: VFIO},
    "pages of one size on different NUMA nodes": {
        NODE: {
            "huge_pages": [
                {"size": "1Gi", "count": 1, "numa_nodes": [0]},
                {"size": "1Gi", "count": 2, "numa_nodes": [1]},
            ]
        }
    },
    "abandon with a hook": {NODE: {"on_failure": "abandon", "ready_hook": True}},
}


@pytest.mark.parametrize("edits", ACCEPTED.values(), ids=ACCEPTED)
def test_what_works_is_accepted(said: Callable[..., list[str]], edits: dict[Location, Any]) -> None:
    assert said(edits) == []
