"""What a person is told to write of pods is taken when they write it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import authoring
from authoring.pod_warnings import warnings
from domain.errors import ConfigInvalid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from domain.errors import Problem

A, B = "subnet-0000000a", "subnet-0000000b"
IPV4, IPV6 = "10.0.49.0/24", "2001:db8:48::1:0/112"
Written = dict[str, Any]


def one_of(*values: object) -> st.SearchStrategy[object]:
    """Return one of these; None leaves a key out."""
    return st.sampled_from(values)


def _plain(keys: Written) -> Written:
    return {key: value for key, value in keys.items() if value is not None}


WHEREABOUTS = {
    "pod_ipam": "whereabouts", "ipv4": "from_start", "pod_ranges": [IPV4], "pod_subnets": ["10.0.48.0/22"],
    "node": {"pod_network": "ipvlan-l2"},
}  # fmt: skip
STATIC = {"pod_ipam": "static", "node": {"pod_network": "ipvlan-l2"}}
ZONES = {"subnets": {"us-east-1a": A, "us-east-1b": B}}
SBR = {"pod_plugins": {"sbr": True}}
BASES: tuple[Written, ...] = (
    WHEREABOUTS,
    WHEREABOUTS | {"pod_ranges": [IPV6], "pod_subnets": ["2001:db8:48::/64"]},
    STATIC,
    STATIC | SBR,
    {"node": STATIC["node"]},
    {"ipv4": "from_start", "pod_ranges": [IPV4], "node": STATIC["node"]},
)


VALUES = st.fixed_dictionaries(
    {
        "subnets": one_of([A], [A], {"us-east-1a": A, "us-east-1b": B}, {"tags": {"network": "n3"}}),
        "ipv4": one_of(None, None, "from_start", "none"),
        "ipv6": one_of(None, {"count": 1}),
        "pod_ipam": one_of(None, "static", "whereabouts", "host-local"),
        "pod_ranges": one_of(
            None, [IPV4], [IPV6], [IPV4, IPV6], ["10.0.48.0/22"], ["2001:db8:48::/64"], ["192.168.7.0/24"],
            ["10.0.0.0/16"],
        ),
        "pod_subnets": one_of(
            None, ["10.0.48.0/22"], ["2001:db8:48::/64"], ["10.0.48.0/22", "2001:db8:48::/64"],
            ["10.0.48.0/22", "10.0.52.0/22"],
        ),
        "pod_routes": one_of(None, ["0.0.0.0/0"], ["10.8.0.0/16"], ["::/0"], ["2001:db8:9::/48", "10.8.0.0/16"]),
        "pod_plugins": one_of(None, None, {"sbr": True}, {"sysctls": {"net.ipv4.conf.IFNAME.arp_notify": "1"}}),
        "pod_follow": one_of(None, True),
        "pod_pool": one_of(None, None, None, {"ipv4": 4}),
        "reserve_pod_ranges": one_of(None, True),
        "source_dest_check": one_of(None, False),
        "node": one_of(
            {"pod_network": "ipvlan-l2"},
            {"pod_network": "ipvlan-l2"},
            {"pod_network": "ipvlan-l3"},
            {"pod_network": "ipvlan-l2", "host_address": True},
            {"pod_network": "host-device", "resource": "n3"},
            {"pod_network": "host-device"},
            {"pod_network": "host-device", "resource": "n3", "driver": "igb_uio"},
            {},
            {"driver": "igb_uio"},
        ),
    }
)  # fmt: skip
INTERFACES = st.builds(
    lambda base, values, changed: _plain(base | {key: values[key] for key in changed}),
    st.sampled_from(BASES),
    VALUES,
    st.sets(
        st.sampled_from(
            (
                *(
                    "subnets",
                    "ipv4",
                    "ipv6",
                    "pod_ipam",
                    "pod_ranges",
                    "pod_subnets",
                    "pod_routes",
                    "pod_plugins",
                ),
                *("pod_follow", "pod_pool", "reserve_pod_ranges", "source_dest_check", "node"),
            )
        ),
        max_size=3,
    ),
)
"""Interfaces that are right, but for up to three keys."""
NEIGHBOURS = one_of(
    None, {}, {"ipv6": {"count": 1}}, {"ipv4": "from_start", "pod_ranges": ["10.0.49.0/25"]},
    {"pod_ranges": ["10.0.49.0/25"], "reserve_pod_ranges": True}, {"pod_ranges": [IPV4], "reserve_pod_ranges": True},
    {"name": "n3", "pod_pool": {"ipv4": 4}, "node": {"pod_network": "ipvlan-l2"}},
    {"pod_subnets": ["10.0.48.0/22"], **STATIC},
)  # fmt: skip


def _file(n3: Written, neighbour: Written | None, types: list[str]) -> str:
    common = {"subnets": [A], "security_groups": ["sg-0000000a"]}
    interfaces = [[{"name": "n3", **common, **n3}]]
    if neighbour is not None:
        interfaces.append([{"name": "n4", **common, **neighbour}])
    groups = [
        {"name": f"g{place}", "auto_scaling_group": f"asg-{place}", "interfaces": each}
        for place, each in enumerate(interfaces)
    ]
    groups[0]["instance_types"] = types
    return yaml.safe_dump({"name": "lab", "cluster_name": "lab", "node_groups": groups})


def _with_own_ranges(n3: Written) -> Written:
    """Bring ranges where the remedy leaves it to the person which: others than the neighbour's."""
    subnets = n3.get("pod_subnets", [])
    if n3.get("ipv4") == "none":
        return n3 | {"pod_ranges": [IPV6], "reserve_pod_ranges": True}
    own = [] if any(":" not in text for text in subnets) else ["10.0.48.0/22"]
    keys = {"pod_subnets": [*subnets, *own]} if subnets else {}
    return n3 | keys | {"pod_ranges": ["10.0.50.0/24"], "reserve_pod_ranges": True}


def _with_ipv6_ranges(n3: Written) -> Written:
    return n3 | {
        "pod_ipam": "whereabouts",
        "pod_ranges": [IPV6],
        "pod_subnets": ["2001:db8:48::/64"],
    }


def _with_default_route(n3: Written) -> Written:
    subnets = n3.get("pod_subnets", [])
    own = [] if any(":" not in text for text in subnets) else ["10.0.48.0/22"]
    return n3 | {
        "pod_routes": [*n3.get("pod_routes", []), "0.0.0.0/0"],
        "pod_subnets": [*subnets, *own],
    }


def _in(key: str, **keys: object) -> Callable[[Written], Written]:
    return lambda n3: n3 | {key: {**n3.get(key, {}), **keys}}


WAYS: dict[str, Callable[[Written], Written]] = {
    "reserve_pod_ranges: true": lambda n3: n3 | {"reserve_pod_ranges": True},
    "pod_ranges with reserve_pod_ranges: true": _with_own_ranges,
    "ipv4: from_start": lambda n3: n3 | {"ipv4": "from_start"},
    "ipv6: { count: 1 }": lambda n3: n3 | {"ipv6": {"count": 1}},
    "pod_follow: true": lambda n3: n3 | {"pod_follow": True},
    "sbr: true": _in("pod_plugins", sbr=True),
    'pod_routes: ["0.0.0.0/0"]': _with_default_route,
    "pod_ipam: whereabouts": lambda n3: n3 | {"pod_ipam": "whereabouts"},
    "pod_ipam: whereabouts` with IPv6 ranges": _with_ipv6_ranges,
    "source_dest_check: false": lambda n3: n3 | {"source_dest_check": False},
    "pod_network: ipvlan-l2": _in("node", pod_network="ipvlan-l2"),
    "pod_network: host-device": _in("node", pod_network="host-device"),
    "driver: kernel": _in("node", driver="kernel"),
}
"""What remedies name with a key and a value, and how it is written."""
PAIR = re.compile(
    r"(?:pod_ranges with )?[a-z][a-z0-9_]*: (?:\{[^}]*\}|\[[^]]*\]|[a-z0-9_-]+)(?:` with IPv6 ranges)?"
)
NETWORKS = re.compile(r"`pod_network` \(([^)]+)\)")


def _ways(remedy: str) -> Iterator[tuple[str, Callable[[Written], Written]]]:
    for each in NETWORKS.findall(remedy):
        for name in re.split(r", | or ", each):
            yield name, _in("node", pod_network=name)
    for pair in PAIR.findall(remedy):
        # A colon that ends a clause of a sentence is no key's.
        if "_" in pair or pair.partition(":")[0] in ("sbr", "ipv4", "ipv6", "driver"):
            yield pair, WAYS[pair]


def _refused(text: str) -> list[Problem]:
    try:
        authoring.parse(text)
    except ConfigInvalid as invalid:
        return list(invalid.problems)
    return []


def _remedies(text: str) -> list[str]:
    """Return what is to be done: of the one refusal, else of all that is told of n3."""
    refused = _refused(text)
    if refused:
        return [refused[0].remedy] if len(refused) == 1 else []
    groups = authoring.parse(text).node_groups
    told = warnings(groups[0], groups)
    return [
        each[found.start() :]
        for each in told
        if (found := re.search(r"\b(Write|Make|Leave) ", each))
    ]


@settings(max_examples=100)
@given(INTERFACES, NEIGHBOURS, st.sampled_from([[], [], ["m5.large"]]))
def test_what_is_to_be_written_is_not_refused(
    n3: Written, neighbour: Written | None, types: list[str]
) -> None:
    was_right = not _refused(_file(n3, neighbour, types))
    for remedy in _remedies(_file(n3, neighbour, types)):
        for way, write in _ways(remedy):
            refused = _refused(_file(write(n3), neighbour, types))
            if "`pod_network` (" in remedy:
                # Much of what is said of pods is looked at only where there are any.
                refused = [each for each in refused if each.path.endswith(".pod_network")]
            if not was_right:
                # What a reservation overlaps is told at the neighbour, with a remedy.
                refused = [each for each in refused if not each.path.startswith("node_groups[1]")]
            assert not refused, f"{way}: {refused[0]}"


CASES: dict[str, tuple[Written, set[str]]] = {
    "whereabouts": (WHEREABOUTS, {"pod_follow: true"}),
    "whereabouts over several subnets, routed by hand": (
        WHEREABOUTS | ZONES | {"source_dest_check": False, "ipv4": "auto"},
        {"reserve_pod_ranges: true", "ipv4: from_start"},
    ),
    "whereabouts over several subnets": (WHEREABOUTS | ZONES, {"source_dest_check: false"}),
    "whereabouts over several subnets, followed": (
        WHEREABOUTS | ZONES | {"pod_follow": True},
        set(),
    ),
    "l3 with IPv6 ranges of which the node has no routes": (
        WHEREABOUTS
        | {"pod_ranges": [IPV6], "pod_subnets": ["2001:db8:48::/64"]}
        | {"node": {"pod_network": "ipvlan-l3"}},
        {"reserve_pod_ranges: true"},
    ),
    "a whole /64": (
        WHEREABOUTS | {"pod_ranges": ["2001:db8:48::/64"], "pod_subnets": []},
        {"pod_follow: true"},
    ),
    "IPv6 by sbr": (
        STATIC | SBR | {"pod_routes": ["2001:db8:9::/48"]},
        {"pod_ipam: whereabouts` with IPv6 ranges"},
    ),
    "both families by sbr": (
        STATIC
        | SBR
        | {"pod_routes": ["2001:db8:9::/48", "0.0.0.0/0"], "pod_subnets": ["10.0.48.0/22"]},
        set(),
    ),
    "sbr in one subnet": (STATIC | SBR, {"pod_follow: true", 'pod_routes: ["0.0.0.0/0"]'}),
    "sbr in several subnets": (STATIC | SBR | ZONES, {"pod_follow: true"}),
    "host-local": (
        WHEREABOUTS | {"pod_ipam": "host-local"},
        {"pod_ipam: whereabouts"},
    ),
    "host-local of several subnets": (WHEREABOUTS | ZONES | {"pod_ipam": "host-local"}, set()),
    "ranges that nobody uses": (
        {"pod_ranges": [IPV4]},
        {"reserve_pod_ranges: true", "ipv4: from_start"},
    ),
    "ranges that nobody uses, larger than a subnet": (
        {"pod_ranges": ["10.0.0.0/15"]},
        {"ipv4: from_start"},
    ),
    "ranges that nobody uses, of both families": (
        {"pod_ranges": [IPV4, IPV6]},
        {"reserve_pod_ranges: true"},
    ),
    "ranges that nobody uses, in subnets by tags": (
        {"pod_ranges": [IPV4], "subnets": {"tags": {"network": "n3"}}},
        {"ipv4: from_start"},
    ),
    "what pods bring to subnets by tags": (
        STATIC | {"pod_follow": True, "subnets": {"tags": {"network": "n3"}}},
        set(),
    ),
    "DPDK without a network": ({"pod_ipam": "static", "node": {"driver": "igb_uio", "resource": "n3"}}, {"host-device"}),
}  # fmt: skip


@pytest.mark.parametrize(("n3", "expected"), CASES.values(), ids=CASES)
def test_what_is_told_is_what_can_be_written(n3: Written, expected: set[str]) -> None:
    ways = [way for remedy in _remedies(_file(n3, None, [])) for way in _ways(remedy)]
    assert {name for name, _ in ways} == expected
    for name, write in ways:
        assert not _refused(_file(write(n3), None, [])), name


def test_a_subnet_that_another_interface_has_said_is_the_one_to_be_written() -> None:
    neighbour = STATIC | {"pod_subnets": ["10.0.48.0/22"]}
    ways = dict(
        way for remedy in _remedies(_file(STATIC | SBR, neighbour, [])) for way in _ways(remedy)
    )
    written = ways['pod_routes: ["0.0.0.0/0"]'](STATIC | SBR)
    assert not _refused(_file(written, neighbour, []))
