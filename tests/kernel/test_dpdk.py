"""DPDK on a real kernel: who gets which driver, what refuses it, how it is given back, and packets that arrive."""

from __future__ import annotations

import signal
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from domain.node import layout
from domain.node.config import Driver, HugePages, NodeGroup, NodeInterface, WriteCombining
from kernellab.machine import Machine
from tests.kernel.node import GROUP, Node, eni, interface

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kernellab.guest import Background, Guest, Result

pytestmark = [pytest.mark.kernel, pytest.mark.subprocesses("qemu-system-x86_64")]

KERNEL_DRIVER = "e1000e"
PEER_MAC = "0e:00:00:00:01:01"
POOL = "/sys/devices/system/node/node{}/hugepages/hugepages-2048kB/nr_hugepages"
# What a refused or failed run must leave as it was: drivers, links, huge pages, vfio's mode, files, rules.
LOOK = """
find /sys/bus/pci/devices/*/ -maxdepth 2 '(' -name driver -printf '%p %l\\n' ')' -o '(' -path '*/net/*' -print ')'
grep . /sys/bus/pci/devices/*/driver_override
ls /sys/bus/pci/drivers
cat /sys/devices/system/node/node*/hugepages/*/nr_hugepages
grep -s Y /sys/module/vfio/parameters/enable_unsafe_noiommu_mode
ls -R /etc/systemd/network /etc/sysctl.d /etc/cni /etc/pcidp /etc/eks/nodeadm.d 2> /dev/null
ip rule
ip -brief address | sort
"""


def dpdk(position: int, driver: Driver = Driver.VFIO_PCI) -> NodeInterface:
    """Return the promised interface at a position, for DPDK. The lab's devices have no memory to be write-combined."""
    return replace(interface(position), driver=driver, write_combining=WriteCombining.IGNORED)


def group(*interfaces: NodeInterface, consent: bool = True, deadline_s: int = 60) -> NodeGroup:
    """Return a node group that lets vfio work without an IOMMU, or does not."""
    return NodeGroup(GROUP, "asg", interfaces, allow_unsafe_noiommu=consent, deadline_s=deadline_s)


def attached(node: Node, *positions: int) -> list[str]:
    """Attach ENIs, wait until udev has named their links, and return their PCI addresses."""
    addresses = [node.attach(eni(position)) for position in positions]
    link_names(node, addresses)
    return addresses


def link_names(node: Node, addresses: Sequence[str]) -> list[str]:
    """Wait until udev is done with the links of devices, and return their names."""
    paths = [f"/sys/bus/pci/devices/{address}/net" for address in addresses]
    for path in paths:
        # udev's record of a link appears after udev has named it.
        assert node.guest.wait_for(
            f"index=$(cat {path}/*/ifindex) && test -e /run/udev/data/n$index"
        )
    found = node.guest.run(["find", *paths, "-mindepth", "1", "-maxdepth", "1", "-printf", "%f\\n"])
    return found.stdout.split()


def look(node: Node) -> list[str]:
    """Return everything that a run could change."""
    return node.guest.run(LOOK).stdout.splitlines()


def code(node: Node) -> str:
    """Return the code of the error that the last run ended with."""
    return str(node.status()["error"]["code"])


def sent(guest: Guest, address: str) -> Background:
    """Let DPDK's packet generator send from a device to the peer; when packets have arrived, it stands still and has the device."""
    sender = guest.start(
        f"exec dpdk-testpmd --lcores 0@0,1@0 -n 1 -a {address} --in-memory -- --forward-mode=txonly"
        f" --auto-start --no-mlockall --total-num-mbufs=2048 --stats-period 1 --eth-peer=0,{PEER_MAC}"
    )
    received = "$(ip netns exec far cat /sys/class/net/peer/statistics/rx_packets)"
    assert guest.wait_for(f"(( {received} > 1000 ))", 90), sender.output()
    guest.run(["kill", "-STOP", str(sender.pid)]).check()
    return sender


def ended(sender: Background) -> bool:
    """End the packet generator and return whether it let its device go in peace."""
    sender.guest.run(["kill", "-INT", str(sender.pid)]).check()
    sender.guest.run(["kill", "-CONT", str(sender.pid)]).check()
    return sender.wait().returncode == 0


def stop_watching(guest: Guest) -> None:
    """Have nobody wait for links any more, and let the run that one has started come to its end."""
    guest.run("systemctl stop multus-node-hotplug.path").check()
    running = "systemctl is-active multus-node-hotplug.service | grep -q ^activating"
    assert guest.wait_for(f"! {running}")


def refused(result: Result, exit_code: int, error_code: str) -> None:
    """Insist on a run that ended with one line of this code."""
    assert result.returncode == exit_code, result.stdout + result.stderr
    lines = [line for line in result.stderr.splitlines() if line.startswith(f"{error_code}: ")]
    assert len(lines) == 1, result.stderr


def test_vfio_without_an_iommu_takes_consent_and_a_kernel_that_can(
    boot: Callable[[Machine], Guest],
) -> None:
    node = Node(boot(Machine(vfio="stock")), group(dpdk(1), consent=False))
    node.fetch()
    (address,) = attached(node, 1)
    before = look(node)
    refused(node.try_out(), 5, "iommu-missing")
    assert code(node) == "iommu-missing"
    assert look(node) == before

    node.group = group(dpdk(1), consent=True)
    node.fetch()
    refused(node.try_out(), 5, "iommu-missing")
    assert node.driver(address) == KERNEL_DRIVER
    assert look(node) == before


def test_a_device_bound_without_an_iommu_stays_so_until_it_is_given_back(guest: Guest) -> None:
    slow = replace(dpdk(1), write_combining=WriteCombining.PREFERRED)
    node = Node(guest, replace(group(slow, deadline_s=2), huge_pages=(HugePages(2048, 48),)))
    node.fetch()
    guest.add_peer("far", "subnet-1", PEER_MAC, ["10.0.1.1/24"])
    guest.add_dhcp("subnet-1", "10.0.1.0/24", "10.0.1.10")
    (address,) = attached(node, 1)
    installed = node.install()
    assert installed.returncode == 0, installed.stdout
    assert node.driver(address) == "vfio-pci"
    guest.run("test -c /dev/vfio/noiommu-0").check()
    status = node.status()
    assert (status["state"], status["interfaces"][0]["driver"]) == ("ready", "vfio-pci")
    assert "without write combining" in status["warnings"][0]
    assert node.command("run").stdout.startswith("nothing to change\n")

    sender = sent(guest, address)
    busy = node.command("unbind", "net1")
    refused(busy, 5, "device-busy")
    assert "dpdk-testpmd" in busy.stderr
    assert ended(sender)

    given_back = node.command("unbind", "net1")
    assert given_back.returncode == 0, given_back.stderr
    assert node.driver(address) == KERNEL_DRIVER
    (link,) = node.ip("address", "show", "dev", "mul0")
    assert (link["address"], link["mtu"]) == (eni(1).mac, 9001)
    assert [one["local"] for one in link["addr_info"] if one["family"] == "inet"] == ["10.0.1.10"]
    # The link's coming started a run, as a hot-attach does. It leaves the interface with the kernel.
    ready = 'grep -q \'"state": "ready"\' /run/multus-node/status.json'
    assert guest.wait_for(f"grep -q hotplug /run/multus-node/status.json && {ready}")
    stop_watching(guest)
    assert node.status()["changes"] == []
    assert node.driver(address) == KERNEL_DRIVER
    by_hand = node.command("run")
    assert by_hand.returncode == 0, by_hand.stderr
    assert node.driver(address) == "vfio-pci"

    guest.unplug("nic-" + eni(1).mac.replace(":", ""))
    refused(node.command("run"), 4, "interface-missing")
    assert node.status()["interfaces"][0]["state"] == "missing"


def test_behind_an_iommu_dpdk_sends_from_huge_pages_of_its_numa_nodes(
    boot: Callable[[Machine], Guest],
) -> None:
    guest = boot(
        Machine(iommu=True, numa_nodes=2, cpus=2, memory_mib=1024, stage="before-user-data")
    )
    wanted = (HugePages(2048, 40, (0,)), HugePages(2048, 24, (1,)))
    node = Node(guest, replace(group(dpdk(1), consent=False), huge_pages=wanted))
    node.fetch()
    guest.add_peer("far", "subnet-1", PEER_MAC, ["10.0.1.1/24"])
    (address,) = attached(node, 1)
    installed = node.install()
    assert installed.returncode == 0, installed.stdout
    assert [int(guest.read(POOL.format(numa)) or 0) for numa in (0, 1)] == [40, 24]
    assert guest.read("/run/lab/kubelet") is None
    assert node.driver(address) == "vfio-pci"
    assert guest.run("ls /dev/vfio").stdout.split() == [
        guest.run(
            f"basename $(readlink /sys/bus/pci/devices/{address}/iommu_group)"
        ).stdout.strip(),
        "vfio",
    ]
    assert guest.read("/sys/module/vfio/parameters/enable_unsafe_noiommu_mode") == b"N\n"
    assert ended(sent(guest, address))

    node.group = replace(node.group, huge_pages=(wanted[0], HugePages(2048, 4000, (1,))))
    node.fetch()
    before = look(node)
    refused(node.try_out(), 6, "huge-pages-short")
    assert look(node) == before


def test_uio_drivers_bind_and_a_missing_module_changes_nothing(guest: Guest) -> None:
    node = Node(guest, group(dpdk(1, Driver.UIO_PCI_GENERIC), dpdk(2, Driver.IGB_UIO)))
    node.fetch()
    addresses = attached(node, 1, 2)
    before = look(node)
    tree = f"/lib/modules/{guest.image.kernel_release}"
    lose = "mv extra/igb_uio.ko /root && cp modules.dep /root && sed -i /igb_uio/d modules.dep"
    guest.run(f"cd {tree} && {lose}").check()
    refused(node.try_out(), 5, "module-missing")
    assert look(node) == before

    guest.run(f"cd {tree} && mv /root/igb_uio.ko extra && mv /root/modules.dep .").check()
    bound = node.try_out()
    assert bound.returncode == 0, bound.stderr
    assert [node.driver(address) for address in addresses] == ["uio_pci_generic", "igb_uio"]
    assert guest.run("ls /dev/uio*").stdout.split() == ["/dev/uio0", "/dev/uio1"]
    # The module's own word for wc_activate=1, and no mapping of its own (dpdk-kmods, igb_uio.c).
    assert "wc_activate is set" in guest.run("dmesg").stdout
    assert "igb_uio" not in guest.run("cat /proc/vmallocinfo").stdout


def test_a_bind_that_fails_half_way_is_taken_back_and_one_that_is_killed_is_completed(
    guest: Guest,
) -> None:
    node = Node(guest, group(dpdk(1), dpdk(2)))
    node.fetch()
    *addresses, foreign = attached(node, 1, 2, 9)
    before = look(node)
    # The second device's override cannot be set, so the kernel refuses to bind it: vfio-pci knows no device by itself.
    override = f"/sys/bus/pci/devices/{addresses[1]}/driver_override"
    guest.run(f"echo > /run/override; mount --bind /run/override {override}").check()
    refused(node.try_out(), 5, "bind-failed")
    guest.run(["umount", override]).check()
    assert link_names(node, addresses) == ["ens6", "ens7"]
    assert look(node) == before

    # Opening a FIFO waits for its reader: the run stands still where the first device has lost its driver and got no other.
    bind = "/sys/bus/pci/drivers/vfio-pci/bind"
    guest.run(f"modprobe vfio-pci; mkfifo /run/bind; mount --bind /run/bind {bind}").check()
    run = guest.start(["/usr/bin/python3", "-IS", layout.FETCHED, "run", "--node-group", GROUP])
    assert guest.wait_for(f"! test -e /sys/bus/pci/devices/{addresses[0]}/driver")
    guest.run(["kill", "-KILL", str(run.pid)]).check()
    assert run.wait().returncode == -signal.SIGKILL
    guest.run(["umount", bind]).check()
    assert [node.driver(address) for address in addresses] == ["", KERNEL_DRIVER]
    status = node.status()
    assert (status["state"], status["step"]) == ("waiting", "apply")
    completed = node.try_out()
    assert completed.returncode == 0, completed.stderr
    assert [node.driver(address) for address in addresses] == ["vfio-pci", "vfio-pci"]
    # Nobody promised this one.
    assert node.driver(foreign) == KERNEL_DRIVER
    assert link_names(node, [foreign]) == ["ens8"]


def test_what_carries_the_node_or_is_in_a_pod_is_refused(guest: Guest) -> None:
    node = Node(
        guest, group(replace(dpdk(1), subnet_ids=("subnet-00000000000000000",)), deadline_s=1)
    )
    node.fetch()
    (address,) = attached(node, 1)
    before = look(node)
    refused(node.try_out(), 4, "interface-missing")
    assert look(node) == before

    node.group = group(dpdk(1))
    node.fetch()
    guest.run("ip link set ens6 up && ip route add default dev ens6 metric 1").check()
    refused(node.try_out(), 5, "device-refused")
    assert node.driver(address) == KERNEL_DRIVER
    guest.run("ip netns add pod && ip link set ens6 netns pod").check()
    in_pod = node.try_out()
    refused(in_pod, 5, "device-busy")
    assert "namespace" in in_pod.stderr
    assert node.driver(address) == KERNEL_DRIVER
