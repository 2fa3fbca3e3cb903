"""Where a request goes, and how long it waits."""

from __future__ import annotations

import http.client
import select
import socket
import ssl
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from domain.errors import ServiceFault
from domain.pods.errors import EndpointUnusable
from node_bootstrap.deadline import Deadline
from pod_addresses.requests import MOST_GIVEN_UP, Requests, _Request

if TYPE_CHECKING:
    from collections.abc import Callable


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


def serve(answer: Callable[[socket.socket], None]) -> tuple[threading.Thread, str]:
    """Accept one connection, and say what is done with it; the thread ends when the client has gone."""
    server = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        with server, server.accept()[0] as connection:
            answer(connection)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, f"http://127.0.0.1:{server.getsockname()[1]}/"


def drip(connection: socket.socket) -> None:
    """Send a header without end, more often than any time-out for a read."""
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    with suppress(OSError):
        while not select.select([connection], [], [], 0.01)[0] or connection.recv(1 << 16):
            connection.sendall(b"X")


def test_an_answer_that_drips_is_a_fault_once_the_time_is_up_and_the_connection_ends() -> None:
    requests = Requests()
    requests.end_by(Deadline(0.3))
    thread, url = serve(drip)
    with pytest.raises(ServiceFault, match="timed out"):
        requests.send("GET", url, {})
    thread.join(30.0)
    assert not thread.is_alive()


def test_a_request_that_hangs_ends_by_a_deadline_that_is_set_meanwhile() -> None:
    """A signal comes while an answer is waited for, and the time for releasing is short."""
    requests, patience = Requests(), Deadline(5.0)

    def hang(connection: socket.socket) -> None:
        requests.end_by(Deadline(0.1))
        while connection.recv(1 << 16):
            pass

    thread, url = serve(hang)
    with pytest.raises(ServiceFault, match="timed out"):
        requests.send("GET", url, {})
    assert not patience.is_over()
    thread.join(30.0)
    assert not thread.is_alive()


def test_a_lookup_that_ends_too_late_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or it would take an address for a claim that is not the last any more."""
    requests, resolve, usual = Requests(), threading.Event(), socket.getaddrinfo
    received: list[bytes] = []
    thread, url = serve(lambda connection: received.append(connection.recv(1 << 16)))

    def late(*asked: Any, **more: Any) -> Any:  # noqa: ANN401 - as the function's
        assert resolve.wait(30.0)
        return usual(*asked, **more)

    monkeypatch.setattr(socket, "getaddrinfo", late)
    requests.end_by(Deadline(0.2))
    with pytest.raises(ServiceFault, match="timed out"):
        requests.send("POST", url, {}, b"Action=AssignPrivateIpAddresses")
    resolve.set()
    thread.join(30.0)
    assert received == [b""], "connected, and closed"


def test_a_dead_resolver_holds_a_few_threads_and_not_one_more_with_each_attempt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    requests, resolve = Requests(), threading.Event()
    lookups: list[threading.Thread] = []

    def dead(*_asked: Any, **_more: Any) -> Any:  # noqa: ANN401 - as the function's
        lookups.append(threading.current_thread())
        assert resolve.wait(30.0)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", dead)
    requests.end_by(Deadline(0.0))
    for _ in range(MOST_GIVEN_UP):
        with pytest.raises(ServiceFault, match="timed out"):
            requests.send("GET", "http://ec2/", {})
    for _ in range(100):
        with pytest.raises(ServiceFault, match="have not ended yet"):
            requests.send("GET", "http://ec2/", {})
    assert len(lookups) == MOST_GIVEN_UP
    resolve.set()
    for each in lookups:
        each.join(30.0)
    requests.end_by(Deadline(30.0))
    with pytest.raises(ServiceFault, match="Temporary failure"):
        requests.send("GET", "http://ec2/", {})


def test_a_connection_that_is_given_up_sends_nothing_in_clear_text() -> None:
    """A thread may be about to send the request, with its signature and the session's token."""
    ours, theirs = socket.socketpair()
    context = ssl.create_default_context()
    with ours, theirs:
        secure = context.wrap_socket(ours, server_hostname="ec2", do_handshake_on_connect=False)
        connection = http.client.HTTPSConnection("ec2", context=context)
        connection.sock = secure
        _Request(connection, "POST", "/", {}, b"")._give_up()
        with secure, pytest.raises(ssl.SSLError):
            secure.sendall(b"POST / HTTP/1.1")
        assert theirs.recv(1 << 16) == b""


def test_a_container_without_another_thread_is_a_fault_that_may_pass(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(ServiceFault, match="can't start new thread"):
        Requests().send("GET", "http://127.0.0.1:9/", {})


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
