"""Serve a strict fake of the instance metadata service, version 2, from a state file that a test rewrites.

Runs on loopback in unit tests, and alone as a file in the lab's guest, so: standard library only, Python 3.9.
Facts: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html (tokens, status codes).
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

ADDRESS = "169.254.169.254"
MAX_TTL_S = 21600
TTL_HEADER = "X-aws-ec2-metadata-token-ttl-seconds"
TOKEN_HEADER = "X-aws-ec2-metadata-token"  # noqa: S105 - the name of a header
TOKEN_PATH = "/latest/api/token"  # noqa: S105 - a path


@dataclass(frozen=True)
class Eni:
    """What IMDS tells of one network interface; None and empty mean that the attribute is not there (404)."""

    mac: str
    device_number: int
    interface_id: str
    subnet_id: str = "subnet-00000000000000001"
    subnet_ipv4_cidr_block: str | None = None
    local_ipv4s: tuple[str, ...] = ()
    ipv6s: tuple[str, ...] = ()
    subnet_ipv6_cidr_blocks: tuple[str, ...] = ()
    network_card: int | None = None
    security_group_ids: tuple[str, ...] = ("sg-00000000000000001",)
    vpc_id: str = "vpc-00000000000000001"
    vpc_ipv4_cidr_blocks: tuple[str, ...] = ("10.0.0.0/16",)
    vpc_ipv6_cidr_blocks: tuple[str, ...] = ()

    def attributes(self) -> dict[str, str]:
        """Give the attributes by their full path below /latest/."""
        values: dict[str, object] = {
            "mac": self.mac,
            "device-number": self.device_number,
            "interface-id": self.interface_id,
            "subnet-id": self.subnet_id,
            "subnet-ipv4-cidr-block": self.subnet_ipv4_cidr_block,
            "local-ipv4s": self.local_ipv4s,
            "ipv6s": self.ipv6s,
            "subnet-ipv6-cidr-blocks": self.subnet_ipv6_cidr_blocks,
            "network-card": self.network_card,
            "security-group-ids": self.security_group_ids,
            "vpc-id": self.vpc_id,
            "vpc-ipv4-cidr-blocks": self.vpc_ipv4_cidr_blocks,
            "vpc-ipv6-cidr-blocks": self.vpc_ipv6_cidr_blocks,
            "owner-id": "111122223333",
        }
        return {
            f"{eni_path(self.mac)}{name}": "\n".join(value)
            if isinstance(value, tuple)
            else str(value)
            for name, value in values.items()
            if value is not None and value != ()
        }


def eni_path(mac: str) -> str:
    """Give the directory of a network interface's attributes below /latest/."""
    return f"meta-data/network/interfaces/macs/{mac}/"


@dataclass(frozen=True)
class Fault:
    """How a path and all below it misbehave.

    `status` is answered in place of the value: for ever, or until `until_s` (seconds since the epoch by the
    server's clock), or `times` times. `delay_s` comes before whatever is answered.
    """

    status: int | None = None
    until_s: float | None = None
    times: int | None = None
    delay_s: float = 0.0


@dataclass
class State:
    """All that the service knows: the instance, its network interfaces and what goes wrong."""

    instance: dict[str, str] = field(default_factory=dict)
    enis: list[Eni] = field(default_factory=list)
    extra: dict[str, str] = field(default_factory=dict)
    faults: dict[str, Fault] = field(default_factory=dict)

    def tree(self) -> dict[str, str]:
        """Give every leaf by its path below /latest/."""
        leaves = {f"meta-data/{path}": value for path, value in self.instance.items()}
        for eni in self.enis:
            leaves.update(eni.attributes())
        leaves.update(self.extra)
        return leaves

    def to_json(self) -> str:
        """Serialize for the server."""
        faults = {path: vars(fault) for path, fault in self.faults.items()}
        return json.dumps({"tree": self.tree(), "faults": faults})


def node_state(
    mac: str,
    *,
    instance_id: str = "i-0123456789abcdef0",
    instance_type: str = "m5.large",
    region: str = "us-east-1",
    zone: str = "us-east-1a",
) -> State:
    """Describe an instance whose primary network interface has this MAC and 10.0.0.10."""
    identity = {"instanceId": instance_id, "instanceType": instance_type, "region": region}
    return State(
        instance={
            "instance-id": instance_id,
            "instance-type": instance_type,
            "mac": mac,
            "local-ipv4": "10.0.0.10",
            "placement/availability-zone": zone,
            "placement/region": region,
            "services/domain": "amazonaws.com",
        },
        enis=[
            Eni(
                mac,
                0,
                "eni-00000000000000000",
                "subnet-00000000000000000",
                subnet_ipv4_cidr_block="10.0.0.0/24",
                local_ipv4s=("10.0.0.10",),
            )
        ],
        extra={"dynamic/instance-identity/document": json.dumps(identity)},
    )


@dataclass(frozen=True)
class _Reply:
    status: int
    body: str = ""
    headers: tuple[tuple[str, str], ...] = ()


class Server(ThreadingHTTPServer):
    """The service: reads its state file for every request, keeps tokens and a log of requests in memory."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, state: Path, host: str, port: int) -> None:
        super().__init__((host, port), _Handler)
        self.requests: list[tuple[str, str, int]] = []
        self._state = state
        self._tokens: dict[str, float] = {}
        self._spent: dict[tuple[int, str], int] = {}
        self._lock = threading.Lock()

    def _read(self) -> tuple[dict[str, Any], int]:
        return json.loads(self._state.read_text()), self._state.stat().st_mtime_ns

    def fault(self, path: str) -> tuple[float, int | None]:
        """Tell how long this request is held back, and the status that it gets in place of an answer."""
        state, version = self._read()
        name = path.partition("?")[0].lstrip("/")
        name = name.removeprefix("latest/")
        delay_s, status = 0.0, None
        for at, fault in state.get("faults", {}).items():
            if not name.startswith(at):
                continue
            delay_s += fault["delay_s"]
            if fault["status"] is not None and not self._over(at, fault, version):
                status = fault["status"]
        return delay_s, status

    def _over(self, at: str, fault: dict[str, Any], version: int) -> bool:
        if fault["until_s"] is not None and time.time() >= fault["until_s"]:
            return True
        if fault["times"] is None:
            return False
        with self._lock:
            used = self._spent.get((version, at), 0)
            self._spent[version, at] = used + 1
        return bool(used >= fault["times"])

    def issue_token(self, ttl: str | None) -> _Reply:
        """Answer a PUT for a token."""
        if ttl is None or not ttl.isdecimal() or not 1 <= int(ttl) <= MAX_TTL_S:
            return _Reply(400, "Bad Request")
        token = secrets.token_urlsafe(42)
        self._tokens[token] = time.monotonic() + int(ttl)
        return _Reply(200, token, ((TTL_HEADER, ttl),))

    def knows(self, token: str | None) -> bool:
        """Tell whether a token was issued here and has not expired."""
        return token is not None and self._tokens.get(token, 0.0) > time.monotonic()

    def look_up(self, path: str) -> _Reply:
        """Answer a GET: a leaf's text, or a directory's entries, those that are directories with a slash."""
        if not path.startswith("/latest/"):
            return _Reply(404, "404 - Not Found")
        name = path[len("/latest/") :]
        tree: dict[str, str] = self._read()[0]["tree"]
        if name in tree:
            return _Reply(200, tree[name])
        prefix = name if name.endswith("/") or not name else f"{name}/"
        entries = set()
        for leaf in tree:
            if leaf.startswith(prefix):
                head, slash, _ = leaf[len(prefix) :].partition("/")
                entries.add(head + slash)
        if not entries:
            return _Reply(404, "404 - Not Found")
        return _Reply(200, "\n".join(sorted(entries)))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._answer(self._put)

    def do_GET(self) -> None:
        self._answer(self._get)

    def _put(self) -> _Reply:
        if self.path != TOKEN_PATH:
            return _Reply(405, "Method Not Allowed")
        if "X-Forwarded-For" in self.headers:
            return _Reply(403, "Forbidden")
        return self.server.issue_token(self.headers.get(TTL_HEADER))

    def _get(self) -> _Reply:
        if self.path == TOKEN_PATH:
            return _Reply(405, "Method Not Allowed")
        if not self.server.knows(self.headers.get(TOKEN_HEADER)):
            return _Reply(401, "401 - Unauthorized")
        return self.server.look_up(self.path.partition("?")[0])

    def _answer(self, action: Any) -> None:
        delay_s, status = self.server.fault(self.path)
        threading.Event().wait(delay_s)
        reply: _Reply = action() if status is None else _Reply(status, f"{status} - injected")
        self.server.requests.append((self.command, self.path, reply.status))
        body = reply.body.encode()
        with contextlib.suppress(
            ConnectionError
        ):  # A client that gave up is what a slow answer is for.
            self.send_response(reply.status)
            for name, value in (
                *reply.headers,
                ("Content-Type", "text/plain"),
                ("Content-Length", str(len(body))),
            ):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    def version_string(self) -> str:
        """Name the server as the real one does."""
        return "EC2ws"

    def log_message(self, format: str, *args: Any) -> None:
        """Write to standard error, which is the journal in the guest, unless it is a test's."""
        if "INVOCATION_ID" in os.environ:
            sys.stderr.write(f"{format % args}\n")


def serve(state: Path, host: str = ADDRESS, port: int = 80) -> Server:
    """Bind a server; `serve_forever()` on it starts answering."""
    return Server(state, host, port)


@contextlib.contextmanager
def running(state: Path, host: str = "127.0.0.1") -> Iterator[Server]:
    """Answer on a free port in a thread; `server_port` and `requests` of the server tell where and what."""
    server = serve(state, host, 0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _notify_systemd() -> None:
    address = os.environ.get("NOTIFY_SOCKET")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.sendto(b"READY=1", address)


if __name__ == "__main__":
    service = serve(Path(sys.argv[1]))
    _notify_systemd()
    service.serve_forever()
