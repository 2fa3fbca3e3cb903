"""Carry out what the test runner asks for: JSON lines over a virtio-serial port, several requests at once."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Command = str | list[str]

PORT = Path("/dev/virtio-ports/agent")
FIRST_PORT = Path("/dev/vport0p1")
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
}
POLL_S = 0.02

Answer = dict[str, Any]


class Agent:
    """Answers each request in its own thread, so that a command that waits stops no other."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._sending = threading.Lock()

    def serve(self) -> None:
        """Announce this boot, then answer for ever."""
        self._send({"hello": Path("/proc/sys/kernel/random/boot_id").read_text().strip()})
        unread = b""
        while True:
            read = os.read(self._port, 1 << 16)
            if not read:
                # End of file here means that no test runner is connected (yet, or after a restore).
                time.sleep(POLL_S)  # noqa: TID251 - the port has no event for it
                continue
            *lines, unread = (unread + read).split(b"\n")
            for line in lines:
                threading.Thread(target=self._answer, args=(json.loads(line),), daemon=True).start()

    def _send(self, answer: Answer) -> None:
        line = json.dumps(answer).encode() + b"\n"
        with self._sending:
            while line:
                line = line[os.write(self._port, line) :]

    def _answer(self, request: dict[str, Any]) -> None:
        number = request.pop("id")
        try:
            answer = ACTIONS[request.pop("do")](**request)
        except Exception as error:  # noqa: BLE001 - every failure belongs to the one who asked
            answer = {"error": repr(error)}
        self._send({"id": number, **answer})


def _arguments(command: Command) -> list[str]:
    return ["/bin/bash", "-c", command] if isinstance(command, str) else command


def run(command: Command, timeout_s: float, stdin: str | None, env: dict[str, str]) -> Answer:
    """Run a command to its end, or kill it with all that it started."""
    process = subprocess.Popen(  # noqa: S603 - to run what is asked for is its work
        _arguments(command),
        stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**ENVIRONMENT, **env},
        cwd="/",
        start_new_session=True,
    )
    out, err, timed_out = _communicate(process, timeout_s, stdin)
    return {
        "returncode": process.returncode,
        "stdout": out.decode(errors="replace"),
        "stderr": err.decode(errors="replace"),
        "timed_out": timed_out,
    }


def _communicate(
    process: subprocess.Popen[bytes], timeout_s: float, stdin: str | None
) -> tuple[bytes, bytes, bool]:
    given = None if stdin is None else base64.b64decode(stdin)
    try:
        out, err = process.communicate(given, timeout=timeout_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        return out, err, True
    return out, err, False


def start(command: Command, log: str, env: dict[str, str]) -> Answer:
    """Start a command, its output going to a file, and keep its exit code beside it."""
    Path(log).parent.mkdir(parents=True, exist_ok=True)
    with Path(log).open("wb") as out:
        process = subprocess.Popen(  # noqa: S603 - to run what is asked for is its work
            _arguments(command),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**ENVIRONMENT, **env},
            cwd="/",
            start_new_session=True,
        )

    def reap() -> None:
        part = Path(log + ".part")
        part.write_text(str(process.wait()))
        part.replace(log + ".exit")

    threading.Thread(target=reap, daemon=True).start()
    return {"pid": process.pid}


def put(path: str, content: str, mode: int) -> Answer:
    """Write a file whole, with the directories above it."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".lab-part")
    part.write_bytes(base64.b64decode(content))
    part.chmod(mode)
    part.replace(target)
    return {}


def read_file(path: str) -> Answer:
    """Read a file; one that is not there is no error of the lab."""
    try:
        return {"content": base64.b64encode(Path(path).read_bytes()).decode()}
    except FileNotFoundError:
        return {"content": None}


def sync(clock_s: float) -> Answer:
    """Set the clock, which a restored snapshot still has at the moment it was taken."""
    time.clock_settime(time.CLOCK_REALTIME, clock_s)
    return {}


ACTIONS: dict[str, Callable[..., Answer]] = {
    "run": run,
    "start": start,
    "put": put,
    "read": read_file,
    "sync": sync,
}

if __name__ == "__main__":
    port = PORT if PORT.exists() else FIRST_PORT
    Agent(os.open(port, os.O_RDWR)).serve()
