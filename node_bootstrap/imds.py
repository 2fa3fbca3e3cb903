"""What the instance metadata service tells of the node, with a session token (IMDSv2) and never without.

Paths and answers: Amazon EC2 User Guide, "Instance metadata categories" and "Use the Instance Metadata Service".
"""

from __future__ import annotations

import errno
import http.client
import re
import select
import socket
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import TYPE_CHECKING, TypeVar

from domain.node.errors import (
    MetadataIncomplete,
    MetadataMalformed,
    MetadataTokenRefused,
    MetadataUnreachable,
)
from domain.node.model import Eni, Instance

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from node_bootstrap.deadline import Deadline

ENDPOINTS = (("169.254.169.254", 80), ("fd00:ec2::254", 80))
"""IPv4 first: it is on wherever the service is. The IPv6 one must be switched on (HttpProtocolIpv6) and is asked where
there is no route to the other: on an IPv6-only node."""
TOKEN_TTL_S = 600
"""Longer than a run waits; a token that expires all the same is renewed."""
REQUEST_TIMEOUT_S = 2.0
"""For connecting and for each read. The service is the hypervisor's: it answers within milliseconds or something is in
the way."""
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 2.0
MAX_BODY = 65536

_TOKEN_PATH = "/latest/api/token"  # noqa: S105 - a path
_ROOT = "/latest/meta-data/"
_MACS = "network/interfaces/macs/"
_MANDATORY = ("device-number", "interface-id", "security-group-ids", "subnet-id")
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
_WORD = re.compile(r"[!-~]+")
_NO_ROUTE = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
_TOO_MANY_REQUESTS, _SERVER_ERROR = 429, 500

_Read = TypeVar("_Read")


@dataclass(frozen=True)
class Observation:
    """What the metadata service shows at one moment."""

    instance: Instance
    incomplete: tuple[tuple[str, str], ...]
    """Network interfaces that are listed but not whole yet: MAC address and the first attribute that is missing."""


class MetadataService:
    """Asks the metadata service, with one token and one connection for as long as they last.

    What never changes is asked once: the instance's own attributes, and everything of a whole network interface but its
    addresses.

    Every method raises:
        MetadataUnreachable: no answer, or only errors of the service's own, until the deadline. An attempt is made even
            if the deadline is over.
        MetadataTokenRefused: the service is switched off, or refuses the token.
        MetadataMalformed: the answer is not the metadata service's.
    """

    def __init__(
        self,
        endpoints: tuple[tuple[str, int], ...] = ENDPOINTS,
        pause: Callable[[float], object] | None = None,
    ) -> None:
        """Remember where to ask; nothing is asked yet.

        Args:
            endpoints: hosts and ports, in the order in which they are tried.
            pause: waits so many seconds between two attempts.
        """
        self._endpoints = endpoints
        self._pause = pause or (lambda seconds: select.select((), (), (), seconds))
        self._connection: http.client.HTTPConnection | None = None
        self._token: str | None = None
        self._own: dict[str, str] = {}
        self._enis: dict[str, Eni] = {}

    def close(self) -> None:
        """Give the connection back; the next question makes another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def instance(self, deadline: Deadline) -> Observation:
        """Return the instance and its network interfaces as they are now.

        Raises:
            MetadataIncomplete: an attribute that every instance has is not there yet.
        """
        try:
            return self._observation(deadline)
        finally:
            # An idle connection may be closed by the service, which the next request would see as an error.
            self.close()

    def text(self, path: str, deadline: Deadline) -> str | None:
        """Return what is below /latest/meta-data/ at a path; None if there is nothing, or nothing yet."""
        for _ in range(2):
            if self._token is None:
                self._token = self._new_token(deadline)
            headers = {"X-aws-ec2-metadata-token": self._token}
            status, body = self._answer("GET", _ROOT + path, headers, deadline)
            if status != http.client.UNAUTHORIZED:
                return _content(status, body, path)
            self._token = None
        raise MetadataTokenRefused(
            "the metadata service refuses a token that it has just given",
            value=f"{status} for {path}",
            remedy="Look for a proxy or another program that answers at its address.",
        )

    def always(self, path: str, deadline: Deadline) -> str:
        """Return what every instance has below /latest/meta-data/ at a path.

        Raises:
            MetadataIncomplete: it is not there yet.
        """
        if path not in self._own:
            value = self.text(path, deadline)
            if not value:
                raise MetadataIncomplete(
                    f"the metadata service does not tell {path}",
                    remedy="Run again; it can take some seconds after a start.",
                )
            self._own[path] = _read(path, value, _word)
        return self._own[path]

    def _observation(self, deadline: Deadline) -> Observation:
        own = {
            name: self.always(path, deadline)
            for name, path in (
                ("instance_id", "instance-id"),
                ("instance_type", "instance-type"),
                ("availability_zone", "placement/availability-zone"),
                ("region", "placement/region"),
                ("primary_mac", "mac"),
            )
        }
        macs = [_mac(entry.rstrip("/")) for entry in (self.text(_MACS, deadline) or "").split()]
        enis, incomplete = [], []
        for mac in macs:
            eni = self._eni(mac, deadline)
            if isinstance(eni, Eni):
                enis.append(eni)
            else:
                incomplete.append((mac, eni))
        self._enis = {eni.mac: eni for eni in enis}
        own["primary_mac"] = _mac(own["primary_mac"])
        return Observation(Instance(**own, enis=tuple(enis)), tuple(incomplete))

    def _eni(self, mac: str, deadline: Deadline) -> Eni | str:
        """Return a network interface, or the name of the first attribute that is missing."""
        known = self._enis.get(mac)
        if known is not None:
            return self._with_addresses(known, ("local-ipv4s", "ipv6s"), deadline)
        listed = (self.text(f"{_MACS}{mac}/", deadline) or "").split()
        told = {}
        for name in _MANDATORY:
            value = self.text(f"{_MACS}{mac}/{name}", deadline) if name in listed else None
            if not value:
                return name
            told[name] = value
        # Only types with several network cards have the attribute.
        card = (
            self.text(f"{_MACS}{mac}/network-card", deadline) if "network-card" in listed else None
        )
        eni = Eni(
            mac=mac,
            eni_id=_read("interface-id", told["interface-id"], _word),
            device_index=_read("device-number", told["device-number"], _index),
            network_card_index=_read("network-card", card or "0", _index),
            subnet_id=_read("subnet-id", told["subnet-id"], _word),
            security_group_ids=tuple(told["security-group-ids"].split()),
            ipv4_subnet=None,
            ipv4_addresses=(),
            ipv6_subnets=(),
            ipv6_addresses=(),
        )
        return self._with_addresses(eni, listed, deadline)

    def _with_addresses(self, eni: Eni, listed: Collection[str], deadline: Deadline) -> Eni:
        """Return the network interface with its addresses as they are now, and with the subnets that they are in.

        Args:
            eni: as known so far.
            listed: the attributes that there may be.
            deadline: of the run.
        """

        def words(name: str) -> list[str]:
            return (self.text(f"{_MACS}{eni.mac}/{name}", deadline) or "").split()

        ipv4 = tuple(
            _read("local-ipv4s", word, IPv4Address)
            for word in (words("local-ipv4s") if "local-ipv4s" in listed else ())
        )
        ipv6 = tuple(
            _read("ipv6s", word, IPv6Address)
            for word in (words("ipv6s") if "ipv6s" in listed else ())
        )
        eni = replace(eni, ipv4_addresses=ipv4, ipv6_addresses=ipv6)
        if ipv4 and eni.ipv4_subnet is None:
            for word in words("subnet-ipv4-cidr-block")[:1]:
                eni = replace(eni, ipv4_subnet=_read("subnet-ipv4-cidr-block", word, IPv4Network))
        if ipv6 and not eni.ipv6_subnets:
            found = words("subnet-ipv6-cidr-blocks")
            blocks = tuple(_read("subnet-ipv6-cidr-blocks", word, IPv6Network) for word in found)
            eni = replace(eni, ipv6_subnets=blocks)
        return eni

    def _new_token(self, deadline: Deadline) -> str:
        headers = {"X-aws-ec2-metadata-token-ttl-seconds": str(TOKEN_TTL_S), "Content-Length": "0"}
        status, body = self._answer("PUT", _TOKEN_PATH, headers, deadline)
        if status != http.client.OK:
            raise MetadataTokenRefused(
                "the metadata service gives no token",
                value=str(status),
                remedy="Set HttpEndpoint to enabled in the launch template's MetadataOptions (HttpTokens required is"
                " fine), and look for a proxy or an agent that answers in the service's place.",
            )
        return _read("token", body, _word)

    def _answer(
        self, method: str, path: str, headers: Mapping[str, str], deadline: Deadline
    ) -> tuple[int, str]:
        """Return an answer's status and body, after as many attempts as the deadline allows."""
        pause_s = FIRST_PAUSE_S
        while True:
            broken: Exception | None = None
            try:
                status, body = self._attempt(method, path, headers)
            except (OSError, http.client.HTTPException) as cause:
                self.close()
                broken = cause
            else:
                if status < _SERVER_ERROR and status != _TOO_MANY_REQUESTS:
                    return status, body
            if deadline.is_over():
                what = str(status) if broken is None else (str(broken) or type(broken).__name__)
                raise _unreachable(f"{method} {path}: {what}", broken, method) from broken
            self._pause(min(pause_s, deadline.left_s()))
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _attempt(self, method: str, path: str, headers: Mapping[str, str]) -> tuple[int, str]:
        if self._connection is None:
            self._connection = self._connected()
        try:
            self._connection.request(method, path, headers=dict(headers))
            with self._connection.getresponse() as response:
                raw = response.read(MAX_BODY + 1)
                left = response.length or 0
        except socket.timeout as silent:
            raise _SilentError(f"no answer within {REQUEST_TIMEOUT_S:g} s") from silent
        if len(raw) > MAX_BODY:
            self.close()
            raise MetadataMalformed(
                f"the metadata service answers with more than {MAX_BODY} bytes",
                value=path,
                remedy=_WHO_ANSWERS,
            )
        if left:
            # read(n) does not complain of a connection that ends early, as read() does.
            raise http.client.IncompleteRead(raw, left)
        return response.status, raw.decode("utf-8", errors="replace").strip()

    def _connected(self) -> http.client.HTTPConnection:
        """Return a connection to the first endpoint that there is a route to. http.client knows no proxies."""
        no_route: OSError | None = None
        for host, port in self._endpoints:
            connection = http.client.HTTPConnection(host, port, timeout=REQUEST_TIMEOUT_S)
            try:
                connection.connect()
            except OSError as refused:
                connection.close()
                if refused.errno not in _NO_ROUTE:
                    raise
                no_route = no_route or refused
            else:
                return connection
        raise no_route or OSError(errno.ENETUNREACH, "no endpoint")


class _SilentError(OSError):
    """The connection was made, and then nothing came."""


_WHO_ANSWERS = "Look for a proxy or another program that answers at the service's address."


def _unreachable(what: str, broken: Exception | None, method: str) -> MetadataUnreachable:
    if isinstance(broken, _SilentError) and method == "PUT":
        remedy = (
            "The connection is made and the token does not arrive: raise HttpPutResponseHopLimit if this runs in a"
            " container, or let answers from 169.254.169.254 through the firewall."
        )
    elif broken is None:
        remedy = "Run again; the service itself says that it fails."
    elif isinstance(broken, OSError) and broken.errno in _NO_ROUTE:
        remedy = (
            "Bring the primary interface up; on an IPv6-only node set HttpProtocolIpv6 to enabled in the launch"
            " template's MetadataOptions."
        )
    else:
        remedy = (
            "Let root reach 169.254.169.254 port 80: look at the firewall and at the primary link."
        )
    return MetadataUnreachable("the metadata service does not answer", value=what, remedy=remedy)


def _content(status: int, body: str, path: str) -> str | None:
    if status == http.client.OK:
        return body
    if status == http.client.NOT_FOUND:
        return None
    if status == http.client.FORBIDDEN:
        raise MetadataTokenRefused(
            "the metadata service forbids an answer",
            value=f"{status} for {path}",
            remedy="Set HttpEndpoint to enabled in the launch template's MetadataOptions.",
        )
    # A redirect too: the metadata service sends none, and whoever does must not lead a root process elsewhere.
    raise MetadataMalformed(
        "the metadata service answers as it never does",
        value=f"{status} for {path}",
        remedy=_WHO_ANSWERS,
    )


def _read(name: str, value: str, reader: Callable[[str], _Read]) -> _Read:
    try:
        return reader(value)
    except ValueError as cause:
        raise MetadataMalformed(
            f"the metadata service's {name} cannot be read",
            value=repr(value[:80]),
            remedy=_WHO_ANSWERS,
        ) from cause


def _word(value: str) -> str:
    if not _WORD.fullmatch(value):
        raise ValueError(value)
    return value


def _index(value: str) -> int:
    if not (value.isascii() and value.isdigit()):
        raise ValueError(value)
    return int(value)


def _mac(value: str) -> str:
    return _read("mac", value, _mac_address)


def _mac_address(value: str) -> str:
    if not _MAC.fullmatch(value.lower()):
        raise ValueError(value)
    return value.lower()
