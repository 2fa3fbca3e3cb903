"""HTTP requests to AWS and to the node's agents: one connection each, no proxy, no redirect."""

from __future__ import annotations

import http.client
import queue
import socket
import ssl
import threading
from contextlib import closing, suppress
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import SplitResult, urlsplit

from domain.errors import ServiceFault
from domain.pods.errors import EndpointUnusable
from node_bootstrap.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TIMEOUT_S = 10.0
"""From the name's lookup to the last byte of the answer. EC2 answers within a second or two."""
LEAST_S = 0.1
"""What a request gets when the time is up: none at all would be to wait forever, or not to wait for the connection."""
LOOKS_EVERY_S = 1.0
"""How often it is seen whether the time became shorter meanwhile, as at a signal."""
MAX_BODY = 4 << 20
MOST_GIVEN_UP = 4
"""How many requests may still be ending after nobody waits for them. Of a resolver that is dead a lookup lasts minutes (resolv.conf(5):
5 s for each attempt, server, family and name of the search list), and each holds a thread."""


class Answer(NamedTuple):
    """An answer's status and body."""

    status: int
    body: bytes


class _Request:
    """One request, in a thread of its own: nothing but that ends a lookup of a name, or an answer that drips, in time."""

    def __init__(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
    ) -> None:
        self._connection = connection
        self._what = (method, path, body or None, dict(headers))
        self._given_up = threading.Event()
        self._came: queue.SimpleQueue[Answer | Exception] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def is_ending(self) -> bool:
        """Return whether its thread is still there."""
        return self._thread.is_alive()

    def answer(self, left_s: Callable[[], float]) -> Answer:
        """Return the answer.

        Args:
            left_s: how many seconds are left to wait for it, by now.

        Raises:
            Exception: what came in its place.
            TimeoutError: neither, in time. What is not sent by now is not sent any more.
        """
        self._thread.start()
        while (wait_s := left_s()) > 0.0:
            with suppress(queue.Empty):
                came = self._came.get(timeout=min(wait_s, LOOKS_EVERY_S))
                if isinstance(came, Exception):
                    raise came
                return came
        self._give_up()
        raise TimeoutError("timed out")

    def _run(self) -> None:
        try:
            with closing(self._connection):
                self._came.put(self._exchange())
        except Exception as error:  # noqa: BLE001 - raised where the answer is waited for
            self._came.put(error)

    def _exchange(self) -> Answer:
        self._connection.connect()
        if self._given_up.is_set():
            raise TimeoutError("nobody waits")
        self._connection.request(*self._what)
        with self._connection.getresponse() as response:
            return Answer(response.status, response.read(MAX_BODY))

    def _give_up(self) -> None:
        self._given_up.set()
        there = self._connection.sock
        if there is not None:
            # Ends the thread's read, which closing would not (shutdown(2)). That of ssl.SSLSocket takes the encryption away first, and
            # what the thread sends just then would go in clear text (Lib/ssl.py, shutdown and sendall).
            with suppress(OSError):
                socket.socket.shutdown(there, socket.SHUT_RDWR)


class Requests:
    """Sends requests."""

    def __init__(self, ca_bundle: str | None = None) -> None:
        """Remember whom to trust.

        Args:
            ca_bundle: a file of certificates in place of the system's, as AWS_CA_BUNDLE names it.
        """
        self._ca_bundle = ca_bundle
        self._deadline: Deadline | None = None
        self._context: ssl.SSLContext | None = None
        self._given_up: list[_Request] = []

    def end_by(self, deadline: Deadline) -> None:
        """Wait for no answer longer than until then, the one that is being waited for included."""
        self._deadline = deadline

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        """Return the answer to one request.

        Raises:
            ServiceFault: none came, or not all of it; or too many earlier requests have not ended yet.
            EndpointUnusable: nothing can be sent there.
        """
        try:
            parts = urlsplit(url)
            connection = self._connection(parts)
        except (OSError, ValueError, http.client.InvalidURL) as cause:
            raise EndpointUnusable(
                "a request cannot be sent",
                value=f"{url.partition('?')[0]}: {cause}"
                + (f"; {self._ca_bundle}" if self._ca_bundle else ""),
                remedy="Correct AWS_REGION, AWS_ENDPOINT_URL_EC2, AWS_CA_BUNDLE or who sets them.",
            ) from cause
        self._given_up = [each for each in self._given_up if each.is_ending()]
        if len(self._given_up) >= MOST_GIVEN_UP:
            raise ServiceFault(
                f"no answer from {parts.netloc}: {MOST_GIVEN_UP} earlier requests have not ended yet;"
                " look at the names' lookup",
                operation=method,
            )
        request = _Request(connection, method, target(parts), headers, body)
        begun = Deadline(TIMEOUT_S)
        try:
            return request.answer(lambda: min(begun.left_s(), self._timeout_s(begun.passed_s())))
        except (OSError, http.client.HTTPException, RuntimeError) as cause:
            self._given_up.append(request)
            # RuntimeError: the container may have no further thread.
            what = str(cause) or type(cause).__name__
            raise ServiceFault(
                f"no answer from {parts.netloc}: {what}", operation=method
            ) from cause

    def _connection(self, parts: SplitResult) -> http.client.HTTPConnection:
        # Without a port http.client takes the end of an IPv6 address for one.
        host = parts.hostname or ""
        if parts.scheme == "http":
            port = parts.port or http.client.HTTP_PORT
            return http.client.HTTPConnection(host, port, timeout=self._timeout_s())
        if self._context is None:
            self._context = ssl.create_default_context(cafile=self._ca_bundle)
        port = parts.port or http.client.HTTPS_PORT
        return http.client.HTTPSConnection(
            host, port, timeout=self._timeout_s(), context=self._context
        )

    def _timeout_s(self, passed_s: float = 0.0) -> float:
        left_s = TIMEOUT_S if self._deadline is None else self._deadline.left_s()
        return min(TIMEOUT_S, max(LEAST_S - passed_s, left_s))


def target(parts: SplitResult) -> str:
    """Return what a request line names: the path, with the query if there is one."""
    path = parts.path or "/"
    return f"{path}?{parts.query}" if parts.query else path
