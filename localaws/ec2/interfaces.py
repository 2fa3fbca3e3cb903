"""A network interface as EC2 keeps it, and what a request for one may ask."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from moto.ec2.models.elastic_network_interfaces import NetworkInterface

from localaws.ec2 import refusals, tagging
from localaws.ec2.limits import PRIMARY, Slot

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from moto.ec2.models import EC2Backend
    from moto.ec2.models.instances import Instance
    from moto.ec2.models.security_groups import SecurityGroup
    from moto.ec2.models.subnets import Subnet

_IPV4_CHOICES = (
    "PrivateIpAddresses",
    "SecondaryPrivateIpAddressCount",
    "Ipv4Prefixes",
    "Ipv4PrefixCount",
)
_IPV6_CHOICES = ("Ipv6Addresses", "Ipv6AddressCount", "Ipv6Prefixes", "Ipv6PrefixCount")
_NOT_MODELLED = ("Ipv4Prefixes", "Ipv4PrefixCount", "Ipv6Prefixes", "Ipv6PrefixCount")
_INTERFACE_TYPES = ("interface", "efa", "branch", "trunk")


@dataclass(frozen=True)
class InterfaceRequest:
    """What CreateNetworkInterface, or one entry of RunInstances' NetworkInterfaces, asks for.

    Attributes:
        subnet_id: where the interface is to be.
        group_ids: security groups; empty means the VPC's default group.
        primary_ipv4: the primary address, or None for EC2's choice.
        secondary_ipv4: chosen secondary addresses.
        secondary_ipv4_count: how many secondary addresses of EC2's choice.
        ipv6: chosen IPv6 addresses.
        ipv6_count: how many of EC2's choice; None leaves it to the subnet, 0 is none whatever the subnet says.
        primary_ipv6: whether the first IPv6 address is to be the primary one.
    """

    subnet_id: str
    group_ids: tuple[str, ...] = ()
    primary_ipv4: str | None = None
    secondary_ipv4: tuple[str, ...] = ()
    secondary_ipv4_count: int = 0
    ipv6: tuple[str, ...] = ()
    ipv6_count: int | None = None
    primary_ipv6: bool = False
    description: str = ""
    interface_type: str = "interface"
    tags: Mapping[str, str] = field(default_factory=dict)


def interface_request(params: Mapping[str, Any]) -> InterfaceRequest:
    """Read the parameters of an interface to be made.

    Raises:
        Refusal: a parameter is missing, or two exclude each other.
        NotImplementedError: prefixes, which this account does not model.
    """
    if not params.get("SubnetId"):
        raise refusals.MISSING.refusal(parameter="subnetId")
    check_exclusive(params, _IPV4_CHOICES)
    check_exclusive(params, _IPV6_CHOICES)
    _check_modelled(params)
    primary, secondary = _ipv4_addresses(params)
    return InterfaceRequest(
        subnet_id=params["SubnetId"],
        group_ids=tuple(params.get("Groups", ())),
        primary_ipv4=primary,
        secondary_ipv4=secondary,
        secondary_ipv4_count=positive(params, "SecondaryPrivateIpAddressCount") or 0,
        ipv6=tuple(each["Ipv6Address"] for each in params.get("Ipv6Addresses", ())),
        ipv6_count=params.get("Ipv6AddressCount"),
        primary_ipv6=bool(params.get("EnablePrimaryIpv6") or params.get("PrimaryIpv6")),
        description=params.get("Description", ""),
        interface_type=params.get("InterfaceType", "interface"),
        tags=tagging.tags_in_specifications(
            params.get("TagSpecifications", ()), "network-interface"
        ),
    )


def check_exclusive(params: Mapping[str, Any], names: Sequence[str]) -> None:
    """Refuse more than one of these parameters; a count of 0 counts as absent."""
    given = [name for name in names if params.get(name)]
    if len(given) > 1:
        raise refusals.EXCLUSIVE.refusal(options=", ".join(given))


def positive(params: Mapping[str, Any], name: str) -> int | None:
    """Return a count of at least 1, or None when it is not given."""
    value = params.get(name)
    if value is None:
        return None
    if int(value) < 1:
        raise refusals.NOT_POSITIVE.refusal(value=value, parameter=name)
    return int(value)


def _check_modelled(params: Mapping[str, Any]) -> None:
    for name in _NOT_MODELLED:
        if params.get(name):
            raise NotImplementedError(f"{name}: prefix delegation is not modelled by this account")
    kind = params.get("InterfaceType", "interface")
    if kind == "efa-only":
        raise NotImplementedError("interfaces without addresses are not modelled by this account")
    if kind not in _INTERFACE_TYPES:
        raise refusals.UNKNOWN_ATTRIBUTE.refusal(attribute=kind)


def _ipv4_addresses(params: Mapping[str, Any]) -> tuple[str | None, tuple[str, ...]]:
    listed = params.get("PrivateIpAddresses", ())
    primaries = [each["PrivateIpAddress"] for each in listed if each.get("Primary")]
    if params.get("PrivateIpAddress"):
        primaries.append(params["PrivateIpAddress"])
    if len(primaries) > 1:
        raise refusals.TWO_PRIMARIES.refusal()
    secondary = tuple(each["PrivateIpAddress"] for each in listed if not each.get("Primary"))
    return (primaries[0] if primaries else None), secondary


@dataclass
class Attachment:
    """How an interface sits on an instance.

    Attributes:
        attached_s: when `attaching` becomes `attached`, in seconds since the epoch.
        began: when the attachment was asked for.
    """

    attachment_id: str
    instance_id: str
    slot: Slot
    began: datetime
    attached_s: float
    delete_on_termination: bool
    detaching: bool = False

    def status(self, now_s: float) -> str:
        """Return attaching, attached or detaching."""
        if self.detaching:
            return "detaching"
        return "attached" if now_s >= self.attached_s else "attaching"


class Interface(NetworkInterface):
    """One network interface: EC2's state of it, and the attributes that moto's other code reads."""

    def __init__(
        self,
        backend: EC2Backend,
        *,
        number: int,
        subnet: Subnet,
        groups: list[SecurityGroup],
        request: InterfaceRequest,
        visible_s: float,
    ) -> None:
        # Moto's constructor would draw addresses at random and create security groups that do not exist.
        self.ec2_backend = backend
        self.id = f"eni-{_identifier(number)}"
        self.number = number
        """Its place in the order of creation."""
        self.subnet = subnet
        self.mac_address = _mac(number)
        self.description = request.description
        self.interface_type = request.interface_type
        self.source_dest_check = True
        self.visible_s = visible_s
        """When other calls begin to know it, in seconds since the epoch."""
        self.held: Attachment | None = None
        self.last_tags: Mapping[str, str] | None = None
        """Its tags when it was deleted; None while it lives."""
        self.primary_ipv6 = request.primary_ipv6
        self.private_ip_address = None
        self.private_ip_addresses = []
        self.ipv6_addresses: list[str] = []
        self._group_set = groups
        self.instance = None
        self.attachment_id = None
        self.attach_time = None
        self.device_index = None
        self.delete_on_termination = False
        self.public_ip = None
        self.public_ip_auto_assign = False
        self.requester_managed = False
        self.requester_id = ""
        self.status = "available"

    @property
    def groups(self) -> list[SecurityGroup]:
        """The security groups of this interface."""
        return self._group_set

    @groups.setter
    def groups(self, groups: list[SecurityGroup]) -> None:
        self._group_set = groups

    @property
    def ipv4_addresses(self) -> list[str]:
        """Every IPv4 address, the primary first."""
        return [each["PrivateIpAddress"] for each in self.private_ip_addresses]

    def add_ipv4(self, address: str) -> None:
        """Add an address; the first is the primary."""
        primary = not self.private_ip_addresses
        self.private_ip_addresses.append({"Primary": primary, "PrivateIpAddress": address})
        if primary:
            self.private_ip_address = address

    def remove_ipv4(self, address: str) -> None:
        """Remove a secondary address."""
        self.private_ip_addresses = [
            each for each in self.private_ip_addresses if each["PrivateIpAddress"] != address
        ]

    def status_at(self, now_s: float) -> str:
        """Return pending (just made), available or in-use."""
        if self.held:
            return "in-use"
        return "available" if now_s >= self.visible_s else "pending"

    @property
    def tags(self) -> Mapping[str, str]:
        """Its tags; moto keeps them by resource id."""
        if self.last_tags is not None:
            return self.last_tags
        return dict(self.ec2_backend.tags.get(self.id, {}))

    def is_primary(self) -> bool:
        """Whether it is an instance's primary interface, which cannot be detached."""
        return self.held is not None and self.held.slot == PRIMARY

    def hold(self, attachment: Attachment, instance: Instance) -> None:
        """Note the attachment, for us and for what moto reads."""
        self.held = attachment
        self.instance = instance
        self.attachment_id = attachment.attachment_id
        self.attach_time = attachment.began
        self.device_index = attachment.slot.device
        self.delete_on_termination = attachment.delete_on_termination
        self.status = "in-use"

    def let_go(self) -> None:
        """Forget the attachment."""
        self.held = None
        self.instance = None
        self.attachment_id = None
        self.attach_time = None
        self.device_index = None
        self.delete_on_termination = False
        self.status = "available"


def _identifier(number: int) -> str:
    """Return 17 hexadecimal digits, unique per number and without a visible order."""
    mixed = (number * 0x9E3779B97F4A7C15) % 2**64
    return f"0{mixed:016x}"


def _mac(number: int) -> str:
    """Return a locally administered unicast address, unique per number."""
    octets = [0x0A, *number.to_bytes(5, "big")]
    return ":".join(f"{octet:02x}" for octet in octets)
