"""The fake metadata service is as strict as the real one, and misbehaves only when told."""

from __future__ import annotations

import http.client
import time
from typing import TYPE_CHECKING

import pytest

from kernellab.imds import Eni, Fault, Running, State, eni_path, node_state

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PRIMARY = "0e:00:00:00:00:01"
SECOND = "0e:00:00:00:00:02"
MACS = "/latest/meta-data/network/interfaces/macs/"


class Client:
    """Asks the fake as a test says, and keeps nothing."""

    def __init__(self, port: int, file: Path, log: Path) -> None:
        self._port = port
        self._file = file
        self.log = log
        self.state = node_state(PRIMARY)
        self.publish()

    def publish(self) -> State:
        self.state.write(self._file)
        return self.state

    def ask(self, method: str, path: str, headers: dict[str, str] | None = None) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=5)
        try:
            connection.request(method, path, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def token(self, ttl: str = "60") -> str:
        return self.ask("PUT", "/latest/api/token", {"X-aws-ec2-metadata-token-ttl-seconds": ttl})[
            1
        ]

    def get(self, path: str) -> tuple[int, str]:
        return self.ask("GET", path, {"X-aws-ec2-metadata-token": self.token()})


@pytest.fixture
def imds(tmp_path: Path) -> Iterator[Client]:
    file, log = tmp_path / "imds.json", tmp_path / "imds.log"
    with Running(file, log=log) as server:
        yield Client(server.port, file, log)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({"X-aws-ec2-metadata-token-ttl-seconds": "1"}, 200, id="shortest"),
        pytest.param({"X-aws-ec2-metadata-token-ttl-seconds": "21600"}, 200, id="longest"),
        pytest.param({"X-aws-ec2-metadata-token-ttl-seconds": "0"}, 400, id="too short"),
        pytest.param({"X-aws-ec2-metadata-token-ttl-seconds": "21601"}, 400, id="too long"),
        pytest.param({"X-aws-ec2-metadata-token-ttl-seconds": "six"}, 400, id="no number"),
        pytest.param({}, 400, id="no lifetime"),
        pytest.param(
            {"X-aws-ec2-metadata-token-ttl-seconds": "60", "X-Forwarded-For": "10.0.0.1"},
            403,
            id="through a proxy",
        ),
    ],
)
def test_a_token_is_given_only_to_a_proper_request(
    imds: Client, headers: dict[str, str], status: int
) -> None:
    assert imds.ask("PUT", "/latest/api/token", headers)[0] == status


@pytest.mark.parametrize(
    "headers", [{}, {"X-aws-ec2-metadata-token": "made-up"}], ids=["none", "unknown"]
)
def test_nothing_is_told_without_a_token(imds: Client, headers: dict[str, str]) -> None:
    assert imds.ask("GET", "/latest/meta-data/mac", headers)[0] == 401


def test_a_token_expires(imds: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    headers = {"X-aws-ec2-metadata-token": imds.token("30")}
    assert imds.ask("GET", "/latest/meta-data/mac", headers)[0] == 200
    later = time.monotonic() + 30
    monkeypatch.setattr("kernellab.imds.time.monotonic", lambda: later)
    assert imds.ask("GET", "/latest/meta-data/mac", headers)[0] == 401


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/latest/api/token"), ("PUT", "/latest/meta-data/mac"), ("POST", "/latest/api/token")],
)
def test_other_methods_are_refused(imds: Client, method: str, path: str) -> None:
    assert imds.ask(method, path, {"X-aws-ec2-metadata-token": imds.token()})[0] == 405


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/latest/meta-data/mac", 200, PRIMARY),
        ("/latest/meta-data/placement/", 200, "availability-zone\nregion"),
        ("/latest/meta-data/placement", 200, "availability-zone\nregion"),
        (MACS, 200, f"{PRIMARY}/"),
        (f"{MACS}{PRIMARY}/device-number", 200, "0"),
        (f"{MACS}{PRIMARY}/network-card", 404, "404 - Not Found"),
        (f"{MACS}{PRIMARY}/ipv6s", 404, "404 - Not Found"),
        (f"{MACS}{SECOND}/", 404, "404 - Not Found"),
        ("/latest/meta-data/mac/", 404, "404 - Not Found"),
        ("/meta-data/mac", 404, "404 - Not Found"),
    ],
)
def test_leaves_and_directories_are_told_apart(
    imds: Client, path: str, status: int, body: str
) -> None:
    assert imds.get(path) == (status, body)


def test_an_attached_eni_appears_with_what_it_has(imds: Client) -> None:
    imds.state.enis.append(
        Eni(
            SECOND,
            1,
            "eni-1",
            subnet_ipv4_cidr_block="10.0.2.0/24",
            local_ipv4s=("10.0.2.10", "10.0.2.11"),
            ipv6s=("2001:db8::10",),
            subnet_ipv6_cidr_blocks=("2001:db8::/64",),
            network_card=1,
        )
    )
    imds.publish()
    assert imds.get(MACS)[1].split() == [f"{PRIMARY}/", f"{SECOND}/"]
    assert imds.get(f"{MACS}{SECOND}/local-ipv4s")[1] == "10.0.2.10\n10.0.2.11"
    assert imds.get(f"{MACS}{SECOND}/")[1].split() == [
        *("device-number", "interface-id", "ipv6s", "local-ipv4s", "mac", "network-card"),
        *("owner-id", "security-group-ids", "subnet-id", "subnet-ipv4-cidr-block"),
        *("subnet-ipv6-cidr-blocks", "vpc-id", "vpc-ipv4-cidr-blocks"),
    ]


def test_a_late_attribute_is_missing_until_its_time(
    imds: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    imds.state.faults[f"{eni_path(PRIMARY)}local-ipv4s"] = Fault(status=404, until_s=now + 60)
    imds.publish()
    assert imds.get(f"{MACS}{PRIMARY}/local-ipv4s")[0] == 404
    assert imds.get(f"{MACS}{PRIMARY}/subnet-id")[0] == 200
    monkeypatch.setattr("kernellab.imds.time.time", lambda: now + 60)
    assert imds.get(f"{MACS}{PRIMARY}/local-ipv4s") == (200, "10.0.0.10")


def test_a_fault_counts_its_times_and_starts_anew_when_published(imds: Client) -> None:
    imds.state.faults["meta-data/network/"] = Fault(status=500, times=2)
    for _ in range(2):
        imds.publish()
        assert [imds.get(MACS)[0] for _ in range(3)] == [500, 500, 200]


def test_tokens_can_fail_too(imds: Client) -> None:
    imds.state.faults["api/token"] = Fault(status=503)
    imds.publish()
    assert imds.token() == "503 - Service Unavailable"


def test_a_slow_answer_outlasts_its_client(imds: Client) -> None:
    headers = {"X-aws-ec2-metadata-token": imds.token()}
    imds.state.faults["meta-data/mac"] = Fault(delay_s=0.3)
    imds.publish()
    began = time.monotonic()
    assert imds.ask("GET", "/latest/meta-data/mac", headers) == (200, PRIMARY)
    assert time.monotonic() - began >= 0.3


def test_one_connection_serves_many_requests_and_all_are_noted(imds: Client) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", imds._port, timeout=5)
    ttl = {"X-aws-ec2-metadata-token-ttl-seconds": "60"}
    connection.request("PUT", "/latest/api/token", headers=ttl)
    answer = connection.getresponse()
    token = {"X-aws-ec2-metadata-token": answer.read().decode()}
    assert answer.headers["X-aws-ec2-metadata-token-ttl-seconds"] == "60"
    for path in ("/latest/meta-data/mac", "/latest/none"):
        connection.request("GET", path, headers=token)
        connection.getresponse().read()
    connection.close()
    assert imds.log.read_text().splitlines() == [
        "PUT /latest/api/token 200",
        "GET /latest/meta-data/mac 200",
        "GET /latest/none 404",
    ]
