"""Which addresses of an ENI are its pods', and how host-local is told of them."""

from __future__ import annotations

import dataclasses
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.node import pod_addresses, routing
from domain.node.config import PodNetwork
from tests.fakes import nodes

if TYPE_CHECKING:
    from domain.node.model import Eni


def eni(ipv4: tuple[int, ...] = (10, 11, 12), ipv6: tuple[int, ...] = ()) -> Eni:
    """Return an ENI in 10.0.3.0/24 and 2001:db8:3::/64, by the last numbers of its addresses."""
    return dataclasses.replace(
        nodes.device().eni,
        ipv4_addresses=tuple(IPv4Address(f"10.0.3.{last}") for last in ipv4),
        ipv6_subnets=(IPv6Network("2001:db8:3::/64"),) if ipv6 else (),
        ipv6_addresses=tuple(IPv6Address(f"2001:db8:3::{last:x}") for last in ipv6),
    )


def texts(interface: dict[str, Any], of: Eni) -> list[str]:
    """Return the pool of an ipvlan network with these fields."""
    promised = nodes.interface(pod_network=PodNetwork.IPVLAN_L2, **interface)
    return [str(each) for each in pod_addresses.pool(promised, of)]


@pytest.mark.parametrize(
    ("interface", "of", "pool"),
    [
        pytest.param({"pool_ipv4": 2}, eni(), ["10.0.3.11", "10.0.3.12"], id="not the primary one"),
        pytest.param({"pool_ipv4": 2}, eni((10,)), [], id="none yet"),
        pytest.param(
            {"pool_ipv4": 1},
            eni((10, 12, 11)),
            ["10.0.3.11", "10.0.3.12"],
            id="in order, more than asked for",
        ),
        pytest.param({}, eni(), [], id="no pool"),
        pytest.param({"pool_ipv4": 2}, eni((10, 11), (8,)), ["10.0.3.11"], id="one family"),
        pytest.param(
            {"pool_ipv6": 2, "host_address": False},
            eni((), (9, 8)),
            ["2001:db8:3::8", "2001:db8:3::9"],
            id="every IPv6 address where the host has none",
        ),
        pytest.param(
            {"pool_ipv6": 2, "host_address": False},
            dataclasses.replace(eni((), (9, 8)), ipv6_subnets=()),
            [],
            id="none of a subnet that is not told yet",
        ),
        pytest.param(
            {"pool_ipv6": 2}, eni((10,), (9, 8)), ["2001:db8:3::8"], id="not the host's first"
        ),
    ],
)
def test_the_pool_is_what_neither_ec2_nor_the_host_needs(
    interface: dict[str, Any], of: Eni, pool: list[str]
) -> None:
    assert texts(interface, of) == pool


def test_addresses_that_follow_pods_are_neither_the_nodes_nor_for_it_to_give() -> None:
    before, after = eni(ipv4=(10,)), eni(ipv4=(10, 100, 101))
    for promised in (
        nodes.interface(pod_network=PodNetwork.IPVLAN_L2, host_address=False),
        nodes.interface(pod_network=PodNetwork.HOST_DEVICE, host_address=False),
    ):
        assert pod_addresses.pool(promised, after) == ()
        assert pod_addresses.ipam(promised, after) == pod_addresses.ipam(promised, before) is None
        assert routing.host_addresses(promised, after) == ()


@given(st.sets(st.integers(2, 253), min_size=1, max_size=49))
def test_the_ranges_are_the_pool_and_nothing_else(lasts: set[int]) -> None:
    of = eni((1, *sorted(lasts, reverse=True)))
    interface = nodes.interface(pod_network=PodNetwork.IPVLAN_L2, host_address=False, pool_ipv4=49)
    ipam = pod_addresses.ipam(interface, of)
    assert ipam is not None
    (ranges,) = ipam["ranges"]
    handed_out = [
        number
        for one in ranges
        for number in range(
            int(ip_address(one["rangeStart"])), int(ip_address(one["rangeEnd"])) + 1
        )
    ]
    assert handed_out == [int(IPv4Address(f"10.0.3.{last}")) for last in sorted(lasts)]
    ends = [int(ip_address(one["rangeEnd"])) for one in ranges]
    starts = [int(ip_address(one["rangeStart"])) for one in ranges]
    assert all(start - end > 1 for end, start in zip(ends, starts[1:], strict=False)), (
        "runs are whole"
    )


def test_routes_go_by_the_vpc_s_router_of_their_family() -> None:
    interface = nodes.interface(pod_routes=("10.9.0.0/16", "2001:db8:9::/48"))
    assert pod_addresses.routes(interface, eni((10,), (8,))) == [
        {"dst": "10.9.0.0/16", "gw": "10.0.3.1"},
        {"dst": "2001:db8:9::/48", "gw": "fe80:ec2::1"},
    ]
    assert pod_addresses.routes(interface, eni()) == [{"dst": "10.9.0.0/16", "gw": "10.0.3.1"}]


def test_a_pod_has_no_route_of_a_family_that_its_pool_lacks() -> None:
    interface = nodes.interface(
        pod_network=PodNetwork.IPVLAN_L2,
        pool_ipv4=2,
        pod_routes=("10.9.0.0/16", "2001:db8:9::/48"),
    )
    assert pod_addresses.routes(interface, eni((10, 11), (8,))) == [
        {"dst": "10.9.0.0/16", "gw": "10.0.3.1"}
    ]


def test_a_pool_that_is_smaller_than_promised_is_told() -> None:
    interface = nodes.interface("n3", host_address=False, pool_ipv4=3, pool_ipv6=1)
    device = dataclasses.replace(nodes.device("n3"), eni=eni())
    told = list(pod_addresses.shortages([interface, nodes.interface("n6", pool_ipv4=1)], [device]))
    assert [each.partition(" addresses")[0] for each in told] == [
        "n3 has 2 of 3 IPv4",
        "n3 has 0 of 1 IPv6",
    ]
    whole = dataclasses.replace(nodes.device("n3"), eni=eni((10, 11, 12, 13), (8,)))
    assert list(pod_addresses.shortages([interface], [whole])) == []
