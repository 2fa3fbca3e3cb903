"""Where an address can follow its pod, where not and why, and what is told of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import authoring
from authoring.pod_warnings import warnings
from tests.authoring.conftest import assert_told, create

if TYPE_CHECKING:
    from collections.abc import Callable

    from authoring.problems import Location

GROUP: Location = ("node_groups", 0)
FIRST: Location = (*GROUP, "interfaces", 0)
N3 = "node_groups[0].interfaces[0]"
ONE_ZONE: dict[Location, Any] = {
    (*GROUP, "interfaces", 1, "subnets"): {"us-east-1a": "subnet-0000000c"}
}
SUBNETS, RANGE = ["10.0.48.0/22"], ["10.0.49.0/24"]
DUAL: dict[str, Any] = {
    "pod_subnets": [*SUBNETS, "fd00::/64"],
    "pod_ranges": [*RANGE, "fd00::1:0/112"],
}


def followed(**keys: object) -> dict[Location, Any]:
    """Return edits that have the addresses of ipvlan pods followed, with further keys of the interface."""
    given = {
        "subnets": {"us-east-1a": "subnet-0000000a"},
        "node": {"pod_network": "ipvlan-l2"},
        "pod_follow": True,
        **keys,
    }
    return {(*FIRST, key): value for key, value in given.items()}


def whereabouts(**keys: object) -> dict[Location, Any]:
    return followed(
        **{"pod_ipam": "whereabouts", "pod_subnets": SUBNETS, "pod_ranges": RANGE, **keys}
    )


def types(*names: str) -> dict[Location, Any]:
    return {(*GROUP, "instance_types"): list(names)}


L3 = {"pod_network": "ipvlan-l3"}
REFUSED: dict[str, tuple[dict[Location, Any], list[tuple[str, str]]]] = {
    "no network": (
        followed(node={}),
        [(f"{N3}.pod_follow", "no pod network leads to the interface")],
    ),
    "a pool of an interface of one name": (
        {
            **followed(),
            ("node_groups", 1): {
                "name": "others",
                "auto_scaling_group": "lab-others",
                "interfaces": [
                    {
                        "name": "n3",
                        "subnets": {"us-east-1a": "subnet-0000000a"},
                        "security_groups": ["sg-0000000a"],
                        "pod_pool": {"ipv4": 4},
                        "node": {"pod_network": "ipvlan-l2"},
                    }
                ],
            },
        },
        [(f"{N3}.name", "is the name of node_groups[1].interfaces[0] too, whose pool the pods")],
    ),
    "IPv6 of a whole device": (
        followed(ipv6={"count": 1}, node={"pod_network": "host-device"}),
        [(f"{N3}.ipv6", "gives the ENI addresses that a pod which sets them would have released")],
    ),
    "a pool": (
        followed(pod_pool={"ipv4": 4}),
        [(f"{N3}.pod_follow", "with pod_pool a node gives every further address of its ENI")],
    ),
    "DPDK": (
        followed(node={"pod_network": "host-device", "driver": "igb_uio", "resource": "n3"}),
        [(f"{N3}.pod_follow", "is for a pod's link, and with driver: igb_uio there is none")],
    ),
    "a host with the same addresses": (
        followed(node={"pod_network": "ipvlan-l2", "host_address": True}),
        [(f"{N3}.node.host_address", "may be one that followed a pod")],
    ),
    "a host with the addresses of a whole device, which is refused anyway": (
        followed(node={"pod_network": "host-device", "host_address": True}),
        [(f"{N3}.node.host_address", "is for a link that stays")],
    ),
    "one range for two subnets, routed by hand": (
        whereabouts(subnets=["subnet-0000000a", "subnet-0000000b"], source_dest_check=False),
        [(f"{N3}.pod_ipam", "EC2 assigns an ENI addresses of its own subnet alone")],
    ),
    "IPv6 in l3 mode, of which the node has no route": (
        whereabouts(**DUAL, node=L3),
        [(f"{N3}.pod_ranges[1]", "needs IPv6 routes on the node")],
    ),
    "IPv6 in l3 mode that pods bring": (
        followed(
            pod_ipam="static",
            pod_ranges=["2001:db8:48::1:0/112"],
            reserve_pod_ranges=True,
            pod_routes=["2001:db8:9::/48"],
            node=L3,
        ),
        [
            (f"{N3}.pod_ranges[0]", "needs IPv6 routes on the node"),
            (f"{N3}.pod_routes[0]", "needs IPv6 routes on the node"),
        ],
    ),
    "IPv6 that pods bring to a type without": (
        {
            **followed(pod_ranges=["2001:db8:48::1:0/112"], reserve_pod_ranges=True),
            **types("m3.2xlarge"),
        },
        [(f"{N3}.pod_ranges[0]", "beside the interface's own 0 m3.2xlarge takes none")],
    ),
    "no IPv6 address left on the ENI": (
        {**whereabouts(**DUAL, ipv6={"count": 10}), **types("m5.large")},
        [(f"{N3}.pod_ranges[1]", "beside the interface's own 10 m5.large takes none")],
    ),
    "no IPv6 address left on the ENI for what pods bring": (
        {
            **followed(
                pod_ipam="static", ipv6={"count": 10}, pod_routes=["2001:db8:9::/48"], node=L3
            ),
            **types("m5.large"),
        },
        [(f"{N3}.pod_routes[0]", "beside the interface's own 10 m5.large takes none")],
    ),
    "an IPv6 destination, and a type without": (
        {
            **followed(
                pod_ipam="static",
                pod_subnets=SUBNETS,
                pod_routes=["10.8.0.0/16", "2001:db8:9::/48"],
            ),
            **types("m3.2xlarge"),
        },
        [
            (
                f"{N3}.pod_routes[1]",
                "is reached from pods' IPv6 addresses, and beside the interface's own 0 m3.2xlarge takes none",
            )
        ],
    ),
    "a type without IPv6": (
        {**whereabouts(**DUAL), **types("m3.2xlarge")},
        [(f"{N3}.pod_ranges[1]", "beside the interface's own 0 m3.2xlarge takes none")],
    ),
}


@pytest.mark.parametrize(("edits", "expected"), REFUSED.values(), ids=REFUSED)
def test_a_fault_is_said_with_its_place_and_a_remedy(
    said: Callable[..., list[str]],
    edits: dict[Location, Any],
    expected: list[tuple[str, str]],
) -> None:
    assert_told(said({**ONE_ZONE, **edits}), expected)


ACCEPTED: dict[str, dict[Location, Any]] = {
    "whereabouts": whereabouts(),
    "both families": whereabouts(**DUAL),
    "both families in l3 mode": whereabouts(**DUAL, node=L3, ipv6={"count": 1}),
    "addresses that pods bring": followed(pod_ipam="static"),
    "addresses that pods bring, by the node's own file": followed(),
    "IPv6 in l3 mode that pods bring to an ENI with IPv6": followed(
        pod_ipam="static", ipv6={"count": 1}, pod_routes=["2001:db8:9::/48"], node=L3
    ),
    "a whole device whose pod sets its addresses": followed(node={"pod_network": "host-device"}),
    "a device of a pool": followed(
        pod_ipam="static", node={"pod_network": "host-device", "resource": "n3"}
    ),
    "without EC2's check": followed(source_dest_check=False),
    "room for one IPv6 address": {
        **whereabouts(**DUAL, ipv6={"count": 9}),
        **types("m5.large"),
    },
    "room for one IPv6 address that pods bring": {
        **followed(pod_ipam="static", ipv6={"count": 9}, pod_routes=["2001:db8:9::/48"], node=L3),
        **types("m5.large"),
    },
    "an IPv6 destination of pods that have the ENI's own addresses": {
        **followed(ipv6={"count": 10}, pod_routes=["2001:db8:9::/48"]),
        **types("m5.large"),
    },
    "not asked for": followed(pod_follow=False, pod_pool={"ipv4": 4}),
}


@pytest.mark.parametrize("edits", ACCEPTED.values(), ids=ACCEPTED)
def test_what_works_is_accepted(said: Callable[..., list[str]], edits: dict[Location, Any]) -> None:
    assert said({**ONE_ZONE, **edits}) == []


def test_host_local_of_the_one_node_is_accepted(said: Callable[..., list[str]]) -> None:
    """A replaced node hands out the same range, and the addresses follow to its ENI."""
    edits = whereabouts(pod_ipam="host-local")
    del edits[(*FIRST, "subnets")]
    assert said({**create(max_size=1), **edits}) == []


@pytest.mark.parametrize(
    "edits",
    [
        followed(pod_follow="yes, please", pod_pool={"ipv4": 4}),
        followed(pod_ipam="dhcp", pod_pool={"ipv4": 4}),
        followed(node={"pod_network": "bridge"}),
        followed(node={"pod_network": "ipvlan-l2", "driver": "ena"}),
        whereabouts(**DUAL, node=L3, ipv6={"count": 0}),
    ],
    ids=["key", "IPAM", "network", "driver", "IPv6"],
)
def test_a_malformed_value_causes_no_second_fault(
    said: Callable[..., list[str]], edits: dict[Location, Any]
) -> None:
    assert len(said({**ONE_ZONE, **edits})) == 1


def told(edited: Callable[..., str], keys: dict[str, Any], *names: str) -> list[str]:
    written = {
        "name": "n3",
        "subnets": ["subnet-0000000a"],
        "security_groups": ["sg-0000000a"],
        "node": {"pod_network": "ipvlan-l2"},
        "pod_follow": True,
        **keys,
    }
    edits = {("node_groups", 0, "interfaces"): [written], **types(*names)}
    groups = authoring.parse(edited(edits)).node_groups
    return list(warnings(groups[0], groups))


ROOM = "n3: a node's ENI takes at most"
KEEP = "n3: EC2 may give a node an address that a pod brings"
TOLD: dict[str, tuple[dict[str, Any], list[str]]] = {
    "the room of the smallest type": ({}, [f"{ROOM} 9 IPv4 and 10 IPv6 addresses of pods", KEEP]),
    "less the interface's own": (
        {"ipv6": {"count": 2}},
        [f"{ROOM} 9 IPv4 and 8 IPv6 addresses of pods", KEEP],
    ),
    "of an IPv6-only subnet": (
        {"ipv4": "none", "ipv6": {"count": 1}},
        [f"{ROOM} 0 IPv4 and 9 IPv6 addresses of pods", KEEP],
    ),
    "nothing of who assigns, and what may be in the way": (
        {
            "pod_ipam": "whereabouts",
            "pod_subnets": SUBNETS,
            "pod_ranges": RANGE,
        },
        [ROOM, "n3: EC2 may give a node an address of 10.0.49.0/24."],
    ),
    "what pods bring is reserved": (
        {"pod_ipam": "static", "pod_ranges": RANGE, "reserve_pod_ranges": True},
        [ROOM],
    ),
    "a check that may stay": (
        {"source_dest_check": False},
        [ROOM, "n3: source_dest_check: false is not needed", KEEP],
    ),
    "an address that is of use in one zone": (
        {"subnets": ["subnet-0000000a", "subnet-0000000b"], "pod_ipam": "static"},
        [ROOM, KEEP, "n3: an address is of one subnet"],
    ),
}


@pytest.mark.parametrize(("keys", "expected"), TOLD.values(), ids=TOLD)
def test_what_to_know_is_told(
    edited: Callable[..., str], keys: dict[str, Any], expected: list[str]
) -> None:
    lines = told(edited, keys, "m5.large", "m5.4xlarge")
    assert len(lines) == len(expected), lines
    for text, beginning in zip(lines, expected, strict=True):
        assert text.startswith(beginning)


def test_without_types_the_room_is_not_known_and_said_so(edited: Callable[..., str]) -> None:
    line, _ = told(edited, {})
    assert "Write instance_types" in line
