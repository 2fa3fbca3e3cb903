"""What is to be done for one node, as data: steps per network interface, in the order in which they must happen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Union

from domain import naming

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from domain.config import InterfaceSpec
    from domain.errors import EniLifecycleError
    from domain.model import AttachmentId, EniId, InstanceId, SecurityGroupId, SubnetId


@dataclass(frozen=True)
class Create:
    """Create the network interface, with everything it will ever be told apart by."""

    spec: InterfaceSpec
    instance_id: InstanceId
    subnet_id: SubnetId
    security_group_ids: tuple[SecurityGroupId, ...]
    launched_at: datetime
    """Of the instance; part of the token."""
    tags: Mapping[str, str] = field(hash=False)
    address: str | None = None
    generation: int = 0

    @property
    def client_token(self) -> str:
        """Return the token that makes a repeated create answer with the same network interface."""
        return naming.client_token(
            self.instance_id, self.launched_at, self.spec.name, self.address, self.generation
        )

    @property
    def description(self) -> str:
        """Return the ENI's description."""
        return naming.description(self.spec.name, self.instance_id)


# Named tuples: making a class of them takes a cold start a sixth of the time that a frozen data class takes.


class Attach(NamedTuple):
    """Attach it to the node."""

    device_index: int
    network_card_index: int


@dataclass(frozen=True)
class SetDeleteOnTermination:
    """Let EC2 delete it with the node: false by default for every attachment made after launch."""


class SetSourceDestCheck(NamedTuple):
    """Let traffic pass that uses addresses which are not assigned to it, or stop that again."""

    enabled: bool


class SetSecurityGroups(NamedTuple):
    """Put it into exactly these security groups."""

    ids: tuple[SecurityGroupId, ...]


class AddTags(NamedTuple):
    """Give it tags that it lost."""

    tags: Mapping[str, str]


Step = Union[Create, Attach, SetDeleteOnTermination, SetSourceDestCheck, SetSecurityGroups, AddTags]


@dataclass(frozen=True)
class InterfaceWork:
    """The steps one network interface still needs; each uses what those before it brought."""

    instance_id: InstanceId
    interface: str
    steps: tuple[Step, ...]
    eni_id: EniId | None = None
    """None when the first step creates it."""
    attachment_id: AttachmentId | None = None
    """None when it is not attached yet."""


@dataclass(frozen=True)
class NodePlan:
    """What one node needs now."""

    reason: str
    """For a person: why this is the plan."""
    work: tuple[InterfaceWork, ...] = ()
    deletions: tuple[EniId, ...] = ()
    """Unattached network interfaces of ours that the node has no use for."""
    waiting: bool = False
    """Whether something must happen in AWS before the node has what it needs."""
    failure: EniLifecycleError | None = None
    """Why the node can never get what it needs."""

    @property
    def converged(self) -> bool:
        """Whether the node has exactly what it must have."""
        return not (self.work or self.waiting or self.failure)

    @property
    def is_final(self) -> bool:
        """Whether nothing remains but to say so: the node has everything, or can never have it."""
        return self.converged or self.failure is not None
