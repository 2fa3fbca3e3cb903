"""Kernel interfaces on a real kernel with the real systemd: names, addresses, routes, rules, and who answers by which ENI."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest

from domain.node.config import NodeGroup
from kernellab.guest import Guest
from kernellab.machine import Machine
from tests.kernel.node import GROUP, Node, eni, interface

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kernellab.image import Image

pytestmark = [pytest.mark.kernel, pytest.mark.subprocesses("qemu-system-x86_64")]

FAR = ("198.51.100.9", "2001:db8:ffff::9")
ENIS = (
    eni(1)._replace(
        local_ipv4s=("10.0.1.10", "10.0.1.11"),
        ipv6s=("2001:db8:0:1::10", "2001:db8:0:1::11"),
        subnet_ipv6_cidr_blocks=("2001:db8:0:1::/64",),
    ),
    eni(2)._replace(local_ipv4s=("10.0.2.10", "10.0.2.11")),
    eni(3)._replace(
        subnet_id="subnet-2", subnet_ipv4_cidr_block="10.0.2.0/24", local_ipv4s=("10.0.2.20",)
    ),
    eni(4),
)
MACS = {f"mul{place}": one.mac for place, one in enumerate(ENIS)}
ADDRESSES = {
    address: f"mul{place}"
    for place, one in enumerate(ENIS[:3])
    for address in (*one.local_ipv4s, *one.ipv6s)
}
WITNESS = """
import json, socket, struct, subprocess, sys

ALL = 3
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL))
wire.bind(("peer", 0))
wire.settimeout(10)
own = wire.getsockname()[4]


def mac(raw):
    return ":".join("%02x" % byte for byte in raw)


def replied_by(source, address):
    '''Return the MAC addresses that the replies to one echo request came from.'''
    ping = subprocess.run(["ping", "-c", "1", "-W", "5", "-I", source, address], capture_output=True)
    if ping.returncode:
        return []
    wanted = socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
    while True:
        frame = wire.recv(65535)
        ipv4 = frame[12:14] == b"\\x08\\x00" and frame[23] == 1 and frame[26:30] == wanted and frame[34] == 0
        ipv6 = frame[12:14] == b"\\x86\\xdd" and frame[20] == 58 and frame[22:38] == wanted and frame[54] == 129
        if ipv4 or ipv6:
            return [mac(frame[6:12])]


def owners(asking, addresses):
    '''Return who answers for each address. Each is asked for in turn, twice: a link answers in order, so whoever also
    answers for an address that is not its own has done so before its second answer for its own.'''
    found = {address: [] for address in addresses}
    for address in 2 * addresses:
        question = struct.pack("!6s6sHHHBBH6s4s6s4s", b"\\xff" * 6, own, 0x0806, 1, 0x0800, 6, 4, 1, own,
                               socket.inet_aton(asking), bytes(6), socket.inet_aton(address))
        wire.send(question)
    while min(map(len, found.values())) < 2:
        frame = wire.recv(65535)
        if frame[12:14] == b"\\x08\\x06" and frame[20:22] == b"\\x00\\x02":
            found[socket.inet_ntoa(frame[28:32])].append(mac(frame[22:28]))
    return found


if sys.argv[1] == "owners":
    print(json.dumps(owners(sys.argv[2], sys.argv[3:])))
else:
    print(json.dumps({pair: replied_by(*pair.split(",")) for pair in sys.argv[2:]}))
"""


@pytest.fixture(scope="module")
def node(lab: Image) -> Iterator[Node]:
    """Give a node with four interfaces: one dual-stack, two in one subnet, one without a host address.

    It is still before kubelet, so nodeadm asks for DHCP on each of them. A router is in each subnet.
    """
    with Guest(Machine(stage="before-user-data"), image=lab) as guest:
        interfaces = (
            replace(interface(1), ipv6_count=2),
            interface(2),
            replace(interface(3), subnet_ids=("subnet-2",)),
            replace(interface(4), host_address=False),
        )
        node = Node(guest, NodeGroup(GROUP, "asg", interfaces, rp_filter=0))
        node.fetch()
        # As Amazon Linux 2023 has it: a new link begins with 2.
        guest.run("sysctl net.ipv4.conf.default.rp_filter=2").check()
        installation = node.begin_install()
        for one in ENIS:
            node.attach(one)
        _add_router(guest, 1, "2001:db8:0:1::1/64", "fe80:ec2::1/64")
        _add_router(guest, 2)
        guest.put("/opt/witness.py", WITNESS)
        ended = installation.wait(180)
        assert ended.returncode == 0, ended.stdout
        yield node


def _add_router(guest: Guest, position: int, *addresses: str) -> None:
    """Put a router on a subnet, with far hosts behind it: their addresses are not on the segment."""
    name = f"router{position}"
    guest.add_peer(
        name, f"subnet-{position}", f"0e:00:00:00:01:{position:02x}", [f"10.0.{position}.1/24"]
    )
    places = [(address, "lo") for address in FAR] + [(address, "peer") for address in addresses]
    for address, link in places:
        guest.run(["ip", "-n", name, "address", "add", address, "dev", link, "nodad"]).check()


def _witness(node: Node, router: str, *arguments: str) -> dict[str, list[str]]:
    command = ["ip", "netns", "exec", router, "python3", "-IS", "/opt/witness.py", *arguments]
    found: dict[str, list[str]] = json.loads(node.guest.run(command).check().stdout)
    return found


def _network(node: Node) -> str:
    """Return everything that the kernel has of links, addresses, routes and rules."""
    return node.guest.run(
        "ip -o link | sed 's/ qlen.*//'; ip -o address | sed 's/valid_lft.*//';"
        " for family in -4 -6; do ip $family rule; ip $family route show table all | sort; done"
    ).stdout


def test_each_link_has_name_mtu_and_every_address_of_its_eni(node: Node) -> None:
    links = {link["ifname"]: link for link in node.ip("address")}
    for name, mac in MACS.items():
        assert (links[name]["address"], links[name]["mtu"]) == (mac, 9001)
        assert {"UP", "LOWER_UP"} <= set(links[name]["flags"])
    found = {
        info["local"]: name
        for name in MACS
        for info in links[name]["addr_info"]
        if info["scope"] == "global"
    }
    assert found == ADDRESSES
    assert node.status()["state"] == "ready"


def test_a_link_without_a_host_address_is_up_with_none_of_any_kind(node: Node) -> None:
    (link,) = node.ip("address", "show", "mul3")
    assert link["operstate"] == "UP"
    assert link["addr_info"] == []


def test_each_eni_has_its_own_table_and_rules_and_the_main_table_none_of_its_routes(
    node: Node,
) -> None:
    for place, gateway in enumerate(("10.0.1.1", "10.0.2.1", "10.0.2.1"), start=1):
        routes = node.ip("route", "show", "table", str(20000 + place))
        link = f"mul{place - 1}"
        assert [(r["dst"], r.get("gateway"), r["dev"]) for r in routes] == [
            ("default", gateway, link),
            (f"{gateway[:-1]}0/24", None, link),
        ]
    ipv6 = node.ip("-6", "route", "show", "table", "20001")
    assert [(r["dst"], r.get("gateway")) for r in ipv6] == [
        ("2001:db8:0:1::/64", None),
        ("fe80::/64", None),
        ("default", "fe80:ec2::1"),
    ]
    rules = [*node.ip("-4", "rule"), *node.ip("-6", "rule")]
    sources = {rule["src"]: rule["table"] for rule in rules if rule["table"].startswith("20")}
    del sources["all"]
    assert sources == {
        address: str(20001 + int(link.removeprefix("mul"))) for address, link in ADDRESSES.items()
    }
    main = [*node.ip("-4", "route"), *node.ip("-6", "route")]
    by_multus = [
        route for route in main if route["dev"] in MACS and not route["dst"].startswith("fe80")
    ]
    assert by_multus == []


def test_a_reply_leaves_by_the_eni_that_the_request_came_in_on(node: Node) -> None:
    for router, links in (("router1", {"mul0"}), ("router2", {"mul1", "mul2"})):
        pairs = {
            f"{FAR[ip_address(address).version == 6]},{address}": MACS[link]
            for address, link in ADDRESSES.items()
            if link in links
        }
        asked = _witness(node, router, "replies", *pairs)
        assert asked == {pair: [mac] for pair, mac in pairs.items()}


def test_two_enis_in_one_subnet_answer_arp_only_for_their_own_addresses(node: Node) -> None:
    own = {address: MACS[ADDRESSES[address]] for address in ("10.0.2.10", "10.0.2.11", "10.0.2.20")}
    answered = _witness(node, "router2", "owners", "10.0.2.1", *own)
    assert answered == {address: [mac, mac] for address, mac in own.items()}


def test_rp_filter_is_per_link_and_a_node_that_overrides_it_is_told(node: Node) -> None:
    values = node.guest.run("sysctl -n net.ipv4.conf.{mul0,mul1,mul3,all}.rp_filter").stdout
    assert values.split() == ["0", "0", "2", "0"]
    node.guest.run("sysctl net.ipv4.conf.all.rp_filter=1").check()
    warned = node.command("run")
    node.guest.run("sysctl net.ipv4.conf.all.rp_filter=0").check()
    assert warned.stdout.splitlines() == [
        "nothing to change",
        *(
            f"warning: net.ipv4.conf.{name}.rp_filter=0 has no effect: net.ipv4.conf.all.rp_filter"
            " is 1, and the kernel uses the larger of both"
            for name in ("mul0", "mul1", "mul2")
        ),
    ]


def test_a_second_run_changes_nothing_even_after_nodeadm_wrote_its_files_again(node: Node) -> None:
    list_files = (
        "find /etc /run/systemd/network /opt/multus-node -type f -not -path '*/__pycache__/*'"
        " -printf '%p %T@ %m\\n' | sort"
    )
    node.guest.run(
        "for link in mul0 mul1; do /usr/lib/kernellab/udev-net-manager $link; done; networkctl reload"
    ).check()
    before = (_network(node), node.guest.run(list_files).stdout)
    again = node.command("run")
    assert (again.returncode, again.stdout) == (0, "nothing to change\n")
    assert (_network(node), node.guest.run(list_files).stdout) == before
    assert "05-multus-net1.network" in node.guest.run("networkctl status mul0").stdout
    assert "70-eks-mul0.network" in before[1]
