"""What is told where an interface may be given addresses that another one of its subnet has for pods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import authoring
from authoring.pod_neighbours import warnings

if TYPE_CHECKING:
    from collections.abc import Callable

RANGE, OTHER, IPV6 = "10.0.49.0/24", "10.0.50.0/24", "2001:db8:48::1:0/112"
HANDED_OUT = {
    "ipv4": "from_start",
    "pod_ipam": "whereabouts",
    "pod_ranges": [RANGE],
    "pod_subnets": ["10.0.48.0/22", "2001:db8:48::/64"],
}
KEPT = {"ipv4": "from_start", "pod_ranges": [RANGE]}
DUAL = HANDED_OUT | {"pod_ranges": [RANGE, IPV6]}
IPVLAN = {"node": {"pod_network": "ipvlan-l2"}}
TAGS: dict[str, Any] = {"subnets": {"tags": {"network": "n3"}}}


@pytest.fixture
def told(edited: Callable[..., str]) -> Callable[..., list[str]]:
    """Return the reader of what is told of n3 beside n4, by default of one subnet."""

    def read(n3: dict[str, Any], n4: dict[str, Any], *, apart: bool = False) -> list[str]:
        common = {"subnets": ["subnet-0000000a"], "security_groups": ["sg-0000000a"]}
        first = {"name": "n3", **common, **IPVLAN, **n3}
        second = {"name": "n4", **common, **n4}
        groups: dict[str, list[dict[str, Any]]] = (
            {"a": [first], "b": [second]} if apart else {"a": [first, second]}
        )
        written = [
            {"name": name, "auto_scaling_group": f"asg-{name}", "interfaces": interfaces}
            for name, interfaces in groups.items()
        ]
        parsed = authoring.parse(edited({("node_groups",): written})).node_groups
        return list(warnings(parsed[0], parsed[0].interfaces[0], parsed))

    return read


TOLD: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "EC2's own choice": (HANDED_OUT, {}, RANGE),
    "EC2's own choice beside the same range": (HANDED_OUT, HANDED_OUT | IPVLAN | {"ipv4": "auto"}, RANGE),
    "from_start without the range": (HANDED_OUT, {"ipv4": "from_start"}, RANGE),
    "from_start with a part of the range": (
        KEPT, {"ipv4": "from_start", "pod_ranges": ["10.0.49.0/25"]}, RANGE
    ),
    "from_start with a pool": (HANDED_OUT, KEPT | IPVLAN | {"pod_pool": {"ipv4": 8}}, RANGE),
    "a range that from_start keeps free": (KEPT, {}, RANGE),
    "IPv6 of the interface": (DUAL, KEPT | {"ipv6": {"count": 1}}, IPV6),
    "a pool of IPv6": (DUAL, KEPT | IPVLAN | {"pod_pool": {"ipv6": 8}}, IPV6),
    "both families": (DUAL, {"ipv6": {"count": 1}}, f"{RANGE}, {IPV6}"),
    "a reservation of another range": (
        HANDED_OUT, {"pod_ranges": [OTHER], "reserve_pod_ranges": True}, RANGE
    ),
}  # fmt: skip


@pytest.mark.parametrize(("n3", "n4", "expected"), TOLD.values(), ids=TOLD)
def test_who_may_be_given_addresses_of_pods_is_named(
    told: Callable[..., list[str]], n3: dict[str, Any], n4: dict[str, Any], expected: str
) -> None:
    assert told(n3, n4) == [
        f"n4 is in a subnet of this interface's too, and may be given addresses of {expected}. Write reserve_pod_ranges: true"
        " for what is in the subnet: both EC2 and from_start keep out of reservations."
    ]


QUIET: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a reservation": (HANDED_OUT | {"reserve_pod_ranges": True}, {}),
    "a reservation of the other": (HANDED_OUT, {"pod_ranges": [RANGE], "reserve_pod_ranges": True}),
    "from_start with the range": (HANDED_OUT, KEPT),
    "from_start with the range among others": (HANDED_OUT, KEPT | {"pod_ranges": [RANGE, OTHER]}),
    "from_start with a range around it": (KEPT, KEPT | {"pod_ranges": ["10.0.48.0/23"]}),
    "another subnet": (HANDED_OUT, {"subnets": ["subnet-0000000b"]}),
    "other tags": (HANDED_OUT | TAGS, {"subnets": {"tags": {"network": "n6"}}}),
    "no IPv4": (HANDED_OUT, {"ipv4": "none", "ipv6": {"count": 1}}),
    "no IPv6": (DUAL, KEPT),
    "no range": ({}, {}),
}  # fmt: skip


@pytest.mark.parametrize(("n3", "n4"), QUIET.values(), ids=QUIET)
def test_where_nobody_may_nothing_is_told(
    told: Callable[..., list[str]], n3: dict[str, Any], n4: dict[str, Any]
) -> None:
    assert told(n3, n4) == []


def test_an_interface_of_another_node_group_is_named_with_it(
    told: Callable[..., list[str]],
) -> None:
    (text,) = told(HANDED_OUT, {}, apart=True)
    assert text.startswith("n4 of node group b is in a subnet")


def test_what_the_stack_cannot_reserve_is_for_somebody_to_reserve(
    told: Callable[..., list[str]],
) -> None:
    (text,) = told(HANDED_OUT | TAGS, TAGS)
    assert "Make subnet CIDR reservations (explicit) of what is in the subnets: both" in text
