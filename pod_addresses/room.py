"""Which ENIs have no room for another IPv6 address, as far as EC2 has said.

EC2 tells of a full ENI only when asked to assign. An IPv6 address that moves is off its former ENI by then, whose pod may have use
of it: so nobody asks a second time before an address has left the full one.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from ipaddress import IPv6Address
from typing import TYPE_CHECKING, NamedTuple, Protocol

from domain.errors import EniLifecycleError, QuotaReached

if TYPE_CHECKING:
    from collections.abc import Iterator

    from domain.pods.following import Holder, Home


class Describer(Protocol):
    """Describes an ENI: pod_addresses.ec2.Ec2."""

    def interface(self, eni_id: str) -> Holder | None:
        """Return an ENI; None when there is none."""
        ...


class Full(NamedTuple):
    """What is known of an ENI that had no room once."""

    ipv6: int
    """The most IPv6 addresses that it was seen with since: all that its instance's type takes."""
    refusal: QuotaReached
    """EC2's answer."""


class Ipv6Room:
    """The room on the ENIs of one pod."""

    def __init__(self, ec2: Describer) -> None:
        """Remember whom to ask."""
        self._ec2 = ec2
        self._full: dict[str, Full] = {}

    def check(self, home: Home, wanted: int) -> None:
        """Return where an ENI has room for so many addresses, as far as is known: one call, and none if it was never full.

        Raises:
            QuotaReached: it has not; what EC2 said of it.
            EniLifecycleError: EC2 does not tell what it has.
        """
        full = self._full.get(home.eni_id)
        if full is None:
            return
        there = self._ipv6_on(home)
        self._full[home.eni_id] = full._replace(ipv6=max(full.ipv6, there))
        if there + wanted > full.ipv6:
            # Without the way that it came before: that would grow with every look.
            raise full.refusal.with_traceback(None)

    @contextmanager
    def noted(self, home: Home, wanted: int) -> Iterator[None]:
        """Remember an ENI that EC2 refuses a single address, in the body of a `with`: of several, some may have room.

        Where EC2 does not tell what the ENI has, the next attempt finds out anew.
        """
        try:
            yield
        except QuotaReached as refusal:
            if wanted == 1 and home.eni_id not in self._full:
                with suppress(EniLifecycleError):
                    self._full[home.eni_id] = Full(self._ipv6_on(home), refusal)
            raise

    def _ipv6_on(self, home: Home) -> int:
        eni = self._ec2.interface(home.eni_id)
        return sum(isinstance(each, IPv6Address) for each in eni.addresses) if eni else 0
