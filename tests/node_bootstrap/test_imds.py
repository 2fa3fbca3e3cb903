"""The metadata service, asked with a token: answers, absences, refusals and silences."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from domain.node.errors import (
    MetadataIncomplete,
    MetadataMalformed,
    MetadataTokenRefused,
    MetadataUnreachable,
    NodeError,
)
from domain.node.model import Eni
from kernellab import imds as lab
from node_bootstrap import imds
from node_bootstrap.deadline import Deadline
from node_bootstrap.imds import MetadataService, Observation

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).parents[2]
PRIMARY = "02:00:00:00:00:00"
MULTUS = "02:00:00:00:00:01"
MACS = "meta-data/network/interfaces/macs"
ENI = lab.Eni(
    MULTUS,
    1,
    "eni-1",
    "subnet-m",
    subnet_ipv4_cidr_block="10.0.3.0/24",
    local_ipv4s=("10.0.3.10", "10.0.3.11"),
    security_group_ids=("sg-1", "sg-2"),
)


@dataclass
class Node:
    """A metadata service whose state a test changes, and a client of it whose pauses cost no time."""

    path: Path
    log: Path
    server: lab.Server
    state: lab.State = field(default_factory=lambda: lab.node_state(PRIMARY))
    now_s: float = 0.0
    pauses: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.client = MetadataService((("127.0.0.1", self.server.port),), self._pause)

    def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now_s += seconds

    def shows(self, *enis: lab.Eni) -> None:
        self.state.enis[1:] = enis
        self.state.write(self.path)

    def fails(self, path: str, fault: lab.Fault) -> None:
        self.state.faults[path] = fault
        self.state.write(self.path)

    def deadline(self, timeout_s: float = 10.0) -> Deadline:
        return Deadline(timeout_s, lambda: self.now_s)

    def observed(self, timeout_s: float = 10.0) -> Observation:
        return self.client.instance(self.deadline(timeout_s))

    def asked(self) -> list[str]:
        """Return what was asked since the last call."""
        lines = self.log.read_text().splitlines()
        self.log.write_text("")
        return lines


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    path, log = tmp_path / "state.json", tmp_path / "log"
    log.touch()
    with lab.Running(path, log=log) as server:
        made = Node(path, log, server)
        made.shows()
        yield made
        made.client.close()


def test_an_instance_is_told_whole(node: Node) -> None:
    node.shows(ENI)

    seen = node.observed()

    instance = seen.instance
    assert seen.incomplete == ()
    assert (instance.instance_id, instance.instance_type) == ("i-0123456789abcdef0", "m5.large")
    assert (instance.region, instance.availability_zone) == ("us-east-1", "us-east-1a")
    assert instance.primary_mac == PRIMARY
    assert [eni.eni_id for eni in instance.enis] == ["eni-00000000000000000", "eni-1"]
    assert instance.enis[1] == Eni(
        mac=MULTUS,
        eni_id="eni-1",
        device_index=1,
        network_card_index=0,
        subnet_id="subnet-m",
        security_group_ids=("sg-1", "sg-2"),
        ipv4_subnet=IPv4Network("10.0.3.0/24"),
        ipv4_addresses=(IPv4Address("10.0.3.10"), IPv4Address("10.0.3.11")),
        ipv6_subnets=(),
        ipv6_addresses=(),
    )


def test_a_dual_stack_network_interface_on_a_second_card_is_told_whole(node: Node) -> None:
    node.shows(
        ENI._replace(
            network_card=1,
            ipv6s=("2001:db8:0:1:0:0:0:a", "2001:db8:0:1::b"),
            subnet_ipv6_cidr_blocks=("2001:db8:0:1::/64",),
        )
    )

    eni = node.observed().instance.enis[1]

    assert eni.network_card_index == 1
    assert eni.ipv6_addresses == (IPv6Address("2001:db8:0:1::a"), IPv6Address("2001:db8:0:1::b"))
    assert eni.ipv6_subnets == (IPv6Network("2001:db8:0:1::/64"),)


def test_an_ipv6_only_network_interface_has_no_ipv4_and_is_whole(node: Node) -> None:
    node.shows(
        ENI._replace(
            subnet_ipv4_cidr_block=None,
            local_ipv4s=(),
            ipv6s=("2001:db8::a",),
            subnet_ipv6_cidr_blocks=("2001:db8::/64",),
        )
    )

    eni = node.observed().instance.enis[1]

    assert (eni.ipv4_subnet, eni.ipv4_addresses) == (None, ())
    assert eni.ipv6_addresses == (IPv6Address("2001:db8::a"),)


@pytest.mark.parametrize(
    "attribute", ["device-number", "interface-id", "security-group-ids", "subnet-id"]
)
def test_a_late_attribute_is_named_and_its_network_interface_set_aside(
    node: Node, attribute: str
) -> None:
    node.shows(ENI)
    node.fails(f"{MACS}/{MULTUS}/{attribute}", lab.Fault(status=404, times=1))

    first, second = node.observed(), node.observed()

    assert first.incomplete == ((MULTUS, attribute),)
    assert [eni.mac for eni in first.instance.enis] == [PRIMARY]
    assert second.incomplete == ()
    assert [eni.mac for eni in second.instance.enis] == [PRIMARY, MULTUS]


def test_a_network_interface_that_is_only_a_name_yet_is_late(node: Node) -> None:
    node.state.extra[f"{MACS}/{MULTUS}/owner-id"] = "111122223333"
    node.shows()

    assert node.observed().incomplete == ((MULTUS, "device-number"),)


def test_only_what_can_have_changed_is_asked_again(node: Node) -> None:
    node.shows(ENI)
    node.observed()
    first = node.asked()

    node.shows(ENI._replace(local_ipv4s=("10.0.3.10",)))
    again = node.observed()
    second = node.asked()

    below = f"/latest/{MACS}/{MULTUS}/"
    assert again.instance.enis[1].ipv4_addresses == (IPv4Address("10.0.3.10"),)
    assert [line.split(" ")[1] for line in first if below in line] == [
        below,
        *(f"{below}{name}" for name in ("device-number", "interface-id", "security-group-ids")),
        *(f"{below}{name}" for name in ("subnet-id", "local-ipv4s", "subnet-ipv4-cidr-block")),
    ]
    assert [line.split(" ")[1] for line in second if below in line] == [
        f"{below}local-ipv4s",
        f"{below}ipv6s",
    ]
    assert len(first) == 1 + 5 + 1 + 7 + 7
    assert len(second) == 1 + 2 + 2


def test_an_ipv6_address_that_comes_later_brings_its_subnet(node: Node) -> None:
    node.shows(ENI)
    node.observed()
    node.shows(
        ENI._replace(ipv6s=("2001:db8::a",), subnet_ipv6_cidr_blocks=("2001:db8::/64",)),
    )

    eni = node.observed().instance.enis[1]

    assert eni.ipv6_addresses == (IPv6Address("2001:db8::a"),)
    assert eni.ipv6_subnets == (IPv6Network("2001:db8::/64"),)


def test_a_detached_network_interface_is_forgotten(node: Node) -> None:
    node.shows(ENI)
    node.observed()
    node.shows()
    node.observed()
    node.shows(ENI._replace(device_number=3))

    assert node.observed().instance.enis[1].device_index == 3


def test_one_token_serves_all_questions_and_every_question_has_it(node: Node) -> None:
    node.shows(ENI)
    node.observed()
    node.observed()

    asked = node.asked()
    assert [line for line in asked if line.startswith("PUT")] == ["PUT /latest/api/token 200"]
    assert {line.rsplit(" ")[-1] for line in asked} <= {"200", "404"}


def test_an_expired_token_is_renewed_once(node: Node) -> None:
    node.observed()
    node.server._tokens.clear()

    node.observed()

    puts = [line for line in node.asked() if line.startswith("PUT")]
    assert puts == ["PUT /latest/api/token 200"] * 2


@pytest.mark.parametrize(
    ("path", "status", "error", "words"),
    [
        pytest.param("api/token", 403, MetadataTokenRefused, "HttpEndpoint", id="switched off"),
        pytest.param("api/token", 404, MetadataTokenRefused, "HttpTokens", id="no IMDSv2"),
        pytest.param("meta-data", 403, MetadataTokenRefused, "HttpEndpoint", id="forbidden"),
        pytest.param("meta-data", 401, MetadataTokenRefused, "just given", id="token refused"),
        pytest.param("meta-data", 302, MetadataMalformed, "proxy", id="a redirect"),
        pytest.param("meta-data", 503, MetadataUnreachable, "503", id="fails for ever"),
        pytest.param("meta-data", 429, MetadataUnreachable, "429", id="too many requests"),
        pytest.param("api/token", 500, MetadataUnreachable, "PUT", id="no token, for ever"),
    ],
)
def test_a_refusal_is_one_line_with_a_remedy(
    node: Node, path: str, status: int, error: type[NodeError], words: str
) -> None:
    node.fails(path, lab.Fault(status=status))

    with pytest.raises(error) as caught:
        node.observed()

    assert words in caught.value.line()
    assert caught.value.remedy
    assert caught.value.exit_code == 3


def test_failures_of_the_service_are_waited_for_with_pauses_that_double(node: Node) -> None:
    node.fails("api/token", lab.Fault(status=503, times=7))

    node.observed(60)

    assert node.pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]


def test_the_last_pause_ends_with_the_deadline_and_no_attempt_is_made_after_it(node: Node) -> None:
    node.fails("api/token", lab.Fault(status=503))

    with pytest.raises(MetadataUnreachable):
        node.observed(0.5)

    assert node.pauses == pytest.approx([0.1, 0.2, 0.2])
    assert len(node.asked()) == 4


def test_a_deadline_that_is_over_leaves_one_attempt(node: Node) -> None:
    node.shows(ENI)
    assert node.observed(0).instance.enis[1].eni_id == "eni-1"

    node.fails("meta-data", lab.Fault(status=503))
    node.asked()
    with pytest.raises(MetadataUnreachable):
        node.observed(0)

    assert len(node.asked()) == 1


def test_a_silent_token_request_points_to_the_hop_limit(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imds, "REQUEST_TIMEOUT_S", 0.05)
    node.fails("api/token", lab.Fault(delay_s=0.3))

    with pytest.raises(MetadataUnreachable) as caught:
        node.observed(0)

    assert "HttpPutResponseHopLimit" in caught.value.remedy
    assert "no answer within 0.05 s" in caught.value.value


def test_a_port_where_nobody_listens_is_unreachable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        service = MetadataService((taken.getsockname(),))

        with pytest.raises(MetadataUnreachable) as caught:
            service.instance(Deadline(0))

    assert "169.254.169.254" in caught.value.remedy


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({f"{MACS}/{MULTUS}/device-number": "one"}, id="device-number"),
        pytest.param({f"{MACS}/{MULTUS}/device-number": "-1"}, id="a negative device-number"),
        pytest.param({f"{MACS}/{MULTUS}/network-card": "x"}, id="network-card"),
        pytest.param({f"{MACS}/{MULTUS}/local-ipv4s": "10.0.3.300"}, id="local-ipv4s"),
        pytest.param({f"{MACS}/{MULTUS}/subnet-ipv4-cidr-block": "10.0.3.1/24"}, id="cidr"),
        pytest.param({f"{MACS}/{MULTUS}/interface-id": "<html>\n<p>"}, id="interface-id"),
        pytest.param({f"{MACS}/../device-number": "1"}, id="a MAC address"),
        pytest.param({"meta-data/mac": "eth0"}, id="the primary's MAC address"),
        pytest.param({"meta-data/instance-type": "x" * 70000}, id="an endless answer"),
    ],
)
def test_what_cannot_be_read_is_one_clear_error(node: Node, changed: dict[str, str]) -> None:
    node.state.extra.update(changed)
    node.shows(ENI)

    with pytest.raises(MetadataMalformed) as caught:
        node.observed()

    assert caught.value.line().startswith("metadata-malformed: ")
    assert len(caught.value.line()) < 400


def test_an_instance_without_a_type_is_incomplete(node: Node) -> None:
    node.fails("meta-data/instance-type", lab.Fault(status=404))

    with pytest.raises(MetadataIncomplete, match="instance-type"):
        node.observed()


class _Torn(BaseHTTPRequestHandler):
    """Gives a token, and then half an answer, time and again."""

    def do_PUT(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"token")

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "100")
        self.end_headers()
        self.wfile.write(b"half")

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def _torn() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), _Torn) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def test_a_torn_answer_is_tried_again_and_then_unreachable() -> None:
    with _torn() as port:
        now_s = 0.0

        def pause(seconds: float) -> None:
            nonlocal now_s
            now_s += seconds

        service = MetadataService((("127.0.0.1", port),), pause)
        with pytest.raises(MetadataUnreachable, match="does not answer"):
            service.instance(Deadline(1, lambda: now_s))
    assert now_s == pytest.approx(1)


IPV6_ONLY = """
import http.server, socket, sys, threading
sys.path.insert(0, sys.argv[1])
from node_bootstrap.deadline import Deadline
from node_bootstrap.imds import MetadataService
from domain.node.errors import MetadataUnreachable
class Answers(http.server.BaseHTTPRequestHandler):
    def do_PUT(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"token")
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(self.headers["Host"].encode())
    def log_message(self, *_): pass
class Server(http.server.HTTPServer):
    address_family = socket.AF_INET6
try:
    MetadataService().text("x", Deadline(0))
except MetadataUnreachable as none:
    assert "HttpProtocolIpv6" in none.remedy, none.line()
server = Server(("::1", 0), Answers)
threading.Thread(target=server.serve_forever, daemon=True).start()
told = MetadataService((("169.254.169.254", 80), ("::1", server.server_port))).text("x", Deadline(0))
assert told == f"[::1]:{server.server_port}", told
print("by IPv6")
"""


@pytest.mark.subprocesses("unshare")
def test_a_node_without_an_ipv4_route_asks_by_ipv6() -> None:
    inside = f"ip link set lo up && exec {sys.executable} -c '{IPV6_ONLY}' {REPOSITORY}"
    done = subprocess.run(  # noqa: S603 - a fixed program of this test
        ["unshare", "-Urn", "sh", "-c", inside],  # noqa: S607
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if "unshare" in done.stderr:
        pytest.skip(f"no network namespace for an unprivileged user here: {done.stderr.strip()}")

    assert (done.stdout, done.stderr) == ("by IPv6\n", "")
