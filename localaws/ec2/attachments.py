"""Attaching interfaces to instances and detaching them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.ec2.utils import random_eni_attach_id

from localaws.ec2 import refusals
from localaws.ec2.interfaces import Attachment, Interface
from localaws.ec2.limits import PRIMARY, Slot, limits_of
from localaws.ec2.provisioning import check_addresses

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localaws.ec2.region import InstanceRecord, Region
    from localaws.ec2.wire import Answer

    Params = Mapping[str, Any]


def attach_network_interface(region: Region, params: Params) -> Answer:
    """Attach an available interface to a running or stopped instance.

    DeleteOnTermination is false after a late attach, whatever the interface had before
    (Amazon EC2 User Guide, Elastic network interfaces).
    """
    interface = region.interface(params["NetworkInterfaceId"])
    record = region.instance(params["InstanceId"])
    slot = Slot(int(params.get("NetworkCardIndex") or 0), int(params["DeviceIndex"]))
    if interface.held is not None:
        raise refusals.ATTACHED_ELSEWHERE.refusal(interface_id=interface.id)
    if record.state not in ("running", "stopped"):
        raise refusals.INSTANCE_STATE.refusal(instance_id=record.instance.id)
    _check_same_place(interface, record)
    check_slot(record, interface, slot)
    delay_s = region.settings.duration_s("attach_s") if record.state == "running" else 0.0
    attachment = connect(region, interface, record, slot, attached_s=region.now_s + delay_s)
    return {"AttachmentId": attachment.attachment_id, "NetworkCardIndex": slot.card}


def _check_same_place(interface: Interface, record: InstanceRecord) -> None:
    instance = record.instance
    if interface.subnet.availability_zone != instance.placement.zone:
        raise refusals.OTHER_ZONE.refusal()
    if interface.subnet.vpc_id != instance.vpc_id:
        raise refusals.OTHER_VPC.refusal()


def check_slot(record: InstanceRecord, interface: Interface, slot: Slot) -> None:
    """Refuse what the instance's type has no room for.

    Raises:
        Refusal: the slot is taken or does not exist, or there are too many interfaces or addresses.
    """
    limits = limits_of(record.instance.instance_type)
    limits.check_slot(record.instance.id, record.interfaces, slot)
    check_addresses(limits, interface, refusals.TOO_MANY_ADDRESSES_TO_ATTACH)


def connect(
    region: Region,
    interface: Interface,
    record: InstanceRecord,
    slot: Slot,
    *,
    attached_s: float,
    delete_on_termination: bool = False,
) -> Attachment:
    """Put an interface into a slot of an instance; the caller has checked that it may."""
    attachment = Attachment(
        attachment_id=random_eni_attach_id(),
        instance_id=record.instance.id,
        slot=slot,
        began=region.now,
        attached_s=attached_s,
        delete_on_termination=delete_on_termination,
    )
    interface.hold(attachment, record.instance)
    record.interfaces[slot] = interface
    region.attachments[attachment.attachment_id] = interface
    if slot.card == 0:
        record.instance.nics[slot.device] = interface
    return attachment


def disconnect(region: Region, interface: Interface) -> None:
    """Take an interface out of its slot; it is available again."""
    attachment = interface.held
    if attachment is None:
        return
    record = region.instances.get(attachment.instance_id)
    if record is not None:
        record.interfaces.pop(attachment.slot, None)
        if attachment.slot.card == 0:
            record.instance.nics.pop(attachment.slot.device, None)
    region.attachments.pop(attachment.attachment_id, None)
    interface.let_go()


def detach_network_interface(region: Region, params: Params) -> Answer:
    """Begin to detach an interface; its slot stays taken until it is gone."""
    attachment_id = params["AttachmentId"]
    interface = region.attachments.get(attachment_id)
    if interface is None or interface.held is None:
        raise refusals.ATTACHMENT_NOT_FOUND.refusal(attachment_id=attachment_id)
    attachment = interface.held
    if attachment.slot == PRIMARY:
        raise refusals.PRIMARY_NOT_DETACHABLE.refusal()
    if attachment.detaching:
        raise refusals.ALREADY_DETACHING.refusal(attachment_id=attachment_id)
    attachment.detaching = True

    def finish() -> None:
        if interface.held is attachment:
            disconnect(region, interface)

    region.after(region.settings.duration_s("detach_s"), finish)
    return {}
