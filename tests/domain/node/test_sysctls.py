"""Kernel parameters of the links."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain.node import sysctls
from domain.node.change import SetSysctl
from domain.node.config import Driver, NodeGroup
from domain.node.model import Device, Instance
from tests.fakes.nodes import device, group, interface

ARP = {"arp_ignore": "1", "arp_announce": "2"}
GROUP = group(interface("n3"), interface("n6", link_name="mul1"))


def _device(name: str, subnet_id: str) -> Device:
    found = device(name, link=f"{name}-now")
    mac = f"06:00:00:00:00:{name[1:]:>02}"
    return replace(found, eni=replace(found.eni, mac=mac, subnet_id=subnet_id))


def _instance(primary_subnet: str, *devices: Device) -> Instance:
    primary = replace(device().eni, mac="06:00:00:00:00:ff", subnet_id=primary_subnet)
    enis = (primary, *(each.eni for each in devices))
    return Instance("i-1", "m5.xlarge", "us-east-1a", "us-east-1", primary.mac, enis)


def _desired(primary: str, n3: str, n6: str, chosen: NodeGroup = GROUP) -> dict[str, set[str]]:
    devices = {name: _device(name, subnet) for name, subnet in (("n3", n3), ("n6", n6))}
    wanted = sysctls.desired(chosen, devices, _instance(primary, *devices.values()))
    return {link: set(values) for link, values in wanted.items()}


@pytest.mark.parametrize(
    ("primary", "n3", "n6", "careful"),
    [
        ("subnet-p", "subnet-a", "subnet-b", set()),
        ("subnet-p", "subnet-a", "subnet-a", {"mul0", "mul1"}),
        ("subnet-a", "subnet-a", "subnet-b", {"mul0"}),
        ("subnet-a", "subnet-a", "subnet-a", {"mul0", "mul1"}),
    ],
    ids=["each-alone", "two-of-ours", "with-the-primary", "all-three"],
)
def test_where_enis_share_a_subnet_each_speaks_for_itself(
    primary: str, n3: str, n6: str, careful: set[str]
) -> None:
    wanted = _desired(primary, n3, n6)
    assert {link for link, values in wanted.items() if set(ARP) <= values} == careful
    assert all("rp_filter" in values for values in wanted.values())


def test_an_interface_for_dpdk_has_no_parameters_and_asks_nobody_to_be_careful() -> None:
    chosen = group(interface("n3"), interface("n6", link_name="mul1", driver=Driver.VFIO_PCI))
    assert _desired("subnet-p", "subnet-a", "subnet-a", chosen) == {"mul0": {"rp_filter"}}


def test_a_link_without_a_host_address_filters_nothing_and_still_answers_for_nobody_else() -> None:
    chosen = group(interface("n3", host_address=False), interface("n6", link_name="mul1"))
    assert _desired("subnet-p", "subnet-a", "subnet-a", chosen)["mul0"] == set(ARP)


def test_the_file_names_links_in_a_way_that_a_dot_does_not_break() -> None:
    text = sysctls.file_text({"mul0.5": {"rp_filter": "2"}})
    assert text.splitlines()[1:] == ["net/ipv4/conf/mul0.5/rp_filter = 2"]


def test_a_parameter_is_compared_under_the_name_that_the_link_has_now() -> None:
    present = {"net.ipv4.conf.ens6.rp_filter": "0", "net.ipv4.conf.ens6.arp_ignore": "1"}
    wanted = {"mul0": {"rp_filter": "2", "arp_ignore": "1"}, "mul1": {"rp_filter": "2"}}
    assert sysctls.changes(wanted, present, {"mul0": "ens6"}) == [
        SetSysctl("net.ipv4.conf.mul0.rp_filter", "2", "0")
    ]


@pytest.mark.parametrize(
    ("node", "wish", "warned"),
    [("0", "0", False), ("1", "0", True), ("1", "2", False), ("2", "1", True), ("1", "1", False)],
)
def test_a_wish_that_all_makes_ineffective_is_named(node: str, wish: str, warned: bool) -> None:
    warnings = sysctls.ineffective(
        {"mul0": {"rp_filter": wish}}, {sysctls.key("all", "rp_filter"): node}
    )
    assert ["net.ipv4.conf.all.rp_filter is" in each for each in warnings] == [True] * warned
