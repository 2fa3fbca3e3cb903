"""Where a request goes, and how long it waits."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import pytest

from domain.errors import ServiceFault
from domain.pods.errors import EndpointUnusable
from node_bootstrap.deadline import Deadline
from pod_addresses.requests import Requests


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("http://[fd00:ec2::23]/v1/credentials", "fd00:ec2::23", 80),
        ("http://169.254.170.23/v1/credentials", "169.254.170.23", 80),
        ("http://localhost:8080/", "localhost", 8080),
        ("https://[2001:db8::1]/", "2001:db8::1", 443),
        ("https://ec2.us-east-1.amazonaws.com/", "ec2.us-east-1.amazonaws.com", 443),
    ],
)
def test_an_ipv6_address_is_no_host_with_a_port(url: str, host: str, port: int) -> None:
    connection = Requests(None)._connection(urlsplit(url))
    assert (connection.host, connection.port) == (host, port)


@pytest.mark.parametrize(("left_s", "timeout_s"), [(30.0, 10.0), (4.0, 4.0), (0.0, 0.1)])
def test_a_request_waits_no_longer_than_its_command_has_time(
    left_s: float, timeout_s: float
) -> None:
    requests = Requests()
    requests.end_by(Deadline(left_s, lambda: 0.0))
    for url in ("http://localhost/", "https://localhost/"):
        assert requests._connection(urlsplit(url)).timeout == timeout_s


def test_a_server_that_never_answers_is_a_fault_once_the_time_is_up() -> None:
    requests = Requests()
    requests.end_by(Deadline(0.2))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(ServiceFault, match="timed out"):
            requests.send("GET", url, {})


@pytest.mark.parametrize(
    ("url", "bundle", "found"),
    [
        ("https://localhost/", "/nonexistent.pem", "No such file or directory"),
        ("https://localhost/", __file__, "test_requests.py"),
        ("http://localhost:port/", None, "http://localhost:port/"),
        ("https://ec2.us east 1.amazonaws.com/", None, "us east 1"),
    ],
    ids=["no bundle", "no certificates", "a port that is none", "a Region that is none"],
)
def test_what_nothing_can_be_sent_to_is_one_line(url: str, bundle: str | None, found: str) -> None:
    with pytest.raises(EndpointUnusable) as caught:
        Requests(bundle).send("GET", f"{url}?secret", {})
    assert found in caught.value.value
    assert "secret" not in caught.value.value
    assert not caught.value.retryable
