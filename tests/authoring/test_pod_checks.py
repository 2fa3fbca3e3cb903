"""Faults in what is said of pods' networks: addresses that two would have, that nobody gives out, or that lead nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.authoring.conftest import assert_told, create

if TYPE_CHECKING:
    from collections.abc import Callable

    from authoring.problems import Location

GROUP: Location = ("node_groups", 0)
FIRST: Location = (*GROUP, "interfaces", 0)
SECOND: Location = (*GROUP, "interfaces", 1)
N3, N6 = "node_groups[0].interfaces[0]", "node_groups[0].interfaces[1]"

IPVLAN = {"pod_network": "ipvlan-l2"}
DPDK = {"pod_network": "host-device", "driver": "igb_uio", "resource": "n3"}
SUBNETS, RANGE = ["10.0.48.0/22"], ["10.0.49.0/24"]


def interface(where: Location = FIRST, **keys: object) -> dict[Location, Any]:
    """Return edits that give an interface of one subnet an ipvlan network and further keys."""
    return {
        (*where, "subnets"): {"us-east-1a": "subnet-0000000a"},
        (*where, "node"): IPVLAN,
        **{(*where, key): value for key, value in keys.items()},
    }


def whereabouts(where: Location = FIRST, **keys: object) -> dict[Location, Any]:
    """Return edits that have whereabouts give pods of an interface their addresses."""
    return interface(
        where, **{"pod_ipam": "whereabouts", "pod_subnets": SUBNETS, "pod_ranges": RANGE, **keys}
    )


ONE_ZONE: dict[Location, Any] = {
    (*FIRST, "subnets"): {"us-east-1a": "subnet-0000000a"},
    (*SECOND, "subnets"): {"us-east-1a": "subnet-0000000c"},
}

REFUSED: dict[str, tuple[dict[Location, Any], list[tuple[str, str]]]] = {
    "ranges that neither from_start nor an IPAM plugin uses": (
        interface(pod_ranges=RANGE),
        [(f"{N3}.pod_ranges", "has no effect with ipv4: auto")],
    ),
    "an IPv6 range for from_start alone": (
        interface(ipv4="from_start", pod_ranges=["10.0.49.0/24", "fd00::/120"]),
        [(f"{N3}.pod_ranges[1]", "is an IPv6 range, and from_start chooses IPv4 addresses")],
    ),
    "an IPv4 range in an IPv6-only subnet": (
        interface(
            ipv4="none",
            ipv6={"count": 1},
            pod_ipam="whereabouts",
            pod_subnets=["10.0.48.0/22", "2001:db8:48::/64"],
            pod_ranges=["10.0.49.0/24", "2001:db8:48::1:0/112"],
        ),
        [
            (f"{N3}.pod_ranges[0]", "is an IPv4 range, and the interface says `ipv4: none`"),
            (f"{N3}.pod_subnets[0]", "is an IPv4 range, and the interface says `ipv4: none`"),
        ],
    ),
    "an IPv4 destination of pods without IPv4": (
        interface(ipv4="none", ipv6={"count": 4}, pod_routes=["10.20.0.0/16", "2001:db8::/48"]),
        [(f"{N3}.pod_routes[0]", "is an IPv4 destination, and the network's pods have no IPv4")],
    ),
    "an IPv4 destination of a pool of IPv6": (
        interface(ipv6={"count": 1}, pod_pool={"ipv6": 4}, pod_routes=["10.20.0.0/16"]),
        [(f"{N3}.pod_routes[0]", "is an IPv4 destination, and the network's pods have no IPv4")],
    ),
    "an IPv6 destination of a pool of IPv4": (
        interface(ipv6={"count": 1}, pod_pool={"ipv4": 4}, pod_routes=["2001:db8::/48"]),
        [(f"{N3}.pod_routes[0]", "is an IPv6 destination, and the network's pods have no IPv6")],
    ),
    "an IPv6 destination of pods that whereabouts gives IPv4": (
        whereabouts(pod_routes=["2001:db8::/48"]),
        [(f"{N3}.pod_routes[0]", "is an IPv6 destination, and the network's pods have no IPv6")],
    ),
    "all of a subnet to reserve": (
        interface(
            pod_ipam="static",
            pod_subnets=SUBNETS,
            pod_ranges=SUBNETS,
            reserve_pod_ranges=True,
        ),
        [(f"{N3}.pod_ranges[0]", "is all of the subnet 10.0.48.0/22, and nodes have addresses")],
    ),
    "nothing to reserve": (
        interface(reserve_pod_ranges=True),
        [(f"{N3}.reserve_pod_ranges", "has no ranges to reserve")],
    ),
    "a reservation in subnets that tags select": (
        {
            **interface(ipv4="from_start", pod_ranges=RANGE, reserve_pod_ranges=True),
            (*FIRST, "subnets"): {"tags": {"network": "n3"}},
        },
        [(f"{N3}.reserve_pod_ranges", "needs subnets that stay the same")],
    ),
    "a range to reserve outside the subnets": (
        interface(
            pod_ipam="static",
            pod_subnets=SUBNETS,
            pod_ranges=["10.0.49.0/24", "10.0.60.0/24"],
            reserve_pod_ranges=True,
        ),
        [(f"{N3}.pod_ranges[1]", "is in none of pod_subnets (10.0.48.0/22), so in no subnet")],
    ),
    "ranges of one subnet to reserve that overlap": (
        {
            **interface(pod_ranges=RANGE, reserve_pod_ranges=True),
            **interface(SECOND, pod_ranges=["10.0.49.128/25"], reserve_pod_ranges=True),
        },
        [(f"{N6}.pod_ranges[0]", f"overlaps {N3}.pod_ranges[0], of the same subnet, and both")],
    ),
    "an IPAM plugin's range that overlaps one to reserve, told once": (
        {
            **whereabouts(reserve_pod_ranges=True),
            **interface(SECOND, pod_ranges=["10.0.49.128/25"], reserve_pod_ranges=True),
        },
        [(f"{N6}.pod_ranges[0]", f"overlaps {N3}.pod_ranges[0], of the same subnet")],
    ),
    "one range within another": (
        interface(ipv4="from_start", pod_ranges=["10.0.49.0/24", "10.0.49.128/25"]),
        [(f"{N3}.pod_ranges[1]", f"overlaps {N3}.pod_ranges[0]")],
    ),
    "one subnet within another": (
        interface(
            subnets=["subnet-0000000a", "subnet-0000000b"],
            pod_ipam="static",
            pod_subnets=["10.0.48.0/22", "10.0.48.0/20"],
        ),
        [(f"{N3}.pod_subnets[1]", f"overlaps {N3}.pod_subnets[0]")],
    ),
    "two ranges for one subnet": (
        whereabouts(pod_subnets=["10.0.48.0/22", "2001:db8:48::/64", "10.0.52.0/22"]),
        [(f"{N3}.pod_subnets", "are 2 IPv4 ranges for one subnet, and a subnet has one at most")],
    ),
    "two ranges of one subnet by two interfaces": (
        {
            **whereabouts(pod_subnets=["10.0.48.0/22", "2001:db8:48::/64"]),
            **whereabouts(
                SECOND,
                pod_subnets=["10.0.60.0/22", "2001:DB8:48::/64"],
                pod_ranges=["10.0.61.0/24"],
            ),
        },
        [
            (
                f"{N6}.pod_subnets",
                f"does not agree with {N3}.pod_subnets, of the same subnet (10.0.48.0/22)",
            )
        ],
    ),
    "one range of two subnets by two interfaces": (
        {
            **interface(pod_ipam="static", pod_subnets=["10.0.48.0/22", "10.0.52.0/22"]),
            **interface(SECOND, pod_ipam="static", pod_subnets=["10.0.48.0/22", "10.0.52.0/22"]),
            (*FIRST, "subnets"): ["subnet-0000000a", "subnet-0000000b"],
            (*SECOND, "subnets"): ["subnet-0000000a", "subnet-0000000c"],
        },
        [(f"{N6}.pod_subnets", f"does not agree with {N3}.pod_subnets")],
    ),
    "ranges to reserve of which no subnet has more": (
        interface(
            pod_ipam="static", pod_ranges=["10.0.0.0/15", "2001:db8::/44"], reserve_pod_ranges=True
        ),
        [
            (f"{N3}.pod_ranges[0]", "is as large as a subnet can be, or larger"),
            (f"{N3}.pod_ranges[1]", "is as large as a subnet can be, or larger"),
        ],
    ),
    "sbr for a DPDK device, told once": (
        {
            **whereabouts(pod_subnets=[], pod_plugins={"sbr": True}),
            (*FIRST, "node"): DPDK,
        },
        [(f"{N3}.pod_plugins", "is for a pod's link, and with driver: igb_uio there is none")],
    ),
    "subnets that the node knows itself": (
        interface(pod_subnets=SUBNETS),
        [(f"{N3}.pod_subnets", "has no effect with pod_ipam: node")],
    ),
    "a namespace twice": (
        interface(pod_namespaces=["core", "core"]),
        [(f"{N3}.pod_namespaces", "is in the list twice")],
    ),
    "namespaces without a network": (
        {(*FIRST, "pod_namespaces"): ["core"]},
        [(f"{N3}.pod_namespaces", "no pod network leads to the interface")],
    ),
    "an IPAM plugin without a network": (
        {(*FIRST, "pod_ipam"): "static"},
        [(f"{N3}.pod_ipam", "no pod network leads to the interface")],
    ),
    "a pool and an IPAM plugin": (
        whereabouts(pod_pool={"ipv4": 4}),
        [(f"{N3}.pod_pool", "has no effect with pod_ipam: whereabouts")],
    ),
    "a whole device that nobody chooses": (
        {**interface(pod_ipam="static"), (*FIRST, "node"): {"pod_network": "host-device"}},
        [(f"{N3}.pod_ipam", "needs a resource, as PCI addresses differ")],
    ),
    "nothing to hand out": (
        whereabouts(pod_ranges=[]),
        [(f"{N3}.pod_ipam", "has no addresses to hand out")],
    ),
    "a range outside the subnet": (
        whereabouts(pod_ranges=["10.0.52.0/24"]),
        [(f"{N3}.pod_ranges[0]", "is in none of pod_subnets (10.0.48.0/22)")],
    ),
    "a range that AWS keeps": (
        whereabouts(pod_ranges=["10.0.48.0/30"]),
        [(f"{N3}.pod_ranges[0]", "has only addresses that AWS keeps")],
    ),
    "a range that is no network": (
        whereabouts(pod_subnets=[], pod_ranges=["172.31.0.4/31"]),
        [(f"{N3}.pod_ranges[0]", "is too small to be a network of its own")],
    ),
    "host-local on many nodes": (
        interface(pod_ipam="host-local", pod_ranges=RANGE),
        [(f"{N3}.pod_ipam", "would give pods of two nodes one address")],
    ),
    "host-local in a created group of three": (
        {
            **create(subnets={"us-east-1a": "subnet-000000aa"}),
            **interface(pod_ipam="host-local", pod_ranges=RANGE),
        },
        [(f"{N3}.pod_ipam", "would give pods of two nodes one address")],
    ),
    "two ranges of one family": (
        whereabouts(pod_ranges=["10.0.49.0/25", "10.0.49.128/25"]),
        [(f"{N3}.pod_ranges", "are 2 IPv4 ranges, and whereabouts gives every pod an address of")],
    ),
    "one range for two subnets": (
        whereabouts(subnets=["subnet-0000000a", "subnet-0000000b"]),
        [(f"{N3}.pod_ipam", "hands out one range for the interface's 2 subnets")],
    ),
    "a route by a router that is not known": (
        interface(pod_ipam="static", pod_routes=["10.20.0.0/16", "fd00:1::/64"]),
        [(f"{N3}.pod_routes[0]", "leads by the VPC's router")],
    ),
    "no plugin": (
        whereabouts(pod_plugins={}),
        [(f"{N3}.pod_plugins", "names no plugin")],
    ),
    "plugins after the node's own file": (
        interface(pod_plugins={"sbr": True}),
        [(f"{N3}.pod_plugins", "has no effect with pod_ipam: node")],
    ),
    "plugins without a link": (
        {**interface(pod_ipam="static", pod_plugins={"sbr": True}), (*FIRST, "node"): DPDK},
        [(f"{N3}.pod_plugins", "is for a pod's link, and with driver: igb_uio there is none")],
    ),
    "routing by source without a router": (
        whereabouts(pod_subnets=[], pod_plugins={"sbr": True}),
        [(f"{N3}.pod_plugins.sbr", "needs the VPC's router")],
    ),
    "routing by source in two families": (
        whereabouts(
            pod_subnets=[*SUBNETS, "fd00::/64"],
            pod_ranges=[*RANGE, "fd00::1:0/112"],
            pod_plugins={"sbr": True},
        ),
        [(f"{N3}.pod_plugins.sbr", "needs a router of each family")],
    ),
    "IPv6 destinations that routing by source would lose": (
        interface(
            ipv6={"count": 1},
            pod_ipam="static",
            pod_subnets=SUBNETS,
            pod_routes=["10.20.0.0/16", "::/0", "2001:db8:90::/48"],
            pod_plugins={"sbr": True},
        ),
        [
            (f"{N3}.pod_routes[1]", "is an IPv6 destination, and of addresses that pods bring sbr"),
            (f"{N3}.pod_routes[2]", "is an IPv6 destination, and of addresses that pods bring sbr"),
        ],
    ),
    "one destination twice, in two spellings": (
        interface(
            ipv6={"count": 1}, pod_routes=["2001:db8::/32", "10.20.0.0/16", "2001:DB8:0::/32"]
        ),
        [(f"{N3}.pod_routes[2]", f"is the same destination as {N3}.pod_routes[0]")],
    ),
    "ranges of two interfaces in one subnet": (
        {**whereabouts(), **whereabouts(SECOND, pod_ranges=["10.0.49.128/25"])},
        [(f"{N6}.pod_ranges[0]", f"overlaps {N3}.pod_ranges[0], of the same subnet")],
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
    "a range that is reserved and nothing else": interface(
        pod_ranges=RANGE, reserve_pod_ranges=True
    ),
    "an IPv6 range that is reserved": interface(
        ipv4="from_start", pod_ranges=["2001:db8:0:1:8000::/65"], reserve_pod_ranges=True
    ),
    "one range that two interfaces have reserved": {
        **interface(pod_ranges=RANGE, reserve_pod_ranges=True),
        **interface(SECOND, pod_ranges=RANGE, reserve_pod_ranges=True),
    },
    "a part of a reserved range that another one keeps free": {
        **interface(pod_ranges=RANGE, reserve_pod_ranges=True),
        **interface(SECOND, ipv4="from_start", pod_ranges=["10.0.49.128/25"]),
    },
    "ranges of different subnets that are reserved": {
        **interface(pod_ranges=RANGE, reserve_pod_ranges=True),
        **interface(SECOND, pod_ranges=["10.0.49.0/25"], reserve_pod_ranges=True),
        (*SECOND, "subnets"): {"us-east-1a": "subnet-0000000c"},
    },
    "ranges kept free for a plugin of one's own": interface(ipv4="from_start", pod_ranges=RANGE),
    "whereabouts beside EC2's own choice": whereabouts(),
    "whereabouts in both families": whereabouts(
        pod_subnets=[*SUBNETS, "fd00::/64"], pod_ranges=[*RANGE, "fd00::1:0/112"]
    ),
    "whereabouts for routes of one's own, in several subnets": whereabouts(
        subnets=["subnet-0000000a", "subnet-0000000b"],
        source_dest_check=False,
        pod_subnets=[],
        pod_ranges=["172.31.0.0/24"],
    ),
    "one range for two interfaces": {**whereabouts(), **whereabouts(SECOND)},
    "subnets of two interfaces, one in common": {
        **interface(pod_ipam="static", pod_subnets=["10.0.48.0/22", "10.0.52.0/22"]),
        **interface(SECOND, pod_ipam="static", pod_subnets=["10.0.56.0/22", "10.0.52.0/22"]),
        (*FIRST, "subnets"): ["subnet-0000000a", "subnet-0000000b"],
        (*SECOND, "subnets"): ["subnet-0000000b", "subnet-0000000c"],
    },
    "one of the ranges of two subnets, by another": {
        **interface(pod_ipam="static", pod_subnets=["10.0.48.0/22", "10.0.52.0/22"]),
        **interface(SECOND, pod_ipam="static", pod_subnets=["10.0.60.0/22"]),
        (*FIRST, "subnets"): ["subnet-0000000a", "subnet-0000000b"],
        (*SECOND, "subnets"): ["subnet-0000000b", "subnet-0000000c"],
    },
    "addresses in a pod's annotation": interface(
        pod_ipam="static", pod_namespaces=["core"], pod_plugins={"sbr": True}
    ),
    "routes by the router of the one subnet": whereabouts(
        pod_routes=["10.20.0.0/16"], pod_plugins={"sbr": True}
    ),
    "a destination within another": whereabouts(pod_routes=["10.20.0.0/16", "10.20.1.0/24"]),
    "an IPv6 route, whose router is the same everywhere": interface(
        pod_ipam="static", pod_routes=["fd00:1::/64"]
    ),
    "an IPv6 destination beside the default route of whereabouts": whereabouts(
        pod_subnets=["2001:db8:48::/64"],
        pod_ranges=["2001:db8:48::1:0/112"],
        pod_routes=["2001:db8:90::/48"],
        pod_plugins={"sbr": True},
    ),
    "a device that the device plugin chooses": {
        **interface(pod_ipam="static"),
        (*FIRST, "node"): DPDK,
    },
}


@pytest.mark.parametrize("edits", ACCEPTED.values(), ids=ACCEPTED)
def test_what_works_is_accepted(said: Callable[..., list[str]], edits: dict[Location, Any]) -> None:
    assert said({**ONE_ZONE, **edits}) == []


def test_host_local_is_accepted_where_there_is_one_node(said: Callable[..., list[str]]) -> None:
    alone = create(max_size=1)
    host_local = {
        (*FIRST, key): value
        for key, value in {
            "node": IPVLAN, "pod_ipam": "host-local", "pod_ranges": RANGE,
        }.items()
    }  # fmt: skip
    assert said({**alone, **host_local}) == []


@pytest.mark.parametrize(
    "edits",
    [
        interface(pod_ipam="dhcp", pod_ranges=RANGE),
        whereabouts(pod_subnets=["10.0.48.0"], pod_routes=["10.20.0.0/16"]),
        whereabouts(pod_ranges=["10.0.49.7/24"]),
        whereabouts(subnets="subnet-0000000a"),
        {**whereabouts(), (*FIRST, "node"): {"pod_network": "bridge"}},
    ],
    ids=["IPAM", "subnets", "ranges", "subnets of the interface", "network"],
)
def test_a_malformed_value_causes_no_second_fault(
    said: Callable[..., list[str]], edits: dict[Location, Any]
) -> None:
    assert len(said({**ONE_ZONE, **edits})) == 1
