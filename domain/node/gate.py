"""The gate in front of kubelet, and what must be started once it opens: systemd tries a boot's own job once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.node import layout
from domain.node.status import Run

if TYPE_CHECKING:
    from collections.abc import Mapping

NODEADM = "nodeadm-run.service"
"""It starts kubelet."""
_REQUIRING = ("Requires", "Requisite", "BindsTo")
"""systemd.unit(5): the job of a unit that has one of these fails with that of the other unit."""


def is_open(ready: str | None, drop_in: str | None) -> bool:
    """Return whether kubelet may start.

    Args:
        ready: the content of layout.READY; None while there is no such file.
        drop_in: what the bootstrap adds to kubelet's unit. Without it no node of a group has been told that it may.
    """
    return ready is not None or (drop_in is not None and layout.READY not in drop_in)


def is_awaited(started_by: Run, *, installs: bool, had_run: bool) -> bool:
    """Return whether the boot's own jobs for nodeadm and kubelet are sure to wait for a run, and so need no start.

    They wait for the run that systemd starts at boot. Where another came before, it may be that somebody starts the unit
    again, long after those jobs found the gate shut and failed. Nor does an installation know whether cloud-init runs it
    or somebody who repairs a node.

    Args:
        started_by: who started the run.
        installs: whether it is an installation's.
        had_run: whether another run has begun since the node booted.
    """
    return started_by is Run.BOOT and not installs and not had_run


def held_back(wanted: Mapping[str, str], *, nodeadm_began: bool) -> tuple[str, ...]:
    """Return the units to be started after the gate has opened: nodeadm's, and those whose jobs failed with it.

    Which units require nodeadm-run differs from AMI to AMI: nodeadm-reconcile, nodeadm-sync, configure-multicard-interfaces
    (awslabs/amazon-eks-ami, templates/al2023). To start one that is started or has a job already changes nothing: systemd
    merges both jobs.

    Args:
        wanted: the content of the units that a target wants, and of nodeadm's, by name; what is not there is left out.
        nodeadm_began: whether nodeadm has run in this boot. Then no gate was in its way, and a second time would have it
            configure a node that is at work.
    """
    requiring = sorted(
        name for name, text in wanted.items() if name != NODEADM and NODEADM in _required(text)
    )
    return (NODEADM, *requiring) if NODEADM in wanted and not nodeadm_began else ()


def _required(unit: str) -> set[str]:
    found: set[str] = set()
    for line in unit.splitlines():
        key, separator, value = line.partition("=")
        if separator and key.strip() in _REQUIRING:
            found.update(value.split())
    return found
