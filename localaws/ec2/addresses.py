"""The addresses of one subnet: which exist, which are AWS's, which are kept back and which are taken."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING, Literal, TypeAlias

from localaws.ec2 import refusals
from localaws.rules import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Network: TypeAlias = IPv4Network | IPv6Network
ReservationKind: TypeAlias = Literal["prefix", "explicit"]

_FIRST_ASSIGNABLE = 4
"""Network address, VPC router, DNS and one for the future are AWS's, and so is the last address
(Amazon VPC User Guide, Subnet CIDR blocks)."""


@dataclass(frozen=True)
class CidrReservation:
    """A part of a subnet that EC2 never assigns to a network interface by itself.

    Amazon VPC User Guide, Subnet CIDR reservations: from `prefix` EC2 takes whole prefixes, `explicit` addresses
    are assigned by the customer alone.
    """

    reservation_id: str
    subnet_id: str
    network: Network
    kind: ReservationKind
    description: str = ""


@dataclass
class AddressPool:
    """One family's addresses in one subnet. Addresses go in and out as text, as on the wire."""

    network: Network
    reservations: dict[str, CidrReservation] = field(default_factory=dict)
    _taken: set[int] = field(default_factory=set)
    _cursor: int = 0

    def take(self, chosen: Sequence[str], count: int) -> list[str]:
        """Take the chosen addresses and so many of EC2's choice, all or none; the chosen come first.

        Raises:
            Refusal: as for `claim` and `pick`.
        """
        taken: list[str] = []
        try:
            for address in chosen:
                self.claim(address)
                taken.append(address)
            return taken + self.pick(count)
        except Refusal:
            for address in taken:
                self.release(address)
            raise

    def claim(self, address: str) -> None:
        """Take one chosen address.

        Raises:
            Refusal: it is outside the subnet, AWS's own, or in use.
        """
        self.check(address)
        self._taken.add(int(ip_address(address)))

    def check(self, address: str) -> None:
        """Refuse an address that could not be taken now.

        An address inside a reservation may be chosen; only automatic assignment passes it by.
        """
        number = self._number(address)
        if not self._first <= number <= self._last:
            raise refusals.RESERVED_BY_AWS.refusal(address=address)
        if number in self._taken:
            raise refusals.ADDRESS_IN_USE.refusal(address=address)

    def pick(self, count: int) -> list[str]:
        """Take so many addresses of EC2's choice, all or none.

        The search goes on where the last one ended, so an address that was given back is not used again at once.

        Raises:
            Refusal: fewer are free outside the reservations.
        """
        picked: list[int] = []
        candidate = self._first + self._cursor
        end = candidate + self._size
        while len(picked) < count:
            if candidate >= end:
                raise refusals.NO_FREE_ADDRESS.refusal()
            number = self._first + (candidate - self._first) % self._size
            reserved = self._reservation_of(number)
            if reserved is not None:
                candidate += int(reserved.network.broadcast_address) - number + 1
                continue
            if number not in self._taken:
                picked.append(number)
            candidate += 1
        self._taken.update(picked)
        self._cursor = (candidate - self._first) % self._size
        return [self._text(number) for number in picked]

    def release(self, address: str) -> None:
        """Give an address back."""
        self._taken.discard(int(ip_address(address)))

    @property
    def available(self) -> int:
        """How many addresses are unused, as DescribeSubnets counts them.

        A `prefix` reservation counts as used from its creation, an `explicit` one does not (moto, Subnet).
        """
        prefixes = [each.network for each in self.reservations.values() if each.kind == "prefix"]
        reserved = sum(self._assignable_in(network) for network in prefixes)
        taken = sum(1 for number in self._taken if not _inside_any(number, prefixes))
        return self._size - reserved - taken

    @property
    def _first(self) -> int:
        return int(self.network.network_address) + _FIRST_ASSIGNABLE

    @property
    def _last(self) -> int:
        return int(self.network.broadcast_address) - 1

    @property
    def _size(self) -> int:
        return self._last - self._first + 1

    def _number(self, address: str) -> int:
        parsed = _parsed(address)
        if parsed not in self.network:
            raise refusals.OUTSIDE_SUBNET.refusal(address=address)
        return int(parsed)

    def _text(self, number: int) -> str:
        return str(self.network[number - int(self.network.network_address)])

    def _reservation_of(self, number: int) -> CidrReservation | None:
        for reservation in self.reservations.values():
            if _inside(number, reservation.network):
                return reservation
        return None

    def _assignable_in(self, network: Network) -> int:
        first = max(self._first, int(network.network_address))
        last = min(self._last, int(network.broadcast_address))
        return max(0, last - first + 1)


@dataclass
class SubnetAddresses:
    """Both families of one subnet; None where the subnet has no such addresses."""

    subnet_id: str
    ipv4: AddressPool | None
    ipv6: AddressPool | None

    def require_ipv4(self) -> AddressPool:
        """Return the IPv4 pool.

        Raises:
            Refusal: the subnet is IPv6-only.
        """
        if self.ipv4 is None:
            raise refusals.NO_IPV4_IN_SUBNET.refusal(subnet_id=self.subnet_id)
        return self.ipv4

    def require_ipv6(self) -> AddressPool:
        """Return the IPv6 pool.

        Raises:
            Refusal: the subnet has no IPv6 CIDR block.
        """
        if self.ipv6 is None:
            raise refusals.NO_IPV6_IN_SUBNET.refusal(subnet_id=self.subnet_id)
        return self.ipv6

    def reserve(self, reservation: CidrReservation) -> None:
        """Keep a part of the subnet back from automatic assignment.

        Raises:
            Refusal: it is not inside the subnet or overlaps another reservation.
        """
        pool = self.ipv4 if isinstance(reservation.network, IPv4Network) else self.ipv6
        if pool is None or not _subnet_of(reservation.network, pool.network):
            raise refusals.RESERVATION_OUTSIDE.refusal(cidr=reservation.network)
        if any(each.network.overlaps(reservation.network) for each in pool.reservations.values()):
            raise refusals.RESERVATION_OVERLAPS.refusal(cidr=reservation.network)
        pool.reservations[reservation.reservation_id] = reservation

    def reservations(self) -> Mapping[str, CidrReservation]:
        """Return both families' reservations by id."""
        pools = [pool for pool in (self.ipv4, self.ipv6) if pool]
        return {key: each for pool in pools for key, each in pool.reservations.items()}

    def drop_reservation(self, reservation_id: str) -> None:
        """Make a reservation's addresses ordinary again."""
        for pool in (self.ipv4, self.ipv6):
            if pool:
                pool.reservations.pop(reservation_id, None)


def _inside(number: int, network: Network) -> bool:
    return int(network.network_address) <= number <= int(network.broadcast_address)


def _inside_any(number: int, networks: list[Network]) -> bool:
    return any(_inside(number, network) for network in networks)


def _subnet_of(inner: Network, outer: Network) -> bool:
    return inner.version == outer.version and inner.subnet_of(outer)  # type: ignore[arg-type]  # same family


def canonical(addresses: Sequence[str]) -> list[str]:
    """Return addresses in the one form EC2 shows them in, whatever form the caller used.

    Raises:
        Refusal: one is no address.
    """
    return [str(_parsed(address)) for address in addresses]


def _parsed(address: str) -> IPv4Address | IPv6Address:
    try:
        return ip_address(address)
    except ValueError:
        raise refusals.NOT_AN_ADDRESS.refusal(address=address) from None
