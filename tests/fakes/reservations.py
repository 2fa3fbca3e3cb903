"""Subnet CIDR reservations as far as keeping pod ranges needs them, refusing as strictly as EC2 does."""

from __future__ import annotations

import itertools
from ipaddress import ip_network
from typing import TYPE_CHECKING

from domain.errors import SpecRejected
from domain.ip_ranges import inside, overlap
from domain.model import EniId, SubnetId
from domain.reservations import (
    EXPLICIT,
    AddressHolder,
    CidrReservation,
    ReservationId,
    SubnetCidrs,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from tests.fakes.calls import PortCalls


class FakeReservations:
    """A Region with subnets, their reservations and the addresses in use."""

    def __init__(self, calls: PortCalls) -> None:
        self.calls = calls
        self.looks_to_miss = 0
        """How many of the next looks show no reservation yet (EC2 is eventually consistent)."""
        self._subnets: dict[SubnetId, SubnetCidrs] = {}
        self._reservations: dict[ReservationId, CidrReservation] = {}
        self._holders: dict[SubnetId, list[AddressHolder]] = {}
        self._numbers = itertools.count(1)

    def add_subnet(self, subnet_id: SubnetId, *cidrs: str) -> None:
        """Add a subnet."""
        self._subnets[subnet_id] = SubnetCidrs(subnet_id, tuple(map(ip_network, cidrs)))

    def remove_subnet(self, subnet_id: SubnetId) -> None:
        """Delete a subnet, with its reservations."""
        del self._subnets[subnet_id]
        self._reservations = {
            key: each for key, each in self._reservations.items() if each.subnet_id != subnet_id
        }

    def take(self, subnet_id: SubnetId, eni_id: str, *addresses: str) -> None:
        """Let a network interface have addresses."""
        self._holders.setdefault(subnet_id, []).append(AddressHolder(EniId(eni_id), addresses))

    def leave(self, subnet_id: SubnetId) -> None:
        """Let every network interface go."""
        self._holders.pop(subnet_id, None)

    def add(
        self, subnet_id: SubnetId, cidr: str, kind: str, with_tags: Mapping[str, str]
    ) -> ReservationId:
        """Make a reservation as whoever asks for one does."""
        subnet, network = self._subnets.get(subnet_id), ip_network(cidr)
        if subnet is None:
            raise SpecRejected(f"there is no {subnet_id}")
        if not any(inside(network, each) for each in subnet.cidrs):
            raise SpecRejected(f"{cidr} is outside {subnet_id}")
        if any(
            each.subnet_id == subnet_id and overlap(each.network, network)
            for each in self._reservations.values()
        ):
            raise SpecRejected(f"{cidr} overlaps")
        made = ReservationId(f"scr-{next(self._numbers):017x}")
        self._reservations[made] = CidrReservation(made, subnet_id, network, kind, dict(with_tags))
        return made

    @property
    def kept(self) -> list[tuple[str, str]]:
        """Every reservation's subnet and range."""
        return [(each.subnet_id, str(each.network)) for each in self._reservations.values()]

    # The port.

    def subnets(self, subnet_ids: Collection[SubnetId]) -> tuple[SubnetCidrs, ...]:
        """Return those that exist."""
        with self.calls.made("subnets"):
            return tuple(
                self._subnets[each] for each in sorted(subnet_ids) if each in self._subnets
            )

    def reservations(self, subnet_id: SubnetId) -> tuple[CidrReservation, ...]:
        """Return a subnet's reservations."""
        with self.calls.made("reservations"):
            if self.looks_to_miss:
                self.looks_to_miss -= 1
                return ()
            return tuple(
                each for each in self._reservations.values() if each.subnet_id == subnet_id
            )

    def holders(self, subnet_id: SubnetId) -> tuple[AddressHolder, ...]:
        """Return who has addresses in a subnet."""
        with self.calls.made("holders"):
            return tuple(self._holders.get(subnet_id, ()))

    def reserve(
        self, subnet_id: SubnetId, cidr: str, description: str, with_tags: Mapping[str, str]
    ) -> ReservationId:
        """Reserve a range."""
        with self.calls.made("reserve"):
            assert description
            return self.add(subnet_id, cidr, EXPLICIT, with_tags)

    def release(self, reservation_id: ReservationId) -> None:
        """Delete a reservation; one that is gone already is success."""
        with self.calls.made("release"):
            self._reservations.pop(reservation_id, None)
