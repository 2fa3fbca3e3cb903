"""The nodes that are measured: groups that differ in what each node must have."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cli.rehearsal import Rehearsal
    from localaws.events.envelope import Event

INSTANCE_TYPE = "m5.4xlarge"
"""Eight network interfaces, so that the primary and six of ours fit."""
ZONES = ("us-east-1a", "us-east-1b")


class Addressing(StrEnum):
    """Where an interface's IPv4 address comes from, as the configuration's key `ipv4` says it."""

    AUTO = "auto"
    FROM_START = "from_start"


@dataclass(frozen=True)
class Shape:
    """What each node of one group has."""

    interfaces: int
    source_dest_check: bool = True
    addressing: Addressing = Addressing.AUTO

    @property
    def group(self) -> str:
        """The name of the group, and of its Auto Scaling group."""
        name = f"bench-{self.interfaces}-{'checked' if self.source_dest_check else 'unchecked'}"
        return name if self.addressing is Addressing.AUTO else f"{name}-from-start"

    def __str__(self) -> str:
        """Return it in words."""
        plural = "interface" if self.interfaces == 1 else "interfaces"
        check = "" if self.source_dest_check else " without check"
        addressing = "" if self.addressing is Addressing.AUTO else f", {self.addressing}"
        return f"{self.interfaces} {plural}{check}{addressing}"


def document(shapes: Iterable[Shape]) -> dict[str, Any]:
    """Return a configuration as YAML reads it, with subnets and security groups by id: what needs no look-up."""
    return {
        "name": "bench",
        "cluster_name": "bench",
        "node_groups": [
            {
                "name": shape.group,
                "auto_scaling_group": shape.group,
                "instance_types": [INSTANCE_TYPE],
                "interfaces": [
                    _interface(number, shape) for number in range(1, shape.interfaces + 1)
                ],
            }
            for shape in shapes
        ],
    }


def _interface(number: int, shape: Shape) -> dict[str, Any]:
    return {
        "name": f"net{number}",
        "subnets": {zone: f"subnet-{number:02x}{place:015x}" for place, zone in enumerate(ZONES)},
        "security_groups": ["sg-0123456789abcdef0"],
        "source_dest_check": shape.source_dest_check,
        "ipv4": str(shape.addressing),
    }


def launch(rehearsal: Rehearsal, shape: Shape, nodes: int, boot_s: float) -> list[Event]:
    """Let the group launch so many nodes more, and return the events of their launch hooks once the nodes run.

    Args:
        rehearsal: where.
        shape: which group.
        nodes: how many; the group keeps those that it has.
        boot_s: how long to wait for them to run.
    """
    hook = rehearsal.runtime.environment.launch_hook
    before = len(rehearsal.opened(hook))
    there = rehearsal.account.client("autoscaling").describe_auto_scaling_groups(
        AutoScalingGroupNames=[shape.group]
    )["AutoScalingGroups"][0]["DesiredCapacity"]
    rehearsal.desire(shape.group, there + nodes)
    rehearsal.account.clock.wait(boot_s)
    return rehearsal.opened(hook)[before:]
