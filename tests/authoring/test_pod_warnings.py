"""What a person is told of pod networks that are not wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import authoring
from authoring.pod_warnings import warnings

if TYPE_CHECKING:
    from collections.abc import Callable

WHEREABOUTS = {
    "subnets": ["subnet-0000000a"],
    "node": {"pod_network": "ipvlan-l2"},
    "pod_ipam": "whereabouts",
    "pod_ranges": ["10.0.49.0/24"],
    "pod_subnets": ["10.0.48.0/22"],
    "ipv4": "from_start",
}
UNASSIGNED = "n3: EC2 drops what pods send from addresses that whereabouts gives"

CASES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "the node gives the addresses": (
        {"pod_ipam": None, "pod_subnets": None, "pod_ranges": None, "pod_pool": {"ipv4": 4}},
        [],
    ),
    "a pool, which EC2 takes of a range that only from_start keeps free": (
        {
            "pod_ipam": None,
            "pod_subnets": None,
            "pod_pool": {"ipv4": 4},
            "pod_ranges": ["10.0.49.0/24"],
        },
        [
            "n3: EC2 may give a node an address of 10.0.49.0/24. Write reserve_pod_ranges: true for what is in the subnet."
        ],
    ),
    "a pool beside a range that is reserved": (
        {
            "pod_ipam": None,
            "pod_subnets": None,
            "pod_pool": {"ipv4": 4},
            "pod_ranges": ["10.0.49.0/24"],
            "reserve_pod_ranges": True,
        },
        [],
    ),
    "an IPv6 pool beside a range that from_start keeps free": (
        {
            "pod_ipam": None,
            "pod_subnets": None,
            "pod_pool": {"ipv6": 4},
            "pod_ranges": ["10.0.49.0/24"],
        },
        [],
    ),
    "whereabouts": ({}, [UNASSIGNED]),
    "addresses that pods bring": (
        {"pod_ipam": "static", "pod_ranges": None},
        ["n3: EC2 drops what pods send from addresses that pods bring"],
    ),
    "a way for addresses of a family that the ENI is not given": (
        {"pod_ipam": "static", "pod_ranges": None, "pod_routes": ["10.8.0.0/16", "2001:db8::/32"]},
        [
            "n3: EC2 drops what pods send from addresses that pods bring",
            "n3: pods reach 2001:db8::/32 only from addresses of that family that their annotations bring",
        ],
    ),
    "a way for addresses of a family that the ENI is given": (
        {
            "pod_ipam": "static",
            "pod_ranges": None,
            "ipv6": {"count": 1},
            "pod_routes": ["2001:db8::/32"],
        },
        ["n3: EC2 drops what pods send from addresses that pods bring"],
    ),
    "source routing without a default route": (
        {"pod_ipam": "static", "pod_ranges": None, "pod_plugins": {"sbr": True}},
        [
            "n3: EC2 drops what pods send from addresses that pods bring",
            "n3: sbr has no default route for packets from an address that pods bring",
        ],
    ),
    "source routing without IPv4, whose default route it would not move": (
        {
            "ipv4": "none",
            "ipv6": {"count": 1},
            "pod_ipam": "static",
            "pod_ranges": None,
            "pod_subnets": None,
            "pod_plugins": {"sbr": True},
        },
        [
            "n3: EC2 drops what pods send from addresses that pods bring",
            "n3: sbr has no default route for packets from an address that pods bring: what is outside the subnet is sent by the"
            " cluster's own network. Leave sbr out",
        ],
    ),
    "source routing with one": (
        {
            "pod_ipam": "static",
            "pod_ranges": None,
            "pod_plugins": {"sbr": True},
            "pod_routes": ["0.0.0.0/0"],
        },
        ["n3: EC2 drops what pods send from addresses that pods bring"],
    ),
    "source routing with the router of whereabouts": (
        {"pod_plugins": {"sbr": True}},
        [UNASSIGNED],
    ),
    "a second default route": (
        {"pod_routes": ["0.0.0.0/0"]},
        ["n3: pods get the default route of pod_routes besides that of the cluster", UNASSIGNED],
    ),
    "a second default route with a pool": (
        {
            "pod_ipam": None,
            "pod_subnets": None,
            "pod_ranges": None,
            "ipv4": None,
            "pod_pool": {"ipv4": 4},
            "pod_routes": ["0.0.0.0/0"],
        },
        ["n3: pods get the default route of pod_routes besides that of the cluster"],
    ),
    "no check": (
        {"source_dest_check": False},
        ["n3: EC2 delivers nothing to addresses that whereabouts gives but by a route"],
    ),
    "EC2's own choice": (
        {"ipv4": "auto"},
        [
            UNASSIGNED,
            "n3: EC2 may give a node an address of 10.0.49.0/24. Write reserve_pod_ranges: true for what is in the subnet, or",
        ],
    ),
    "EC2's own choice, which a reservation keeps out": (
        {"ipv4": "auto", "reserve_pod_ranges": True},
        [UNASSIGNED],
    ),
    "addresses that pods bring, of a range that is reserved": (
        {"ipv4": "auto", "pod_ipam": "static", "reserve_pod_ranges": True},
        ["n3: EC2 drops what pods send from addresses that pods bring"],
    ),
    "IPv6": (
        {"pod_ranges": ["fd00::1:0/112"], "pod_subnets": ["fd00::/64"]},
        [UNASSIGNED, "n3: EC2 may give a node an address of fd00::1:0/112."],
    ),
    "no subnet": (
        {"pod_subnets": None},
        [UNASSIGNED, "n3: a pod takes each of pod_ranges for a network of its own"],
    ),
    "subnets by tags": (
        {"subnets": {"tags": {"network": "n3"}}},
        [UNASSIGNED, "n3: whereabouts hands out its one range in every subnet that has the tags"],
    ),
}


@pytest.mark.parametrize(("keys", "expected"), CASES.values(), ids=CASES)
def test_what_does_not_work_by_itself_is_told(
    edited: Callable[..., str], keys: dict[str, Any], expected: list[str]
) -> None:
    written = {
        "name": "n3",
        "security_groups": ["sg-0000000a"],
        **{key: value for key, value in {**WHEREABOUTS, **keys}.items() if value is not None},
    }
    authored = authoring.parse(edited({("node_groups", 0, "interfaces"): [written]}))
    told = list(warnings(authored.node_groups[0], authored.node_groups))
    assert len(told) == len(expected), told
    for text, beginning in zip(told, expected, strict=True):
        assert text.startswith(beginning)


LAST = "of IPv4 the kernel takes the one that was made last"
HALF = (
    "of IPv6 the kernel makes one route of the two and sends about half of the connections by each"
)
SBR = ", or sbr: true in pod_plugins, which keeps it to packets from the pod's address there"
DUAL = {
    "pod_ranges": ["10.0.49.0/24", "2001:db8:48::1:0/112"],
    "pod_subnets": ["10.0.48.0/22", "2001:db8:48::/64"],
}


@pytest.mark.parametrize(
    ("keys", "effect", "remedy"),
    [
        (WHEREABOUTS | {"pod_routes": ["0.0.0.0/0"]}, LAST, SBR),
        (WHEREABOUTS | DUAL | {"pod_routes": ["0:0::/0"]}, HALF, ""),
        (WHEREABOUTS | DUAL | {"pod_routes": ["::/0", "0.0.0.0/0"]}, f"{LAST}, and {HALF}", ""),
        (
            {"pod_ipam": "static", "pod_subnets": ["10.0.48.0/22"], "pod_routes": ["0.0.0.0/0"]},
            LAST,
            SBR,
        ),
        ({"pod_ipam": "static", "pod_routes": ["::/0"]}, HALF, ""),
        ({"pod_pool": {"ipv4": 4}, "pod_routes": ["0.0.0.0/0"]}, LAST, ""),
        ({"ipv6": {"count": 1}, "pod_routes": ["::/0"]}, HALF, ""),
    ],
    ids=[
        "whereabouts",
        "IPv6",
        "both",
        "addresses that pods bring",
        "addresses that pods bring, and IPv6",
        "a pool",
        "the pod's own",
    ],
)
def test_what_becomes_of_a_second_default_route_is_told_with_what_can_be_written(
    edited: Callable[..., str], keys: dict[str, Any], effect: str, remedy: str
) -> None:
    written = {
        "name": "n3",
        "subnets": ["subnet-0000000a"],
        "security_groups": ["sg-0000000a"],
        "node": {"pod_network": "ipvlan-l2"},
        **keys,
    }
    authored = authoring.parse(edited({("node_groups", 0, "interfaces"): [written]}))
    assert next(warnings(authored.node_groups[0], authored.node_groups)) == (
        "n3: pods get the default route of pod_routes besides that of the cluster's own network: "
        f"{effect}. Write narrower routes{remedy}."
    )
    if remedy:
        written["pod_plugins"] = {"sbr": True}
        authoring.parse(edited({("node_groups", 0, "interfaces"): [written]}))


@pytest.mark.parametrize(
    ("node", "follows"),
    [
        ({"pod_network": "ipvlan-l2"}, True),
        ({"pod_network": "host-device", "driver": "igb_uio", "resource": "n3"}, False),
    ],
    ids=["a link", "DPDK"],
)
def test_what_cannot_be_written_is_no_remedy(
    edited: Callable[..., str], node: dict[str, Any], *, follows: bool
) -> None:
    written = {
        "name": "n3",
        "subnets": ["subnet-0000000a"],
        "security_groups": ["sg-0000000a"],
        "pod_ipam": "static",
        "node": node,
    }
    authored = authoring.parse(edited({("node_groups", 0, "interfaces"): [written]}))
    (text,) = warnings(authored.node_groups[0], authored.node_groups)
    assert ("pod_follow" in text) is follows
