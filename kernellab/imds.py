"""Serve a strict fake of the instance metadata service, version 2, from a state file that a test rewrites.

Runs on loopback in unit tests, and alone as a file in the lab's guest, so: standard library only, Python 3.9, and
few imports, since each costs a booting guest up to a tenth of a second (http.server alone brings sixty).
Facts: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html and
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-v2-how-it-works.html (tokens, status codes).
"""

from __future__ import annotations

import json
import os
import socket
import socketserver
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

ADDRESS = "169.254.169.254"
PRIMARY_MAC = "0e:00:00:00:00:01"
MAX_TTL_S = 21600
TTL_HEADER = "x-aws-ec2-metadata-token-ttl-seconds"
TOKEN_HEADER = "x-aws-ec2-metadata-token"  # noqa: S105 - the name of a header
TOKEN_PATH = "/latest/api/token"  # noqa: S105 - a path

_ROOT = "/latest/"
_REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


class Eni(NamedTuple):
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
        return {
            f"{eni_path(self.mac)}{name.replace('_', '-')}": (
                "\n".join(value) if isinstance(value, tuple) else str(value)
            )
            for name, value in {**self._asdict(), "owner_id": "111122223333"}.items()
            if value is not None and value != ()
        }


def eni_path(mac: str) -> str:
    """Give the directory of a network interface's attributes below /latest/."""
    return f"meta-data/network/interfaces/macs/{mac}/"


class Fault(NamedTuple):
    """How a path and all below it misbehave.

    `status` is answered in place of the value: for ever, or until `until_s` (seconds since the epoch by the
    server's clock), or `times` times. `delay_s` comes before whatever is answered.
    """

    status: int | None = None
    until_s: float | None = None
    times: int | None = None
    delay_s: float = 0.0


class State:
    """All that the service knows: the instance, its network interfaces and what goes wrong.

    `instance` holds attributes by their path below /latest/meta-data/, `extra` and `faults` by the path below /latest/.
    """

    def __init__(
        self, instance: dict[str, str], enis: list[Eni], extra: dict[str, str] | None = None
    ) -> None:
        self.instance = instance
        self.enis = enis
        self.extra = extra or {}
        self.faults: dict[str, Fault] = {}

    def tree(self) -> dict[str, str]:
        """Give every leaf by its path below /latest/."""
        leaves = {f"meta-data/{path}": value for path, value in self.instance.items()}
        for eni in self.enis:
            leaves.update(eni.attributes())
        leaves.update(self.extra)
        return leaves

    def to_json(self) -> str:
        """Serialize for the server."""
        faults = {path: fault._asdict() for path, fault in self.faults.items()}
        return json.dumps({"tree": self.tree(), "faults": faults})

    def write(self, path: Path) -> None:
        """Replace the server's state file at once, so that it never reads half of one."""
        part = path.with_name(f"{path.name}.part")
        part.write_text(self.to_json())
        part.replace(path)


def node_state(
    mac: str = PRIMARY_MAC,
    *,
    instance_id: str = "i-0123456789abcdef0",
    instance_type: str = "m5.large",
    region: str = "us-east-1",
    zone: str = "us-east-1a",
) -> State:
    """Describe an instance whose primary network interface has this MAC and 10.0.0.10."""
    identity = {"instanceId": instance_id, "instanceType": instance_type, "region": region}
    primary = Eni(
        mac,
        0,
        "eni-00000000000000000",
        "subnet-00000000000000000",
        subnet_ipv4_cidr_block="10.0.0.0/24",
        local_ipv4s=("10.0.0.10",),
    )
    return State(
        {
            "instance-id": instance_id,
            "instance-type": instance_type,
            "mac": mac,
            "local-ipv4": "10.0.0.10",
            "placement/availability-zone": zone,
            "placement/region": region,
            "services/domain": "amazonaws.com",
        },
        [primary],
        {"dynamic/instance-identity/document": json.dumps(identity)},
    )


class _Request(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]


class _Reply(NamedTuple):
    status: int
    body: str
    ttl: str | None = None


class Server(socketserver.ThreadingTCPServer):
    """The service: reads its state file for every request and keeps tokens in memory.

    `log`, a file, gets a line for every request: method, path and the status of the answer.
    """

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, state: str, host: str, port: int, log: str | None) -> None:
        super().__init__((host, port), _Connection)
        self.port: int = self.server_address[1]
        self._state = state
        self._log = log
        self._tokens: dict[str, float] = {}
        self._spent: dict[tuple[int, str], int] = {}
        self._lock = threading.Lock()

    def answer(self, request: _Request) -> _Reply:
        """Answer a request as the state tells, faults and all, and note it."""
        with open(self._state, encoding="utf-8") as file:  # noqa: PTH123 - pathlib is one import more
            state = json.load(file)
            version = os.fstat(file.fileno()).st_mtime_ns
        path = request.path.partition("?")[0]
        delay_s, status = self._fault(state["faults"], path, version)
        threading.Event().wait(delay_s)
        if status is not None:
            reply = _Reply(status, f"{status} - {_REASONS.get(status, 'Injected')}")
        elif request.method == "PUT" and path == TOKEN_PATH:
            reply = self._issue_token(request.headers)
        elif request.method == "GET" and path != TOKEN_PATH:
            reply = self._look_up(path, request.headers, state["tree"])
        else:
            reply = _Reply(405, "405 - Method Not Allowed")
        if self._log is not None:
            with self._lock, open(self._log, "a", encoding="utf-8") as log:  # noqa: PTH123 - as above
                log.write(f"{request.method} {request.path} {reply.status}\n")
        return reply

    def _fault(self, faults: dict[str, Any], path: str, version: int) -> tuple[float, int | None]:
        name = path.removeprefix(_ROOT)
        delay_s, status = 0.0, None
        for at, fault in faults.items():
            if name.startswith(at):
                delay_s += fault["delay_s"]
                if fault["status"] is not None and not self._over(at, fault, version):
                    status = fault["status"]
        return delay_s, status

    def _over(self, at: str, fault: dict[str, Any], version: int) -> bool:
        if fault["until_s"] is not None:
            return bool(time.time() >= fault["until_s"])
        if fault["times"] is None:
            return False
        with self._lock:
            used = self._spent.get((version, at), 0)
            self._spent[version, at] = used + 1
        return bool(used >= fault["times"])

    def _issue_token(self, headers: dict[str, str]) -> _Reply:
        if "x-forwarded-for" in headers:
            return _Reply(403, "403 - Forbidden")
        ttl = headers.get(TTL_HEADER, "")
        if not ttl.isdecimal() or not 1 <= int(ttl) <= MAX_TTL_S:
            return _Reply(400, "400 - Bad Request")
        token = os.urandom(42).hex()
        self._tokens[token] = time.monotonic() + int(ttl)
        return _Reply(200, token, ttl)

    def _look_up(self, path: str, headers: dict[str, str], tree: dict[str, str]) -> _Reply:
        if self._tokens.get(headers.get(TOKEN_HEADER, ""), 0.0) <= time.monotonic():
            return _Reply(401, "401 - Unauthorized")
        name = path[len(_ROOT) :]
        if path.startswith(_ROOT) and name in tree:
            return _Reply(200, tree[name])
        entries = _entries(tree, name) if path.startswith(_ROOT) else []
        if not entries:
            return _Reply(404, "404 - Not Found")
        return _Reply(200, "\n".join(entries))


def _entries(tree: dict[str, str], directory: str) -> list[str]:
    """List a directory; an entry that is one itself ends in a slash."""
    prefix = directory if directory.endswith("/") or not directory else f"{directory}/"
    entries = set()
    for leaf in tree:
        if leaf.startswith(prefix):
            head, slash, _ = leaf[len(prefix) :].partition("/")
            entries.add(head + slash)
    return sorted(entries)


class _Connection(socketserver.StreamRequestHandler):
    """One connection of HTTP/1.1: requests until the client closes it or asks to close."""

    server: Server

    def handle(self) -> None:
        """Answer requests; a client that gives up in the middle is what a slow answer is for."""
        try:
            while True:
                request = self._read()
                if request is None:
                    return
                self._write(self.server.answer(request))
                if request.headers.get("connection", "").lower() == "close":
                    return
        except ConnectionError:
            return

    def _read(self) -> _Request | None:
        words = self.rfile.readline(65536).decode("latin-1").split()
        if len(words) != len(_Request._fields):
            return None
        headers = {}
        while True:
            line = self.rfile.readline(65536).decode("latin-1").rstrip("\r\n")
            if not line:
                break
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        self.rfile.read(int(headers.get("content-length", "0")))
        if words[2] == "HTTP/1.0":
            headers["connection"] = "close"
        return _Request(words[0], words[1], headers)

    def _write(self, reply: _Reply) -> None:
        body = reply.body.encode()
        lines = [
            f"HTTP/1.1 {reply.status} {_REASONS.get(reply.status, 'Injected')}",
            "Server: EC2ws",
            "Content-Type: text/plain",
            f"Content-Length: {len(body)}",
        ]
        if reply.ttl is not None:
            lines.append(f"X-Aws-Ec2-Metadata-Token-Ttl-Seconds: {reply.ttl}")
        self.wfile.write("\r\n".join([*lines, "", ""]).encode() + body)


def serve(
    state: Path | str, host: str = ADDRESS, port: int = 80, log: Path | str | None = None
) -> Server:
    """Bind a server; `serve_forever()` on it starts answering."""
    return Server(str(state), host, port, None if log is None else str(log))


class Running:
    """A server that answers on a free loopback port in a thread, as a context: its `port` tells where."""

    def __init__(
        self, state: Path | str, host: str = "127.0.0.1", log: Path | str | None = None
    ) -> None:
        self._server = serve(state, host, 0, log)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}
        )

    def __enter__(self) -> Server:
        self._thread.start()
        return self._server

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _notify_systemd() -> None:
    address = os.environ.get("NOTIFY_SOCKET")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.sendto(b"READY=1", address)


if __name__ == "__main__":
    service = serve(sys.argv[1], log=sys.argv[2])
    _notify_systemd()
    service.serve_forever()
