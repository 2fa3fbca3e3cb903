"""Plans for links, and the property that a plan carried out leaves nothing to plan."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_interface,
    ip_network,
)
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.node import layout, links, networkd, sysctls
from domain.node.change import ConfigureLinks, RenameLink, WriteFile
from domain.node.config import Driver, NodeGroup, NodeInterface, PodNetwork
from domain.node.errors import LinkNotRenamed
from domain.node.model import Device, Instance, Link, LinkAddress, Route, RoutingRule
from tests.fakes.links import LinkHost, changes
from tests.fakes.nodes import device, group, interface

FORMS: list[dict[str, Any]] = [
    {},
    {"host_address": False},
    {"host_address": False, "pod_network": PodNetwork.IPVLAN_L3},
    {"pod_network": PodNetwork.IPVLAN_L2},
    {"driver": Driver.VFIO_PCI},
]


@st.composite
def nodes(draw: st.DrawFn) -> tuple[NodeGroup, dict[str, Device], Instance, list[Link]]:
    """Draw a node whose links have any names, each other's too, and which has some of its interfaces in DPDK or a pod."""
    count = draw(st.integers(1, 5))
    pool = [f"mul{n}" for n in range(count)] + [f"eth{n}" for n in range(1, count + 1)]
    names = draw(st.permutations(pool))
    promised: list[NodeInterface] = []
    devices: dict[str, Device] = {}
    present: list[Link] = []
    for n in range(count):
        form = draw(st.sampled_from(FORMS))
        mac, pci = f"06:00:00:00:00:{n:02x}", f"0000:00:{n + 6:02x}.0"
        eni = replace(
            device().eni,
            mac=mac,
            device_index=n + 1,
            subnet_id=draw(st.sampled_from(["subnet-a", "subnet-b", "subnet-p"])),
            ipv4_subnet=IPv4Network(f"10.0.{n}.0/24"),
            ipv4_addresses=tuple(
                IPv4Address(f"10.0.{n}.{10 + k}") for k in range(draw(st.integers(1, 3)))
            ),
            ipv6_subnets=(IPv6Network(f"2001:db8:0:{n}::/64"),),
            ipv6_addresses=tuple(
                IPv6Address(f"2001:db8:0:{n}::{10 + k}") for k in range(draw(st.integers(0, 2)))
            ),
        )
        promised.append(interface(f"n{n}", link_name=f"mul{n}", **form))
        link = Link(names[n], n + 3, mac, draw(st.booleans()), 1500, pci)
        is_here = form.get("driver") is None and draw(st.integers(0, 4)) > 0
        if is_here:
            present.append(link)
        devices[f"n{n}"] = Device(f"n{n}", eni, pci, link if is_here else None)
    primary = replace(device().eni, mac="06:00:00:00:00:ff", device_index=0, subnet_id="subnet-p")
    present.append(Link("ens5", 2, primary.mac, True, 9001, "0000:00:05.0"))
    enis = (primary, *(each.eni for each in devices.values()))
    instance = Instance("i-1", "m5.xlarge", "us-east-1a", "us-east-1", primary.mac, enis)
    return group(*promised), devices, instance, present


@given(nodes(), st.integers(0, 40))
def test_a_run_that_is_killed_anywhere_converges_in_the_next(
    node: tuple[NodeGroup, dict[str, Device], Instance, list[Link]], killed_after: int
) -> None:
    chosen, devices, instance, present = node
    host = LinkHost(present)

    def planned() -> links.LinkPlan:
        return links.plan(chosen, host.devices(devices), instance, host.observe())

    for change in changes(planned())[:killed_after]:
        host.carry_out(change)
    for change in changes(planned()):
        host.carry_out(change)
    assert changes(planned()) == ()
    network = host.observe().network
    for link in links.expected_state(chosen, host.devices(devices)):
        assert links.differences(link, network) == ()


GROUP = group(interface("n3", link_name="mul0"), interface("n6", link_name="mul1"))


def _two(first: str = "mul0", second: str = "mul1") -> dict[str, Device]:
    n3, n6 = device("n3", link=first), device("n6", "0000:00:07.0", link=second)
    assert n6.link
    mac = "06:00:00:00:00:02"
    eni = replace(n6.eni, mac=mac, device_index=2, ipv4_addresses=(IPv4Address("10.0.3.20"),))
    return {"n3": n3, "n6": replace(n6, eni=eni, link=replace(n6.link, mac=mac, index=4))}


def _instance(devices: dict[str, Device]) -> Instance:
    primary = replace(device().eni, mac="06:00:00:00:00:ff", subnet_id="subnet-p")
    enis = (primary, *(each.eni for each in devices.values()))
    return Instance("i-1", "m5.xlarge", "us-east-1a", "us-east-1", primary.mac, enis)


def _settled(devices: dict[str, Device], *others: Link) -> LinkHost:
    """Return a host on which a run has been."""
    host = LinkHost([*(each.link for each in devices.values() if each.link), *others])
    for change in changes(_plan(host, devices)):
        host.carry_out(change)
    return host


def _plan(host: LinkHost, devices: dict[str, Device], chosen: NodeGroup = GROUP) -> links.LinkPlan:
    return links.plan(chosen, host.devices(devices), _instance(devices), host.observe())


def test_links_that_want_each_others_names_step_aside_one_after_the_other() -> None:
    devices = _two("mul1", "mul0")
    host = LinkHost([each.link for each in devices.values() if each.link])
    assert _plan(host, devices).renames == (
        RenameLink(3, "multus-aside3", "mul1"),
        RenameLink(4, "mul1", "mul0"),
        RenameLink(3, "mul0", "multus-aside3"),
    )


def test_a_foreign_link_with_our_name_is_refused_and_named() -> None:
    devices = _two("ens6", "mul1")
    foreign = Link("mul0", 9, "0a:00:00:00:00:09", True, 1500, None)
    host = LinkHost([*(each.link for each in devices.values() if each.link), foreign])
    with pytest.raises(LinkNotRenamed, match="ens6") as refused:
        _plan(host, devices)
    assert foreign.mac in refused.value.value


def test_a_link_that_dpdk_takes_does_not_stand_in_the_way_of_its_name() -> None:
    devices = _two("mul1", "mul0")
    chosen = group(
        interface("n3", link_name="mul0"),
        interface("n6", link_name="mul1", driver=Driver.VFIO_PCI),
    )
    host = LinkHost([each.link for each in devices.values() if each.link])
    assert _plan(host, devices, chosen).renames == (RenameLink(3, "mul0", "mul1"),)


def test_the_files_of_an_interface_that_is_no_longer_promised_go() -> None:
    devices = _two()
    host = _settled(devices)
    left = {"n3": devices["n3"]}
    plan = _plan(host, left, group(interface("n3", link_name="mul0")))
    removed = {each.path for each in plan.files if not isinstance(each, WriteFile)}
    assert removed == {networkd.link_path("n6"), networkd.network_path("n6")}
    assert [change.links for change in plan.configuration] == [()]


def test_an_interface_that_is_not_here_keeps_its_files() -> None:
    devices = _two()
    host = _settled(devices)
    plan = _plan(host, {"n3": devices["n3"]})
    assert {each.path for each in plan.files} == {layout.SYSCTL}


def _drifts() -> dict[str, Any]:
    def down(host: LinkHost) -> None:
        host.links[3] = replace(host.links[3], up=False, carrier=False)

    def mtu(host: LinkHost) -> None:
        host.links[3] = replace(host.links[3], mtu=1500)

    def address(host: LinkHost) -> None:
        host.addresses = [a for a in host.addresses if a.link_index != 3]

    def tentative(host: LinkHost) -> None:
        host.addresses = [replace(a, tentative=True) for a in host.addresses]

    def route(host: LinkHost) -> None:
        host.routes = [r for r in host.routes if r.link_index != 3 or r.gateway is None]

    def rule(host: LinkHost) -> None:
        host.rules = [r for r in host.rules if r.outgoing_link != "mul0"]

    def default(host: LinkHost) -> None:
        gateway = ip_address("10.0.3.1")
        host.routes.append(Route(254, ip_network("0.0.0.0/0"), gateway, 3, 613))

    def subnet(host: LinkHost) -> None:
        host.routes.append(Route(254, ip_network("10.0.3.0/24"), None, 3, 0))

    def link_local(host: LinkHost) -> None:
        host.addresses.append(LinkAddress(3, ip_interface("fe80::1/64")))

    return {
        "mul0 is down": down,
        "MTU 1500 instead of 9001": mtu,
        "no address 10.0.3.10/24": address,
        "address 10.0.3.10/24 is tentative": tentative,
        "no route 0.0.0.0/0 via 10.0.3.1 in table 20001": route,
        "no rule 20001: from all oif mul0 lookup 20001 (IPv4)": rule,
        "route 0.0.0.0/0 via 10.0.3.1 in the main table": default,
        "route 10.0.3.0/24 in the main table": subnet,
        "a link-local address": link_local,
    }


@pytest.mark.parametrize("difference", _drifts())
def test_what_the_kernel_shows_otherwise_is_configured_anew_and_named(difference: str) -> None:
    devices = _two()
    host = _settled(devices)
    assert changes(_plan(host, devices)) == ()
    _drifts()[difference](host)
    (change,) = changes(_plan(host, devices))
    assert isinstance(change, ConfigureLinks)
    assert "mul0" in change.drifted
    assert difference in change.reason


def test_what_others_add_by_a_link_is_theirs() -> None:
    devices = _two()
    host = _settled(devices)
    host.addresses.append(LinkAddress(3, ip_interface("10.0.3.99/32")))
    host.routes.append(Route(254, ip_network("192.0.2.0/24"), ip_address("10.0.3.1"), 3, 0))
    host.routes.append(Route(254, ip_network("0.0.0.0/0"), ip_address("10.0.0.1"), 2, 512))
    host.rules.append(RoutingRule(4, 1536, 2, source=ip_network("10.0.3.99/32")))
    plan = _plan(host, devices)
    assert (changes(plan), plan.warnings) == ((), ())


def test_a_leftover_rule_for_an_address_that_moved_is_a_warning() -> None:
    devices = _two()
    host = _settled(devices)
    host.rules.append(RoutingRule(4, 20009, 20009, source=ip_network("10.0.3.10/32")))
    plan = _plan(host, devices)
    assert changes(plan) == ()
    assert plan.warnings == (
        "a rule is left over: 20009: from 10.0.3.10/32 lookup 20009 (IPv4); remove it with ip rule del",
    )


def test_a_file_that_changed_is_configured_by_the_reload_alone() -> None:
    devices = _two()
    host = _settled(devices)
    chosen = group(GROUP.interfaces[0], replace(GROUP.interfaces[1], mtu=1500))
    (change,) = _plan(host, devices, chosen).configuration
    assert (change.links, change.drifted) == (("mul1",), ())


def test_a_renamed_link_is_configured_although_its_file_is_as_it_was() -> None:
    devices = _two()
    host = _settled(devices)
    host.carry_out(RenameLink(3, "eth7", "mul0"))
    plan = _plan(host, devices)
    assert plan.files == ()
    assert plan.renames == (RenameLink(3, "mul0", "eth7"),)
    (change,) = plan.configuration
    assert change.drifted == ("mul0",)
    # What is missing is told of the link as it will be called.
    assert "no link" not in change.reason


def test_a_link_in_a_pod_is_neither_renamed_nor_configured() -> None:
    devices = _two()
    host = _settled(devices)
    devices["n6"] = replace(devices["n6"], link=None)
    del host.links[4]
    assert changes(_plan(host, devices)) == ()


def test_the_way_back_from_dpdk_gives_name_addresses_and_rules_again() -> None:
    devices = _two()
    chosen = group(GROUP.interfaces[0], replace(GROUP.interfaces[1], driver=Driver.VFIO_PCI))
    gone = {**devices, "n6": replace(devices["n6"], link=None)}
    host = LinkHost([each.link for each in gone.values() if each.link])
    for change in changes(_plan(host, gone, chosen)):
        host.carry_out(change)
    back = replace(devices["n6"].link, name="eth0") if devices["n6"].link else None
    assert back
    host.links[back.index] = back
    host.sysctls.update({sysctls.key("eth0", each): "0" for each in sysctls.PARAMETERS})
    devices["n6"] = replace(devices["n6"], link=back)
    restored = links.with_kernel_driver(chosen, "n6")
    assert restored == GROUP
    for change in changes(_plan(host, devices, restored)):
        host.carry_out(change)
    network = host.observe().network
    assert [links.differences(x, network) for x in links.expected_state(GROUP, devices)] == [(), ()]


def test_a_link_is_told_by_its_mac_address_too() -> None:
    devices = _two()
    (expected, _) = links.expected_state(GROUP, devices)
    network = _settled(devices).observe().network
    other = tuple(replace(link, mac="0a:00:00:00:00:01") for link in network.links)
    assert links.differences(expected, replace(network, links=other)) == (
        "no link mul0 with MAC address 06:00:00:00:00:01",
    )
