"""What a kernel interface's link must be."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

import pytest

from domain.node import routing
from domain.node.config import PodNetwork
from tests.fakes.nodes import device, interface

ENI = replace(
    device().eni,
    ipv4_subnet=IPv4Network("10.0.3.128/25"),
    ipv4_addresses=(IPv4Address("10.0.3.140"), IPv4Address("10.0.3.141")),
    ipv6_subnets=(IPv6Network("2001:db8:0:3::/64"),),
    ipv6_addresses=(IPv6Address("2001:db8:0:3::10"), IPv6Address("2001:db8:0:3::11")),
)
FOREIGN_PRIORITIES = {0, 1, 10, 20, 512, 1024, 1535, 1536, 32765, 32766, 32767}
"""The kernel's, the VPC CNI's and nodeadm's."""


def _foreign_tables() -> set[int]:
    nodeadm = {10000 + 100 * card + index for card in range(64) for index in range(100)}
    vpc_cni = set(range(1, 4196))
    return nodeadm | vpc_cni | {253, 254, 255}


def test_every_eni_has_a_number_of_its_own_clear_of_everybody_elses() -> None:
    numbers = [
        routing.number(replace(ENI, network_card_index=card, device_index=index))
        for card in range(64)
        for index in range(100)
    ]
    assert len(set(numbers)) == len(numbers)
    assert not set(numbers) & (_foreign_tables() | FOREIGN_PRIORITIES)
    assert max(numbers) < 32765


@pytest.mark.parametrize(("card", "index"), [(0, 100), (0, -1), (128, 0), (-1, 0)])
def test_a_place_that_no_instance_has_is_refused(card: int, index: int) -> None:
    with pytest.raises(ValueError, match=f"network card {card}, device index {index}"):
        routing.number(replace(ENI, network_card_index=card, device_index=index))


@pytest.mark.parametrize(
    ("subnet", "router"),
    [("10.0.0.0/16", "10.0.0.1"), ("10.0.3.128/25", "10.0.3.129"), ("10.0.3.16/28", "10.0.3.17")],
)
def test_the_router_is_the_subnets_first_address(subnet: str, router: str) -> None:
    assert routing.ipv4_router(IPv4Network(subnet)) == IPv4Address(router)


def test_the_host_has_every_address_that_ec2_assigned() -> None:
    assert [str(a) for a in routing.host_addresses(interface(), ENI)] == [
        "10.0.3.140/25",
        "10.0.3.141/32",
        "2001:db8:0:3::10/128",
        "2001:db8:0:3::11/128",
    ]


@pytest.mark.parametrize("pods", [PodNetwork.IPVLAN_L2, PodNetwork.IPVLAN_L3])
def test_an_ipvlan_master_leaves_the_secondary_addresses_to_the_pods(pods: PodNetwork) -> None:
    link = routing.expected(interface(pod_network=pods), ENI)
    assert [str(a) for a in link.addresses] == ["10.0.3.140/25", "2001:db8:0:3::10/128"]
    assert {str(rule.source) for rule in link.rules if rule.source} == {
        "10.0.3.140/32",
        "2001:db8:0:3::10/128",
    }


def test_each_address_and_a_socket_bound_to_the_link_lead_to_the_enis_table() -> None:
    link = routing.expected(interface(), ENI)
    asked = {(r.family, str(r.source or ""), r.outgoing_link, r.table) for r in link.rules}
    assert asked == {
        (4, "10.0.3.140/32", None, 20001),
        (4, "10.0.3.141/32", None, 20001),
        (6, "2001:db8:0:3::10/128", None, 20001),
        (6, "2001:db8:0:3::11/128", None, 20001),
        (4, "", "mul0", 20001),
        (6, "", "mul0", 20001),
    }
    assert {rule.priority for rule in link.rules} == {20001}


def test_the_enis_table_reaches_its_subnets_directly_and_the_rest_by_the_router() -> None:
    link = routing.expected(interface(), ENI)
    assert {(str(r.destination), str(r.gateway), str(r.preferred_source)) for r in link.routes} == {
        ("10.0.3.128/25", "None", "10.0.3.140"),
        ("0.0.0.0/0", "10.0.3.129", "10.0.3.140"),
        ("fe80::/64", "None", "None"),
        ("2001:db8:0:3::/64", "None", "2001:db8:0:3::10"),
        ("::/0", "fe80:ec2::1", "2001:db8:0:3::10"),
    }


@pytest.mark.parametrize("pods", [PodNetwork.NONE, PodNetwork.IPVLAN_L2, PodNetwork.HOST_DEVICE])
def test_without_a_host_address_a_link_is_up_and_nothing_else(pods: PodNetwork) -> None:
    link = routing.expected(interface(host_address=False, pod_network=pods), ENI)
    assert (link.addresses, link.routes, link.rules, link.link_local) == ((), (), (), False)
    assert link.mtu == 9001


def test_an_l3_master_without_a_host_address_still_routes_for_its_pods() -> None:
    link = routing.expected(interface(host_address=False, pod_network=PodNetwork.IPVLAN_L3), ENI)
    assert link.addresses == ()
    assert {rule.outgoing_link for rule in link.rules} == {"mul0"}
    assert {str(route.gateway) for route in link.routes if route.gateway} == {
        "10.0.3.129",
        "fe80:ec2::1",
    }
    assert {route.preferred_source for route in link.routes} == {None}


def test_ipv6_alone_has_no_ipv4_route_or_rule() -> None:
    link = routing.expected(interface(), replace(ENI, ipv4_subnet=None, ipv4_addresses=()))
    assert {route.destination.version for route in link.routes} == {6}
    assert {rule.family for rule in link.rules} == {6}


def test_ipv4_alone_has_no_link_local_address() -> None:
    link = routing.expected(interface(), replace(ENI, ipv6_subnets=(), ipv6_addresses=()))
    assert link.link_local is False
    assert {rule.family for rule in link.rules} == {4}
