"""CNI configuration: found by Multus under the definition's name, and naming this node's device or link."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from domain.node import cni
from domain.node.config import Driver, NodeInterface, PodNetwork
from domain.node.errors import ConfigurationConflict
from tests.fakes import nodes

GOLDEN = Path(__file__).parent / "golden" / "cni"

CASES = {
    "host-device": nodes.interface("n3", pod_network=PodNetwork.HOST_DEVICE),
    "host-device-dpdk": nodes.interface(
        "n6", pod_network=PodNetwork.HOST_DEVICE, driver=Driver.VFIO_PCI
    ),
    "ipvlan-l2": nodes.interface("oam", pod_network=PodNetwork.IPVLAN_L2, link_name="mul2"),
    "ipvlan-l3": nodes.interface("oam", pod_network=PodNetwork.IPVLAN_L3, mtu=1500),
}


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
