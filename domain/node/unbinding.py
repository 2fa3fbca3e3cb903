"""Which interfaces have their kernel driver whatever the configuration says, because somebody unbound them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.node.errors import ConfigurationConflict
from domain.node.status import Run

if TYPE_CHECKING:
    from collections.abc import Collection

    from domain.node.config import NodeGroup


def check(group: NodeGroup, name: str) -> None:
    """Refuse to unbind what no DPDK driver is to have: it would only leave its device-plugin pool.

    Raises:
        ConfigurationForeign: the group promises no such interface.
        ConfigurationConflict: the configuration gives it to the kernel.
    """
    if group.interface(name).driver.is_dpdk:
        return
    dpdk = ", ".join(one.name for one in group.interfaces if one.driver.is_dpdk)
    raise ConfigurationConflict(
        f"{name} has its kernel driver by configuration: there is nothing to unbind",
        value="driver: kernel",
        remedy=f"Name one of {dpdk}."
        if dpdk
        else f"No interface of node group {group.name} is for DPDK.",
    )


def kept(
    group: NodeGroup, recorded: frozenset[str], *, started_by: Run, unbind: str | None
) -> frozenset[str]:
    """Return the interfaces that a run leaves to the kernel.

    A manual run is how a person takes an unbind back; a hot-attach is no reason to.

    Args:
        group: of the node.
        recorded: what the last run that succeeded left to the kernel in this boot.
        started_by: who started the run.
        unbind: the interface that it is to give back.
    """
    if unbind is not None:
        return recorded | {unbind}
    left = recorded if started_by is Run.HOTPLUG else frozenset()
    return left & {one.name for one in group.interfaces}


def achieved(
    planned: frozenset[str], recorded: frozenset[str], left_out: Collection[str]
) -> frozenset[str]:
    """Return what is recorded when a run has succeeded.

    An interface that the group goes on without was not given back by this run; one of an earlier run stays.

    Only a run that succeeded records anything, so that a later one never carries out what was refused. A run can be killed
    in any of these states, and the next one converges from each:
    1. nothing is changed: nothing has happened;
    2. a device is with the kernel, or has its link's name and addresses too, and nothing is recorded: the next run, which
       the link that came has udev start, gives it its DPDK driver again, as configured and as recorded;
    3. it is recorded: it stays with the kernel until a manual run or the next boot;
    4. a manual run has bound the device again and the record still names it: the next manual run finds all done and
       records that, and a hot-attach's run gives the device back to the kernel, as if the manual run had not begun.
    """
    return frozenset(name for name in planned if name in recorded or name not in left_out)
