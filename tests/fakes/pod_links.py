"""The links of a pod: what its IPAM plugin and its processes do to them, and what the kernel tells of it."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from typing import TYPE_CHECKING

from domain.pods.following import Placed, PodLink
from pod_addresses.links import Seen

if TYPE_CHECKING:
    from collections.abc import Callable

    from domain.pods.following import Address


class FakeLinks:
    """Links by name; a wait ends with what happened meanwhile, as with the kernel's, or runs the next thing to happen.

    Attributes:
        next_events: what happens while somebody waits, one for each wait. When nothing is left the pod ends.
        waits: how long each wait was to last.
        now_s: the time.
        named: the links whose addresses are told of. None: all.
    """

    def __init__(self, **macs: str) -> None:
        self._links = {
            name: PodLink(index, name, mac) for index, (name, mac) in enumerate(macs.items(), 2)
        }
        self._seen = Seen()
        self.next_events: list[Callable[[], object]] = []
        self.waits: list[float | None] = []
        self.now_s = 0.0
        self.named: tuple[str, ...] = ()
        self.ended = False

    def look(self) -> tuple[PodLink, ...]:
        """Return the links as they are now."""
        return tuple(self._links.values())

    def wait(self, timeout_s: float | None) -> Seen:
        """Return what happened, and let the next thing happen where nothing has."""
        self.waits.append(timeout_s)
        if self._seen == Seen():
            self._proceed()
        seen, self._seen = self._seen, Seen()
        return seen

    def _proceed(self) -> None:
        if self.next_events:
            self.next_events.pop(0)()
        else:
            self.ended = True

    def wait_in_vain(self) -> None:
        """Let nothing happen until the wait is over."""
        timeout_s = self.waits[-1]
        assert timeout_s is not None, "it would wait forever"
        self.now_s += timeout_s

    def have(self, name: str, *addresses: str) -> None:
        """Have given a link addresses long ago: nobody is told."""
        link = self._links[name]
        self._links[name] = replace(link, addresses=(*link.addresses, *map(ip_address, addresses)))

    def add(self, name: str, *addresses: str) -> None:
        """Give a link addresses; one that it has already is announced once more, as by `ip address replace`."""
        for text in addresses:
            address = ip_address(text)
            link = self._links[name]
            if address not in link.addresses:
                self._links[name] = replace(link, addresses=(*link.addresses, address))
            placed = self._placed(name, address)
            if self.named and name not in self.named:
                continue
            self._seen = self._seen._replace(appeared=(*self._seen.appeared, placed))

    def remove(self, name: str, *addresses: str) -> None:
        """Take addresses from a link."""
        for text in addresses:
            address, link = ip_address(text), self._links[name]
            left = tuple(each for each in link.addresses if each != address)
            self._links[name] = replace(link, addresses=left)
            placed = self._placed(name, address)
            there = tuple(each for each in self._seen.appeared if each != placed)
            self._seen = Seen(there, anew=True)

    def plug(self, name: str, mac: str, *addresses: str) -> None:
        """Add a link."""
        index = 2 + len(self._links)
        self._links[name] = PodLink(index, name, mac, tuple(map(ip_address, addresses)))
        self._seen = self._seen._replace(anew=True)

    def overflow(self) -> None:
        """Lose what the kernel had to say, as a full socket does (ENOBUFS)."""
        self._seen = Seen(anew=True)

    def _placed(self, name: str, address: Address) -> Placed:
        return Placed(self._links[name].mac, address)
