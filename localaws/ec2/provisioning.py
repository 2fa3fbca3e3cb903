"""Making, changing and deleting network interfaces, and giving them addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localaws.ec2 import refusals, views
from localaws.ec2.addresses import canonical
from localaws.ec2.interfaces import (
    Interface,
    InterfaceRequest,
    check_exclusive,
    interface_request,
    positive,
)
from localaws.ec2.limits import TypeLimits, limits_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from localaws.ec2.addresses import AddressPool, SubnetAddresses
    from localaws.ec2.region import Region
    from localaws.ec2.wire import Answer
    from localaws.rules import Rule

    Params = Mapping[str, Any]


def create_network_interface(region: Region, params: Params) -> Answer:
    """Make an interface, or answer again for a client token that was seen before."""
    replayed = region.tokens.replay(params)
    if replayed is not None:
        return replayed
    interface = create(
        region, interface_request(params), region.settings.duration_s("visibility_s")
    )
    answer = {
        "NetworkInterface": {**views.interface_view(region, interface), "Status": "pending"},
        "ClientToken": params.get("ClientToken"),
    }
    region.tokens.remember(params, answer)
    return answer


def create(region: Region, request: InterfaceRequest, visibility_s: float = 0.0) -> Interface:
    """Make an interface that other calls know after so many seconds.

    Raises:
        Refusal: unknown subnet or group, too many groups, quota, or addresses that cannot be had.
    """
    subnet = region.subnet(request.subnet_id)
    groups = region.groups(request.group_ids, subnet)
    limit = region.settings.interfaces_per_region
    if len(region.interfaces) >= limit:
        raise refusals.TOO_MANY_IN_REGION.refusal(limit=limit)
    addresses = region.addresses_of(subnet)
    ipv4 = _take_ipv4(addresses, request)
    try:
        ipv6 = _take_ipv6(addresses, request, automatic=subnet.assign_ipv6_address_on_creation)
    except Exception:
        _release(addresses.ipv4, ipv4)
        raise
    interface = Interface(  # type: ignore[abstract]  # moto's own is as abstract, and is made the same way
        region.backend,
        number=region.next_number(),
        subnet=subnet,
        groups=groups,
        request=request,
        visible_s=region.now_s + visibility_s,
    )
    for address in ipv4:
        interface.add_ipv4(address)
    interface.ipv6_addresses = ipv6
    region.interfaces[interface.id] = interface
    if request.tags:
        region.backend.create_tags([interface.id], dict(request.tags))
    return interface


def _take_ipv4(addresses: SubnetAddresses, request: InterfaceRequest) -> list[str]:
    chosen = [request.primary_ipv4] if request.primary_ipv4 else []
    asked = chosen or request.secondary_ipv4 or request.secondary_ipv4_count
    if addresses.ipv4 is None and not asked:
        return []
    pool = addresses.require_ipv4()
    if chosen:
        return pool.take([*chosen, *request.secondary_ipv4], request.secondary_ipv4_count)
    # Chosen secondaries are claimed before EC2 chooses a primary, or it could choose one of them.
    taken = pool.take(request.secondary_ipv4, request.secondary_ipv4_count + 1)
    primary = taken.pop(len(request.secondary_ipv4))
    return [primary, *taken]


def _take_ipv6(
    addresses: SubnetAddresses, request: InterfaceRequest, *, automatic: bool
) -> list[str]:
    count = request.ipv6_count
    if count is None:
        automatic = automatic or request.primary_ipv6 or addresses.ipv4 is None
        count = 1 if automatic and not request.ipv6 else 0
    if not request.ipv6 and not count:
        return []
    return addresses.require_ipv6().take(canonical(request.ipv6), count)


def _release(pool: AddressPool | None, addresses: Sequence[str]) -> None:
    for address in addresses:
        if pool is not None:
            pool.release(address)


def delete_network_interface(region: Region, params: Params) -> Answer:
    """Delete an interface that is not attached."""
    interface = region.interface(params["NetworkInterfaceId"])
    if interface.held is not None:
        rule = refusals.DELETE_DETACHING if interface.held.detaching else refusals.DELETE_ATTACHED
        raise rule.refusal(interface_id=interface.id)
    delete(region, interface)
    return {}


def delete(region: Region, interface: Interface) -> None:
    """Remove an unattached interface; its addresses are free at once."""
    addresses = region.addresses_of(interface.subnet)
    _release(addresses.ipv4, interface.ipv4_addresses)
    _release(addresses.ipv6, interface.ipv6_addresses)
    interface.last_tags = interface.tags
    del region.interfaces[interface.id]
    region.backend.tags.pop(interface.id, None)
    region.linger(interface)


# Attributes.

_ATTRIBUTES = (
    "Description",
    "SourceDestCheck",
    "Groups",
    "Attachment",
    "ConnectionTrackingSpecification",
    "EnaSrdSpecification",
    "EnablePrimaryIpv6",
    "AssociatePublicIpAddress",
    "AssociatedSubnetIds",
)


def modify_network_interface_attribute(region: Region, params: Params) -> Answer:
    """Change exactly one attribute."""
    interface = region.interface(params["NetworkInterfaceId"])
    given = [name for name in _ATTRIBUTES if params.get(name) not in (None, [], {})]
    if not given:
        raise refusals.NO_ATTRIBUTE.refusal()
    if len(given) > 1:
        raise refusals.SEVERAL_ATTRIBUTES.refusal(attributes=", ".join(given))
    _modify(region, interface, given[0], params[given[0]])
    return {}


def _modify(region: Region, interface: Interface, name: str, value: Any) -> None:  # noqa: ANN401 - a parameter of the API
    if name == "Description":
        interface.description = value.get("Value") or ""
    elif name == "SourceDestCheck":
        interface.source_dest_check = bool(value["Value"])
    elif name == "Groups":
        interface.groups = region.groups(value, interface.subnet)
    elif name == "Attachment":
        _modify_attachment(interface, value)
    elif name == "EnablePrimaryIpv6":
        interface.primary_ipv6 = bool(value)
    else:
        raise NotImplementedError(f"{name} is not modelled by this account")


def _modify_attachment(interface: Interface, change: Params) -> None:
    attachment_id = change.get("AttachmentId")
    if not attachment_id:
        raise refusals.MISSING.refusal(parameter="attachment.attachmentId")
    if interface.held is None or interface.held.attachment_id != attachment_id:
        raise refusals.ATTACHMENT_OF_ANOTHER.refusal(
            interface_id=interface.id, attachment_id=attachment_id
        )
    if "DeleteOnTermination" in change:
        interface.held.delete_on_termination = bool(change["DeleteOnTermination"])
        interface.delete_on_termination = interface.held.delete_on_termination


def describe_network_interface_attribute(region: Region, params: Params) -> Answer:
    """Show one attribute."""
    interface = region.interface(params["NetworkInterfaceId"])
    view = views.interface_view(region, interface)
    shown = {
        "description": {"Description": {"Value": view["Description"]}},
        "groupSet": {"Groups": view["Groups"]},
        "sourceDestCheck": {"SourceDestCheck": {"Value": view["SourceDestCheck"]}},
        "attachment": {"Attachment": view["Attachment"]},
    }
    attribute = params.get("Attribute", "")
    if attribute not in shown:
        raise refusals.UNKNOWN_ATTRIBUTE.refusal(attribute=attribute)
    return {"NetworkInterfaceId": interface.id, **shown[attribute]}


# Secondary addresses.


def assign_private_ip_addresses(region: Region, params: Params) -> Answer:
    """Give an interface secondary IPv4 addresses, chosen or of EC2's choice, all or none.

    With AllowReassignment one that another interface of the subnet has is taken from it.
    """
    interface = region.interface(params["NetworkInterfaceId"])
    options = (
        "PrivateIpAddresses",
        "SecondaryPrivateIpAddressCount",
        "Ipv4Prefixes",
        "Ipv4PrefixCount",
    )
    _require_one(params, options)
    chosen = list(dict.fromkeys(params.get("PrivateIpAddresses", ())))
    count = positive(params, "SecondaryPrivateIpAddressCount") or 0
    pool = region.addresses_of(interface.subnet).require_ipv4()
    new = [address for address in chosen if address not in interface.ipv4_addresses]
    holders = _holders(region, interface, new)
    if holders and not params.get("AllowReassignment"):
        raise refusals.MOVE_NOT_ALLOWED.refusal(addresses=", ".join(holders))
    _check_assignable(interface, ipv4=len(new) + count)
    for address, holder in holders.items():
        if holder.private_ip_address == address:
            raise refusals.PRIMARY_STAYS.refusal(address=address)
    taken = pool.take([address for address in new if address not in holders], count)
    for address, holder in holders.items():
        holder.remove_ipv4(address)
    for address in [*holders, *taken]:
        interface.add_ipv4(address)
    return {
        "NetworkInterfaceId": interface.id,
        "AssignedPrivateIpAddresses": [
            {"PrivateIpAddress": address}
            for address in [*chosen, *(each for each in taken if each not in chosen)]
        ],
    }


def unassign_private_ip_addresses(region: Region, params: Params) -> Answer:
    """Take secondary IPv4 addresses away."""
    interface = region.interface(params["NetworkInterfaceId"])
    _require_one(params, ("PrivateIpAddresses", "Ipv4Prefixes"))
    addresses = params.get("PrivateIpAddresses", ())
    if interface.private_ip_address in addresses:
        raise refusals.PRIMARY_STAYS.refusal(address=interface.private_ip_address)
    if not set(addresses) <= set(interface.ipv4_addresses):
        raise refusals.NOT_ASSIGNED.refusal(interface_id=interface.id)
    _release(region.addresses_of(interface.subnet).ipv4, addresses)
    for address in addresses:
        interface.remove_ipv4(address)
    return {}


def assign_ipv6_addresses(region: Region, params: Params) -> Answer:
    """Give an interface IPv6 addresses, all or none; there is no reassignment."""
    interface = region.interface(params["NetworkInterfaceId"])
    _require_one(params, ("Ipv6Addresses", "Ipv6AddressCount", "Ipv6Prefixes", "Ipv6PrefixCount"))
    chosen = list(dict.fromkeys(canonical(params.get("Ipv6Addresses", ()))))
    count = positive(params, "Ipv6AddressCount") or 0
    pool = region.addresses_of(interface.subnet).require_ipv6()
    new = [address for address in chosen if address not in interface.ipv6_addresses]
    _check_assignable(interface, ipv6=len(new) + count)
    taken = pool.take(new, count)
    interface.ipv6_addresses = [*interface.ipv6_addresses, *taken]
    return {"NetworkInterfaceId": interface.id, "AssignedIpv6Addresses": taken}


def unassign_ipv6_addresses(region: Region, params: Params) -> Answer:
    """Take IPv6 addresses away."""
    interface = region.interface(params["NetworkInterfaceId"])
    _require_one(params, ("Ipv6Addresses", "Ipv6Prefixes"))
    addresses = canonical(params.get("Ipv6Addresses", ()))
    if not set(addresses) <= set(interface.ipv6_addresses):
        raise refusals.NOT_ASSIGNED.refusal(interface_id=interface.id)
    _release(region.addresses_of(interface.subnet).ipv6, addresses)
    interface.ipv6_addresses = [
        address for address in interface.ipv6_addresses if address not in addresses
    ]
    return {"NetworkInterfaceId": interface.id, "UnassignedIpv6Addresses": addresses}


def _require_one(params: Params, options: Sequence[str]) -> None:
    check_exclusive(params, options)
    given = [name for name in options if params.get(name) is not None]
    if not given:
        raise refusals.MISSING.refusal(parameter=" or ".join(options))
    if "Prefix" in given[0]:
        raise NotImplementedError(f"{given[0]}: prefix delegation is not modelled by this account")


def _holders(
    region: Region, interface: Interface, addresses: Sequence[str]
) -> dict[str, Interface]:
    """Return which of the addresses another interface of the same subnet has, and which one."""
    wanted = set(addresses)
    return {
        address: other
        for other in region.interfaces.values()
        if other is not interface and other.subnet.id == interface.subnet.id
        for address in wanted.intersection(other.ipv4_addresses)
    }


def _check_assignable(interface: Interface, *, ipv4: int = 0, ipv6: int = 0) -> None:
    limits = limits_where_attached(interface)
    if limits is not None:
        check_addresses(
            limits, interface, refusals.TOO_MANY_ADDRESSES_TO_ASSIGN, ipv4=ipv4, ipv6=ipv6
        )


def limits_where_attached(interface: Interface) -> TypeLimits | None:
    """Return the limits of the instance the interface is on, or None when it is on none."""
    instance = interface.instance
    return None if instance is None else limits_of(instance.instance_type)


def check_addresses(
    limits: TypeLimits, interface: Interface, rule: Rule, *, ipv4: int = 0, ipv6: int = 0
) -> None:
    """Refuse when the interface's addresses, and so many more, are too many for the type."""
    limits.check_addresses(
        rule, len(interface.ipv4_addresses) + ipv4, len(interface.ipv6_addresses) + ipv6
    )
