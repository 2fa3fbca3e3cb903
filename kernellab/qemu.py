"""The QEMU process: started, saved, ended, and asked through its two connections."""

from __future__ import annotations

import ctypes
import itertools
import json
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kernellab import image as images
from kernellab import qcow2
from kernellab.qmp import Qmp, QmpError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kernellab.image import Image

RESTORE_TIMEOUT_S = 30.0
# What the channel may need on top of a command's own time-out before the guest counts as silent.
SILENCE_S = 30.0
_SERIAL_TAIL = 4000


class GuestSilent(Exception):
    """The guest did not answer in time, or died; the message ends with its serial console."""


class CommandFailed(Exception):
    """A command that had to succeed in the guest did not."""


@dataclass
class Qemu:
    """A running QEMU with its two connections: control, and the agent in the guest."""

    process: subprocess.Popen[bytes]
    folder: Path
    qmp: Qmp
    agent: socket.socket
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _unread: bytes = b""

    @classmethod
    def start(cls, arguments: list[str], image: Image, snapshot: Path | None = None) -> Qemu:
        """Start QEMU on a copy-on-write layer above the image's disk, or on a saved state."""
        folder = Path(tempfile.mkdtemp(prefix="kernellab-"))
        overlay = folder / "disk.qcow2"
        if snapshot is None:
            qcow2.create(overlay, image.disk.stat().st_size)
        else:
            shutil.copy(snapshot / overlay.name, overlay)
        command = [
            images.QEMU,
            *("-chardev", f"socket,id=agent,path={folder}/agent,server=on,wait=off"),
            *("-qmp", f"unix:{folder}/qmp,server=on,wait=off", "-serial", f"file:{folder}/serial"),
            *(
                "-blockdev",
                f"driver=raw,node-name=base,read-only=on,file.driver=file,file.filename={image.disk}",
            ),
            *(
                "-blockdev",
                f"driver=qcow2,node-name=root,backing=base,file.driver=file,file.filename={overlay}",
            ),
            *arguments,
        ]
        if snapshot is not None:
            command += ["-incoming", f"exec:cat {snapshot}/memory"]
        with (folder / "qemu.log").open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 - an argument list made here
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - no thread here holds a lock that the child takes
            )
        try:
            _await_sockets(process, folder)
            qmp = Qmp(folder / "qmp")
            agent = socket.socket(socket.AF_UNIX)
            agent.connect(f"{folder}/agent")
            qemu = cls(process, folder, qmp, agent)
            if snapshot is not None:
                qemu.await_incoming()
        except BaseException:
            process.kill()
            process.wait()
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return qemu

    def await_incoming(self) -> None:
        """Wait until a saved state is loaded, then let the guest run."""
        deadline = time.monotonic() + RESTORE_TIMEOUT_S
        while self.qmp.execute("query-status")["status"] == "inmigrate":
            if time.monotonic() > deadline:
                raise self.silent("the saved state could not be loaded")
            select.select([], [], [], 0.01)
        self.qmp.execute("cont")

    def save(self, folder: Path) -> None:
        """Write memory and disk to a folder, and end QEMU."""
        self.qmp.execute("stop")
        self.qmp.execute("migrate-set-parameters", **{"max-bandwidth": 1 << 40})
        self.qmp.execute("migrate", uri=f"exec:cat > {folder}/memory")
        while (status := self.qmp.execute("query-migrate").get("status")) != "completed":
            if status in {"failed", "cancelled"}:
                raise QmpError("the guest's state could not be saved")
            select.select([], [], [], 0.02)
        self.qmp.execute("quit")
        self.process.wait(timeout=20)
        shutil.copy(self.folder / "disk.qcow2", folder / "disk.qcow2")

    def await_hello(self, timeout_s: float) -> str:
        """Wait for the agent of a new boot and return the boot's id."""
        deadline = time.monotonic() + timeout_s
        while True:
            message = self._receive(deadline)
            if "hello" in message:
                return str(message["hello"])

    def post(self, action: str, arguments: dict[str, Any]) -> int:
        """Send the agent a request and return its number, without waiting for the answer."""
        number = next(self.numbers)
        line = json.dumps({"id": number, "do": action, **arguments}).encode() + b"\n"
        self.agent.settimeout(SILENCE_S)
        try:
            self.agent.sendall(line)
        except OSError as error:
            raise self.silent(f"cannot be reached: {error}") from error
        return number

    def request(self, action: str, arguments: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        """Ask the agent and return its answer; answers to requests given up before are passed over."""
        number = self.post(action, arguments)
        deadline = time.monotonic() + timeout_s
        while True:
            message = self._receive(deadline)
            if message.get("id") == number:
                if "error" in message:
                    raise CommandFailed(f"{action} {arguments}: {message['error']}")
                return message

    def _receive(self, deadline: float) -> dict[str, Any]:
        while b"\n" not in self._unread:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise self.silent("did not answer in time")
            if not select.select([self.agent], [], [], left_s)[0]:
                continue
            read = self.agent.recv(1 << 16)
            if not read:
                raise self.silent("QEMU ended")
            self._unread += read
        line, _, self._unread = self._unread.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        return message

    def silent(self, what: str) -> GuestSilent:
        """Make the error for a guest that does not answer."""
        log = (self.folder / "qemu.log").read_text(errors="replace")
        return GuestSilent(f"{what}\n{log}serial console:\n{self.serial()}")

    def serial(self) -> str:
        """Give the end of the serial console."""
        with suppress(FileNotFoundError):
            return (self.folder / "serial").read_text(errors="replace")[-_SERIAL_TAIL:]
        return ""

    def kill(self) -> None:
        """End QEMU and remove its folder."""
        self.qmp.close()
        self.agent.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def _await_sockets(process: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + RESTORE_TIMEOUT_S
    while not ((folder / "qmp").exists() and (folder / "agent").exists()):
        if process.poll() is not None or time.monotonic() > deadline:
            log = (folder / "qemu.log").read_text(errors="replace")
            raise GuestSilent(f"QEMU did not start: {log}")
        select.select([], [], [], 0.01)


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(
        1, signal.SIGKILL
    )  # PR_SET_PDEATHSIG: a killed test runner leaves no QEMU.
