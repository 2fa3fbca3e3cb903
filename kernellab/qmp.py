"""Speak QEMU's machine protocol: commands, their answers, and events that come in between."""

from __future__ import annotations

import json
import socket
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


class QmpError(Exception):
    """QEMU refused a command."""


class Qmp:
    """One connection; events are kept until someone waits for them."""

    def __init__(self, path: Path, timeout_s: float = 30.0) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(timeout_s)
        self._socket.connect(str(path))
        self._lines = self._socket.makefile("rb")
        self._events: list[dict[str, Any]] = []
        self._receive()
        self.execute("qmp_capabilities")

    def _receive(self) -> dict[str, Any]:
        line = self._lines.readline()
        if not line:
            raise QmpError("QEMU closed its control connection")
        message: dict[str, Any] = json.loads(line)
        if "event" in message:
            self._events.append(message)
        return message

    def execute(self, command: str, **arguments: object) -> Any:  # noqa: ANN401 - as many types as commands
        """Run a command and give back what it returns, or raise QmpError."""
        request = {"execute": command, "arguments": arguments}
        self._socket.sendall(json.dumps(request).encode() + b"\n")
        while True:
            message = self._receive()
            if "return" in message:
                return message["return"]
            if "error" in message:
                raise QmpError(f"{command}: {message['error']['desc']}")

    def wait_event(self, name: str, timeout_s: float, **fields: object) -> None:
        """Wait until an event with these data fields has come, or raise TimeoutError."""
        deadline = time.monotonic() + timeout_s
        while True:
            for event in self._events:
                data = event.get("data", {})
                if event["event"] == name and all(
                    data.get(key) == value for key, value in fields.items()
                ):
                    self._events.remove(event)
                    return
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise TimeoutError(f"no event {name} {fields} within {timeout_s} s")
            self._socket.settimeout(left_s)
            self._receive()

    def close(self) -> None:
        """Close the connection."""
        self._lines.close()
        self._socket.close()
