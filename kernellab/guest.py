"""Boot a guest, or restore it from a state that was saved when it had booted, and drive it."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import ipaddress
import os
import shutil
import time
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kernellab import image as images
from kernellab.imds import PRIMARY_MAC
from kernellab.machine import (
    FIRST_PEER_SLOT,
    LAST_NIC_SLOT,
    LAST_PEER_SLOT,
    PRIMARY_SEGMENT,
    PRIMARY_SLOT,
    Machine,
    Stage,
)
from kernellab.metadata import Metadata
from kernellab.qemu import RESTORE_TIMEOUT_S, SILENCE_S, CommandFailed, GuestSilent, Qemu
from kernellab.qmp import QmpError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

    from kernellab.image import Image

BOOT_TIMEOUT_S = 120.0
RUN_TIMEOUT_S = 120.0
# A condition is a process or more, and each takes an emulated processor's time from what is waited for.
_POLL_S = 0.2
# Another driver than the node's own interfaces have, so that neither udev's rules nor the product take it for one.
PEER_MODEL = "virtio-net-pci"

Command = str | Sequence[str]


@dataclass(frozen=True)
class Result:
    """How a command in the guest ended."""

    command: Command
    returncode: int
    stdout: str
    stderr: str

    def check(self) -> Result:
        """Return itself, or raise CommandFailed with everything the command said."""
        if self.returncode:
            raise CommandFailed(
                f"{self.command!r} ended with {self.returncode}\n{self.stdout}{self.stderr}"
            )
        return self


@dataclass(frozen=True)
class Nic:
    """A network interface to be plugged in. Those on one segment see each other and nothing else."""

    mac: str
    segment: str = "mul0"
    model: str = "e1000e"
    id: str = ""

    @property
    def name(self) -> str:
        """The id, or one made of the MAC."""
        return self.id or "nic-" + self.mac.replace(":", "")


@dataclass
class Background:
    """A command that runs in the guest on its own."""

    guest: Guest
    pid: int
    log: str

    def output(self) -> str:
        """Read what it has said so far."""
        return (self.guest.read(self.log) or b"").decode(errors="replace")

    def returncode(self) -> int | None:
        """Give its exit code, or None while it runs."""
        text = self.guest.read(f"{self.log}.exit")
        return None if text is None else int(text)

    def wait(self, timeout_s: float = RUN_TIMEOUT_S) -> Result:
        """Wait for its end."""
        ended = self.guest.wait_for(f"test -e {self.log}.exit", timeout_s)
        code = self.returncode()
        if not ended or code is None:
            raise TimeoutError(f"still running after {timeout_s} s; so far:\n{self.output()}")
        return Result(self.log, code, self.output(), "")


class Guest:
    """A running guest; leaving the context kills it."""

    def __init__(self, machine: Machine | None = None, *, image: Image | None = None) -> None:
        self.machine = machine or Machine()
        self.image = image or images.build()
        self.imds = Metadata(self)
        self.restored = False
        self._hubs: dict[str, int] = {PRIMARY_SEGMENT: 0}
        self._plugged: dict[str, tuple[Nic, int]] = {}
        self._process: Qemu | None = None

    def __enter__(self) -> Guest:
        self.boot()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def _qemu(self) -> Qemu:
        if self._process is None:
            raise RuntimeError("the guest is not running")
        return self._process

    @property
    def process_id(self) -> int:
        """Give QEMU's process id."""
        return self._qemu.process.pid

    def boot(self) -> None:
        """Restore the state saved at this machine's stage; make and save it first where there is none."""
        arguments = self._arguments()
        snapshot = self._snapshot(arguments, self.machine.stage)
        try:
            self._restore(arguments, snapshot)
        except (GuestSilent, QmpError):
            # A state that cannot be restored (another QEMU, a broken file) costs a boot, not a test.
            self.close()
            shutil.rmtree(snapshot, ignore_errors=True)
            self._boot_cold(arguments)
            self._advance(self.machine.stage)
        if self.machine.vfio == "stock":
            self._install_stock_vfio()

    def _snapshot(self, arguments: list[str], stage: Stage) -> Path:
        """Return the state saved at a stage; that of a booted node is made from the one that is held."""
        key = hashlib.sha256("\0".join(arguments).encode()).hexdigest()[:16]
        snapshot = self.image.snapshots / f"{key}-{stage}"
        with _lock(self.image.snapshots / f"{snapshot.name}.lock"):
            if not snapshot.exists():
                if stage == "booted":
                    self._restore(arguments, self._snapshot(arguments, "before-user-data"))
                else:
                    self._boot_cold(arguments)
                self._advance(stage)
                self._save(snapshot)
        return snapshot

    def _advance(self, stage: Stage) -> None:
        if stage == "booted":
            self.release()
            self.wait_booted()

    def _install_stock_vfio(self) -> None:
        modules = f"/usr/lib/modules/{self.image.kernel_release}/kernel/drivers/vfio"
        self.run(["cp", "/usr/lib/kernellab/stock-vfio.ko", f"{modules}/vfio.ko"], 20).check()

    def _arguments(self) -> list[str]:
        return [
            *self.machine.arguments(self.image),
            *(
                "-netdev",
                "user,id=dhcp,net=10.0.0.0/24,host=10.0.0.1,dhcpstart=10.0.0.10,restrict=on,ipv6=off",
            ),
            *("-netdev", "hubport,id=dhcp-port,hubid=0,netdev=dhcp"),
            *("-netdev", "hubport,id=primary-port,hubid=0"),
            *(
                "-device",
                f"e1000e,netdev=primary-port,mac={PRIMARY_MAC},id=primary,addr={PRIMARY_SLOT:#x}",
            ),
        ]

    def _boot_cold(self, arguments: list[str]) -> None:
        self._process = Qemu.start(arguments, self.image)
        self._process.await_hello(BOOT_TIMEOUT_S)
        # udev starts what gives the primary interface its default route: no part of the boot waits for that.
        reached = "test -p /run/lab-hold/go && ip route show default | grep -q ."
        if not self.wait_for(reached, BOOT_TIMEOUT_S):
            raise self._qemu.silent("the boot did not reach the user data")

    def _save(self, snapshot: Path) -> None:
        """Save memory and disk together; the guest that booted for it ends, so that every test restores."""
        self.run("sync", timeout_s=30).check()
        part = snapshot.with_name(f"{snapshot.name}.{os.getpid()}")
        part.mkdir()
        self._qemu.save(part)
        self.close()
        part.rename(snapshot)

    def _restore(self, arguments: list[str], snapshot: Path) -> None:
        self._process = Qemu.start(arguments, self.image, snapshot)
        self._process.request("sync", {"clock_s": time.time()}, RESTORE_TIMEOUT_S)
        self.restored = True

    def close(self) -> None:
        """End the guest; nothing of its disk stays."""
        if self._process is not None:
            self._process.kill()
            self._process = None

    def run(
        self,
        command: Command,
        timeout_s: float = RUN_TIMEOUT_S,
        stdin: bytes | str | None = None,
        env: dict[str, str] | None = None,
    ) -> Result:
        """Run a program (a list) or a bash script (a string) to its end; TimeoutError kills it with its children."""
        answer = self._qemu.request(
            "run", _run_arguments(command, timeout_s, stdin, env), timeout_s + SILENCE_S
        )
        result = Result(command, answer["returncode"], answer["stdout"], answer["stderr"])
        if answer["timed_out"]:
            raise TimeoutError(
                f"{command!r} was killed after {timeout_s} s\n{result.stdout}{result.stderr}"
                f"serial console:\n{self.serial()}"
            )
        return result

    def start(self, command: Command, env: dict[str, str] | None = None) -> Background:
        """Start a program or a bash script in the background."""
        log = f"/run/lab/background-{next(self._qemu.numbers)}"
        answer = self._qemu.request(
            "start",
            {
                "command": command if isinstance(command, str) else list(command),
                "log": log,
                "env": env or {},
            },
            SILENCE_S,
        )
        return Background(self, answer["pid"], log)

    def wait_for(self, condition: str, timeout_s: float = RUN_TIMEOUT_S) -> bool:
        """Evaluate a bash condition in the guest until it holds; False when it does not in time."""
        # Nobody ever writes to the pipe: bash waits for it itself, where sleep is a process that what is waited for goes without.
        script = (
            f"exec {{pause}}<> <(:); deadline=$((SECONDS + {int(timeout_s)} + 1)); until {condition}; "
            f"do ((SECONDS < deadline)) || exit 99; read -rt {_POLL_S} -u $pause || :; done"
        )
        return self.run(script, timeout_s + 10).returncode == 0

    def put(self, path: str, content: bytes | str, mode: int = 0o644) -> None:
        """Write a file whole, with the directories above it."""
        raw = content.encode() if isinstance(content, str) else content
        self._qemu.request(
            "put",
            {"path": path, "content": base64.b64encode(raw).decode(), "mode": mode},
            SILENCE_S,
        )

    def read(self, path: str) -> bytes | None:
        """Read a file; None when there is none."""
        content = self._qemu.request("read", {"path": path}, SILENCE_S)["content"]
        return None if content is None else base64.b64decode(content)

    def plug(self, nic: Nic) -> str:
        """Hot-plug a network interface and return its PCI address; the link comes later, as on EC2."""
        taken = {slot for _, slot in self._plugged.values()}
        slot = next(slot for slot in self._slots(nic) if slot not in taken)
        self._qemu.qmp.execute(
            "netdev_add", type="hubport", id=f"{nic.name}-port", hubid=self._hub(nic.segment)
        )
        place = (
            {"bus": f"port{slot}"} if self.machine.iommu else {"bus": "pci.0", "addr": f"{slot:#x}"}
        )
        self._qemu.qmp.execute(
            "device_add",
            driver=nic.model,
            id=nic.name,
            netdev=f"{nic.name}-port",
            mac=nic.mac,
            **place,
        )
        self._plugged[nic.name] = (nic, slot)
        return f"0000:{slot + 1:02x}:00.0" if self.machine.iommu else f"0000:00:{slot:02x}.0"

    def _slots(self, nic: Nic) -> Sequence[int]:
        """Give the places for an interface, best first; peers keep away from where a node's own come next."""
        peer = nic.model == PEER_MODEL
        if self.machine.iommu:
            ports = range(self.machine.root_ports)
            return ports[::-1] if peer else ports
        if peer:
            return range(FIRST_PEER_SLOT, LAST_PEER_SLOT + 1)
        return range(PRIMARY_SLOT + 1, LAST_NIC_SLOT + 1)

    def _hub(self, segment: str) -> int:
        return self._hubs.setdefault(segment, len(self._hubs))

    def unplug(self, name: str, timeout_s: float = 20.0) -> None:
        """Hot-unplug a network interface by its id and wait until the guest has let it go."""
        self._qemu.qmp.execute("device_del", id=name)
        self._qemu.qmp.wait_event("DEVICE_DELETED", timeout_s, device=name)
        self._qemu.qmp.execute("netdev_del", id=f"{name}-port")
        del self._plugged[name]

    def add_dhcp(self, segment: str, network: str, first_address: str) -> None:
        """Let a DHCP server answer on a segment, as in every EC2 subnet: without it networkd's DHCP never ends.

        It lives at the network's second address (".2"), leaves the first to a peer that plays the router, and
        hands out addresses from `first_address` on, in the order in which links ask.
        """
        subnet = ipaddress.ip_network(network)
        hub = self._hub(segment)
        self._qemu.qmp.execute(
            "netdev_add",
            type="user",
            id=f"dhcp{hub}",
            net=network,
            host=str(subnet[2]),
            dhcpstart=first_address,
            restrict=True,
            ipv6=False,
        )
        self._qemu.qmp.execute(
            "netdev_add", type="hubport", id=f"dhcp{hub}-port", hubid=hub, netdev=f"dhcp{hub}"
        )

    def add_peer(self, name: str, segment: str, mac: str, addresses: Sequence[str]) -> None:
        """Put another host on a segment: a network namespace of this name, its link called `peer`."""
        self.plug(Nic(mac, segment, PEER_MODEL, f"peer-{name}"))
        # udev's record of a link appears once udev has named it: the name that was found before that may be gone by now, so
        # it is looked up again.
        script = (
            'look_up() { at=$(grep -l "^$1$" /sys/class/net/*/address 2> /dev/null) && link=${at%/address}; };'
            ' until look_up "$1" && read -r index < "$link/ifindex" && record=/run/udev/data/n$index'
            ' && test -e "$record" && look_up "$1"; do sleep 0.1; done;'
            ' link=${link##*/}; ip netns add "$2" && ip link set "$link" netns "$2" name peer && '
            'ip -n "$2" link set lo up && ip -n "$2" link set peer mtu 9000 up && '
            'for address in "${@:3}"; do ip -n "$2" address add "$address" dev peer nodad || exit; done'
        )
        self.run(["/bin/bash", "-c", script, "bash", mac, name, *addresses]).check()

    def release(self) -> None:
        """Let a boot that is held before the user data go on."""
        self.run("echo go > /run/lab-hold/go", 20).check()

    def wait_booted(self, timeout_s: float = BOOT_TIMEOUT_S) -> str:
        """Wait until systemd has no start job left, and return the state: "running" or "degraded"."""
        result = self.run("systemctl is-system-running --wait", timeout_s)
        return result.stdout.strip()

    def reboot(self, *, hard: bool = False, wait_booted: bool = True) -> None:
        """Reboot by systemd, or as if the power had failed; disk and plugged devices stay, all else goes."""
        if hard:
            self._qemu.qmp.execute("system_reset")
        else:
            # The agent may be stopped before it can answer: the new boot's greeting is the answer.
            self._qemu.post("run", _run_arguments("systemctl reboot", 20.0, None, None))
        self._qemu.await_hello(BOOT_TIMEOUT_S)
        if wait_booted:
            self.wait_booted()

    def serial(self) -> str:
        """Give the end of what the guest wrote to its serial console."""
        return self._qemu.serial()


def _run_arguments(
    command: Command, timeout_s: float, stdin: bytes | str | None, env: dict[str, str] | None
) -> dict[str, Any]:
    given = stdin.encode() if isinstance(stdin, str) else stdin
    return {
        "command": command if isinstance(command, str) else list(command),
        "timeout_s": timeout_s,
        "stdin": None if given is None else base64.b64encode(given).decode(),
        "env": env or {},
    }


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
