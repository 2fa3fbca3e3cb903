"""What a launching node needs: from what it must have and what is observed to a plan with a reason."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from domain import addressing, tags
from domain.config import Ipv4Mode
from domain.errors import DeviceIndexConflict, EniLifecycleError, InstanceGone, SpecRejected
from domain.model import AttachmentStatus, EniStatus, InstanceState
from domain.plan import (
    Attach,
    Create,
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
    from domain.model import (
        EniId,
        Instance,
        InstanceId,
        NetworkInterface,
        SecurityGroupId,
        Subnet,
        SubnetId,
    )

INVISIBLE_FOR = timedelta(minutes=10)
"""How long an instance that DescribeInstances does not show may still be on its way: EC2 is eventually consistent,
and a terminated instance stays visible for about an hour, so one that is unknown after this is long gone."""

FREE = (EniStatus.AVAILABLE, EniStatus.PENDING)
_ATTACHABLE = (InstanceState.RUNNING, InstanceState.STOPPED)


@dataclass(frozen=True)
class Desired:
    """One interface of a node, with its subnet and security groups settled for the node's Availability Zone."""

    spec: InterfaceSpec
    subnet_id: SubnetId
    security_group_ids: tuple[SecurityGroupId, ...]


@dataclass(frozen=True)
class Node:
    """One node as observed, and what it must have."""

    owner: str
    node_group: str
    instance: Instance
    desired: tuple[Desired, ...]
    interfaces: tuple[NetworkInterface, ...]
    """Every network interface with our owner tag and this instance's tag."""

    @property
    def is_attachable(self) -> bool:
        """Whether EC2 attaches a network interface to the instance now."""
        return self.instance.state in _ATTACHABLE


class DeviceIndexes:
    """The device indexes of a node: which are held, and which are promised to its interfaces."""

    def __init__(self, node: Node, specs: Iterable[InterfaceSpec]) -> None:
        held = [*node.instance.attachments, *(i.attachment for i in node.interfaces)]
        self._occupied = {(a.network_card_index, a.device_index) for a in held if a is not None}
        self._promised = {(spec.network_card_index, spec.device_index) for spec in specs}

    def take(self, spec: InterfaceSpec) -> Attach:
        """Return where to attach: at the configured index, or the next that nobody holds or has been promised.

        The VPC CNI takes the lowest free index whenever it attaches (amazon-vpc-cni-k8s pkg/awsutils/awsutils.go), so
        the configured index can be gone. Nothing on the node depends on it unless a person said so.

        Raises:
            DeviceIndexConflict: a person asked for this very index and another network interface holds it.
        """
        card, index = spec.network_card_index, spec.device_index
        if (card, index) in self._occupied:
            if spec.device_index_fixed:
                raise DeviceIndexConflict(
                    f"device index {index} on network card {card}, which {spec.name} insists on, is taken",
                    interface=spec.name,
                )
            index = 1
            while (card, index) in self._occupied | self._promised:
                index += 1
        self._occupied.add((card, index))
        return Attach(index, card)


def plan_unseen(
    instance_id: InstanceId, instance: Instance | None, hook_open_for: timedelta
) -> NodePlan | None:
    """Return the plan for a node that nothing can be attached to, or None when something can.

    Args:
        instance_id: the node.
        instance: as DescribeInstances shows it; None when it shows nothing.
        hook_open_for: the age of the event.
    """
    if instance is None:
        if hook_open_for < INVISIBLE_FOR:
            return NodePlan(f"instance {instance_id} is not visible yet", waiting=True)
        return _gone(instance_id, "is unknown to EC2")
    if instance.state.is_gone:
        return _gone(instance_id, f"is {instance.state.value}")
    return None


def _gone(instance_id: InstanceId, how: str) -> NodePlan:
    failure = InstanceGone(f"instance {instance_id} {how}", instance=str(instance_id))
    return NodePlan(str(failure), failure=failure)


def plan_launch(node: Node, lost: Mapping[str, int] | None = None) -> NodePlan:
    """Return what a node needs to have exactly its interfaces.

    A run can find each interface in one of these states; every run, first or repeated, starts from what it finds:
      1. absent: create, attach, DeleteOnTermination, SourceDestCheck;
      2. created and unattached (a run ended between create and attach): the rest;
      3. attaching or attached, DeleteOnTermination still false: set it;
      4. attached and complete: nothing;
      5. detaching: wait, it comes back as state 2;
      6. there twice (two runs chose different addresses): the attached or older one stays, the other goes;
      7. unattached and of a name that is not configured any more: goes.

    Args:
        node: what is observed and what must be.
        lost: by interface name, how often a create answered with a network interface that is gone.
    """
    indexes = DeviceIndexes(node, [desired.spec for desired in node.desired])
    work: list[InterfaceWork] = []
    names = {desired.spec.name for desired in node.desired}
    surplus = [
        eni.eni_id
        for eni in node.interfaces
        if eni.tags.get(tags.INTERFACE) not in names
        and eni.attachment is None
        and eni.status in FREE
    ]
    waits: list[str] = [] if node.is_attachable else [f"instance is {node.instance.state.value}"]
    for desired in node.desired:
        keeper, others = find_keeper(node, desired.spec.name)
        surplus += [other.eni_id for other in others if other.status in FREE]
        generation = (lost or {}).get(desired.spec.name, 0)
        steps = _steps(node, desired, keeper, generation)
        if keeper is None or keeper.status in FREE:
            try:
                attach = indexes.take(desired.spec)
            except DeviceIndexConflict as conflict:
                return NodePlan(str(conflict), failure=conflict)
            if node.is_attachable:
                steps = _with_attach(steps, attach)
        elif keeper.attachment is None or keeper.attachment.status is not AttachmentStatus.ATTACHED:
            waits.append(f"{desired.spec.name} is {_progress(keeper)}")
        if steps:
            work.append(_work(node, desired, keeper, steps))
    reason = (
        "; ".join([*(f"{w.interface} needs {_names(w.steps)}" for w in work), *waits]) or "complete"
    )
    return NodePlan(reason, tuple(work), tuple(surplus), waiting=bool(waits))


def find_keeper(
    node: Node, interface: str
) -> tuple[NetworkInterface | None, list[NetworkInterface]]:
    """Return the network interface that stays and those that are too many; attached elsewhere is neither."""
    here = [
        eni
        for eni in node.interfaces
        if eni.tags.get(tags.INTERFACE) == interface
        and (eni.attachment is None or eni.is_held_by(node.instance.instance_id))
    ]
    here.sort(
        key=lambda eni: (eni.attachment is None, eni.tags.get(tags.CREATED_AT, ""), eni.eni_id)
    )
    return (here[0], here[1:]) if here else (None, [])


def _progress(eni: NetworkInterface) -> str:
    """Return what a network interface is waited for in; its attachment knows better than its status."""
    return eni.attachment.status.value if eni.attachment else eni.status.value


def _steps(
    node: Node, desired: Desired, keeper: NetworkInterface | None, generation: int
) -> tuple[Step, ...]:
    """Return every step but the attach, in order; none for what is detaching, which comes back as another state."""
    spec = desired.spec
    steps: list[Step] = []
    if keeper and keeper.attachment and keeper.attachment.status is AttachmentStatus.DETACHING:
        return ()
    if keeper is None:
        steps.append(_create(node, desired, generation))
    elif set(desired.security_group_ids) != keeper.security_group_ids:
        steps.append(SetSecurityGroups(desired.security_group_ids))
    if (
        keeper is not None
        and keeper.attachment is not None
        and not keeper.attachment.delete_on_termination
    ):
        steps.append(SetDeleteOnTermination())
    if (keeper is None or keeper.source_dest_check) != spec.source_dest_check:
        steps.append(SetSourceDestCheck(spec.source_dest_check))
    return tuple(steps)


def _with_attach(steps: tuple[Step, ...], attach: Attach) -> tuple[Step, ...]:
    """Put the attach after the create and before the rest, which then passes while EC2 attaches."""
    first = [step for step in steps if isinstance(step, Create)]
    rest = [step for step in steps if not isinstance(step, Create)]
    return (*first, attach, SetDeleteOnTermination(), *rest)


def _create(node: Node, desired: Desired, generation: int) -> Create:
    ledger = tags.ownership_tags(
        owner=node.owner,
        node_group=node.node_group,
        instance_id=node.instance.instance_id,
        interface=desired.spec.name,
        created_at=node.instance.launched_at,
    )
    return Create(
        spec=desired.spec,
        instance_id=node.instance.instance_id,
        subnet_id=desired.subnet_id,
        security_group_ids=desired.security_group_ids,
        launched_at=node.instance.launched_at,
        tags={**desired.spec.tags, **ledger},
        generation=generation,
    )


def attach_work(
    node: Node,
    desired: Desired,
    keeper: NetworkInterface | None,
    attach: Attach,
    generation: int,
) -> InterfaceWork:
    """Return the work that brings one interface onto its node, with the network interface that it has or another."""
    steps = _with_attach(_steps(node, desired, keeper, generation), attach)
    return _work(node, desired, keeper, steps)


def _work(
    node: Node, desired: Desired, keeper: NetworkInterface | None, steps: tuple[Step, ...]
) -> InterfaceWork:
    return InterfaceWork(
        instance_id=node.instance.instance_id,
        interface=desired.spec.name,
        steps=steps,
        eni_id=keeper.eni_id if keeper else None,
        attachment_id=keeper.attachment.attachment_id if keeper and keeper.attachment else None,
    )


def _names(steps: Iterable[Step]) -> str:
    """Return the steps' names for a reason."""
    return ", ".join(type(step).__name__ for step in steps)


def subnets_to_know(plans: Iterable[NodePlan]) -> frozenset[SubnetId]:
    """Return the subnets that these plans cannot be carried out without a look at."""
    return frozenset(create.subnet_id for plan in plans for create in _particular(plan))


def subnets_to_list(plans: Iterable[NodePlan]) -> frozenset[SubnetId]:
    """Return those of them whose addresses in use must be known."""
    return frozenset(
        create.subnet_id
        for plan in plans
        for create in _particular(plan)
        if create.spec.ipv4 is Ipv4Mode.FROM_START
    )


def _particular(plan: NodePlan) -> list[Create]:
    """Return the creates whose IPv4 address is not simply EC2's choice."""
    creates = (step for work in plan.work for step in work.steps if isinstance(step, Create))
    return [create for create in creates if create.spec.ipv4 is not Ipv4Mode.AUTO]


def choose_addresses(
    plans: Sequence[NodePlan],
    subnets: Mapping[SubnetId, Subnet],
    taken: Mapping[SubnetId, Collection[str]],
    conflicts: Mapping[tuple[InstanceId, str], int],
) -> list[NodePlan]:
    """Return the plans with an address in every `from_start` create, no address twice, and none that cannot be kept.

    Args:
        plans: of the nodes worked on together.
        subnets: those named by `subnets_to_know` that exist, with their reservations.
        taken: the addresses in use, by each subnet named by `subnets_to_list`.
        conflicts: by node and interface, how often a chosen address turned out to be taken.
    """
    asked = Counter(
        create.subnet_id
        for plan in plans
        for create in _particular(plan)
        if create.spec.ipv4 is Ipv4Mode.FROM_START
    )
    used = {subnet_id: set(addresses) for subnet_id, addresses in taken.items()}
    choice = _Choice(subnets, used, asked, conflicts)
    return [_addressed(plan, choice) for plan in plans]


class _Choice(NamedTuple):
    """What addresses are chosen from."""

    subnets: Mapping[SubnetId, Subnet]
    used: Mapping[SubnetId, set[str]]
    """Grows with each that is chosen."""
    asked: Mapping[SubnetId, int]
    """How many are chosen together."""
    conflicts: Mapping[tuple[InstanceId, str], int]


def _addressed(plan: NodePlan, choice: _Choice) -> NodePlan:
    work = []
    for item in plan.work:
        first = item.steps[0]
        if not isinstance(first, Create) or first.spec.ipv4 is Ipv4Mode.AUTO:
            work.append(item)
            continue
        try:
            create = _with_address(first, choice)
        except EniLifecycleError as failure:
            return replace(plan, reason=str(failure), work=(), failure=failure)
        work.append(replace(item, steps=(create, *item.steps[1:])))
    return replace(plan, work=tuple(work))


def _with_address(create: Create, choice: _Choice) -> Create:
    """Return the create with its address, which is in use from then on; with none on an IPv6-only subnet.

    Raises:
        SpecRejected: the subnet does not exist, or not with the addresses that the configuration says.
        SubnetExhausted: it has no free address.
    """
    subnet = _known(choice.subnets, create.subnet_id)
    if create.spec.ipv4 is Ipv4Mode.NONE:
        addressing.check_ipv6_only(subnet)
        return create
    address = addressing.choose(
        subnet,
        choice.used[create.subnet_id],
        create.spec.ipv4_pod_ranges,
        conflicts=choice.conflicts.get((create.instance_id, create.spec.name), 0),
        asked=choice.asked[create.subnet_id],
        who=f"{create.instance_id}/{create.spec.name}",
    )
    choice.used[create.subnet_id].add(address)
    return replace(create, address=address)


def _known(subnets: Mapping[SubnetId, Subnet], subnet_id: SubnetId) -> Subnet:
    if subnet_id not in subnets:
        raise SpecRejected(f"subnet {subnet_id} does not exist", subnet=str(subnet_id))
    return subnets[subnet_id]


def unattached(interfaces: Iterable[NetworkInterface]) -> tuple[EniId, ...]:
    """Return those that can be deleted because no instance holds them: what an abandoned launch leaves."""
    return tuple(eni.eni_id for eni in interfaces if eni.attachment is None and eni.status in FREE)


def hook_open_for(opened_at: datetime, now: datetime) -> timedelta:
    """Return the age of a hook, never negative (clocks differ)."""
    return max(now - opened_at, timedelta())
