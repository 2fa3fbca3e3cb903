"""The links of the pod's own network namespace: what they carry, and what changes, as the kernel tells it.

Whoever may open a socket may listen: rtnetlink lets processes without any capability into its multicast groups
(Linux, net/core/rtnetlink.c, rtnetlink_net_init: NL_CFG_F_NONROOT_RECV).
"""

from __future__ import annotations

import errno
import math
import select
from typing import TYPE_CHECKING, NamedTuple

from domain.pods.errors import LinksUnreadable
from domain.pods.following import Placed, PodLink
from node_bootstrap.netlink import Netlink, parse_address, split, subscribed

if TYPE_CHECKING:
    import socket
    from collections.abc import Collection, Mapping
    from types import TracebackType

    from domain.node.model import LinkAddress
    from domain.pods.following import Address
    from node_bootstrap.netlink import Message

GROUPS = (1, 5, 9)
"""RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR (linux/rtnetlink.h)."""
NEW_LINK, DELETED_LINK, NEW_ADDRESS, DELETED_ADDRESS = 16, 17, 20, 21
ADDRESS_MESSAGES = (NEW_ADDRESS, DELETED_ADDRESS)
MAX_DATAGRAM = 1 << 17


class Seen(NamedTuple):
    """What changed since the last wait."""

    appeared: tuple[Placed, ...] = ()
    anew: bool = False
    """Whether only a look at everything tells: links changed; an address went, which the link may have a second time with another
    prefix length; or the kernel had more to say than it could queue."""


class PodLinks:
    """The pod's links. Subscribes before the first look, so that nothing is missed between a look and a wait."""

    def __init__(
        self,
        wakeup: int | None = None,
        connected: socket.socket | None = None,
        named: Collection[str] = (),
    ) -> None:
        """Subscribe.

        Args:
            wakeup: a file descriptor that ends a wait when it can be read.
            connected: a socket to use in place of a new one.
            named: the links whose addresses are told of. None: all.

        Raises:
            LinksUnreadable: the sandbox allows no such socket.
        """
        try:
            self._socket = connected or subscribed(GROUPS)
        except OSError as refused:
            raise _unreadable(refused) from refused
        self._socket.setblocking(False)
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)
        if wakeup is not None:
            self._poll.register(wakeup, select.POLLIN)
        self._named = frozenset(named)
        self._macs: Mapping[int, str] = {}
        self._others: frozenset[int] = frozenset()
        """The links that do not count."""
        self._tentative: set[tuple[int, Address]] = set()

    def __enter__(self) -> PodLinks:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()

    def look(self) -> tuple[PodLink, ...]:
        """Return the links as they are now, with the addresses that others can reach them by.

        Raises:
            LinksUnreadable: the kernel refuses.
        """
        try:
            with Netlink() as kernel:
                links, addresses = kernel.links(), kernel.addresses()
        except OSError as refused:
            raise _unreadable(refused) from refused
        self._macs = {link.index: link.mac for link in links}
        self._others = frozenset(
            link.index for link in links if self._named and link.name not in self._named
        )
        self._tentative = {
            (each.link_index, each.address.ip) for each in addresses if each.tentative
        }
        return tuple(
            PodLink(
                link.index,
                link.name,
                link.mac,
                tuple(
                    each.address.ip
                    for each in addresses
                    if each.link_index == link.index and is_followed(each)
                ),
            )
            for link in links
        )

    def wait(self, timeout_s: float | None) -> Seen:
        """Wait for a change and return all that are there.

        Args:
            timeout_s: how long; None: without end.
        """
        self._poll.poll(None if timeout_s is None else math.ceil(timeout_s * 1000))
        seen = Seen()
        while True:
            try:
                datagram, sender = self._socket.recvfrom(MAX_DATAGRAM)
            except BlockingIOError:
                return seen
            except OSError as lost:
                if lost.errno != errno.ENOBUFS:
                    raise _unreadable(lost) from lost
                seen = seen._replace(anew=True)
                continue
            # Any process may send to a netlink socket; the kernel's port is 0 (netlink(7)).
            if not isinstance(sender, tuple) or sender[0] == 0:
                for _, message in split(datagram):
                    seen = self._with(seen, message)

    def _with(self, seen: Seen, message: Message) -> Seen:
        if message.kind in (NEW_LINK, DELETED_LINK):
            return seen._replace(anew=True)
        told = parse_address(message.body) if message.kind in ADDRESS_MESSAGES else None
        if told is None or told.link_index in self._others:
            return seen
        mac = self._macs.get(told.link_index)
        if mac is None:
            return seen._replace(anew=True)
        return self._with_address(
            seen, told, Placed(mac, told.address.ip), gone=message.kind == DELETED_ADDRESS
        )

    def _with_address(self, seen: Seen, told: LinkAddress, placed: Placed, *, gone: bool) -> Seen:
        key = (told.link_index, told.address.ip)
        if gone or told.dad_failed:
            self._tentative.discard(key)
            there = tuple(each for each in seen.appeared if each != placed)
            return Seen(there, anew=True)
        if self._is_settling(told, key) or not is_followed(told):
            return seen
        return seen._replace(appeared=(*seen.appeared, placed))

    def _is_settling(self, told: LinkAddress, key: tuple[int, Address]) -> bool:
        """Return whether this is the same address once more, as duplicate address detection has ended: nobody put it there anew."""
        if told.tentative:
            self._tentative.add(key)
            return False
        was = key in self._tentative
        self._tentative.discard(key)
        return was


def is_followed(told: LinkAddress) -> bool:
    """Return whether an address is one that EC2 would have to know: not the link's own, not of a router's advertisement."""
    address = told.address.ip
    own = address.is_loopback or address.is_link_local or address.is_multicast
    return told.permanent and not told.dad_failed and not own


def _unreadable(refused: OSError) -> LinksUnreadable:
    return LinksUnreadable(
        "the kernel does not tell the pod's links",
        value=str(refused),
        remedy="Give the container the seccomp profile RuntimeDefault, or one that allows netlink sockets.",
    )
