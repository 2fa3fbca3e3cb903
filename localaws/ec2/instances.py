"""The life of an instance: launch, stop, start and termination, with what becomes of its interfaces."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from moto.ec2.exceptions import InvalidInputError
from moto.ec2.models.instances import InstanceState, StateReason

from localaws.ec2 import refusals
from localaws.ec2.attachments import check_slot, connect, disconnect
from localaws.ec2.interfaces import interface_request
from localaws.ec2.limits import PRIMARY, Slot, limits_of
from localaws.ec2.provisioning import create, delete
from localaws.ec2.region import InstanceRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from moto.ec2.models.instances import Instance, Reservation
    from moto.ec2.models.security_groups import SecurityGroup

    from localaws.ec2.interfaces import Interface
    from localaws.ec2.region import Region

_CODES = {
    "pending": 0,
    "running": 16,
    "shutting-down": 32,
    "terminated": 48,
    "stopping": 64,
    "stopped": 80,
}
"""Instance state codes (Amazon EC2 API Reference, InstanceState)."""


def move(region: Region, record: InstanceRecord, state: str) -> InstanceState:
    """Put an instance into a state, tell who listens, and return the state it was in."""
    previous: InstanceState = copy.copy(record.instance.instance_state)
    record.instance._state = InstanceState(state, _CODES[state])
    region.announce(record.instance.id, state)
    return previous


# Launch.


def run(region: Region, launch: Callable[[], Reservation]) -> Reservation:
    """Launch instances, all or none: what a refused launch has made is taken back.

    Args:
        region: where.
        launch: moto's RunInstances; it calls `equip` for each instance.
    """
    instances_before = set(region.instances)
    reservations_before = set(region.backend.reservations)
    try:
        reservation = launch()
    except Exception:
        _undo(region, set(region.instances) - instances_before)
        for reservation_id in set(region.backend.reservations) - reservations_before:
            del region.backend.reservations[reservation_id]
        raise
    for instance in reservation.instances:
        record = region.instances[instance.id]
        record.reservation = reservation
        region.announce(instance.id, "pending")
        region.after(region.settings.duration_s("launch_s"), partial(_began, region, record))
    return reservation


def _undo(region: Region, instance_ids: set[str]) -> None:
    for instance_id in instance_ids:
        record = region.instances[instance_id]
        for interface in list(record.interfaces.values()):
            disconnect(region, interface)
        for interface in record.made:
            delete(region, interface)
    region.drop_instances(instance_ids)


def _began(region: Region, record: InstanceRecord) -> None:
    if record.state == "pending":
        move(region, record, "running")


def equip(
    region: Region,
    instance: Instance,
    specifications: Sequence[Mapping[str, Any]],
    security_groups: Sequence[SecurityGroup],
    defaults: Mapping[str, Any],
) -> None:
    """Give a new instance its interfaces and put it into the state `pending`.

    Args:
        region: where.
        instance: moto's object, at the end of its constructor.
        specifications: RunInstances' NetworkInterfaces; empty means one interface of EC2's making.
        security_groups: the groups given for the instance as a whole.
        defaults: PrivateIpAddress, Ipv6AddressCount and AssociatePublicIpAddress given for the instance as a whole.
    """
    limits_of(instance.instance_type)
    now = datetime.fromtimestamp(region.now_s, UTC)
    record = InstanceRecord(
        instance=instance,
        number=region.next_number(),
        launched=now,
        visible_s=region.now_s + region.settings.duration_s("instance_visibility_s"),
    )
    instance.nics = {}
    instance.launch_time = now.replace(tzinfo=None)
    instance._state = InstanceState("pending", _CODES["pending"])
    region.instances[instance.id] = record
    given = {key: value for key, value in defaults.items() if value not in (None, "")}
    shared = {"Groups": [group.id for group in security_groups], **given}
    for specification in specifications or [{"DeviceIndex": 0}]:
        slot = Slot(
            int(specification.get("NetworkCardIndex") or 0), int(specification["DeviceIndex"])
        )
        merged = {**(shared if slot == PRIMARY else {}), **specification}
        if not merged.get("Groups"):
            merged["Groups"] = shared["Groups"]
        _equip_slot(region, record, slot, merged)


def _equip_slot(
    region: Region, record: InstanceRecord, slot: Slot, specification: Mapping[str, Any]
) -> None:
    existing = specification.get("NetworkInterfaceId")
    if existing:
        interface = _existing(region, record, existing, slot)
    else:
        interface = _make(region, record, specification)
        record.made.append(interface)
    check_slot(record, interface, slot)
    connect(
        region,
        interface,
        record,
        slot,
        attached_s=region.now_s + region.settings.launch_s,
        delete_on_termination=_is_true(
            specification.get("DeleteOnTermination", slot == PRIMARY and not existing)
        ),
    )
    if slot == PRIMARY and _is_true(specification.get("AssociatePublicIpAddress")):
        interface.public_ip_auto_assign = True
        interface.check_auto_public_ip()


def _is_true(value: object) -> bool:
    """Read a flag that a launch template may carry as text."""
    return str(value).lower() == "true"


def _existing(region: Region, record: InstanceRecord, interface_id: str, slot: Slot) -> Interface:
    interface = region.interface(interface_id)
    if interface.held is not None:
        raise refusals.ATTACHED_ELSEWHERE.refusal(interface_id=interface_id)
    if slot == PRIMARY:
        # The primary interface decides where the instance is; moto knew no subnet when it chose a zone.
        record.instance._subnet_id = interface.subnet.id
        record.instance.placement.zone = interface.subnet.availability_zone
    return interface


def _make(region: Region, record: InstanceRecord, specification: Mapping[str, Any]) -> Interface:
    subnet_id = (
        specification.get("SubnetId")
        or record.instance._subnet_id
        or _default_subnet(region, record)
    )
    primary = {"Description": "Primary network interface"} if not record.interfaces else {}
    request = interface_request({**primary, **specification, "SubnetId": subnet_id})
    return create(region, request)


def _default_subnet(region: Region, record: InstanceRecord) -> str:
    zone = record.instance.placement.zone
    subnet = region.backend.get_default_subnets().get(zone or "")
    if subnet is None:
        raise InvalidInputError(f"No default subnet for availability zone: '{zone}'.")
    return subnet.id


# Stop and start.


def stop(region: Region, record: InstanceRecord) -> InstanceState:
    """Stop a running instance; its interfaces stay attached.

    Raises:
        Refusal: the instance is pending, shutting down or terminated.
    """
    if record.state in ("stopping", "stopped"):
        return copy.copy(record.instance.instance_state)
    if record.state != "running":
        raise refusals.NOT_STOPPABLE.refusal(instance_id=record.instance.id)
    previous = move(region, record, "stopping")
    region.after(region.settings.duration_s("stop_s"), partial(_stopped, region, record))
    return previous


def _stopped(region: Region, record: InstanceRecord) -> None:
    if record.state == "stopping":
        record.instance.state_reason = StateReason(
            "Client.UserInitiatedShutdown: User initiated shutdown", "Client.UserInitiatedShutdown"
        )
        move(region, record, "stopped")


def start(region: Region, record: InstanceRecord) -> InstanceState:
    """Start a stopped instance.

    Raises:
        Refusal: the instance is stopping, shutting down or terminated.
    """
    if record.state in ("pending", "running"):
        return copy.copy(record.instance.instance_state)
    if record.state != "stopped":
        raise refusals.NOT_STARTABLE.refusal(instance_id=record.instance.id)
    record.instance.state_reason = StateReason()
    previous = move(region, record, "pending")
    region.after(region.settings.duration_s("launch_s"), partial(_began, region, record))
    return previous


# Termination.


def terminate(
    region: Region, record: InstanceRecord, dispose: Callable[[], object]
) -> InstanceState:
    """Begin to terminate an instance; to do so twice is harmless (TerminateInstances is idempotent).

    Args:
        region: where.
        record: the instance.
        dispose: moto's own end of an instance (volumes, fleet counts), called when it is terminated.
    """
    if record.state in ("shutting-down", "terminated"):
        return copy.copy(record.instance.instance_state)
    previous = move(region, record, "shutting-down")
    region.after(
        region.settings.duration_s("terminate_s"), partial(_terminated, region, record, dispose)
    )
    return previous


def _terminated(region: Region, record: InstanceRecord, dispose: Callable[[], object]) -> None:
    """End an instance: interfaces with DeleteOnTermination are deleted, the others become available."""
    for interface in list(record.interfaces.values()):
        doomed = interface.held is not None and interface.held.delete_on_termination
        disconnect(region, interface)
        if doomed:
            delete(region, interface)
    dispose()
    record.terminated_s = region.now_s
    move(region, record, "terminated")
