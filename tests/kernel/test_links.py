"""Kernel interfaces on a real kernel with the real systemd: names, addresses, routes, rules, and who answers by which ENI."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from domain.node.config import NodeGroup
from tests.kernel.node import GROUP, Node, eni, interface

if TYPE_CHECKING:
    from kernellab.guest import Guest

pytestmark = [pytest.mark.kernel, pytest.mark.subprocesses("qemu-system-x86_64")]


def test_a_node_waits_for_its_interfaces_and_then_becomes_what_was_promised(
    held_guest: Guest,
) -> None:
    node = Node(held_guest, NodeGroup(GROUP, "asg", (interface(1), interface(2))))
    node.fetch()
    installation = node.begin_install()
    second = eni(2)._replace(local_ipv4s=("10.0.2.10", "10.0.2.11"))
    held_guest.add_peer("far", "subnet-2", "0e:00:00:00:01:02", ["10.0.2.1/24"])
    node.attach(second)
    assert held_guest.wait_for("test -e /run/multus-node/status.json")
    assert node.status()["state"] == "waiting"
    assert installation.returncode() is None
    node.attach(eni(1))
    ended = installation.wait(60)
    assert (ended.returncode, node.status()["state"]) == (0, "ready"), ended.stdout

    links = {link["ifname"]: link for link in node.ip("link")}
    assert links["mul0"]["address"] == eni(1).mac
    assert links["mul1"]["address"] == second.mac
    assert links["mul1"]["mtu"] == 9001
    assert "UP" in links["mul1"]["flags"]
    again = node.command("run")
    assert again.stdout == "nothing to change\n"
