"""What the bootstrap on a node reads, from what a person wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import authoring
from domain.node.config import (
    Driver,
    HugePages,
    NodeInterface,
    OnFailure,
    PodNetwork,
    from_json,
    to_json,
)
from tests.authoring.conftest import CREATED

if TYPE_CHECKING:
    from collections.abc import Callable

    from authoring.problems import Location
    from domain.node.config import NodeConfig

GROUP: Location = ("node_groups", 0)
FIRST: Location = (*GROUP, "interfaces", 0)


@pytest.fixture
def resolved(edited: Callable[..., str]) -> Callable[..., NodeConfig]:
    """Return the resolver of the right configuration with other values at some locations."""
    return lambda edits=None: authoring.resolve_nodes(authoring.parse(edited(edits or {})))


def test_a_group_of_which_nothing_is_said_has_kernel_links_with_addresses(
    resolved: Callable[..., NodeConfig],
) -> None:
    (group,) = resolved().node_groups
    assert group.interfaces == (
        NodeInterface(
            name="n3",
            link_name="mul0",
            network_card_index=0,
            device_index=1,
            device_index_fixed=False,
            subnet_ids=("subnet-0000000a", "subnet-0000000b"),
            security_group_ids=("sg-0000000a",),
        ),
        NodeInterface(
            name="n6",
            link_name="mul1",
            network_card_index=0,
            device_index=2,
            device_index_fixed=False,
            subnet_ids=("subnet-0000000c", "subnet-0000000d"),
            security_group_ids=("sg-0000000a",),
        ),
    )
    assert (group.ready_hook, group.on_failure, group.huge_pages) == (None, OnFailure.HOLD, ())


def test_everything_that_is_said_arrives(resolved: Callable[..., NodeConfig]) -> None:
    node = {
        "deadline_s": 60,
        "on_failure": "abandon",
        "ready_hook": True,
        "allow_unsafe_noiommu": True,
        "huge_pages": [{"size": "1Gi", "count": 4, "numa_nodes": [1]}],
        "resource_prefix": "example.com",
        "rp_filter": "off",
        "require_plugins": True,
        "reduce_max_pods": False,
        "max_pods": 40,
    }
    interface = {
        "driver": "vfio-pci",
        "pod_network": "host-device",
        "resource": "fast",
        "link": "up0",
    }
    config = resolved({(*GROUP, "node"): node, (*FIRST, "node"): interface})
    (group,) = config.node_groups
    assert group.ready_hook == "MultusEni-lab-ready"
    assert (group.deadline_s, group.on_failure) == (60, OnFailure.ABANDON)
    assert group.huge_pages == (HugePages(1048576, 4, (1,)),)
    assert (group.resource_prefix, group.rp_filter) == ("example.com", 0)
    assert (group.require_plugins, group.reduce_max_pods, group.max_pods) == (True, False, 40)
    first = group.interfaces[0]
    assert (first.driver, first.pod_network) == (Driver.VFIO_PCI, PodNetwork.HOST_DEVICE)
    assert (first.link_name, first.resource_name) == ("up0", "fast")
    assert from_json(to_json(config)) == config


def test_a_node_learns_what_the_definitions_of_its_pods_networks_name(
    resolved: Callable[..., NodeConfig],
) -> None:
    sysctls = {"net.ipv6.conf.IFNAME.accept_ra": "0", "net.ipv4.conf.IFNAME.arp_notify": "1"}
    edits = {
        (*FIRST, "node"): {"pod_network": "ipvlan-l2"},
        (*FIRST, "pod_ipam"): "static",
        (*FIRST, "pod_plugins"): {"sbr": True, "sysctls": sysctls},
    }
    config = resolved(edits)
    first, second = config.node_groups[0].interfaces
    assert (first.pod_ipam, first.pod_source_routing) == ("static", True)
    assert first.pod_sysctls == tuple(sorted(sysctls))
    assert (second.pod_ipam, second.pod_sysctls, second.pod_source_routing) == (None, (), False)
    assert from_json(to_json(config)) == config


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        ({}, True),
        ({"pod_network": "ipvlan-l2"}, False),
        ({"pod_network": "ipvlan-l3", "host_address": True}, True),
        ({"pod_network": "host-device"}, False),
        ({"driver": "igb_uio"}, False),
        ({"host_address": False}, False),
    ],
    ids=["plain", "ipvlan", "ipvlan by wish", "host-device", "DPDK", "plain by wish"],
)
def test_the_host_has_addresses_only_where_nobody_else_has_the_interface(
    resolved: Callable[..., NodeConfig], node: dict[str, Any], expected: bool
) -> None:
    (group,) = resolved({(*FIRST, "node"): node}).node_groups
    assert group.interfaces[0].host_address is expected


def test_subnets_and_security_groups_by_tag_are_not_known_to_a_node(
    resolved: Callable[..., NodeConfig],
) -> None:
    by_tag = {"tags": {"net": "n3"}}
    edits = {(*FIRST, "subnets"): by_tag, (*FIRST, "security_groups"): by_tag}
    (group,) = resolved(edits).node_groups
    assert (group.interfaces[0].subnet_ids, group.interfaces[0].security_group_ids) == ((), ())


@pytest.mark.parametrize(
    ("written", "created", "hook"),
    [
        (None, True, "MultusEni-lab-ready"),
        (False, True, None),
        (None, False, None),
        (True, False, "MultusEni-lab-ready"),
    ],
)
def test_a_created_group_has_a_ready_hook_unless_it_is_written_otherwise(
    resolved: Callable[..., NodeConfig], written: bool | None, created: bool, hook: str | None
) -> None:
    edits = {**(CREATED if created else {}), (*GROUP, "node"): {"reduce_max_pods": False}}
    if written is not None:
        edits[*GROUP, "node"]["ready_hook"] = written
    (group,) = resolved(edits).node_groups
    assert group.ready_hook == hook
