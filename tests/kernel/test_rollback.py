"""Links that are renamed while they are up, and links that cannot be had: what a failed run leaves is the host as it was."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from domain.node import layout
from domain.node.config import NodeConfig, NodeGroup, to_json
from tests.kernel.node import GROUP, Node, eni, interface

if TYPE_CHECKING:
    from kernellab.guest import Guest

pytestmark = [pytest.mark.kernel, pytest.mark.subprocesses("qemu-system-x86_64")]

TOO_LARGE_MTU = 9600
"""An e1000e link's is 9212 at most."""


def _untouched(host: str) -> list[str]:
    """Return a host without what a run that failed may leave.

    It remembers which ENI is which interface. And the kernel gives a link its queueing discipline when it is up for the first
    time, and for good.
    """
    return [
        re.sub(r" qdisc \w+", "", line) for line in host.splitlines() if layout.CLAIMS not in line
    ]


def _names(node: Node) -> dict[str, str]:
    """Return the MAC addresses of the Multus links by name."""
    return {
        link["ifname"]: link["address"]
        for link in node.ip("link")
        if link["ifname"].startswith("mul")
    }


def test_links_keep_no_trace_of_a_run_that_could_not_configure_them_and_swap_names_while_up(
    guest: Guest,
) -> None:
    node = Node(guest, NodeGroup(GROUP, "asg", (replace(interface(1), mtu=TOO_LARGE_MTU),)))
    node.fetch()
    for position in (1, 2):
        node.attach(eni(position))
        link = f"ens{position + 5}"
        assert guest.wait_for(f"systemctl is-active --quiet udev-net-manager@{link}")
    # nodeadm leaves a link that comes now to the VPC CNI: it is nobody's, and down.
    (untouched,) = node.ip("link", "show", "ens6")
    assert (untouched["operstate"], untouched["mtu"]) == ("DOWN", 1500)
    before = _untouched(node.host())
    refused = node.try_out()
    assert refused.returncode == 7
    (line,) = refused.stderr.splitlines()
    assert line.startswith("link-not-configured: ")
    assert "(found: mul0: MTU 9212 instead of 9600)" in line
    # systemd-networkd answers a reload before it has let go of the link.
    assert guest.wait_for("! ip rule | grep -q 20001 && ! ip address show ens6 | grep -q inet")
    assert _untouched(node.host()) == before

    both = NodeGroup(GROUP, "asg", (interface(1), interface(2)))
    node = Node(guest, both)
    node.fetch()
    installed = node.install()
    assert installed.returncode == 0, installed.stdout
    assert _names(node) == {"mul0": eni(1).mac, "mul1": eni(2).mac}
    first, second = both.interfaces
    swapped = replace(
        both, interfaces=(replace(first, link_name="mul1"), replace(second, link_name="mul0"))
    )
    guest.put("/opt/given.json", to_json(NodeConfig("MultusEni-lab", "lab", None, (swapped,))))
    ended = node.command("run", "--config", "/opt/given.json")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert _names(node) == {"mul1": eni(1).mac, "mul0": eni(2).mac}
    (renamed,) = node.ip("address", "show", "mul1")
    assert [each["local"] for each in renamed["addr_info"] if each["family"] == "inet"] == [
        "10.0.1.10"
    ]
    assert node.status()["state"] == "ready"
