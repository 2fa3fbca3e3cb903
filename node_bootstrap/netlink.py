"""Links, addresses, routes and rules as the kernel tells them over rtnetlink, and the few things done to a link.

Formats: linux/netlink.h, linux/rtnetlink.h, linux/if_link.h, linux/if_addr.h, linux/fib_rules.h; rtnetlink(7).
"""

from __future__ import annotations

import errno
import math
import os
import re
import select
import socket
import struct
from ipaddress import ip_address, ip_interface, ip_network
from typing import TYPE_CHECKING, NamedTuple

from domain.node.model import Link, LinkAddress, Route, RoutingRule
from node_bootstrap.files import Files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
    from types import TracebackType

ANSWER_TIMEOUT_S = 10.0
"""The kernel answers within the request; longer means that rtnetlink's lock is held by something that hangs."""
INTERRUPTED_DUMPS = 20
"""How often a dump is repeated that changes interrupted, before it is given up as EAGAIN."""
RENAME_ATTEMPTS = 20
"""How often a link is taken down for its new name, where somebody puts it up in between each time."""

_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, port
_ATTRIBUTE = struct.Struct("=HH")  # length, type
_LINK = struct.Struct("=BxHiII")  # ifinfomsg: family, device type, index, flags, changed flags
_ADDRESS = struct.Struct("=BBBBI")  # ifaddrmsg: family, prefix length, flags, scope, index
_ROUTE = struct.Struct("=8BI")  # rtmsg: family, dst, src, tos, table, protocol, scope, type, flags
_RULE = struct.Struct("=8BI")  # fib_rule_hdr: family, dst, src, tos, table, -, -, action, flags
_NEXT_HOP = struct.Struct("=HBBi")  # rtnexthop: length, flags, hops, index
_INTEGER = struct.Struct("=I")
_ERROR = struct.Struct("=i")

_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_REQUEST, _ACK, _DUMP = 0x1, 0x4, 0x300
_DUMP_INTERRUPTED = 0x10
_NEW_LINK, _GET_LINK = 16, 18
_GET_ADDRESS, _GET_ROUTE, _GET_RULE = 22, 26, 34

_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_MTU, _IFLA_EXT_MASK = 1, 3, 4, 29
_IFLA_PERM_ADDRESS = 54
"""The permanent MAC address, where the driver set one (Linux 5.6). A bond overwrites the current one."""
_IFLA_PARENT_DEV_NAME, _IFLA_PARENT_DEV_BUS_NAME = 56, 57
"""The device below the link and its bus (Linux 5.14)."""
_SKIP_STATISTICS = 8
_IFF_UP, _IFF_LOWER_UP = 0x1, 0x10000

_IFA_ADDRESS, _IFA_LOCAL, _IFA_FLAGS = 1, 2, 8
_IFA_F_DAD_FAILED, _IFA_F_TENTATIVE, _IFA_F_PERMANENT = 0x08, 0x40, 0x80

_RTA_DST, _RTA_OIF, _RTA_GATEWAY, _RTA_PRIORITY = 1, 4, 5, 6
_RTA_MULTIPATH, _RTA_TABLE, _RTA_VIA = 9, 15, 18
_RTN_UNICAST = 1
_RTM_F_CLONED = 0x200

_FRA_DST, _FRA_SRC, _FRA_IIFNAME, _FRA_PRIORITY, _FRA_TABLE, _FRA_OIFNAME = 1, 2, 3, 6, 15, 17
_FR_ACT_TO_TBL = 1

_FAMILIES = {socket.AF_INET: 4, socket.AF_INET6: 6}
_PCI_ADDRESS = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")

LINKS = (1,)
"""Multicast groups (RTNLGRP_*): links come, go and change."""
EVERYTHING = (1, 5, 7, 8, 9, 11, 19)
"""Links, and addresses, routes and rules of IPv4 and IPv6."""


class Message(NamedTuple):
    """A netlink message without its header's length and addresses."""

    kind: int
    flags: int
    body: bytes


class Netlink:
    """A connection to the kernel's rtnetlink in this network namespace.

    Every method raises OSError with the kernel's errno where the kernel refuses.
    """

    def __init__(self, files: Files | None = None, connected: socket.socket | None = None) -> None:
        """Connect.

        Args:
            files: where sysfs is; it tells the PCI device of a link whose own device is not on the PCI bus.
            connected: a socket to use in place of a new one.
        """
        self._files = files or Files()
        self._socket = connected or socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE
        )
        self._socket.settimeout(ANSWER_TIMEOUT_S)
        self._sequence = 0

    def __enter__(self) -> Netlink:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the socket back."""
        self._socket.close()

    def links(self) -> tuple[Link, ...]:
        """Return every link of this network namespace, by index."""
        wanted = _LINK.pack(0, 0, 0, 0, 0) + attribute(
            _IFLA_EXT_MASK, _INTEGER.pack(_SKIP_STATISTICS)
        )
        found = [parse_link(m.body, self._pci_address) for m in self._dump(_GET_LINK, wanted)]
        return tuple(sorted(found, key=lambda link: link.index))

    def addresses(self) -> tuple[LinkAddress, ...]:
        """Return every IPv4 and IPv6 address of every link."""
        dumped = self._dump(_GET_ADDRESS, _ADDRESS.pack(0, 0, 0, 0, 0))
        return tuple(filter(None, (parse_address(m.body) for m in dumped)))

    def routes(self) -> tuple[Route, ...]:
        """Return every IPv4 and IPv6 route of every table."""
        dumped = self._dump(_GET_ROUTE, _ROUTE.pack(*[0] * 9))
        return tuple(route for m in dumped for route in parse_routes(m.body))

    def rules(self) -> tuple[RoutingRule, ...]:
        """Return every IPv4 and IPv6 rule."""
        dumped = self._dump(_GET_RULE, _RULE.pack(*[0] * 9))
        return tuple(filter(None, (parse_rule(m.body) for m in dumped)))

    def rename(self, index: int, name: str) -> None:
        """Give a link another name.

        Before Linux 6.2 a link that is up cannot be renamed (EBUSY): it is taken down and put up again, which costs it
        its routes and IPv6 addresses. Whoever minds that it is down can put it up before it has its name: then it is taken
        down again, a bounded number of times. A run that is killed in between leaves the link down, under either name; as
        systemd-networkd puts a link up whenever it configures it, the next run's ConfigureLinks repairs that.

        Raises:
            OSError: EEXIST if another link has the name, ENODEV if there is no such link, EBUSY if it does not stay down.
        """
        named = attribute(_IFLA_IFNAME, name.encode() + b"\0")
        attempts = 0
        try:
            while True:
                try:
                    return self._change_link(index, named)
                except OSError as refused:
                    if refused.errno != errno.EBUSY or attempts == RENAME_ATTEMPTS:
                        raise
                attempts += 1
                self.set_down(index)
        finally:
            if attempts:
                self.set_up(index)

    def set_up(self, index: int) -> None:
        """Put a link up."""
        self._change_link(index, b"", flags=_IFF_UP)

    def set_down(self, index: int) -> None:
        """Take a link down."""
        self._change_link(index, b"", changed=_IFF_UP)

    def restore(self, index: int, *, up: bool, mtu: int) -> None:
        """Make a link up or down, with this MTU.

        Raises:
            OSError: ENODEV if there is no such link.
        """
        wanted = attribute(_IFLA_MTU, _INTEGER.pack(mtu))
        self._change_link(index, wanted, flags=_IFF_UP if up else 0, changed=_IFF_UP)

    def _change_link(self, index: int, body: bytes, flags: int = 0, changed: int = 0) -> None:
        self._send(_NEW_LINK, _ACK, _LINK.pack(0, 0, index, flags, changed or flags) + body)
        for _ in self._answers():
            pass

    def _dump(self, kind: int, body: bytes) -> list[Message]:
        """Return the answers to a dump that nothing changed while it was made."""
        for _ in range(INTERRUPTED_DUMPS):
            self._send(kind, _DUMP, body)
            answers = list(self._answers())
            if not any(answer.flags & _DUMP_INTERRUPTED for answer in answers):
                return [answer for answer in answers if answer.kind != _NLMSG_DONE]
        raise OSError(errno.EAGAIN, "the kernel's network configuration did not stand still")

    def _send(self, kind: int, flags: int, body: bytes) -> None:
        self._sequence += 1
        length = _HEADER.size + len(body)
        header = _HEADER.pack(length, kind, _REQUEST | flags, self._sequence, 0)
        self._socket.send(header + body)

    def _answers(self) -> Iterator[Message]:
        """Yield the answers to the last request up to and with its end, which has a dump's final flags.

        Answers to an earlier request, which an error had cut short, are passed over by their sequence number.
        """
        while True:
            datagram = self._socket.recv(1 << 17)
            for sequence, message in split(datagram):
                if sequence != self._sequence:
                    continue
                if message.kind in (_NLMSG_ERROR, _NLMSG_DONE):
                    code = _ERROR.unpack_from(message.body)[0] if message.body else 0
                    if code:
                        raise OSError(-code, os.strerror(-code))
                    yield Message(_NLMSG_DONE, message.flags, b"")
                    return
                yield message

    def _pci_address(self, link: str, bus: str | None, device: str | None) -> str | None:
        """Return the PCI address of the device below a link.

        A virtio device is a child of its PCI device, and its link is the child's.
        """
        if bus == "pci":
            return device
        if bus not in (None, "virtio"):
            return None
        below = f"/sys/bus/{bus}/devices/{device}" if bus else f"/sys/class/net/{link}/device"
        path = self._files.at(below)
        if not path.exists():
            return None
        real = path.resolve()
        return next((n for n in (real.name, real.parent.name) if _PCI_ADDRESS.fullmatch(n)), None)


class Events:
    """What changes from now on: make it before the first look, and nothing can be missed between a look and a wait."""

    def __init__(
        self, groups: tuple[int, ...] = EVERYTHING, connected: socket.socket | None = None
    ) -> None:
        """Subscribe.

        Args:
            groups: LINKS or EVERYTHING.
            connected: a socket to use in place of a new one.
        """
        self._socket = connected or subscribed(groups)
        self._socket.setblocking(False)
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)

    def __enter__(self) -> Events:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()

    def wait(self, timeout_s: float) -> bool:
        """Wait for a change and return whether there was one; several at once count as one.

        Changes that the kernel had no room to queue (ENOBUFS) are changes too.
        """
        if not self._poll.poll(math.ceil(timeout_s * 1000)):
            return False
        while True:
            try:
                self._socket.recv(1 << 17)
            except BlockingIOError:
                return True
            except OSError as lost:
                if lost.errno != errno.ENOBUFS:
                    raise


def subscribed(groups: tuple[int, ...]) -> socket.socket:
    """Return a socket on which the kernel tells of changes.

    Args:
        groups: multicast groups (RTNLGRP_*).

    Raises:
        OSError: the kernel, or a sandbox, allows no such socket.
    """
    made = socket.socket(
        socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE
    )
    made.bind((0, sum(1 << (group - 1) for group in groups)))
    return made


def attribute(kind: int, value: bytes) -> bytes:
    """Return a netlink attribute, padded to four bytes."""
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind) + value + b"\0" * (-len(value) % 4)


def split(datagram: bytes) -> Iterator[tuple[int, Message]]:
    """Yield the sequence number and content of each message in a datagram."""
    offset = 0
    while offset + _HEADER.size <= len(datagram):
        length, kind, flags, sequence, _ = _HEADER.unpack_from(datagram, offset)
        yield sequence, Message(kind, flags, datagram[offset + _HEADER.size : offset + length])
        offset += (max(length, _HEADER.size) + 3) & ~3


def _attributes(body: bytes, offset: int) -> dict[int, bytes]:
    """Return attributes by kind, without the flag bits that the kernel puts on nested ones."""
    found = {}
    while offset + _ATTRIBUTE.size <= len(body):
        length, kind = _ATTRIBUTE.unpack_from(body, offset)
        found[kind & 0x3FFF] = body[offset + _ATTRIBUTE.size : offset + length]
        offset += (max(length, _ATTRIBUTE.size) + 3) & ~3
    return found


def parse_link(
    body: bytes, pci_address: Callable[[str, str | None, str | None], str | None]
) -> Link:
    """Return the link that an RTM_NEWLINK message describes.

    Args:
        body: the message.
        pci_address: from a link's name, and its device's bus and name where the kernel told them, to a PCI address.
    """
    _, _, index, flags, _ = _LINK.unpack_from(body)
    told = _attributes(body, _LINK.size)
    name = _text(told[_IFLA_IFNAME])
    bus, device = (
        _text(told[key]) if key in told else None
        for key in (_IFLA_PARENT_DEV_BUS_NAME, _IFLA_PARENT_DEV_NAME)
    )
    mac = told.get(_IFLA_PERM_ADDRESS) or told.get(_IFLA_ADDRESS, b"")
    return Link(
        name=name,
        index=index,
        mac=mac.hex(":") if mac else "",
        up=bool(flags & _IFF_UP),
        mtu=_integer(told.get(_IFLA_MTU)),
        pci_address=pci_address(name, bus, device),
        carrier=bool(flags & _IFF_LOWER_UP),
    )


def parse_address(body: bytes) -> LinkAddress | None:
    """Return the address that an RTM_NEWADDR message describes; None for another family's.

    IFA_LOCAL is the link's own address; IFA_ADDRESS is the same, or the other end's on a point-to-point link. IPv6 sends
    IFA_LOCAL only then.
    """
    family, length, flags, _, index = _ADDRESS.unpack_from(body)
    if family not in _FAMILIES:
        return None
    told = _attributes(body, _ADDRESS.size)
    flags = _integer(told.get(_IFA_FLAGS), flags)
    own = told.get(_IFA_LOCAL) or told[_IFA_ADDRESS]
    return LinkAddress(
        link_index=index,
        address=ip_interface(f"{ip_address(own)}/{length}"),
        tentative=bool(flags & _IFA_F_TENTATIVE),
        dad_failed=bool(flags & _IFA_F_DAD_FAILED),
        permanent=bool(flags & _IFA_F_PERMANENT),
    )


def parse_routes(body: bytes) -> Iterator[Route]:
    """Yield the route that an RTM_NEWROUTE message describes, once per next hop; nothing for another family's.

    A cached exception (RTM_F_CLONED: a path's MTU, a redirect) is no route.
    """
    family, length, _, _, table, _, _, kind, flags = _ROUTE.unpack_from(body)
    if family not in _FAMILIES or flags & _RTM_F_CLONED:
        return
    told = _attributes(body, _ROUTE.size)
    destination = _network(told.get(_RTA_DST), length, family)
    for link_index, gateway in _next_hops(told):
        yield Route(
            table=_integer(told.get(_RTA_TABLE), table),
            destination=destination,
            gateway=gateway,
            link_index=link_index,
            metric=_integer(told.get(_RTA_PRIORITY)),
            is_unicast=kind == _RTN_UNICAST,
        )


def _next_hops(
    told: Mapping[int, bytes],
) -> Iterator[tuple[int | None, IPv4Address | IPv6Address | None]]:
    several = told.get(_RTA_MULTIPATH)
    if several is None:
        yield _integer(told.get(_RTA_OIF)) or None, _gateway(told)
        return
    offset = 0
    while offset + _NEXT_HOP.size <= len(several):
        length, _, _, link_index = _NEXT_HOP.unpack_from(several, offset)
        yield link_index, _gateway(_attributes(several[: offset + length], offset + _NEXT_HOP.size))
        offset += (max(length, _NEXT_HOP.size) + 3) & ~3


def _gateway(told: Mapping[int, bytes]) -> IPv4Address | IPv6Address | None:
    """Return the next hop's address; RTA_VIA has one of the other family, behind two bytes that name it."""
    if _RTA_GATEWAY in told:
        return ip_address(told[_RTA_GATEWAY])
    return ip_address(told[_RTA_VIA][2:]) if _RTA_VIA in told else None


def parse_rule(body: bytes) -> RoutingRule | None:
    """Return the rule that an RTM_NEWRULE message describes; None for another family's."""
    family, to_length, from_length, _, table, _, _, action, _ = _RULE.unpack_from(body)
    if family not in _FAMILIES:
        return None
    told = _attributes(body, _RULE.size)
    return RoutingRule(
        family=_FAMILIES[socket.AddressFamily(family)],
        priority=_integer(told.get(_FRA_PRIORITY)),
        table=_integer(told.get(_FRA_TABLE), table) if action == _FR_ACT_TO_TBL else 0,
        source=_network(told[_FRA_SRC], from_length, family) if _FRA_SRC in told else None,
        destination=_network(told[_FRA_DST], to_length, family) if _FRA_DST in told else None,
        incoming_link=_text(told[_FRA_IIFNAME]) if _FRA_IIFNAME in told else None,
        outgoing_link=_text(told[_FRA_OIFNAME]) if _FRA_OIFNAME in told else None,
    )


def _network(address: bytes | None, length: int, family: int) -> IPv4Network | IPv6Network:
    """Return a prefix; the kernel leaves the address of a prefix of length 0 out."""
    if address is None:
        address = bytes(4 if family == socket.AF_INET else 16)
    return ip_network((address, length))


def _integer(raw: bytes | None, otherwise: int = 0) -> int:
    return otherwise if raw is None else int(_INTEGER.unpack_from(raw)[0])


def _text(raw: bytes) -> str:
    return raw.rstrip(b"\0").decode(errors="surrogateescape")
