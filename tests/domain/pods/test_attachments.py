"""What CNI plugins are told for all nodes, where no golden file has it."""

from __future__ import annotations

import pytest

from domain.node.config import Driver, PodNetwork
from domain.pods.attachments import configuration
from domain.pods.model import Ipam, Network
from domain.pods.ranges import pod_range


@pytest.mark.parametrize(
    ("text", "subnets", "gateway"),
    [
        ("2001:db8:48::1:0/112", ["2001:db8:48::/64"], "fe80:ec2::1"),
        ("2001:db8:48::1:0/112", [], "fe80:ec2::1"),
        ("10.0.49.0/24", ["10.0.48.0/22"], None),
    ],
    ids=["IPv6", "IPv6 of a subnet that is not known", "IPv4, of which the plugin takes the first"],
)
def test_host_local_names_the_vpcs_router_as_the_gateway_that_sbr_takes(
    text: str, subnets: list[str], gateway: str | None
) -> None:
    network = Network(
        interface="n3",
        link="mul0",
        mtu=9001,
        driver=Driver.KERNEL,
        mode=PodNetwork.IPVLAN_L2,
        namespaces=("default",),
        ipam=Ipam.HOST_LOCAL,
        ranges=(pod_range(text, subnets),),
        source_routing=True,
    )
    plugin = configuration(network)["plugins"][0]
    assert plugin["ipam"]["ranges"][0][0].get("gateway") == gateway
