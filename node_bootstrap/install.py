"""Puts the bootstrap in place on a node: program, command, settings, systemd's units, udev's rule."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from domain.node import desired_files, layout
from domain.node.change import RemoveFile, WriteFile
from domain.node.config import OnFailure
from node_bootstrap import readiness, unpacking

if TYPE_CHECKING:
    from collections.abc import Mapping

    from domain.node.config import NodeGroup
    from node_bootstrap.files import Files
    from node_bootstrap.programs import Programs

SYSTEMD = "/etc/systemd/system"
WANTS = f"{SYSTEMD}/multi-user.target.wants"
UDEV_RULE = "/etc/udev/rules.d/95-multus-node.rules"
"""After 90-eks.rules, which brings the link's own service up."""

BOOT_SERVICE = "multus-node.service"
HOTPLUG_PATH = "multus-node-hotplug.path"
HOTPLUG_SERVICE = "multus-node-hotplug.service"
PLUGINS_PATH = "multus-node-plugins.path"
PLUGINS_SERVICE = "multus-node-plugins.service"
ADDRESSES_TIMER = "multus-node-addresses.timer"
ADDRESSES_SERVICE = "multus-node-addresses.service"
METRICS_TIMER = "multus-node-metrics.timer"
METRICS_SERVICE = "multus-node-metrics.service"
STARTED = (
    HOTPLUG_SERVICE,
    PLUGINS_SERVICE,
    ADDRESSES_SERVICE,
    METRICS_SERVICE,
    readiness.ANSWER_SERVICE,
)
"""By paths and by runs, and not by a boot."""
WATCHING = (HOTPLUG_PATH, PLUGINS_PATH)
OF_POOLS = (ADDRESSES_TIMER, METRICS_TIMER)
ENABLED = (BOOT_SERVICE, *WATCHING, *OF_POOLS)
"""By a boot; the timers only where there is a pool of addresses to be looked at."""
GATED = ("nodeadm-run.service", "kubelet.service")
"""nodeadm-run too: nodeadm waits without end for a kubelet that does not come up (awslabs/amazon-eks-ami,
nodeadm/internal/daemon/systemd.go, waitForStatus), and what requires nodeadm-run must not go on without it.

An assertion and no condition: a unit whose condition fails counts as started for those that require it, and whoever types
`systemctl start kubelet` is told nothing; with an assertion the job fails and says so (systemd.unit(5))."""

_POD_ADDRESSES = """\
# Run by pods that mount this folder, with whatever Python they have.
import sys

sys.path.insert(0, {folder!r})

from pod_addresses.__main__ import main

sys.exit(main())
"""
_PROGRAM = 0o755
_TOOL_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Installation:
    """What an installation changes; nothing when all is in place."""

    program: Mapping[str, bytes]
    """The files to unpack, by their names in the archive; empty when they are in place."""
    files: tuple[WriteFile | RemoveFile, ...]
    reload: bool
    """Whether systemd and udev have to read their files anew."""
    enable: tuple[str, ...]
    obsolete: tuple[str, ...]
    """Folders of other versions."""

    def lines(self) -> tuple[str, ...]:
        """Return what is changed, for a person."""
        reads = ("systemd and udev read their files anew",) if self.reload else ()
        return (
            *([f"unpack {unpacking.folder(self.program)}"] if self.program else ()),
            *(str(change) for change in self.files),
            *(f"enable {unit}" for unit in self.enable),
            *reads,
            *(f"remove {folder}" for folder in self.obsolete),
        )


def plan(group: NodeGroup, program: Mapping[str, bytes], files: Files) -> Installation:
    """Return what is missing for nodes of a group.

    It can find any of these, and the same plan completes each:
    1. nothing, or no more than the gate that user data puts up before it fetches the archive;
    2. the program without the command that runs it, or part of the other files: the installation was killed;
    3. all files, not read yet: it was killed later; the mark that goes before the first of them is still there;
    4. another version, or another policy for failures: what differs is written, and the command changes over to the new
       program in one step;
    5. everything, and folders of versions that the command ran before.

    Args:
        group: which nodes.
        program: the archive's files by their names in it.
        files: of the host.
    """
    folder = unpacking.folder(program)
    desired = _desired(group, program, folder)
    changes = tuple(
        dataclasses.replace(change, mode=_PROGRAM)
        if isinstance(change, WriteFile) and change.path == layout.COMMAND
        else change
        for change in desired_files.changes(desired, {path: files.text(path) for path in desired})
    )
    unread = any(change.path.startswith((SYSTEMD, UDEV_RULE)) for change in changes)
    enabled = (BOOT_SERVICE, *watching(group))
    enable = tuple(unit for unit in enabled if unit not in files.names(WANTS))
    there = unpacking.content(files.at(folder)) == program
    others = (
        f"{layout.PROGRAMS}/{name}"
        for name in files.names(layout.PROGRAMS)
        if name != layout.POD_ADDRESSES_NAME
    )
    return Installation(
        program={} if there else program,
        files=changes,
        reload=unread or bool(enable) or files.text(layout.UNITS_CHANGED) is not None,
        enable=enable,
        obsolete=tuple(other for other in others if other != folder),
    )


def carry_out(installation: Installation, files: Files, programs: Programs) -> None:
    """Put in place what is missing.

    Raises:
        ToolFailed: systemd or udev refuses.
        OSError: the file system is full or read-only.
    """
    if installation.reload:
        files.carry_out(WriteFile(layout.UNITS_CHANGED, ""))
    if installation.program:
        unpacking.unpack(installation.program, files)
    for change in installation.files:
        files.carry_out(change)
    if installation.enable:
        # Its own reload would be one too many: this one call took as long as all that the run itself changes.
        enable = ["systemctl", "enable", "--no-reload", *installation.enable]
        programs.run(enable, timeout_s=_TOOL_TIMEOUT_S)
    if installation.reload:
        programs.run(["systemctl", "daemon-reload"], timeout_s=_TOOL_TIMEOUT_S)
        programs.run(["udevadm", "control", "--reload"], timeout_s=_TOOL_TIMEOUT_S)
        files.carry_out(RemoveFile(layout.UNITS_CHANGED))
    for folder in installation.obsolete:
        unpacking.remove(folder, files)


def watching(group: NodeGroup) -> tuple[str, ...]:
    """Return the units that look for what comes or changes later on nodes of a group."""
    pools = any(one.has_pod_pool for one in group.interfaces)
    return (*WATCHING, *OF_POOLS) if pools else WATCHING


def watch(group: NodeGroup, files: Files, programs: Programs) -> tuple[str, ...]:
    """Have systemd watch for links and CNI plugins that come from now on, and start what the open gate had held back.

    Called after the first run and not by the installation: until then they are that run's. Every later boot does so by
    itself. Returns what was held back. In cloud-init the boot's own jobs for that still wait, and systemd merges both.

    Raises:
        ToolFailed: systemd refuses.
        OSError: /run is full or read-only.
    """
    return readiness.start_held_back(files, programs, *watching(group))


def _desired(group: NodeGroup, program: Mapping[str, bytes], folder: str) -> Mapping[str, str]:
    def unit(name: str) -> str:
        return program[f"{layout.UNITS}/{name}"].decode()

    gated = group.on_failure is not OnFailure.CONTINUE
    drop_in = unit("gate.conf" if gated else "no-gate.conf")
    return {
        layout.COMMAND: f'#!/bin/sh\nexec {layout.PYTHON} {folder} "$@"\n',
        layout.POD_ADDRESSES_PROGRAM: _POD_ADDRESSES.format(folder=folder),
        layout.SETTINGS: json.dumps({"node_group": group.name}) + "\n",
        UDEV_RULE: unit("95-multus-node.rules"),
        **{f"{SYSTEMD}/{name}": unit(name) for name in (*ENABLED, *STARTED)},
        **{f"{SYSTEMD}/{name}.d/{layout.DROP_IN}": drop_in for name in GATED},
    }
