"""The Lambda Runtime API (2018-06-01) on loopback, for one execution environment.

Paths, headers and the order of calls follow the Lambda Developer Guide, "Using the Lambda runtime API for custom
runtimes".
"""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket

PREFIX = "/2018-06-01/runtime"


class Said(StrEnum):
    """What the runtime, or its end, told us."""

    READY = "ready"
    RESPONSE = "response"
    ERROR = "error"
    INIT_ERROR = "init-error"
    EXITED = "exited"


@dataclass(frozen=True)
class Invocation:
    """One event on its way to the runtime; the deadline is in seconds since the epoch."""

    request_id: str
    payload: bytes
    deadline_s: float
    function_arn: str


class RuntimeApi:
    """Hands invocations to a runtime and hears what it answers."""

    def __init__(self) -> None:
        self.said: queue.SimpleQueue[tuple[Said, bytes]] = queue.SimpleQueue()
        self._next: queue.SimpleQueue[Invocation | None] = queue.SimpleQueue()
        self._server = _Server(("127.0.0.1", 0), _handler_for(self))
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self._thread.start()

    @property
    def address(self) -> str:
        """Return host and port, as AWS_LAMBDA_RUNTIME_API holds them."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    def hand(self, invocation: Invocation) -> None:
        """Give the runtime its next event."""
        self._next.put(invocation)

    def next_invocation(self) -> Invocation | None:
        """Wait for the next event; None when the environment is shut down."""
        self.said.put((Said.READY, b""))
        return self._next.get()

    def close(self) -> None:
        """Let waiting requests go and free the port."""
        self._next.put(None)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # A runtime that was killed leaves its long poll behind; nobody waits for that thread.
    block_on_close = False

    def handle_error(
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: object
    ) -> None:
        """Say nothing: a runtime that was killed breaks its connection, and its end is reported by its process."""


def _handler_for(api: RuntimeApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Header and body leave as one segment: with two, Nagle's algorithm and a delayed acknowledgement cost 40 ms.
        wbufsize = -1

        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            invocation = api.next_invocation()
            if invocation is None:
                self._answer(410, b"", {})
                return
            self._answer(
                200,
                invocation.payload,
                {
                    "Content-Type": "application/json",
                    "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
                    "Lambda-Runtime-Deadline-Ms": str(int(invocation.deadline_s * 1000)),
                    "Lambda-Runtime-Invoked-Function-Arn": invocation.function_arn,
                    "Lambda-Runtime-Trace-Id": "Root=1-00000000-000000000000000000000000;Sampled=0",
                },
            )

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self._answer(202, b'{"status":"OK"}', {"Content-Type": "application/json"})
            if self.path == f"{PREFIX}/init/error":
                api.said.put((Said.INIT_ERROR, body))
            elif self.path.endswith("/response"):
                api.said.put((Said.RESPONSE, body))
            else:
                api.said.put((Said.ERROR, body))

        def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()

    return Handler
