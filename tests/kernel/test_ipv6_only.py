"""Interfaces in IPv6-only subnets, as the kernel and the real CNI plugins take them: one for pods, one for the host."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from domain.node.config import Driver, NodeGroup, PodNetwork
from domain.pods.attachments import configuration
from domain.pods.model import Ipam, Network
from domain.pods.ranges import pod_range
from kernellab.guest import Guest
from kernellab.machine import Machine
from kernellab.qemu import CommandFailed
from tests.kernel.node import GROUP, Node, eni, interface
from tests.kernel.plugins import POD_LINK, Attachment
from tests.kernel.test_cni import attachment, await_hotplug_run, ping

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kernellab.image import Image
    from kernellab.imds import Eni

pytestmark = [pytest.mark.kernel, pytest.mark.subprocesses("qemu-system-x86_64")]

POOL = ("2001:db8:1::8", "2001:db8:1::9")
BEYOND = "2001:db8:ffff::1"
"""A host behind the router."""
INTERFACES = (
    dataclasses.replace(
        interface(1),
        ipv4=False,
        pod_network=PodNetwork.IPVLAN_L2,
        host_address=False,
        pool_ipv6=2,
        pod_routes=("2001:db8:ffff::/48",),
    ),
    dataclasses.replace(interface(2), ipv4=False, ipv6_count=1),
)


def ipv6_only(position: int, *addresses: str) -> Eni:
    """Return an ENI in an IPv6-only subnet: the metadata service has no attribute of IPv4 for it."""
    return eni(position)._replace(
        subnet_ipv4_cidr_block=None,
        local_ipv4s=(),
        ipv6s=addresses,
        subnet_ipv6_cidr_blocks=(f"2001:db8:{position}::/64",),
    )


@pytest.fixture(scope="module")
def node(lab: Image) -> Iterator[Node]:
    """Give a ready node whose interfaces are in IPv6-only subnets, each with the VPC's router."""
    with Guest(Machine(stage="before-user-data"), image=lab) as guest:
        made = Node(guest, NodeGroup(GROUP, "asg", INTERFACES))
        made.fetch()
        made.attach(ipv6_only(1, *POOL))
        made.attach(ipv6_only(2, "2001:db8:2::10"))
        made.install(timeout_s=240).check()
        guest.run(["systemctl", "stop", "multus-node-addresses.timer"]).check()
        for position in (1, 2):
            addresses = [f"2001:db8:{position}::1/64", "fe80:ec2::1/64", f"{BEYOND}/128"]
            mac = f"0e:00:00:00:01:{position:02x}"
            guest.add_peer(f"vpc-{position}", f"subnet-{position}", mac, addresses)
        await_hotplug_run(made)
        yield made


@pytest.fixture
def pods(node: Node) -> Iterator[tuple[str, str]]:
    """Give two pods' network namespaces."""
    names = ("pod-a", "pod-b")
    for name in names:
        node.guest.run(f"ip netns add {name} && ip -n {name} link set lo up").check()
    yield names
    for name in names:
        node.guest.run(["ip", "netns", "del", name]).check()


def test_pods_get_the_pool_reach_each_other_and_what_lies_behind_the_router(
    node: Node, pods: tuple[str, str]
) -> None:
    joined = [attachment(node, "multus-eni-net1", pod) for pod in pods]
    results = [attached.add() for attached in joined]
    assert [[each["address"] for each in result["ips"]] for result in results] == [
        [f"{address}/64"] for address in POOL
    ]
    for address in (POOL[1], "2001:db8:1::1", BEYOND):
        ping(node, pods[0], address)
    # A VPC takes packets of the ENI's own MAC and IPv6 addresses alone.
    seen = node.ip("-n", "vpc-1", "-6", "neighbour", "show", "dev", "peer", "to", POOL[0])
    assert [each["lladdr"] for each in seen] == [eni(1).mac]
    (master,) = node.ip("address", "show", "mul0")
    assert (master["operstate"], master["addr_info"]) == ("UP", [])

    node.guest.run(["ip", "netns", "add", "pod-c"]).check()
    with pytest.raises(CommandFailed, match="no IP addresses available in range set"):
        attachment(node, "multus-eni-net1", "pod-c").add()
    node.guest.run(["ip", "netns", "del", "pod-c"]).check()
    for attached, result in zip(joined, results, strict=True):
        attached.check(result)
        attached.delete(result)
    assert "net1: 0 of 2 in use" in node.command("status").stdout


def test_a_definition_with_source_routing_leads_a_pod_by_the_router_from_its_own_table(
    node: Node, pods: tuple[str, str]
) -> None:
    network = Network(
        "net1",
        "mul0",
        9001,
        Driver.KERNEL,
        PodNetwork.IPVLAN_L2,
        ("default",),
        ipam=Ipam.HOST_LOCAL,
        ranges=(pod_range("2001:db8:1::1:0/112", ["2001:db8:1::/64"]),),
        source_routing=True,
        sysctls={"net.ipv6.conf.IFNAME.accept_ra": "0"},
    )
    address, pod = "2001:db8:1::1:0", pods[0]
    result = Attachment(node.guest, pod, configuration(network)).add()
    assert [(each["address"], each["gateway"]) for each in result["ips"]] == [
        (f"{address}/64", "fe80:ec2::1")
    ]
    rules = node.ip("-6", "-n", pod, "rule")
    (table,) = (rule["table"] for rule in rules if rule["src"] == address)
    routes = node.ip("-6", "-n", pod, "route", "show", "table", table)
    assert [each["gateway"] for each in routes if each["dst"] == "default"] == ["fe80:ec2::1"]
    reached = f"ip netns exec {pod} ping -c 1 -W 5 -I {address} {BEYOND}"
    node.guest.run(reached).check()
    accepts = f"ip netns exec {pod} cat /proc/sys/net/ipv6/conf/{POD_LINK}/accept_ra"
    assert node.guest.run(accepts).check().stdout == "0\n"


def test_the_host_has_the_address_a_table_of_its_own_and_no_ipv4_there(node: Node) -> None:
    (link,) = node.ip("address", "show", "mul1")
    scopes = {(each["family"], each["scope"]): each for each in link["addr_info"]}
    assert scopes.keys() == {("inet6", "global"), ("inet6", "link")}
    assert scopes["inet6", "global"]["local"] == "2001:db8:2::10"
    assert "tentative" not in scopes["inet6", "global"]
    routes = node.ip("-6", "route", "show", "table", "20002")
    assert [(each["dst"], each.get("gateway")) for each in routes] == [
        ("2001:db8:2::/64", None),
        ("fe80::/64", None),
        ("default", "fe80:ec2::1"),
    ]
    rules = node.ip("-6", "rule")
    sources = [each["src"] for each in rules if each["table"] == "20002"]
    assert sorted(sources) == ["2001:db8:2::10", "all"]
    assert not [each for each in node.ip("-4", "rule") if each["table"] == "20002"]
    main = [*node.ip("-4", "route"), *node.ip("-6", "route")]
    assert {each["dst"] for each in main if each["dev"] == "mul1"} <= {"fe80::/64"}
    # A router's advertisement would put a default route into the main table.
    assert node.guest.read("/proc/sys/net/ipv6/conf/mul1/accept_ra") == b"0\n"
    node.guest.run(["ping", "-c", "1", "-W", "5", "-I", "2001:db8:2::10", BEYOND]).check()
