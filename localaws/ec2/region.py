"""EC2's state in one Region: moto's backend and what EC2 knows beyond it."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING, Any, cast

from moto.ec2.exceptions import InvalidSubnetIdError

from localaws.ec2 import refusals
from localaws.ec2.addresses import AddressPool, SubnetAddresses
from localaws.ec2.idempotency import ClientTokens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from moto.ec2.models import EC2Backend
    from moto.ec2.models.instances import Instance, Reservation
    from moto.ec2.models.security_groups import SecurityGroup
    from moto.ec2.models.subnets import Subnet

    from localaws.account import Account
    from localaws.ec2.interfaces import Interface
    from localaws.ec2.limits import Slot
    from localaws.ec2.placement_groups import PlacementGroup

TERMINATED_SHOWN_S = 3600.0
"""How long a terminated instance stays describable (DescribeInstances: usually less than one hour)."""

_INTERFACE_ID = re.compile(r"eni-[0-9a-f]{8,17}")
_INSTANCE_ID = re.compile(r"i-[0-9a-f]{8,17}")


@dataclass
class InstanceRecord:
    """One instance: moto's object and what EC2 knows beyond it. Times in seconds since the epoch."""

    instance: Instance
    number: int
    launched: datetime
    visible_s: float
    interfaces: dict[Slot, Interface] = field(default_factory=dict)
    reservation: Reservation | None = None
    terminated_s: float | None = None
    made: list[Interface] = field(default_factory=list)
    """The interfaces that its launch made; a refused launch takes them back."""

    @property
    def state(self) -> str:
        """The instance's state, such as `running`."""
        return self.instance.instance_state.name


class Region:
    """The state of one Region. It lives in moto's backend object and goes when moto resets that."""

    def __init__(
        self, backend: EC2Backend, account: Account, announce: Callable[[str, str], None]
    ) -> None:
        self.backend = backend
        self.settings = account.settings
        self.tokens = ClientTokens()
        self.instances: dict[str, InstanceRecord] = {}
        self.attachments: dict[str, Interface] = {}
        self.placement_groups: dict[str, PlacementGroup] = {}
        self.announce = announce
        self._account = account
        self._addresses: dict[str, SubnetAddresses] = {}
        self._numbers = itertools.count(1)
        self._lingering: list[tuple[float, Interface]] = []

    @property
    def now_s(self) -> float:
        """The account's time in seconds since the epoch."""
        return self._account.clock.now()

    @property
    def now(self) -> datetime:
        """The account's time."""
        return datetime.fromtimestamp(self.now_s, UTC)

    def next_number(self) -> int:
        """Return the next place in the order of creation."""
        return next(self._numbers)

    def after(self, delay_s: float, action: Callable[[], None]) -> None:
        """Act under the account's lock after so many seconds; at once when there is no delay."""
        if delay_s <= 0:
            action()
            return

        def locked() -> None:
            with self._account.lock:
                if self.is_current():
                    action()

        self._account.clock.call_at(self.now_s + delay_s, locked)

    def is_current(self) -> bool:
        """Whether moto still has this state: a reset leaves timers behind that must do nothing."""
        return vars(self.backend).get(KEY) is self

    # Network interfaces.

    @property
    def interfaces(self) -> dict[str, Interface]:
        """Every network interface by id, visible or not."""
        return cast("dict[str, Interface]", self.backend.enis)

    def interface(self, interface_id: str) -> Interface:
        """Return the interface that other calls may know by this id.

        Raises:
            Refusal: no such interface, or made so recently that its id has not spread yet.
        """
        if not _INTERFACE_ID.fullmatch(interface_id):
            raise refusals.INTERFACE_MALFORMED.refusal(interface_id=interface_id)
        interface = self.interfaces.get(interface_id)
        if interface is None or interface.visible_s > self.now_s:
            raise refusals.INTERFACE_NOT_FOUND.refusal(interface_ids=interface_id)
        return interface

    def described_interfaces(self) -> list[Interface]:
        """Return what DescribeNetworkInterfaces can show: the visible ones, and deleted ones that linger."""
        now_s = self.now_s
        self._lingering = [each for each in self._lingering if each[0] > now_s]
        visible = [each for each in self.interfaces.values() if each.visible_s <= now_s]
        return visible + [interface for _, interface in self._lingering]

    def linger(self, interface: Interface) -> None:
        """Keep showing a deleted interface for a while, as an eventually consistent Describe does."""
        delay_s = self.settings.deletion_visibility_s
        if delay_s > 0:
            self._lingering.append((self.now_s + delay_s, interface))

    # Subnets and security groups.

    def subnet(self, subnet_id: str) -> Subnet:
        """Return a subnet.

        Raises:
            Refusal: no such subnet.
        """
        try:
            return self.backend.get_subnet(subnet_id)
        except InvalidSubnetIdError:
            raise refusals.SUBNET_NOT_FOUND.refusal(subnet_ids=subnet_id) from None

    def addresses_of(self, subnet: Subnet) -> SubnetAddresses:
        """Return a subnet's addresses; its IPv6 block may come and go."""
        if subnet.id not in self._addresses:
            ipv4 = AddressPool(IPv4Network(subnet.cidr_block)) if subnet.cidr_block else None
            self._addresses[subnet.id] = SubnetAddresses(subnet.id, ipv4, None)
        addresses = self._addresses[subnet.id]
        network = _ipv6_network(subnet)
        if network is None:
            addresses.ipv6 = None
        elif addresses.ipv6 is None or addresses.ipv6.network != network:
            addresses.ipv6 = AddressPool(network)
        return addresses

    def groups(self, group_ids: Sequence[str], subnet: Subnet) -> list[SecurityGroup]:
        """Return the security groups for an interface in this subnet; the VPC's default group for none.

        Raises:
            Refusal: an unknown group, one of another VPC, or too many.
        """
        if not group_ids:
            default = self.backend.get_default_security_group(subnet.vpc_id)
            return [default] if default else []
        limit = self.settings.security_groups_per_interface
        if len(set(group_ids)) > limit:
            raise refusals.TOO_MANY_GROUPS.refusal(limit=limit)
        return [self._group(group_id, subnet) for group_id in dict.fromkeys(group_ids)]

    def _group(self, group_id: str, subnet: Subnet) -> SecurityGroup:
        group = self.backend.get_security_group_from_id(group_id)
        if group is None:
            raise refusals.GROUP_OF_INTERFACE_NOT_FOUND.refusal(group_id=group_id)
        if group.vpc_id != subnet.vpc_id:
            raise refusals.OTHER_NETWORK.refusal(group_id=group_id, subnet_id=subnet.id)
        return group

    # Instances.

    def instance(self, instance_id: str) -> InstanceRecord:
        """Return the instance that other calls may know by this id.

        Raises:
            Refusal: no such instance, one launched so recently that its id has not spread yet, or one terminated long ago.
        """
        if not _INSTANCE_ID.fullmatch(instance_id):
            raise refusals.INSTANCE_MALFORMED.refusal(instance_id=instance_id)
        self.forget_terminated()
        record = self.instances.get(instance_id)
        if record is None or record.visible_s > self.now_s:
            raise refusals.INSTANCE_NOT_FOUND.refusal(instance_ids=instance_id)
        return record

    def described_instances(self) -> list[InstanceRecord]:
        """Return what DescribeInstances can show."""
        self.forget_terminated()
        now_s = self.now_s
        return [record for record in self.instances.values() if record.visible_s <= now_s]

    def forget_terminated(self) -> None:
        """Forget the instances that were terminated long ago."""
        limit_s = self.now_s - TERMINATED_SHOWN_S
        self.drop_instances(
            instance_id
            for instance_id, record in self.instances.items()
            if record.terminated_s is not None and record.terminated_s <= limit_s
        )

    def drop_instances(self, instance_ids: Iterable[str]) -> None:
        """Remove instances from our state and from moto's."""
        gone = set(instance_ids)
        if not gone:
            return
        for instance_id in gone:
            self.instances.pop(instance_id, None)
            self.backend.tags.pop(instance_id, None)
        for reservation_id, reservation in list(self.backend.reservations.items()):
            reservation.instances = [each for each in reservation.instances if each.id not in gone]
            if not reservation.instances:
                del self.backend.reservations[reservation_id]


KEY = "localaws_region"
"""The attribute of moto's backend that holds a Region."""


def region_of(backend: Any, make: Callable[[EC2Backend], Region]) -> Region:  # noqa: ANN401 - moto's backends are Any
    """Return the Region that lives in a backend, made at the first call after a reset."""
    state = vars(backend)
    if KEY not in state:
        state[KEY] = make(backend)
    return cast("Region", state[KEY])


def _ipv6_network(subnet: Subnet) -> IPv6Network | None:
    for association in subnet.ipv6_cidr_block_associations.values():
        if association["ipv6CidrBlockState"]["State"] == "associated":
            return IPv6Network(association["ipv6CidrBlock"])
    return None
