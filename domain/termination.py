"""What a leaving node's network interfaces need, so that none outlives it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain import tags
from domain.launch import unattached
from domain.model import AttachmentStatus, EniStatus
from domain.plan import InterfaceWork, NodePlan, SetDeleteOnTermination

if TYPE_CHECKING:
    from collections.abc import Sequence

    from domain.model import InstanceId, NetworkInterface


def plan_termination(instance_id: InstanceId, interfaces: Sequence[NetworkInterface]) -> NodePlan:
    """Return what must happen while the node's terminate hook is open.

    An attached network interface is left attached: detaching it under running pods makes the host-device plugin's
    teardown fail (containernetworking/plugins host-device.go, DEL). With DeleteOnTermination EC2 removes it with the
    instance. States a run can find: attached without DeleteOnTermination (set it), attached with (nothing), unattached
    (delete), detaching or already deleted (nothing: the sweep after termination sees to the first), attached to
    another instance by somebody since (nothing: it is theirs).
    """
    work = tuple(
        InterfaceWork(
            instance_id=instance_id,
            interface=eni.tags.get(tags.INTERFACE, eni.eni_id),
            steps=(SetDeleteOnTermination(),),
            eni_id=eni.eni_id,
            attachment_id=eni.attachment.attachment_id,
        )
        for eni in interfaces
        if eni.attachment is not None
        and eni.is_held_by(instance_id)
        and eni.attachment.status in (AttachmentStatus.ATTACHING, AttachmentStatus.ATTACHED)
        and not eni.attachment.delete_on_termination
    )
    deletions = unattached(interfaces)
    reason = (
        f"{len(work)} need DeleteOnTermination, {len(deletions)} unattached"
        if work or deletions
        else "complete"
    )
    return NodePlan(reason, work, deletions)


def plan_sweep(instance_id: InstanceId, interfaces: Sequence[NetworkInterface]) -> NodePlan:
    """Return what is left to delete of an instance that EC2 says is terminated.

    What still shows an attachment to it is being detached or deleted by EC2 right now: wait and look again. What
    somebody has attached to another instance since is in use there, for as long as that may be: not waited for.
    """
    leaving = [
        eni
        for eni in interfaces
        if eni.is_held_by(instance_id)
        or (eni.attachment is None and eni.status is EniStatus.DETACHING)
    ]
    reason = f"{len(leaving)} still leaving with the instance" if leaving else "nothing attached"
    return NodePlan(reason, deletions=unattached(interfaces), waiting=bool(leaving))
