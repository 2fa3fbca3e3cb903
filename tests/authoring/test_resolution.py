"""What handlers and nodes will read of what a person wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import authoring
from domain.config import InterfaceSpec, Ipv4Mode, SecurityGroupSelector, SubnetSelector
from domain.model import SubnetId

if TYPE_CHECKING:
    from collections.abc import Callable

    from authoring.problems import Location

FIRST: Location = ("node_groups", 0, "interfaces", 0)
SECOND: Location = ("node_groups", 0, "interfaces", 1)


def _interfaces(text: str) -> tuple[InterfaceSpec, ...]:
    return authoring.resolve(authoring.parse(text)).node_groups[0].interfaces


def test_the_owner_is_the_name_of_the_stack(edited: Callable[..., str]) -> None:
    resolved = authoring.resolve(authoring.parse(edited()))
    assert (resolved.owner, resolved.cluster_name) == ("MultusEni-lab", "lab")
    assert resolved.node_groups[0].auto_scaling_group == "lab-workers"


@pytest.mark.parametrize(
    ("edits", "indexes", "fixed"),
    [
        ({}, [1, 2], [False, False]),
        ({(*FIRST, "device_index"): 2}, [2, 1], [True, False]),
        ({(*SECOND, "device_index"): 1}, [2, 1], [False, True]),
        ({(*SECOND, "network_card"): 1}, [1, 1], [False, False]),
        ({(*SECOND, "network_card"): 1, (*SECOND, "device_index"): 0}, [1, 0], [False, True]),
    ],
    ids=["order", "first fixed", "second fixed", "own count per card", "0 on another card"],
)
def test_device_indexes_are_given_out_around_the_fixed_ones(
    edited: Callable[..., str], edits: dict[Location, Any], indexes: list[int], fixed: list[bool]
) -> None:
    interfaces = _interfaces(edited(edits))
    assert [spec.device_index for spec in interfaces] == indexes
    assert [spec.device_index_fixed for spec in interfaces] == fixed


@pytest.mark.parametrize(
    ("written", "selector"),
    [
        (
            {"us-east-1a": "subnet-0000000a"},
            SubnetSelector(by_zone={"us-east-1a": SubnetId("subnet-0000000a")}),
        ),
        (["subnet-0000000a"], SubnetSelector(ids=(SubnetId("subnet-0000000a"),))),
        ({"tags": {"net": "n3"}}, SubnetSelector(tags={"net": "n3"})),
    ],
    ids=["map", "list", "tags"],
)
def test_each_form_of_subnets_is_one_selector(
    edited: Callable[..., str], written: object, selector: SubnetSelector
) -> None:
    text = edited({(*FIRST, "subnets"): written, (*SECOND, "subnets"): written})
    assert _interfaces(text)[0].subnets == selector


def test_everything_an_interface_says_arrives(edited: Callable[..., str]) -> None:
    text = edited(
        {
            ("tags",): {"team": "core", "tier": "all"},
            (*FIRST, "security_groups"): {"tags": {"net": "n3"}},
            (*FIRST, "ipv4"): "from_start",
            (*FIRST, "pod_ranges"): ["10.0.0.128/25"],
            (*FIRST, "ipv6"): {"count": 2},
            (*FIRST, "pod_pool"): {"ipv4": 8, "ipv6": 4},
            (*FIRST, "node"): {"pod_network": "ipvlan-l2"},
            (*FIRST, "source_dest_check"): False,
            (*FIRST, "tags"): {"tier": "user-plane"},
        }
    )
    spec = _interfaces(text)[0]
    assert spec.security_groups == SecurityGroupSelector(tags={"net": "n3"})
    assert (spec.ipv4, spec.pod_ranges) == (Ipv4Mode.FROM_START, ("10.0.0.128/25",))
    assert (spec.ipv6_count, spec.source_dest_check) == (2, False)
    assert (spec.ipv4_addresses, spec.ipv6_addresses) == (9, 6)
    assert spec.tags == {"team": "core", "tier": "user-plane"}


def test_handlers_read_the_pods_ranges_of_both_families(edited: Callable[..., str]) -> None:
    keys = {
        "name": "n3",
        "subnets": ["subnet-0000000a"],
        "security_groups": ["sg-0000000a"],
        "pod_ipam": "whereabouts",
        "pod_ranges": ["10.0.49.0/24", "fd00::1:0/112"],
        "node": {"pod_network": "ipvlan-l2"},
    }
    (spec,) = _interfaces(edited({("node_groups", 0, "interfaces"): [keys]}))
    assert spec.pod_ranges == ("10.0.49.0/24", "fd00::1:0/112")
    assert not spec.reserve_pod_ranges
    (spec,) = _interfaces(
        edited({("node_groups", 0, "interfaces"): [{**keys, "reserve_pod_ranges": True}]})
    )
    assert spec.reserve_pod_ranges
