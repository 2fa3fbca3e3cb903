"""The lab itself: what later tests rely on is there, and is what it says it is."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kernellab.guest import Guest, Nic
from kernellab.imds import Eni, Fault
from kernellab.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Callable

    from kernellab.image import Image

pytestmark = [pytest.mark.kernel, pytest.mark.subprocesses("qemu-system-x86_64")]

MAC = "0e:00:00:00:00:02"
ENI = Eni(
    MAC,
    1,
    "eni-00000000000000001",
    subnet_ipv4_cidr_block="10.0.2.0/24",
    local_ipv4s=("10.0.2.10",),
)


def test_the_guest_is_a_booted_node(guest: Guest, lab: Image) -> None:
    assert guest.run("cat /proc/1/comm").stdout == "systemd\n"
    assert guest.run("systemctl is-system-running").stdout == "running\n"
    assert guest.run(["python3", "--version"]).stdout.startswith(f"Python {lab.python}")
    assert guest.run("ip -json route show default").stdout.startswith('[{"dst":"default"')
    kubelet, user_data = (
        float((guest.read(f"/run/lab/{name}") or b"nan").decode())
        for name in ("kubelet", "cloud-final")
    )
    assert user_data < kubelet


def test_a_command_keeps_its_streams_its_code_and_its_time(guest: Guest) -> None:
    result = guest.run("cat; echo oops >&2; exit 3", stdin="given")
    assert (result.stdout, result.stderr, result.returncode) == ("given", "oops\n", 3)
    with pytest.raises(TimeoutError, match="serial console"):
        guest.run("echo before; exec sleep 60", timeout_s=0.5)
    guest.run("mkfifo /run/gate").check()
    background = guest.start("echo begun; read -r line < /run/gate; echo $line; exit 4")
    assert background.returncode() is None
    guest.run("echo gone > /run/gate").check()
    assert background.wait().stdout == "begun\ngone\n"
    assert background.returncode() == 4


def test_files_go_in_and_out(guest: Guest) -> None:
    guest.put("/opt/new/tool", b"#!/bin/sh\necho \xc3\xa9\n", 0o755)
    assert guest.run(["/opt/new/tool"]).stdout == "é\n"
    assert guest.read("/opt/new/tool") == b"#!/bin/sh\necho \xc3\xa9\n"
    assert guest.read("/opt/new/none") is None


def test_a_link_plugged_after_nodeadm_ran_stays_down(guest: Guest) -> None:
    guest.imds.attach(ENI)
    address = guest.plug(Nic(MAC))
    assert address == "0000:00:06.0"
    assert guest.wait_for(f"grep -q {MAC} /sys/bus/pci/devices/{address}/net/*/address")
    assert guest.wait_for("test -n \"$(find /etc/eks/nodeadm -name 'ens6')\"")
    link = json.loads(guest.run("ip -json link show ens6").stdout)[0]
    assert link["operstate"] == "DOWN"
    guest.unplug("nic-0e0000000002")
    assert guest.wait_for("! test -e /sys/class/net/ens6")


def test_a_link_plugged_before_nodeadm_ran_is_configured_by_networkd(held_guest: Guest) -> None:
    held_guest.imds.attach(ENI)
    held_guest.put(
        "/etc/systemd/network/05-lab.network",
        f"[Match]\nPermanentMACAddress={MAC}\n[Link]\nMTUBytes=9001\n"
        "[Network]\nAddress=10.0.2.10/24\nLinkLocalAddressing=no\n",
    )
    held_guest.plug(Nic(MAC))
    held_guest.add_peer("router", "mul0", "0e:00:00:00:01:01", ["10.0.2.1/24"])
    assert held_guest.wait_for("test -e /run/systemd/network/70-eks-ens6.network")
    assert held_guest.wait_for("networkctl status ens6 | grep -q 'State: routable (configured)'")
    assert "05-lab.network" in held_guest.run("networkctl status ens6").stdout
    held_guest.run("ping -c 1 -W 5 -I ens6 10.0.2.1").check()
    held_guest.run("ip netns exec router ping -c 1 -W 5 -s 8900 -M do 10.0.2.10").check()


def test_segments_are_apart(guest: Guest) -> None:
    guest.add_peer("a", "one", "0e:00:00:00:01:01", ["10.9.0.1/24"])
    guest.add_peer("b", "one", "0e:00:00:00:01:02", ["10.9.0.2/24"])
    guest.add_peer("c", "two", "0e:00:00:00:01:03", ["10.9.0.3/24"])
    guest.run("ip netns exec a ping -c 1 -W 5 10.9.0.2").check()
    assert guest.run("ip netns exec a ping -c 1 -W 1 10.9.0.3").returncode == 1


def test_user_data_runs_before_kubelet(held_guest: Guest) -> None:
    held_guest.put(
        "/var/lib/user-data.sh",
        "#!/bin/bash\ntest ! -e /run/lab/kubelet && echo once >> /etc/ran\n",
        0o755,
    )
    held_guest.release()
    assert held_guest.wait_booted() == "running"
    assert held_guest.read("/etc/ran") == b"once\n"
    assert held_guest.read("/run/lab/kubelet") is not None


def test_vfio_knows_no_unsafe_mode_on_a_stock_kernel(boot: Callable[[Machine], Guest]) -> None:
    bind = (
        "modprobe vfio enable_unsafe_noiommu_mode=1 && modprobe vfio-pci || exit;"
        " device=/sys/bus/pci/devices/$1; echo $1 > $device/driver/unbind;"
        " echo vfio-pci > $device/driver_override; echo $1 > /sys/bus/pci/drivers/vfio-pci/bind"
    )
    bound = {}
    for vfio in ("noiommu", "stock"):
        guest = boot(Machine(vfio=vfio))
        address = guest.plug(Nic(MAC))
        assert guest.wait_for(f"test -e /sys/bus/pci/devices/{address}/net/ens6")
        result = guest.run(["/bin/bash", "-c", bind, "bash", address])
        bound[vfio] = result.returncode == 0
        assert (guest.run("ls /dev/vfio").stdout == "noiommu-0\nvfio\n") == bound[vfio]
    assert bound == {"noiommu": True, "stock": False}


def test_an_iommu_isolates_each_interface_and_dpdk_sends(boot: Callable[[Machine], Guest]) -> None:
    guest = boot(
        Machine(iommu=True, numa_nodes=2, cpus=2, memory_mib=1024, stage="before-user-data")
    )
    assert guest.run("cat /sys/devices/system/node/online").stdout == "0-1\n"
    address = guest.plug(Nic(MAC))
    assert address == "0000:01:00.0"
    assert guest.wait_for(f"grep -q {MAC} /sys/bus/pci/devices/{address}/net/*/address")
    guest.run(
        "modprobe vfio-pci && echo 64 > /proc/sys/vm/nr_hugepages &&"
        f" device=/sys/bus/pci/devices/{address} && echo vfio-pci > $device/driver_override &&"
        f" echo {address} > $device/driver/unbind && echo {address} > /sys/bus/pci/drivers_probe &&"
        " ls $device/iommu_group/devices | wc -l"
    ).check()
    guest.add_peer("sink", "mul0", "0e:00:00:00:01:01", ["10.0.2.1/24"])
    sender = guest.start(
        f"timeout 120 dpdk-testpmd -l 0,1 -n 1 -a {address} --in-memory --"
        " --forward-mode=txonly --auto-start --no-mlockall --total-num-mbufs=2048"
        " --stats-period 1 --eth-peer=0,0e:00:00:00:01:01"
    )
    received = "$(ip netns exec sink cat /sys/class/net/peer/statistics/rx_packets)"
    assert guest.wait_for(f"(( {received} > 1000 ))", 90), sender.output()


def test_imds_answers_at_its_address(guest: Guest) -> None:
    fetch = (
        "import urllib.request as r, sys\n"
        "base = 'http://169.254.169.254/latest/'\n"
        "put = r.Request(base + 'api/token', method='PUT',"
        " headers={'X-aws-ec2-metadata-token-ttl-seconds': '60'})\n"
        "token = r.urlopen(put, timeout=5).read().decode()\n"
        "get = r.Request(base + sys.argv[1], headers={'X-aws-ec2-metadata-token': token})\n"
        "print(r.urlopen(get, timeout=5).read().decode())\n"
    )
    guest.put("/opt/fetch.py", fetch)
    macs = "meta-data/network/interfaces/macs/"
    assert guest.run(["python3", "/opt/fetch.py", macs]).stdout == "0e:00:00:00:00:01/\n"
    guest.imds.attach(ENI)
    answer = guest.run(["python3", "/opt/fetch.py", f"{macs}{MAC}/local-ipv4s"])
    assert answer.stdout == "10.0.2.10\n"
    guest.imds.break_path(macs, Fault(status=500))
    assert "500" in guest.run(["python3", "/opt/fetch.py", macs]).stderr
    guest.imds.stop()
    assert guest.run(["python3", "/opt/fetch.py", macs]).returncode == 1
    guest.imds.heal()
    guest.imds.resume()
    guest.run(["python3", "/opt/fetch.py", macs]).check()


@pytest.mark.subprocesses("qemu-system-x86_64", Path(sys.executable).name)
def test_no_guest_outlives_a_test_runner_that_is_killed(lab: Image, guest: Guest) -> None:
    runner = (
        "import os, sys; from pathlib import Path; from kernellab.guest import Guest;"
        " from kernellab.image import Image;"
        " guest = Guest(image=Image(Path(sys.argv[1]), sys.argv[2], sys.argv[3])); guest.boot();"
        " print(guest.process_id, flush=True); os.kill(os.getpid(), 9)"
    )
    assert guest.restored  # The saved state is there, so that the runner below need not make one.
    killed = subprocess.run(  # noqa: S603 - this interpreter and a script written here
        [sys.executable, "-c", runner, str(lab.folder), lab.kernel_release, lab.python],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    with suppress(ProcessLookupError):
        qemu = os.pidfd_open(int(killed.stdout))
        try:
            assert select.select([qemu], [], [], 10)[0]
        finally:
            os.close(qemu)
