"""What the scheduled reconciler repairs: lost events, drift, missing interfaces, orphans. Events promise nothing."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from domain import pacing, tags
from domain.errors import DeviceIndexConflict
from domain.launch import FREE, DeviceIndexes, attach_work, find_keeper
from domain.model import AttachmentStatus, EniStatus, InstanceId
from domain.plan import (
    AddTags,
    InterfaceWork,
    NodePlan,
    SetDeleteOnTermination,
    SetSecurityGroups,
    SetSourceDestCheck,
    Step,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from domain.config import InterfaceSpec
    from domain.launch import Desired, Node
    from domain.model import EniId, Instance, NetworkInterface, SecurityGroupId

TAKE_OVER_AFTER = timedelta(seconds=60)
"""A hook's event reaches its queue within seconds when it comes at all."""
RELEASE_AFTER = 1 / 3
"""From which part of a heartbeat time-out on a termination is worked on although it may be queued. A run comes at least every
quarter: it first sees the node within one, and the second run after that is in time. With a half, that run would put the node
off to the very end of the time-out whenever it came a little early."""

LAUNCH_WAIT = frozenset({"Pending:Wait", "Warmed:Pending:Wait"})
TERMINATE_WAIT = frozenset({"Terminating:Wait", "Warmed:Terminating:Wait"})
IN_SERVICE = frozenset({"InService"})


@dataclass(frozen=True)
class Wait:
    """For how long a node has waited in a launch hook: neither Auto Scaling nor EC2 tells when a hook was opened.

    The launch is no measure by itself: a node of a warm pool that keeps its instances running was launched days before
    its hook opens.
    """

    at_least: timedelta
    """Since it was first seen waiting."""
    at_most: timedelta
    """Since its launch, or since the last look at which it was not waiting yet."""
    since_restart: timedelta | None = None
    """Since the hook's timer was last restarted from here; None when it never was."""

    def began(self, now: datetime, heartbeat_timeout_s: int) -> datetime:
        """Return when the hook was opened, as far as can be told: at the launch, where that can be at all.

        No hook is held longer than the limit, so one that seems older was opened after its node rested in a pool.
        """
        limit = timedelta(seconds=pacing.HOLD_LIMIT * heartbeat_timeout_s)
        return now - (self.at_most if self.at_most < limit else self.at_least)


def is_lost(wait: Wait, *, backlog: bool, heartbeat_timeout_s: int) -> bool:
    """Return whether the event of a node in Pending:Wait is lost, or its message dead: the work is then done here.

    Args:
        wait: the node's.
        backlog: whether the launch queue holds any message. Working on queued nodes here as well would spend their EC2
            calls twice in just the bursts in which they are scarce. A node that was seen waiting for a whole time-out is
            worked on all the same: a queue that is never seen empty would hide a lost event for ever.
        heartbeat_timeout_s: the hook's.
    """
    if backlog:
        return wait.at_least.total_seconds() >= max(
            heartbeat_timeout_s, TAKE_OVER_AFTER.total_seconds()
        )
    return wait.at_most >= TAKE_OVER_AFTER


def needs_hold(wait: Wait, heartbeat_timeout_s: int) -> bool:
    """Return whether a hook that stays open for now has its timer restarted; see `domain.pacing.needs_heartbeat`.

    What is not known counts as what keeps the node: it may have waited for long, and may not have been held for long.
    """
    part = timedelta(seconds=heartbeat_timeout_s * pacing.RESTART_AFTER)
    limit = timedelta(seconds=pacing.HOLD_LIMIT * heartbeat_timeout_s)
    just_restarted = wait.since_restart is not None and wait.since_restart < part
    return wait.at_most >= part and wait.at_least < limit and not just_restarted


def is_stuck(wait: Wait, heartbeat_timeout_s: int) -> bool:
    """Return whether a node in Terminating:Wait is released here although the terminate queue holds messages.

    Its hook is not held, for an instance that waits costs money: what reads the queue is as good as dead when it has not come
    to the node in RELEASE_AFTER of the time-out, and after the whole of it nobody would have looked at the node.
    """
    return wait.at_least.total_seconds() >= heartbeat_timeout_s * RELEASE_AFTER


@dataclass(frozen=True)
class Promise:
    """One interface of a node in service, as far as what is attached for it is to be mended."""

    spec: InterfaceSpec
    security_group_ids: tuple[SecurityGroupId, ...] | None
    """None when its selector cannot be settled now: the groups stay as they are, and everything else is mended."""


def plan_repair(
    instance_id: InstanceId, interfaces: Iterable[NetworkInterface], promises: Iterable[Promise]
) -> NodePlan:
    """Return what the attached network interfaces of a node in service lack: drift is always mended.

    The tags are part of it: without no_manage the VPC CNI takes an ENI over the next time it starts. Each step is work
    of its own, for none needs another, and one that EC2 refuses must not keep the rest from being done. Nothing here
    creates, attaches or deletes: that is adoption, which a person asks for.
    """
    by_name = {promise.spec.name: promise for promise in promises}
    work: list[InterfaceWork] = []
    for eni in interfaces:
        attachment, interface = eni.attachment, eni.tags.get(tags.INTERFACE, "")
        if (
            attachment is None
            or not eni.is_held_by(instance_id)
            or attachment.status is AttachmentStatus.DETACHING
        ):
            continue
        work += [
            InterfaceWork(instance_id, interface, (step,), eni.eni_id, attachment.attachment_id)
            for step in _drift(eni, by_name.get(interface))
        ]
    reason = "; ".join(f"{item.interface} needs {type(item.steps[0]).__name__}" for item in work)
    return NodePlan(reason or "complete", tuple(work))


def _drift(eni: NetworkInterface, promise: Promise | None) -> list[Step]:
    """Return how an attached network interface differs from its promise; a retired one must only stay harmless."""
    wanted = {**(promise.spec.tags if promise else {}), tags.NO_MANAGE: tags.NO_MANAGE_VALUE}
    lacking = {key: value for key, value in wanted.items() if eni.tags.get(key) != value}
    steps: list[Step] = [AddTags(lacking)] if lacking else []
    if eni.attachment is not None and not eni.attachment.delete_on_termination:
        steps.append(SetDeleteOnTermination())
    if promise is None:
        return steps
    groups = promise.security_group_ids
    if groups is not None and set(groups) != eni.security_group_ids:
        steps.append(SetSecurityGroups(groups))
    if eni.source_dest_check != promise.spec.source_dest_check:
        steps.append(SetSourceDestCheck(promise.spec.source_dest_check))
    return steps


def missing(
    instance_id: InstanceId,
    specs: Iterable[InterfaceSpec],
    interfaces: Iterable[NetworkInterface],
) -> tuple[str, ...]:
    """Return the names of the interfaces for which the node holds nothing, attached or on its way."""
    held = {eni.tags.get(tags.INTERFACE) for eni in interfaces if eni.is_held_by(instance_id)}
    return tuple(spec.name for spec in specs if spec.name not in held)


def plan_adoption(
    node: Node, specs: Sequence[InterfaceSpec], lost: Mapping[str, int]
) -> list[NodePlan]:
    """Return a plan for each interface that a node in service lacks: one that cannot be had is not the others' concern.

    An unattached network interface of an earlier try is attached, so a node that cannot take it costs one refused attach
    per run and never a second network interface. Nothing is deleted.

    Args:
        node: what is observed; `desired` holds those interfaces that it lacks, as far as they could be settled.
        specs: all interfaces of the node's group, whose device indexes are promised.
        lost: by interface name, how often a create answered with a network interface that is gone.
    """
    indexes = DeviceIndexes(node, specs)
    return [
        _plan_one(node, desired, indexes, lost.get(desired.spec.name, 0))
        for desired in node.desired
    ]


def _plan_one(node: Node, desired: Desired, indexes: DeviceIndexes, generation: int) -> NodePlan:
    name = desired.spec.name
    if not node.is_attachable:
        return NodePlan(f"instance is {node.instance.state.value}", waiting=True)
    keeper, _ = find_keeper(node, name)
    if keeper is not None and keeper.status not in FREE:
        return NodePlan(f"{name} is {keeper.status.value}", waiting=True)
    try:
        attach = indexes.take(desired.spec)
    except DeviceIndexConflict as conflict:
        return NodePlan(str(conflict), failure=conflict)
    work = attach_work(node, desired, keeper, attach, generation)
    return NodePlan(f"{name} is missing", (work,))


def whose_turn(nodes: Collection[InstanceId], most: int, now: datetime) -> frozenset[InstanceId]:
    """Return which of the nodes are adopted in a run: at most so many, and others in every run.

    They are drawn by the minute, so that those that can never be helped keep nobody else waiting for good.

    Args:
        nodes: all that lack something.
        most: how many in one run.
        now: the time of the run; runs are at least a minute apart.
    """
    minute = int(now.timestamp()) // 60
    drawn = sorted(nodes, key=lambda node: hashlib.sha256(f"{node}/{minute}".encode()).digest())
    return frozenset(drawn[:most])


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
