"""What others read on a node, given to those who read it: the real CNI plugins, sysfs, YAML, and a person."""

from __future__ import annotations

import dataclasses
import json
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import TYPE_CHECKING

import pytest
import yaml

import authoring
from domain.node import cni, layout
from domain.node.config import Driver, NodeGroup, PodNetwork, WriteCombining
from domain.node.model import Device
from domain.node.model import Eni as Interface
from domain.pods.folder import networks
from kernellab.guest import Guest
from kernellab.machine import Machine
from kernellab.qemu import CommandFailed
from tests.kernel.node import GROUP, Node, eni, interface
from tests.kernel.plugins import POD_LINK, Attachment, from_the_node

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kernellab.image import Image
    from kernellab.imds import Eni

pytestmark = [pytest.mark.kernel, pytest.mark.subprocesses("qemu-system-x86_64")]

INTERFACES = (
    dataclasses.replace(
        interface(1),
        pod_network=PodNetwork.IPVLAN_L2,
        host_address=False,
        pool_ipv4=2,
        pool_ipv6=2,
        pod_routes=("192.0.2.0/24", "2001:db8:ffff::/48"),
    ),
    dataclasses.replace(interface(2), pod_network=PodNetwork.IPVLAN_L3),
    dataclasses.replace(
        interface(3),
        pod_network=PodNetwork.HOST_DEVICE,
        host_address=False,
        resource_name="signalling",
    ),
    dataclasses.replace(
        interface(4),
        driver=Driver.VFIO_PCI,
        write_combining=WriteCombining.IGNORED,
        pod_network=PodNetwork.HOST_DEVICE,
        host_address=False,
        resource_name="user_plane",
    ),
)
PCI_ADDRESSES = {f"net{position}": f"0000:00:{position + 5:02x}.0" for position in range(1, 5)}


def pod_addresses(position: int) -> tuple[str, str]:
    """Return secondary addresses of an ENI, for pods."""
    return f"10.0.{position}.11", f"10.0.{position}.12"


ROUTER = [
    *("10.0.1.1/24", "2001:db8:1::1/64", "fe80:ec2::1/64"),
    *("192.0.2.9/32", "2001:db8:ffff::1/128"),
]
"""Of the first interface's subnet: its own addresses, and those of hosts behind it."""
POOL_IPV6 = ("2001:db8:1::8", "2001:db8:1::9")


def with_pods(position: int, *more: str) -> Eni:
    """Return an ENI with addresses for pods: secondary IPv4 ones, and for the first interface IPv6 ones."""
    own = eni(position)
    ipv4 = (*own.local_ipv4s, *pod_addresses(position), *more)
    if position == 1:
        own = own._replace(ipv6s=POOL_IPV6, subnet_ipv6_cidr_blocks=("2001:db8:1::/64",))
    return own._replace(local_ipv4s=ipv4)


READY = f"""grep -q '^  "state": "ready"' {layout.STATUS}"""
"""A link that a test has given back is an event, and the run that looks at it may be under way when the next test begins."""


@pytest.fixture(scope="module")
def node(lab: Image) -> Iterator[Node]:
    """Give a ready node with an interface of each kind. Each test leaves it as it was."""
    with Guest(Machine(stage="before-user-data"), image=lab) as guest:
        made = Node(guest, NodeGroup(GROUP, "asg", INTERFACES, allow_unsafe_noiommu=True))
        made.fetch()
        for position in range(1, 5):
            made.attach(with_pods(position))
        made.install(timeout_s=240).check()
        # It would start a run in the middle of a test; what it starts is started by the test that is about it.
        guest.run(["systemctl", "stop", "multus-node-addresses.timer"]).check()
        guest.add_peer("vpc", "subnet-1", "0e:00:00:00:01:01", ROUTER)
        await_hotplug_run(made)
        yield made


def attachment(node: Node, network: str, pod: str) -> Attachment:
    """Return a pod's attachment to a network as Multus makes it, by the configuration on the node."""
    return Attachment(node.guest, pod, from_the_node(node.guest, network))


@pytest.fixture
def pods(node: Node) -> Iterator[tuple[str, str]]:
    """Give two pods' network namespaces."""
    names = ("pod-a", "pod-b")
    for name in names:
        node.guest.run(f"ip netns add {name} && ip -n {name} link set lo up").check()
    yield names
    for name in names:
        node.guest.run(f"ip netns pids {name} | xargs -r kill; ip netns del {name}").check()


def join(node: Node, network: str, pods: tuple[str, str], position: int) -> list[Attachment]:
    """Attach two pods to an ipvlan network with addresses of its ENI."""
    joined = []
    for pod, address in zip(pods, pod_addresses(position), strict=True):
        attached = attachment(node, network, pod)
        ips = [f"{address}/24"]
        result = attached.add(ips=ips)
        assert [each["address"] for each in result["ips"] if ":" not in each["address"]] == ips
        attached.check(result, ips=ips)
        joined.append(attached)
    return joined


def ping(node: Node, pod: str, address: str) -> None:
    node.guest.run(f"ip netns exec {pod} ping -c 1 -W 5 {address}").check()


def await_hotplug_run(node: Node) -> None:
    """Wait until every link that came was seen by a run, which nobody started by hand, and that has ended."""
    notes = f"$(ls {layout.HOTPLUG} 2> /dev/null)"
    ended = "$(systemctl show -P SubState multus-node-hotplug.service) =~ ^(dead|stop-post)$"
    node.guest.run(["udevadm", "settle"]).check()
    assert node.guest.wait_for(f"[[ -z {notes} && {ended} ]]", 120)


def test_pods_on_an_ipvlan_in_l2_mode_have_the_addresses_that_they_ask_for_and_reach_their_subnet(
    node: Node, pods: tuple[str, str]
) -> None:
    joined = join(node, "multus-eni-net1", pods, 1)
    (master,) = node.ip("address", "show", "mul0")
    assert (master["operstate"], master["addr_info"]) == ("UP", [])
    (link,) = node.ip("-details", "-n", pods[0], "link", "show", POD_LINK)
    assert (link["linkinfo"]["info_data"]["mode"], link["mtu"]) == ("l2", 9001)
    assert link["address"] == master["address"], "by it the ENI of a pod's addresses is found"
    ping(node, pods[0], "10.0.1.12")
    ping(node, pods[1], "10.0.1.11")
    ping(node, pods[0], "10.0.1.1")
    for attached in joined:
        attached.delete()
    assert [link["ifname"] for link in node.ip("-n", pods[0], "link")] == ["lo"]


def test_a_pool_gives_pods_addresses_of_the_eni_in_both_families_until_it_is_dry(
    node: Node, pods: tuple[str, str]
) -> None:
    joined = [attachment(node, "multus-eni-net1", pod) for pod in pods]
    results = [attached.add() for attached in joined]
    given = [{each["address"] for each in result["ips"]} for result in results]
    # host-local goes on from the address that it gave last.
    assert set.union(*given) == {
        *(f"{ipv4}/24" for ipv4 in pod_addresses(1)),
        *(f"{ipv6}/64" for ipv6 in POOL_IPV6),
    }
    assert [len(each) for each in given] == [2, 2]
    others = [address.partition("/")[0] for address in given[1]]
    for address in (*others, "192.0.2.9", "2001:db8:ffff::1"):
        ping(node, pods[0], address)
    assert "net1: 4 of 4 in use" in node.command("status").stdout

    third = attachment(node, "multus-eni-net1", "pod-c")
    node.guest.run("ip netns add pod-c").check()
    with pytest.raises(CommandFailed, match="no IP addresses available in range set"):
        third.add()
    node.guest.run(["systemctl", "start", "multus-node-metrics.service"]).check()
    measured = node.guest.read("/run/multus-node/metrics/multus-node.prom") or b""
    for name in ("multus_node_pod_addresses", "multus_node_pod_addresses_used"):
        for family in ("ipv4", "ipv6"):
            assert f'{name}{{interface="net1",family="{family}"}} 2\n' in measured.decode()
    # The plugin leaves its link in a pod that it fails; the container runtime takes the whole namespace away.
    node.guest.run("ip netns del pod-c && ip netns add pod-c").check()

    node.guest.imds.detach(eni(1).mac)
    node.guest.imds.attach(with_pods(1, "10.0.1.40"))
    node.guest.run(["systemctl", "start", "multus-node-addresses.service"]).check()
    await_hotplug_run(node)
    joined[1].delete(results[1])
    third = attachment(node, "multus-eni-net1", "pod-c")
    again = third.add()
    own = {each["address"] for each in again["ips"]}
    free = {"10.0.1.40/24", *given[1]}
    assert own <= free
    assert {":" in each for each in own} == {True, False}
    for attached, result in ((joined[0], results[0]), (third, again)):
        attached.delete(result)
    assert "net1: 0 of 5 in use" in node.command("status").stdout
    node.guest.run("ip netns del pod-c").check()
    node.guest.imds.detach(eni(1).mac)
    node.guest.imds.attach(with_pods(1))
    node.command("run").check()


NODE_B = Interface(
    mac="0e:00:00:00:00:0b",
    eni_id="eni-0000000000000000b",
    device_index=1,
    network_card_index=0,
    subnet_id="subnet-1",
    security_group_ids=(),
    ipv4_subnet=IPv4Network("10.0.1.0/24"),
    ipv4_addresses=tuple(map(IPv4Address, ("10.0.1.20", "10.0.1.21", "10.0.1.22"))),
    ipv6_subnets=(IPv6Network("2001:db8:1::/64"),),
    ipv6_addresses=tuple(map(IPv6Address, ("2001:db8:1::18", "2001:db8:1::19"))),
)
"""The ENI of another node in the first interface's subnet."""
NODE_B_POOL = (*NODE_B.ipv4_addresses[1:], *NODE_B.ipv6_addresses)


@pytest.fixture
def node_b(node: Node) -> Iterator[str]:
    """Give another node: a network namespace whose link lies on the first interface's subnet."""
    name = "node-b"
    node.guest.add_peer(name, "subnet-1", NODE_B.mac, [])
    link = "ip -n node-b link set peer"
    node.guest.run(f"{link} down && {link} name mul0 mtu 9001 && ip -n {name} link set mul0 up")
    await_hotplug_run(node)
    yield name
    node.guest.run(["ip", "netns", "del", name]).check()
    node.guest.unplug(f"peer-{name}")


def test_pods_of_two_nodes_reach_each_other_and_the_router_sees_addresses_of_their_enis(
    node: Node, node_b: str, pods: tuple[str, str]
) -> None:
    guest = node.guest
    there = cni.files(NodeGroup(GROUP, "asg", INTERFACES[:1]), [Device("net1", NODE_B, "", None)])
    of_node_b = json.loads(there[cni.path("net1")])
    # Both nodes have one file system here.
    of_node_b["ipam"]["dataDir"] = "/run/node-b"
    here = attachment(node, "multus-eni-net1", pods[0])
    other = Attachment(guest, pods[1], of_node_b, node_b)
    results = [here.add(), other.add()]
    given = [[each["address"].partition("/")[0] for each in result["ips"]] for result in results]
    pools = [{*pod_addresses(1), *POOL_IPV6}, set(map(str, NODE_B_POOL))]
    assert [set(each) <= pool for each, pool in zip(given, pools, strict=True)] == [True, True]

    guest.run("ip -n vpc neigh flush dev peer").check()
    for pod, peers in zip(pods, reversed(given), strict=True):
        for address in (*peers, "192.0.2.9", "2001:db8:ffff::1"):
            ping(node, pod, address)
    # Whom the router answers: an ENI's address at that ENI, for anything else a VPC drops.
    seen = {each["dst"]: each.get("lladdr") for each in node.ip("-n", "vpc", "neigh")}
    assert {dst: mac for dst, mac in seen.items() if not dst.startswith("fe80")} == {
        **dict.fromkeys(given[0], eni(1).mac),
        **dict.fromkeys(given[1], NODE_B.mac),
    }
    for attached, result in zip((here, other), results, strict=True):
        attached.delete(result)


RENDERED = """
name: lab
cluster_name: lab
node_groups:
  - name: user-plane
    instance_types: [m5.4xlarge]
    create: {subnets: {us-east-1a: subnet-000000aa}, min_size: 0, max_size: 1}
    interfaces:
      - name: net1
        subnets: {us-east-1a: subnet-00000001}
        security_groups: [sg-00000001]
        ipv6: {count: 1}
        pod_ipam: host-local
        pod_subnets: ["10.0.1.0/24", "2001:db8:1::/64"]
        pod_ranges: ["10.0.1.64/28", "2001:db8:1::40/124"]
        pod_routes: ["192.0.2.0/24", "2001:db8:ffff::/48"]
        node: {pod_network: ipvlan-l2}
      - name: net2
        subnets: {us-east-1a: subnet-00000002}
        security_groups: [sg-00000001]
        pod_ipam: static
        pod_subnets: ["10.0.2.0/24"]
        pod_routes: ["0.0.0.0/0"]
        pod_plugins:
          sbr: true
          sysctls: {net.ipv4.conf.IFNAME.arp_notify: "1"}
        node: {pod_network: ipvlan-l3}
      - name: net3
        subnets: {us-east-1a: subnet-00000003}
        security_groups: [sg-00000001]
        pod_ipam: static
        pod_subnets: ["10.0.3.0/24"]
        pod_routes: ["0.0.0.0/0"]
        pod_plugins:
          sbr: true
          sysctls: {net.ipv4.conf.IFNAME.arp_notify: "1"}
        node: {pod_network: host-device, resource: signalling}
"""


def rendered(node: Node, network: str, pod: str) -> Attachment:
    """Return a pod's attachment to a network as Multus makes it, by the definition's `spec.config`."""
    (group,) = authoring.resolve_pods(authoring.parse(RENDERED))
    (definition,) = (
        each for each in networks([group]).values() if each["metadata"]["name"] == network
    )
    return Attachment(node.guest, pod, json.loads(definition["spec"]["config"]))


def test_a_rendered_ipvlan_network_with_host_local_gives_addresses_of_its_ranges(
    node: Node, pods: tuple[str, str]
) -> None:
    joined = [rendered(node, "multus-eni-net1", pod) for pod in pods]
    results = [attached.add() for attached in joined]
    given = [[each["address"] for each in result["ips"]] for result in results]
    assert given == [
        ["10.0.1.64/24", "2001:db8:1::40/64"],
        ["10.0.1.65/24", "2001:db8:1::41/64"],
    ]
    for address in ("10.0.1.65", "2001:db8:1::41", "192.0.2.9", "2001:db8:ffff::1"):
        ping(node, pods[0], address)
    for attached, result in zip(joined, results, strict=True):
        attached.check(result)
        attached.delete(result)


@pytest.mark.parametrize(
    ("network", "device", "kind"),
    [("multus-eni-net2", None, "ipvlan"), ("multus-eni-net3", PCI_ADDRESSES["net3"], None)],
    ids=["ipvlan-l3", "host-device"],
)
def test_a_rendered_network_with_plugins_that_follow_has_its_own_table_and_sysctls(
    node: Node, pods: tuple[str, str], network: str, device: str | None, kind: str | None
) -> None:
    pod, position = pods[0], int(network[-1])
    # The cluster's own network, with the default route that must stay the pod's.
    node.guest.run(
        f"ip -n {pod} link add eth0 type dummy && ip -n {pod} address add 100.64.0.2/24 dev eth0 &&"
        f" ip -n {pod} link set eth0 up && ip -n {pod} route add default via 100.64.0.1"
    ).check()
    attached = rendered(node, network, pod)
    ips = [f"{pod_addresses(position)[0]}/24"]
    result = attached.add(device=device, ips=ips)
    assert [each["address"] for each in result["ips"]] == ips
    (link,) = node.ip("-details", "-n", pod, "address", "show", POD_LINK)
    own = [each["local"] for each in link["addr_info"] if each["family"] == "inet"]
    assert own == [pod_addresses(position)[0]]
    assert ("UP" in link["flags"], link.get("linkinfo", {}).get("info_kind")) == (True, kind)
    notify = f"ip netns exec {pod} cat /proc/sys/net/ipv4/conf/{POD_LINK}/arp_notify"
    assert node.guest.run(notify).check().stdout.strip() == "1"
    (rule,) = (each for each in node.ip("-n", pod, "rule") if each["src"] == own[0])
    routes = node.ip("-n", pod, "route", "show", "table", rule["table"])
    assert {each["dst"]: each.get("gateway") for each in routes} == {
        "default": f"10.0.{position}.1",
        f"10.0.{position}.0/24": None,
    }
    (default,) = (each for each in node.ip("-n", pod, "route") if each["dst"] == "default")
    assert default["dev"] == "eth0"
    attached.check(result, device=device, ips=ips)
    attached.delete(result, device=device)
    if device is not None:
        await_hotplug_run(node)


def test_pods_on_an_ipvlan_in_l3_mode_reach_each_other_and_what_lies_behind_the_router(
    node: Node, pods: tuple[str, str]
) -> None:
    joined = join(node, "multus-eni-net2", pods, 2)
    (link,) = node.ip("-details", "-n", pods[0], "link", "show", POD_LINK)
    assert link["linkinfo"]["info_data"]["mode"] == "l3"
    ping(node, pods[0], "10.0.2.12")
    node.guest.add_peer("router", "subnet-2", "0e:00:00:00:01:02", ["10.0.2.1/24", "192.0.2.1/32"])
    await_hotplug_run(node)
    # In l3 mode nobody answers ARP for a pod; a VPC knows by itself which ENI has an address.
    node.guest.run(
        f"ip -n router neigh add 10.0.2.11 lladdr {eni(2).mac} dev peer nud permanent &&"
        f" ip -n {pods[0]} route add 192.0.2.0/24 dev {POD_LINK}"
    ).check()
    ping(node, pods[0], "192.0.2.1")
    for attached in joined:
        attached.delete()


def test_host_device_gives_a_link_to_a_pod_and_back_and_runs_do_not_mind(
    node: Node, pods: tuple[str, str]
) -> None:
    pod = pods[0]
    attached = attachment(node, "multus-eni-net3", pod)
    result = attached.add(device=PCI_ADDRESSES["net3"])
    assert [each["mac"] for each in result["interfaces"]] == [eni(3).mac]
    (taken,) = node.ip("-n", pod, "link", "show", POD_LINK)
    assert taken["address"] == eni(3).mac
    assert node.guest.run("ip link show mul2").returncode == 1

    assert node.guest.wait_for(READY)
    says = node.command("status")
    assert (says.returncode, says.stdout.splitlines()[0]) == (0, "READY")
    assert "net3       ready  (in a pod)" in says.stdout
    meanwhile = node.command("run")
    assert (meanwhile.returncode, meanwhile.stdout) == (0, "nothing to change\n")
    (held,) = (each for each in node.status()["interfaces"] if each["name"] == "net3")
    assert (held["pci"], held["link"]) == (PCI_ADDRESSES["net3"], "")
    attached.check(result, device=PCI_ADDRESSES["net3"])

    attached.delete(result, device=PCI_ADDRESSES["net3"])
    await_hotplug_run(node)
    (home,) = node.ip("address", "show", "mul2")
    assert (home["address"], home["operstate"], home["mtu"]) == (eni(3).mac, "UP", 9001)
    assert home["addr_info"] == []
    assert (node.status()["state"], node.status()["run"]) == ("ready", "hotplug")


def test_a_link_whose_pod_vanished_without_del_gets_its_name_back(node: Node) -> None:
    node.guest.run("ip netns add vanishing").check()
    attachment(node, "multus-eni-net3", "vanishing").add()
    node.guest.run("ip netns del vanishing").check()
    assert node.guest.wait_for(f"ls /sys/bus/pci/devices/{PCI_ADDRESSES['net3']}/net")
    await_hotplug_run(node)
    (home,) = node.ip("link", "show", "mul2")
    assert (home["address"], home["operstate"]) == (eni(3).mac, "UP")


def test_host_device_hands_out_a_device_of_a_dpdk_driver(node: Node, pods: tuple[str, str]) -> None:
    address = PCI_ADDRESSES["net4"]
    assert node.driver(address) == "vfio-pci"
    attached = attachment(node, "multus-eni-net4", pods[0])
    result = attached.add(device=address)
    assert "interfaces" not in result
    attached.check(result, device=address)
    attached.delete(result, device=address)
    assert node.driver(address) == "vfio-pci"


def test_the_device_plugin_is_told_the_addresses_and_drivers_that_sysfs_has(node: Node) -> None:
    document = json.loads(node.guest.read("/etc/pcidp/config.json") or b"")
    pools = {pool["resourceName"]: pool["selectors"] for pool in document["resourceList"]}
    assert pools == {
        "signalling": [{"drivers": ["e1000e"], "pciAddresses": [PCI_ADDRESSES["net3"]]}],
        "user_plane": [{"drivers": ["vfio-pci"], "pciAddresses": [PCI_ADDRESSES["net4"]]}],
    }
    for (selector,) in pools.values():
        assert [node.driver(address) for address in selector["pciAddresses"]] == selector["drivers"]


def test_nodeadm_is_given_labels_and_fewer_pods(node: Node) -> None:
    document = yaml.safe_load(node.guest.read("/etc/eks/nodeadm.d/50-multus-node.yaml") or b"")
    assert document["spec"]["kubelet"] == {
        "flags": ["--node-labels=multus-eni.io/node-group=user-plane,multus-eni.io/state=ready"],
        "maxPodsExpression": "(default_enis - 4) * (ips_per_eni - 1) + 2",
    }


def test_a_ready_node_says_so_to_people_and_programs(node: Node) -> None:
    assert node.guest.wait_for(READY)
    said = node.command("status")
    assert said.returncode == 0
    lines = said.stdout.splitlines()
    assert lines[0] == "READY"
    rows = [line.split() for line in lines if line.startswith("net")]
    assert [row[:5] for row in rows] == [
        ["net1", "ready", "mul0", "e1000e", PCI_ADDRESSES["net1"]],
        ["net2", "ready", "mul1", "e1000e", PCI_ADDRESSES["net2"]],
        ["net3", "ready", "mul2", "e1000e", PCI_ADDRESSES["net3"]],
        ["net4", "ready", "-", "vfio-pci", PCI_ADDRESSES["net4"]],
    ]
    for_programs = node.command("status", "--json")
    assert for_programs.returncode == 0
    assert json.loads(for_programs.stdout) == node.status()
    assert node.status()["state"] == "ready"


def installation_process(node: Node) -> str:
    """Return the id of the process that runs the archive."""
    return (
        node.guest.run(f"pgrep -f '^/usr/bin/python3 -IS {layout.FETCHED}'").check().stdout.strip()
    )


def test_a_node_says_what_it_waits_for_and_refuses_an_old_host_device_before_any_change(
    held_guest: Guest,
) -> None:
    node = Node(held_guest, NodeGroup(GROUP, "asg", INTERFACES[3:], allow_unsafe_noiommu=True))
    node.fetch()
    before = held_guest.run(["/usr/bin/python3", "-IS", layout.FETCHED, "status"])
    assert before.returncode == 1
    assert "no run has begun since the node booted" in before.stdout

    plugin = f"{layout.CNI_PLUGINS}/host-device"
    held_guest.run(["mv", plugin, "/run/host-device"]).check()
    held_guest.put(plugin, "#!/bin/sh\necho CNI host-device plugin v0.8.5 >&2\n", 0o755)
    installation = node.begin_install()
    assert held_guest.wait_for(f"grep -q 'waits for net4' {layout.STATUS}")
    waits = node.command("status")
    assert waits.returncode == 10
    assert waits.stdout.startswith("NOT READY  waiting\n")
    assert f"Process {installation_process(node)} is at it." in waits.stdout
    address = node.attach(eni(4))
    ended = installation.wait(240)
    assert ended.returncode == 8
    assert "plugin-too-old: the CNI plugin host-device must be 0.9.1 or newer" in ended.stdout
    assert node.driver(address) == "e1000e"
    for path in (
        layout.DEVICE_PLUGIN,
        layout.NODEADM,
        layout.CNI_CONFIGURATION,
        "/sys/module/vfio",
    ):
        assert held_guest.run(["test", "-e", path]).returncode == 1, path
    assert "05-multus" not in held_guest.run("ls /etc/systemd/network").stdout

    # The link came after the run had begun, so it gets a run of its own.
    await_hotplug_run(node)
    said = node.command("status")
    assert said.returncode == 8
    assert said.stdout.startswith("NOT READY  held: plugin-too-old\n")
    for_programs = node.command("status", "--json")
    assert (for_programs.returncode, json.loads(for_programs.stdout)) == (8, node.status())
    assert node.status()["error"]["code"] == "plugin-too-old"
    assert [each["state"] for each in node.status()["interfaces"]] == ["not prepared"]

    held_guest.run(["mv", "/run/host-device", plugin]).check()
    node.command("run").check()
    assert (node.status()["state"], node.driver(address)) == ("ready", "vfio-pci")


def test_a_plugin_that_comes_after_kubelet_is_looked_at_once_and_kubelet_runs_on(
    boot: Callable[[Machine], Guest],
) -> None:
    guest = boot(Machine())
    own = dataclasses.replace(interface(1), pod_network=PodNetwork.HOST_DEVICE, host_address=False)
    made = Node(guest, NodeGroup(GROUP, "asg", (own,)))
    plugin, aside = f"{layout.CNI_PLUGINS}/host-device", "/opt/host-device"
    guest.run(["mv", plugin, aside]).check()
    kubelet = "systemctl show -P ActiveEnterTimestampMonotonic kubelet.service"
    started = guest.run(kubelet).check().stdout
    made.fetch()
    made.attach(eni(1))
    made.install().check()
    assert guest.wait_for("systemctl is-active multus-node-plugins.path")
    assert "host-device 0.8.6 or newer is not there yet" in made.status()["warnings"][0]

    guest.put(plugin, "#!/bin/sh\necho CNI host-device plugin v0.8.5 >&2\n", 0o755)
    assert guest.wait_for(f"grep -q plugin-too-old {layout.STATUS}", 120), made.status()
    assert made.status()["state"] == "failed"
    shown = made.command("status")
    assert shown.returncode == 8
    assert "must be 0.8.6 or newer" in shown.stdout

    guest.run(f"cp {aside} {plugin}.tmp && mv {plugin}.tmp {plugin}").check()
    assert guest.wait_for(f"""grep -q '^  "state": "ready"' {layout.STATUS}""", 120)
    await_hotplug_run(made)
    assert (made.status()["run"], made.status()["warnings"]) == ("hotplug", [])
    ended = guest.wait_for(
        "[[ $(systemctl show -P SubState multus-node-hotplug.service) == dead"
        " && $(systemctl show -P SubState multus-node-plugins.path) == waiting ]]",
        120,
    )
    assert ended
    runs = "journalctl -u multus-node-hotplug.service -o cat | grep -c '^Finished'"
    failed = "journalctl -u multus-node-hotplug.service -o cat | grep -c '^Failed to start'"
    assert [guest.run(each).stdout.strip() for each in (runs, failed)] == ["1", "1"]
    assert guest.run(kubelet).check().stdout == started
