"""What the scheduled reconciler repairs: lost events, drift, missing interfaces, orphans. Events promise nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING

from domain import pacing, tags
from domain.launch import plan_launch
from domain.model import EniStatus, InstanceId
from domain.plan import AddTags, InterfaceWork, NodePlan

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from domain.config import NodeGroup
    from domain.launch import Node
    from domain.model import EniId, Instance, NetworkInterface

TAKE_OVER_AFTER = timedelta(seconds=60)
"""A hook's event reaches its queue within seconds when it comes at all."""

LAUNCH_WAIT = frozenset({"Pending:Wait", "Warmed:Pending:Wait"})
TERMINATE_WAIT = frozenset({"Terminating:Wait", "Warmed:Terminating:Wait"})
IN_SERVICE = frozenset({"InService"})


class WaitingAction(Enum):
    """What to do about a node that waits in our launch hook."""

    LEAVE = "leave"
    """Its message is young, or on its way."""
    HEARTBEAT = "heartbeat"
    """Its message is in a long queue: restart the hook's timer."""
    TAKE_OVER = "take over"
    """Its event is lost, or its message is dead: do the work here."""


def about_waiting(waited: timedelta, *, backlog: bool, heartbeat_timeout_s: int) -> WaitingAction:
    """Decide about a node in Pending:Wait.

    Args:
        waited: since the instance was launched; the hook opened a little later.
        backlog: whether the launch queue holds any message. Working on queued nodes here as well would spend their EC2
            calls twice in just the bursts in which they are scarce. After a whole time-out it is done all the same: a
            queue that is never seen empty would hide a lost event for ever.
        heartbeat_timeout_s: the hook's.
    """
    overdue = waited.total_seconds() >= heartbeat_timeout_s
    if waited >= TAKE_OVER_AFTER and (overdue or not backlog):
        return WaitingAction.TAKE_OVER
    if pacing.needs_heartbeat(waited.total_seconds(), heartbeat_timeout_s):
        return WaitingAction.HEARTBEAT
    return WaitingAction.LEAVE


def plan_repair(node: Node) -> NodePlan:
    """Return what the attached network interfaces of a node in service lack: drift is always mended.

    The tags are part of it: without no_manage the VPC CNI takes an ENI over the next time it starts. Whatever would
    create or attach is left out: that is adoption, which a person asks for.
    """
    plan = plan_launch(node)
    if plan.failure is not None:
        return plan
    work = [item for item in plan.work if item.attachment_id is not None]
    tagged = [_retag(node, eni) for eni in node.interfaces if eni.attachment is not None]
    work += [item for item in tagged if item is not None]
    return NodePlan(plan.reason, tuple(work))


def all_attached(group: NodeGroup, interfaces: Iterable[NetworkInterface]) -> bool:
    """Return whether every interface of the group has a network interface that is on its way to a node, or attached."""
    attached = {eni.tags.get(tags.INTERFACE) for eni in interfaces if eni.attachment is not None}
    return {spec.name for spec in group.interfaces} <= attached


def missing(node: Node) -> tuple[str, ...]:
    """Return the names of the interfaces that a node has nothing attached for."""
    present = {
        eni.tags.get(tags.INTERFACE) for eni in node.interfaces if eni.attachment is not None
    }
    return tuple(desired.spec.name for desired in node.desired if desired.spec.name not in present)


def _retag(node: Node, eni: NetworkInterface) -> InterfaceWork | None:
    interface = eni.tags.get(tags.INTERFACE, "")
    spec = next((d.spec for d in node.desired if d.spec.name == interface), None)
    wanted = {**(spec.tags if spec else {}), tags.NO_MANAGE: tags.NO_MANAGE_VALUE}
    lacking = {key: value for key, value in wanted.items() if eni.tags.get(key) != value}
    if not lacking:
        return None
    return InterfaceWork(node.instance.instance_id, interface, (AddTags(lacking),), eni.eni_id)


@dataclass(frozen=True)
class Orphans:
    """Network interfaces of ours that no node has a use for."""

    delete: tuple[EniId, ...]
    deferred: int
    """Left for the next run because this one has reached its bound."""
    kept: Mapping[EniId, str]
    """Unattached but not deleted, and why."""

    @property
    def found(self) -> int:
        """How many could be deleted, were there no bound."""
        return len(self.delete) + self.deferred


def find_orphans(
    interfaces: Iterable[NetworkInterface],
    instances: Mapping[InstanceId, Instance],
    *,
    now: datetime,
    min_age: timedelta,
    max_deletions: int,
) -> Orphans:
    """Decide which network interfaces are deleted. Fails closed: whatever is not known means keep.

    Args:
        interfaces: every one with our owner tag, listed *before* the instances: an interface made for an instance
            launched since then is not in the list, so a missing instance is never merely a young one.
        instances: everything known about the instances that the interfaces name.
        now: the run's time.
        min_age: younger ones are kept, whatever else is known.
        max_deletions: the most to delete in this run.
    """
    doomed: list[EniId] = []
    kept: dict[EniId, str] = {}
    attached = _attached(interfaces := list(interfaces))
    for eni in sorted(interfaces, key=lambda item: item.eni_id):
        if eni.attachment is not None or eni.status is not EniStatus.AVAILABLE:
            continue
        why = _why_keep(eni, instances, attached, now, min_age)
        if why:
            kept[eni.eni_id] = why
        else:
            doomed.append(eni.eni_id)
    return Orphans(tuple(doomed[:max_deletions]), max(0, len(doomed) - max_deletions), kept)


def _attached(interfaces: Sequence[NetworkInterface]) -> frozenset[tuple[str, str]]:
    """Return the (instance, interface) pairs that have an attached network interface."""
    return frozenset(
        (eni.tags.get(tags.INSTANCE, ""), eni.tags.get(tags.INTERFACE, ""))
        for eni in interfaces
        if eni.attachment is not None
    )


def _why_keep(
    eni: NetworkInterface,
    instances: Mapping[InstanceId, Instance],
    attached: frozenset[tuple[str, str]],
    now: datetime,
    min_age: timedelta,
) -> str:
    """Return why an unattached network interface is kept, or nothing."""
    instance_id, interface = eni.tags.get(tags.INSTANCE), eni.tags.get(tags.INTERFACE)
    created = tags.created_at(eni.tags)
    if not instance_id or not interface:
        return "its tags do not say what it is for"
    if created is None:
        return "its tags do not say when it was made"
    if now - created < min_age:
        return "it is younger than the minimum age"
    instance = instances.get(InstanceId(instance_id))
    if instance is None or instance.state.is_gone or (instance_id, interface) in attached:
        return ""
    return f"its instance {instance_id} is {instance.state.value} and may get it yet"
