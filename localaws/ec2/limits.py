"""What an instance type allows: interfaces in all and per network card, addresses per interface."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from moto.ec2.models.instance_types import INSTANCE_TYPES

from localaws.ec2 import refusals

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from localaws.rules import Rule


class Slot(NamedTuple):
    """Where an interface sits: the device index is unique per network card."""

    card: int
    device: int


PRIMARY = Slot(0, 0)


@dataclass(frozen=True)
class TypeLimits:
    """The NetworkInfo of one instance type, as DescribeInstanceTypes shows it."""

    instance_type: str
    interfaces: int
    interfaces_per_card: Mapping[int, int]
    ipv4_per_interface: int
    ipv6_per_interface: int

    def check_slot(self, instance_id: str, occupied: Collection[Slot], slot: Slot) -> None:
        """Refuse a slot that does not exist, is taken, or is one too many.

        Raises:
            Refusal: no such card, bad index, index taken on that card, too many in all or on the card.
        """
        if slot.card not in self.interfaces_per_card:
            raise refusals.NO_SUCH_CARD.refusal(card=slot.card, instance_type=self.instance_type)
        if slot.device < 0:
            raise refusals.BAD_DEVICE_INDEX.refusal(device=slot.device)
        if slot in occupied:
            raise refusals.INDEX_TAKEN.refusal(instance_id=instance_id, device=slot.device)
        count = len(occupied) + 1
        if count > self.interfaces:
            raise refusals.TOO_MANY_INTERFACES.refusal(
                count=count, instance_type=self.instance_type
            )
        on_card = sum(1 for each in occupied if each.card == slot.card) + 1
        if on_card > self.interfaces_per_card[slot.card]:
            raise refusals.TOO_MANY_ON_CARD.refusal(
                count=on_card, card=slot.card, instance_type=self.instance_type
            )

    def check_addresses(self, rule: Rule, ipv4: int, ipv6: int) -> None:
        """Refuse more addresses on one interface than the type allows; the primary counts.

        Args:
            rule: which refusal: at attach and at assignment EC2 uses different codes.
            ipv4: how many IPv4 addresses the interface has or would have.
            ipv6: how many IPv6 addresses.
        """
        for count, limit in ((ipv4, self.ipv4_per_interface), (ipv6, self.ipv6_per_interface)):
            if count > limit:
                raise rule.refusal(count=count, limit=limit, instance_type=self.instance_type)


@cache
def limits_of(instance_type: str) -> TypeLimits:
    """Return an instance type's limits.

    Raises:
        Refusal: EC2 has no such type.
    """
    described = INSTANCE_TYPES.get(instance_type)
    if described is None:
        raise refusals.UNKNOWN_TYPE.refusal(instance_type=instance_type)
    network = described["NetworkInfo"]
    return TypeLimits(
        instance_type=instance_type,
        interfaces=network["MaximumNetworkInterfaces"],
        interfaces_per_card={
            card["NetworkCardIndex"]: card["MaximumNetworkInterfaces"]
            for card in network["NetworkCards"]
        },
        ipv4_per_interface=network["Ipv4AddressesPerInterface"],
        ipv6_per_interface=network["Ipv6AddressesPerInterface"],
    )
