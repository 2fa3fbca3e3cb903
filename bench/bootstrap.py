"""The node bootstrap in the lab's guest: from the last link's appearance to ready, against a shell script's bare commands."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bench.figures import Figure, at_most
from domain.node import layout
from domain.node.config import Driver, NodeConfig, NodeGroup, NodeInterface
from kernellab import image as images
from kernellab.guest import Guest, Nic
from kernellab.imds import Eni
from stacks.bootstrap_archive import archive_bytes, bootstrap_content

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kernellab.image import Image

REPOSITORY = Path(__file__).resolve().parents[1]
ROUNDS = 5
RATIO = 1.3
FIXED_SLEEPS = {
    20: "aws-samples/dpdk-setup-eks, CFN-Templates/eks-dpdk-nodegroup-v2.yaml",
    30: "aws-samples/eks-install-guide-for-multus, cfn/templates/nodegroup/eks-nodegroup-multus.yaml",
    45: "aws-samples/cfn-nodegroup-for-multus-cni, template/amazon-eks-nodegroup-multus-sriovdp.yaml",
}
"""The seconds that public recipes sleep in user data, whether the interfaces are there by then or not, and where. The one
with 20 then reboots the node, and binds on the way up."""
TIMEOUT_S = 240.0
"""For whatever happens in a guest: an emulated one on a busy machine is slow."""

GROUP = "user-plane"
INSTALL = ("/usr/bin/python3", "-IS", layout.FETCHED, "install", "--node-group", GROUP)
INSTALLERS = frozenset({"systemctl", "udevadm"})
"""What `install` starts, and no run at boot."""
RP_FILTER = 2

_TRACING = "/sys/kernel/tracing"
_FLOOR_PATH = "/run/bench/floor.sh"
_LAUNCHER_PATH = "/run/bench/launcher.py"
_LINKS_LOG = "/run/bench/links"
_ENDED = "/run/bench/ended"
_FLOOR_READY = "/run/bench/ready"
_FLOOR_WAITS = "/run/bench/waits"

PREPARATION = f"""
mount -t tracefs none {_TRACING}
echo 1 > {_TRACING}/events/sched/sched_process_fork/enable
echo 1 > {_TRACING}/events/sched/sched_process_exec/enable
# So that there is something to set.
echo {RP_FILTER - 1} > /proc/sys/net/ipv4/conf/default/rp_filter
"""
OBSERVER = f"TZ=UTC exec ip -tshort -oneline monitor link > {_LINKS_LOG}"
"""Writes down when the kernel tells of a link. Neither of the two programs that are measured has a part in it."""
LAUNCHER = f"""
import json, os, sys
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, used = os.wait4(child, 0)
with open("{_ENDED}.fresh", "w") as file:
    json.dump([os.waitstatus_to_exitcode(status), child, used.ru_maxrss], file)
os.rename("{_ENDED}.fresh", "{_ENDED}")
"""
"""Starts a program; keeps its exit code, its process id, and the most memory (KiB) that it or one it started ever had."""

FLOOR = f"""
set -euo pipefail
exec 3< <(exec ip -oneline monitor link)
: > {_FLOOR_WAITS}
last=$1; shift
until read -r line <&3; [[ $line == *"link/ether $last "* ]]; do :; done

path_of() {{
    local path mac
    for path in /sys/class/net/*; do
        if {{ read -r mac < "$path/address"; }} 2> /dev/null && [[ $mac == "$1" ]]; then
            found=$path
            return
        fi
    done
}}

dpdk=0
awaited=()
for spec in "$@"; do
    IFS=, read -r mac name driver address subnet gateway table <<< "$spec"
    path_of "$mac"
    if [[ $driver == vfio-pci ]]; then
        if ((dpdk++ == 0)); then
            modprobe vfio-pci
            echo Y > /sys/module/vfio/parameters/enable_unsafe_noiommu_mode
        fi
        device=$(readlink -f "$found/device")
        echo vfio-pci > "$device/driver_override"
        echo "${{device##*/}}" > "$device/driver/unbind"
        echo "${{device##*/}}" > /sys/bus/pci/drivers/vfio-pci/bind
        echo > "$device/driver_override"
        continue
    fi
    # udev names a new link too, perhaps just now.
    until ip link set dev "${{found##*/}}" name "$name" mtu 9001 addrgenmode none; do path_of "$mac"; done
    ip link set dev "$name" up
    ip address add "$address/${{subnet#*/}}" broadcast + dev "$name" noprefixroute
    ip route add "$subnet" dev "$name" scope link src "$address" table "$table"
    ip route add default via "$gateway" dev "$name" onlink src "$address" table "$table"
    ip rule add from "$address" lookup "$table" priority "$table"
    ip rule add oif "$name" lookup "$table" priority "$table"
    echo {RP_FILTER} > "/proc/sys/net/ipv4/conf/$name/rp_filter"
    awaited+=("$name")
done
for name in "${{awaited[@]}}"; do
    read -r carrier < "/sys/class/net/$name/carrier"
    until ((carrier)); do
        read -r line <&3
        [[ $line != *" $name: <"*LOWER_UP* ]] || carrier=1
    done
done
: > {_FLOOR_READY}
"""
"""The same from the same event, by the bare commands, one after the other: it looks at nothing beforehand, checks nothing
afterwards and leaves nothing that would survive a reboot."""

LOOK = """
for link in /sys/class/net/mul*; do echo $link $(cat $link/{address,mtu,carrier,operstate}); done
ip -oneline -4 address | grep mul | sed 's/valid_lft.*//; s/^[0-9]*: //'
ip -oneline -6 address | grep mul
ip -4 rule | sed 's/ proto static//' | sort
ip -4 route show table all | grep mul | sed 's/ proto static//; s/ *$//' | sort
grep . /proc/sys/net/ipv4/conf/mul*/rp_filter
cat /sys/module/vfio/parameters/enable_unsafe_noiommu_mode 2> /dev/null
for device in /sys/bus/pci/devices/*; do echo $device $(readlink $device/driver) $(< $device/driver_override); done
"""
"""What both leave behind; who made a route or rule (`proto`) is the only difference that does not count."""
SETTLED = "udevadm settle && [[ $(systemctl list-jobs) == 'No jobs running.'* ]]"


class NotMeasured(Exception):
    """What was to be measured did not happen in the guest."""


@dataclass(frozen=True)
class Shape:
    """How many interfaces of which kind a node has. The kernel's are attached last."""

    kernel: int
    dpdk: int = 0

    @property
    def name(self) -> str:
        """Return what a person calls it."""
        return f"{self.kernel} kernel" + (f" + {self.dpdk} vfio-pci" if self.dpdk else "")

    @property
    def tools(self) -> frozenset[str]:
        """Return the programs that do what the kernel has no interface for: a word to systemd-networkd, loading a module."""
        return frozenset({"networkctl", "modprobe"} if self.dpdk else {"networkctl"})

    @property
    def interfaces(self) -> tuple[NodeInterface, ...]:
        """Return the promised interfaces in the order in which they are attached."""
        return tuple(
            NodeInterface(
                name=f"net{position}",
                link_name=f"mul{position}",
                network_card_index=0,
                device_index=position,
                device_index_fixed=False,
                subnet_ids=(f"subnet-{position}",),
                security_group_ids=(),
                driver=Driver.VFIO_PCI if position <= self.dpdk else Driver.KERNEL,
            )
            for position in range(1, self.dpdk + self.kernel + 1)
        )

    @property
    def group(self) -> NodeGroup:
        """Return the node group, which lets vfio work without an IOMMU."""
        return NodeGroup(
            GROUP, "asg", self.interfaces, allow_unsafe_noiommu=True, rp_filter=RP_FILTER
        )


SHAPES = (Shape(4), Shape(2, 2))


@dataclass(frozen=True)
class Run:
    """What one of the two programs did in a guest of its own."""

    elapsed_s: float
    """From the last link's appearance to ready."""
    started: tuple[str, ...]
    """The programs that it started, in order."""
    peak_kib: int
    left: str
    """What LOOK says then."""


def eni(interface: NodeInterface) -> Eni:
    """Return what the metadata service tells of an interface's ENI."""
    position = interface.device_index
    return Eni(
        mac=f"0e:00:00:00:00:{position + 1:02x}",
        device_number=position,
        interface_id=f"eni-{position:017x}",
        subnet_id=interface.subnet_ids[0],
        subnet_ipv4_cidr_block=f"10.0.{position}.0/24",
        local_ipv4s=(f"10.0.{position}.10",),
    )


def specification(interface: NodeInterface) -> str:
    """Return an interface as the floor's script takes it."""
    told = eni(interface)
    position = interface.device_index
    return ",".join(
        [
            told.mac,
            interface.link_name,
            interface.driver.value,
            told.local_ipv4s[0],
            f"10.0.{position}.0/24",
            f"10.0.{position}.1",
            f"{20000 + position}",
        ]
    )


def bootstrap(shape: Shape, image: Image | None = None) -> Run:
    """Run the bootstrap as user data does: from its built archive, installing itself.

    Args:
        shape: of the node.
        image: of the guest; left out, it is built, or found where it was built before.

    Raises:
        NotMeasured: the node did not get ready.
    """
    last = eni(shape.interfaces[-1]).mac
    waits = f"grep -q {last} /run/lab-imds.log && grep -q '\"discover\"' {layout.STATUS}"
    return _measure(Guest(image=image), shape, INSTALL, waits, layout.STATUS)


def floor(shape: Shape) -> Run:
    """Run the script.

    Raises:
        NotMeasured: a command of it failed.
    """
    last = eni(shape.interfaces[-1]).mac
    specifications = map(specification, shape.interfaces)
    command = ["/bin/bash", _FLOOR_PATH, last, *specifications]
    return _measure(Guest(), shape, command, f"test -e {_FLOOR_WAITS}", _FLOOR_READY)


def interpreter_kib() -> int:
    """Return the memory of the guest's Python when it does nothing."""
    with Guest() as guest:
        guest.put(_LAUNCHER_PATH, LAUNCHER)
        _launch(guest, ["/usr/bin/python3", "-IS", "-c", ""])
        return _ended(guest)[2]


def _measure(unstarted: Guest, shape: Shape, command: Sequence[str], waits: str, ready: str) -> Run:
    """Run a program in a booted node where all interfaces are there but the last, and give it that.

    The metadata service knows all of them beforehand: how late it tells is no work of anybody's.

    Args:
        unstarted: the guest, which is a booted node when it is started.
        shape: of the node.
        command: the program.
        waits: a condition in the guest: it waits for the last interface.
        ready: the file that appears last, when all is done.
    """
    *first, last = shape.interfaces
    with unstarted as guest:
        _prepare(guest, shape)
        for interface in first:
            guest.plug(Nic(eni(interface).mac, interface.subnet_ids[0]))
        there = " && ".join(f"grep -q {eni(one).mac} {_LINKS_LOG}" for one in first)
        _await(guest, f"{there} && {SETTLED}")
        _launch(guest, command)
        _await(guest, f"{waits} && {SETTLED}")
        guest.plug(Nic(eni(last).mac, last.subnet_ids[0]))
        returncode, process_id, peak_kib = _ended(guest)
        if returncode:
            raise NotMeasured(f"{command[0]} ended with {returncode}\n{guest.serial()}")
        appeared_s = first_seen_s((guest.read(_LINKS_LOG) or b"").decode(), eni(last).mac)
        # A rename is a change of the inode: unlike the time of its content, this is when a reader finds it.
        ready_s = float(guest.run(f"stat --format=%.9Z {ready}", TIMEOUT_S).check().stdout)
        trace = guest.run(f"cat {_TRACING}/trace", TIMEOUT_S).check().stdout
        left = guest.run(LOOK, TIMEOUT_S).stdout
    return Run(ready_s - appeared_s, started_by(process_id, trace), peak_kib, left)


def _prepare(guest: Guest, shape: Shape) -> None:
    guest.put(_LAUNCHER_PATH, LAUNCHER)
    guest.put(_FLOOR_PATH, FLOOR)
    config = NodeConfig("MultusEni-bench", "bench", None, (shape.group,))
    content = bootstrap_content(config, repository=REPOSITORY)
    guest.put(layout.FETCHED, archive_bytes(content), 0o755)
    guest.run(PREPARATION, TIMEOUT_S).check()
    guest.start(OBSERVER)
    _await(guest, f"test -e {_LINKS_LOG}")
    guest.imds.state.enis += [eni(interface) for interface in shape.interfaces]
    guest.imds.publish()


def _launch(guest: Guest, command: Sequence[str]) -> None:
    guest.start(["/usr/bin/python3", "-IS", _LAUNCHER_PATH, *command])


def _ended(guest: Guest) -> tuple[int, int, int]:
    """Return exit code, process id and peak memory (KiB) of what was launched."""
    _await(guest, f"test -e {_ENDED}")
    returncode, process_id, peak_kib = json.loads(guest.read(_ENDED) or b"")
    return returncode, process_id, peak_kib


def _await(guest: Guest, condition: str) -> None:
    if not guest.wait_for(f"{{ {condition}; }} 2> /dev/null", TIMEOUT_S):
        raise NotMeasured(f"in {TIMEOUT_S:g} s not: {condition}\n{guest.serial()}")


def first_seen_s(log: str, mac: str) -> float:
    """Return when `ip -tshort -oneline monitor link` first showed a MAC address, in seconds since the epoch.

    Raises:
        NotMeasured: it never did.
    """
    for line in log.splitlines():
        found = re.match(r"\[([^]]+)\]", line)
        if found and f"link/ether {mac} " in line:
            return datetime.fromisoformat(found[1]).replace(tzinfo=UTC).timestamp()
    raise NotMeasured(f"no link with MAC address {mac} came")


def started_by(process_id: int, trace: str) -> tuple[str, ...]:
    """Return the programs that a process and its descendants started, from the kernel's own record of forks and execs.

    Args:
        process_id: the process; the program that it is itself does not count.
        trace: events sched_process_fork and sched_process_exec, as tracefs shows them.
    """
    family = {process_id}
    started = []
    for line in trace.splitlines():
        forked = re.search(r"sched_process_fork: .* pid=(\d+) child_comm=.* child_pid=(\d+)", line)
        if forked and int(forked[1]) in family:
            family.add(int(forked[2]))
        executed = re.search(r"sched_process_exec: filename=(\S+) pid=(\d+)", line)
        if executed and int(executed[2]) in family - {process_id}:
            started.append(executed[1].rpartition("/")[2])
    return tuple(started)


def rounds(shape: Shape, count: int) -> list[tuple[Run, Run]]:
    """Return pairs of bootstrap and floor, taken one right after the other, each time the other one first.

    Raises:
        NotMeasured: they did not do the same.
    """
    pairs = []
    for number in range(count):
        if number % 2:
            bare = floor(shape)
            whole = bootstrap(shape)
        else:
            whole = bootstrap(shape)
            bare = floor(shape)
        if whole.left != bare.left:
            raise NotMeasured(f"the bootstrap leaves\n{whole.left}\nand the script\n{bare.left}")
        pairs.append((whole, bare))
    return pairs


def typical(pairs: Sequence[tuple[Run, Run]]) -> tuple[Run, Run]:
    """Return the pair with the median ratio: each was taken in one moment, and a machine's speed drifts."""
    ordered = sorted(pairs, key=lambda pair: pair[0].elapsed_s / pair[1].elapsed_s)
    return ordered[(len(ordered) - 1) // 2]


def unavailable() -> str | None:
    """Return why there can be no guest on this machine; None where there can."""
    return ", ".join(images.missing()) or None


def figures(count: int = ROUNDS, shapes: Sequence[Shape] = SHAPES) -> Iterator[Figure]:
    """Yield time, programs and memory of the bootstrap for each shape of a node.

    Raises:
        NotMeasured: a guest did not do what was to be measured.
    """
    alone_mib = interpreter_kib() / 1024
    for shape in shapes:
        yield from _figures(shape, rounds(shape, count), alone_mib)


def _figures(shape: Shape, pairs: Sequence[tuple[Run, Run]], alone_mib: float) -> Iterator[Figure]:
    whole, bare = typical(pairs)
    runs = [run for run, _ in pairs]
    installers = [[name for name in run.started if name in INSTALLERS] for run in runs]
    others = [[name for name in run.started if name not in INSTALLERS] for run in runs]
    tools = len(shape.tools)
    yield at_most(f"{shape.name}: last link to ready", whole.elapsed_s, bare.elapsed_s, "s", RATIO)
    yield Figure(
        f"{shape.name}: programs started", max(map(len, others)), tools, "", "one per tool", tools
    )
    yield Figure(
        f"{shape.name}: and to install itself", max(map(len, installers)), len(INSTALLERS), ""
    )
    peak_mib = max(run.peak_kib for run in runs) / 1024
    yield Figure(f"{shape.name}: peak memory", peak_mib, alone_mib, "MiB")
    for sleep_s in FIXED_SLEEPS:
        yield Figure(f"{shape.name}: against sleep {sleep_s}", whole.elapsed_s, sleep_s, "s")
