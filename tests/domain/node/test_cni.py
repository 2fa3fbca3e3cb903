"""CNI configuration: found by Multus under the definition's name, and naming this node's device or link."""

from __future__ import annotations

import dataclasses
import json
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from pathlib import Path

import pytest

from domain.node import cni
from domain.node.config import Driver, NodeInterface, PodNetwork
from domain.node.errors import ConfigurationConflict
from tests.fakes import nodes

GOLDEN = Path(__file__).parent / "golden" / "cni"

POOL = dataclasses.replace(
    nodes.device("n3").eni,
    ipv4_addresses=tuple(IPv4Address(f"10.0.3.{last}") for last in (10, 23, 24, 77)),
    ipv6_subnets=(IPv6Network("2001:db8:3::/64"),),
    ipv6_addresses=(IPv6Address("2001:db8:3::9"), IPv6Address("2001:db8:3::8")),
)
"""An ENI with secondary addresses, in no order."""
ROUTES = ("10.9.0.0/16", "2001:db8:9::/48")

CASES = {
    "host-device": nodes.interface("n3", pod_network=PodNetwork.HOST_DEVICE),
    "host-device-dpdk": nodes.interface(
        "n6", pod_network=PodNetwork.HOST_DEVICE, driver=Driver.VFIO_PCI
    ),
    "ipvlan-l2": nodes.interface("oam", pod_network=PodNetwork.IPVLAN_L2, link_name="mul2"),
    "ipvlan-l3": nodes.interface("oam", pod_network=PodNetwork.IPVLAN_L3, mtu=1500),
}


POOLS = {
    "pool-ipvlan-l2": nodes.interface(
        "n3",
        pod_network=PodNetwork.IPVLAN_L2,
        host_address=False,
        pool_ipv4=3,
        pool_ipv6=2,
        pod_routes=ROUTES,
    ),
    "pool-ipv4": nodes.interface(
        "n3", pod_network=PodNetwork.IPVLAN_L3, host_address=False, pool_ipv4=3
    ),
    "pool-host-device": nodes.interface(
        "n3", pod_network=PodNetwork.HOST_DEVICE, host_address=False, pool_ipv6=2
    ),
    "routes-static": nodes.interface(
        "n3", pod_network=PodNetwork.IPVLAN_L2, host_address=False, pod_routes=ROUTES
    ),
}


@pytest.mark.parametrize("name", POOLS)
def test_a_network_with_addresses_of_the_eni_is_the_golden_one(name: str) -> None:
    device = dataclasses.replace(nodes.device("n3"), eni=POOL)
    ((_, text),) = cni.files(nodes.group(POOLS[name]), [device]).items()
    assert text == (GOLDEN / f"{name}.conf").read_text()


def test_a_pool_without_an_address_leaves_pods_to_their_annotation() -> None:
    interface = nodes.interface("oam", pod_network=PodNetwork.IPVLAN_L2, pool_ipv4=3)
    ((_, text),) = cni.files(nodes.group(interface), [nodes.device("oam")]).items()
    assert json.loads(text)["ipam"] == {"type": "static"}


@pytest.mark.parametrize("name", CASES)
def test_the_file_is_the_golden_one(name: str) -> None:
    interface = CASES[name]
    files = cni.files(nodes.group(interface), [nodes.device(interface.name, "0000:00:1f.0")])
    assert files == {
        f"/etc/cni/multus/net.d/multus-eni-{interface.name}.conf": (
            GOLDEN / f"{name}.conf"
        ).read_text()
    }


@pytest.mark.parametrize("interface", CASES.values(), ids=CASES)
def test_multus_finds_the_file_by_the_name_inside_and_runs_the_plugin_it_names(
    interface: NodeInterface,
) -> None:
    ((path, text),) = cni.files(nodes.group(interface), [nodes.device(interface.name)]).items()
    network = json.loads(text)
    assert network["name"] == Path(path).stem == cni.network_name(interface.name)
    assert Path(path).suffix in {".conf", ".json"}
    assert network["type"]


def test_an_interface_that_pods_do_not_use_or_that_is_missing_has_no_file() -> None:
    group = nodes.group(nodes.interface("a"), CASES["host-device"])
    assert cni.files(group, [nodes.device("a")]) == {}


def test_ipvlan_on_a_device_without_a_link_is_refused() -> None:
    interface = nodes.interface("n3", pod_network=PodNetwork.IPVLAN_L2, driver=Driver.IGB_UIO)
    with pytest.raises(ConfigurationConflict, match="n3 has none under a DPDK driver") as caught:
        cni.files(nodes.group(interface), [nodes.device("n3")])
    assert caught.value.value == "ipvlan-l2 with igb_uio"
    assert caught.value.interfaces == ("n3",)


@pytest.mark.parametrize("address", ["00:06.0", "0000:00:06", "", "0000:00:06.0/x"])
def test_an_address_that_host_device_would_not_find_is_a_bug_and_says_so(address: str) -> None:
    with pytest.raises(ValueError, match="no PCI address with domain"):
        cni.files(nodes.group(CASES["host-device"]), [nodes.device("n3", address)])
