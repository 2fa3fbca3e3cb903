"""What is told where an interface may be given addresses that another one of its subnet has for pods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import authoring
from authoring.pod_neighbours import own_nodes, warnings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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
    """Return the reader of what is told of n3 beside n4, and of others by name, by default all of one subnet."""

    def read(
        n3: dict[str, Any],
        n4: dict[str, Any],
        *,
        apart: bool = False,
        tell: Callable[..., Iterator[str]] = warnings,
        **others: dict[str, Any],
    ) -> list[str]:
        common = {"subnets": ["subnet-0000000a"], "security_groups": ["sg-0000000a"]}
        first = {"name": "n3", **common, **IPVLAN, **n3}
        second = {"name": "n4", **common, **n4}
        groups: dict[str, list[dict[str, Any]]] = (
            {"a": [first], "b": [second]} if apart else {"a": [first, second]}
        )
        groups |= {name: [{"name": name, **common, **keys}] for name, keys in others.items()}
        written = [
            {"name": name, "auto_scaling_group": f"asg-{name}", "interfaces": interfaces}
            for name, interfaces in groups.items()
        ]
        parsed = authoring.parse(edited({("node_groups",): written})).node_groups
        return list(tell(parsed[0], parsed[0].interfaces[0], parsed))

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


A, B, C = ("subnet-0000000a", "subnet-0000000b", "subnet-0000000c")
OUTSIDE = "192.168.7.0/24"
RESERVES = {"reserve_pod_ranges": True}
ROUTED = {"pod_ipam": "whereabouts", "pod_ranges": [OUTSIDE]}
TWO_ZONES: dict[str, Any] = {"subnets": {"us-east-1a": A, "us-east-1b": B}, "ipv4": "from_start"}
SHARES_B = {"subnets": {"us-east-1a": C, "us-east-1b": B}}


def says(*blocks: str, subnets: tuple[str, ...] = (A,)) -> dict[str, Any]:
    """Return an interface that names blocks of its subnets."""
    return {"subnets": list(subnets), "pod_ipam": "static", "pod_subnets": list(blocks), **IPVLAN}


OUT_OF_REACH: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "another interface reserves the range": (
        HANDED_OUT | {"ipv4": "auto"}, {}, {"pod_ranges": [RANGE]} | RESERVES
    ),
    "another one reserves it in two halves": (
        KEPT, {}, {"pod_ranges": ["10.0.49.0/25", "10.0.49.128/25"]} | RESERVES
    ),
    "another one reserves it with more": (KEPT, {}, {"pod_ranges": ["10.0.48.0/23"]} | RESERVES),
    "another one of one of its subnets reserves it": (
        TWO_ZONES | KEPT, SHARES_B, {"subnets": [A], "pod_ranges": [RANGE]} | RESERVES
    ),
    "it is in no subnet, whose block another one says": (ROUTED, {}, says("10.0.48.0/22")),
    "it is in no subnet, whose block it says itself": (
        says("10.0.48.0/22") | KEPT | {"pod_ranges": [OUTSIDE]}, {}, {}
    ),
    "it is in neither subnet": (
        TWO_ZONES | KEPT | {"pod_ranges": [OUTSIDE]},
        SHARES_B,
        says("10.0.48.0/22", "10.0.52.0/22", subnets=(A, B)),
    ),
    "IPv6 that is in no subnet": (
        ROUTED | {"pod_ranges": ["fd00:7::/112"]}, {"ipv6": {"count": 1}}, says("2001:db8:48::/64")
    ),
    "the shared subnet has another block": (
        TWO_ZONES | KEPT, SHARES_B, says("10.0.52.0/22", subnets=(B,))
    ),
    "it is in the subnet of the other zone": (
        TWO_ZONES | KEPT, SHARES_B, says("10.0.48.0/22", subnets=(A,)) | KEPT
    ),
}  # fmt: skip


@pytest.mark.parametrize(("n3", "n4", "n5"), OUT_OF_REACH.values(), ids=OUT_OF_REACH)
@pytest.mark.parametrize("tell", [warnings, own_nodes])
def test_what_the_file_shows_to_be_out_of_reach_is_not_told(
    told: Callable[..., list[str]],
    tell: Callable[..., Iterator[str]],
    n3: dict[str, Any],
    n4: dict[str, Any],
    n5: dict[str, Any],
) -> None:
    assert told(n3, n4, tell=tell, n5=n5) == []


IN_REACH: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "another interface reserves a part": (
        KEPT, {}, {"pod_ranges": ["10.0.49.0/25"]} | RESERVES
    ),
    "another one reserves it in another subnet, so not at all": (
        HANDED_OUT, {}, {"subnets": [B], "pod_ranges": [RANGE]} | RESERVES
    ),
    "nobody says a block": (ROUTED, {}, {}),
    "another one says a block of another subnet": (ROUTED, {}, says("10.0.48.0/22", subnets=(B,))),
    "another one says a block of the other family": (ROUTED, {}, says("2001:db8:48::/64")),
    "another one says one block of two subnets": (
        ROUTED, {}, says("10.0.48.0/22", subnets=(A, B))
    ),
    "another one says of which blocks the subnet has one": (
        KEPT, {}, says("10.0.48.0/22", "10.0.52.0/22", subnets=(A, B))
    ),
    "a range of which a part is in the subnet": (
        KEPT | {"pod_ranges": ["10.0.0.0/16"]}, {}, says("10.0.48.0/22")
    ),
    "the shared subnet has it": (TWO_ZONES | KEPT, SHARES_B, says("10.0.48.0/22", subnets=(B,))),
}  # fmt: skip


@pytest.mark.parametrize(("n3", "n4", "n5"), IN_REACH.values(), ids=IN_REACH)
def test_what_may_be_in_reach_is_told(
    told: Callable[..., list[str]], n3: dict[str, Any], n4: dict[str, Any], n5: dict[str, Any]
) -> None:
    assert [text.partition(" ")[0] for text in told(n3, n4, n5=n5)] == ["n4"]


PART = "Write pod_ranges that leave nodes a part of the subnet and overlap no others, and have them reserved"
REMEDIES: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "a part of a subnet": (HANDED_OUT, {}, "Write reserve_pod_ranges: true for what is in the subnet"),
    "a whole subnet": (HANDED_OUT | {"ipv4": "auto", "pod_ranges": ["10.0.48.0/22"]}, {}, PART),
    "a whole /64": (HANDED_OUT | {"pod_ranges": ["2001:db8:48::/64"]}, {"ipv6": {"count": 1}}, PART),
    "a /64 of a subnet whose size is not known": (
        HANDED_OUT | {"pod_ranges": ["2001:db8:48::/64"], "pod_subnets": []}, {"ipv6": {"count": 1}}, PART
    ),
    "a /64 of a larger subnet": (
        HANDED_OUT | {"pod_ranges": ["2001:db8:48::/64"], "pod_subnets": ["2001:db8:48::/60"]},
        {"ipv6": {"count": 1}},
        "Write reserve_pod_ranges: true for what is in the subnet",
    ),
    "a range of which another interface reserves a part": (
        KEPT, {"pod_ranges": ["10.0.49.0/25"]} | RESERVES, PART
    ),
}  # fmt: skip


@pytest.mark.parametrize(("n3", "n4", "expected"), REMEDIES.values(), ids=REMEDIES)
def test_only_what_can_be_reserved_is_to_be(
    told: Callable[..., list[str]], n3: dict[str, Any], n4: dict[str, Any], expected: str
) -> None:
    (text,) = told(n3, n4)
    assert f". {expected}: both EC2" in text


OWN: dict[str, tuple[dict[str, Any], str]] = {
    "EC2's own choice": (
        {"ipv4": "auto"},
        f"{RANGE}. Write reserve_pod_ranges: true for what is in the subnet, or ipv4: from_start.",
    ),
    "IPv6": (
        {"pod_ranges": [RANGE, IPV6]},
        f"{IPV6}. Write reserve_pod_ranges: true for what is in the subnet.",
    ),
    "a whole subnet": (
        {"ipv4": "auto", "pod_ranges": ["10.0.48.0/22"]},
        f"10.0.48.0/22. {PART}.",
    ),
    "a whole /64": ({"pod_ranges": ["2001:db8:48::/64"]}, f"2001:db8:48::/64. {PART}."),
}


@pytest.mark.parametrize(("keys", "expected"), OWN.values(), ids=OWN)
def test_what_the_nodes_themselves_may_be_given_is_told(
    told: Callable[..., list[str]], keys: dict[str, Any], expected: str
) -> None:
    texts = told(HANDED_OUT | keys, {}, tell=own_nodes)
    assert texts == [f"EC2 may give a node an address of {expected}"]
