"""The files of systemd: every setting is one that systemd 252 knows, in the section where it belongs."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, IPv6Network

import pytest

from domain.node import networkd
from domain.node.config import Driver, PodNetwork
from tests.fakes.links import sections
from tests.fakes.nodes import device, interface

DUAL_STACK = replace(
    device().eni,
    ipv4_addresses=(IPv4Address("10.0.3.10"), IPv4Address("10.0.3.11")),
    ipv6_subnets=(IPv6Network("2001:db8:0:3::/64"),),
    ipv6_addresses=(IPv6Address("2001:db8:0:3::10"),),
)
KNOWN = {
    # systemd.link(5) and systemd.network(5) of 252.
    ".link": {"Match": {"PermanentMACAddress"}, "Link": {"Name", "MACAddressPolicy"}},
    ".network": {
        "Match": {"PermanentMACAddress"},
        "Link": {"MTUBytes", "RequiredForOnline", "ActivationPolicy", "Unmanaged"},
        "Network": {
            "DHCP",
            "LinkLocalAddressing",
            "IPv6AcceptRA",
            "LLDP",
            "EmitLLDP",
            "LLMNR",
            "MulticastDNS",
            "IPv6DuplicateAddressDetection",
        },
        "Address": {"Address", "AddPrefixRoute"},
        "Route": {
            "Destination",
            "Gateway",
            "GatewayOnLink",
            "Scope",
            "PreferredSource",
            "Table",
        },
        "RoutingPolicyRule": {"From", "OutgoingInterface", "Family", "Table", "Priority"},
    },
}
FORMS = {
    "host-addresses": interface(),
    "no-host-address": interface(host_address=False),
    "ipvlan-l3-without-host-address": interface(
        host_address=False, pod_network=PodNetwork.IPVLAN_L3
    ),
    "dpdk": interface(driver=Driver.VFIO_PCI),
}


@pytest.mark.parametrize("form", FORMS)
def test_systemd_252_knows_every_setting(form: str) -> None:
    for path, text in networkd.files(FORMS[form], DUAL_STACK).items():
        known = KNOWN[path[path.rindex(".") :]]
        for section, keys in sections(text):
            assert set(keys) <= known[section], (path, section)


@pytest.mark.parametrize("form", FORMS)
def test_a_file_says_who_wrote_it_and_for_which_eni_and_goes_by_the_mac_address(form: str) -> None:
    for text in networkd.files(FORMS[form], DUAL_STACK).values():
        assert text.startswith(f"# multus-node wrote this for interface n3, {DUAL_STACK.eni_id}")
        assert ("Match", {"PermanentMACAddress": DUAL_STACK.mac}) in sections(text)


@pytest.mark.parametrize("form", FORMS)
def test_nothing_goes_into_the_main_table(form: str) -> None:
    network = networkd.files(FORMS[form], DUAL_STACK)[networkd.network_path("n3")]
    for section, keys in sections(network):
        if section in ("Route", "RoutingPolicyRule"):
            assert keys["Table"] == "20001"
        if section == "Address":
            assert keys["AddPrefixRoute"] == "no"
        if section == "Network":
            assert (keys["DHCP"], keys["IPv6AcceptRA"]) == ("no", "no")


def test_an_interface_for_dpdk_keeps_its_name_and_is_left_alone() -> None:
    kernel = networkd.files(interface(), DUAL_STACK)
    dpdk = networkd.files(interface(driver=Driver.VFIO_PCI), DUAL_STACK)
    assert dpdk[networkd.link_path("n3")] == kernel[networkd.link_path("n3")]
    assert ("Link", {"Unmanaged": "yes", "RequiredForOnline": "no"}) in sections(
        dpdk[networkd.network_path("n3")]
    )


def test_the_files_go_before_nodeadms_and_the_images() -> None:
    names = [path.rsplit("/", 1)[1] for path in networkd.files(interface(), DUAL_STACK)]
    others = ["70-eks-ens6.network", "80-ec2.network", "99-default.link"]
    assert sorted([*others, *names])[: len(names)] == sorted(names)
