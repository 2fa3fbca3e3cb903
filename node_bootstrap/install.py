"""Puts the bootstrap in place on a node: program, command, settings, systemd's units, udev's rule."""

from __future__ import annotations

import dataclasses
import json
import pkgutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from domain.node import desired_files, layout
from domain.node.change import RemoveFile, WriteFile
from domain.node.config import OnFailure
from domain.node.errors import ConfigurationMissing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

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
ENABLED = (BOOT_SERVICE, HOTPLUG_PATH)
GATED = ("nodeadm-run.service", "kubelet.service")
"""nodeadm-run too: nodeadm waits without end for a kubelet that does not come up (awslabs/amazon-eks-ami,
nodeadm/internal/daemon/systemd.go, waitForStatus), and what requires nodeadm-run must not go on without it.

An assertion and no condition: a unit whose condition fails counts as started for those that require it, and whoever types
`systemctl start kubelet` is told nothing; with an assertion the job fails and says so (systemd.unit(5))."""
DROP_IN = "10-multus-node.conf"

_TEXT = 0o644
_PROGRAM = 0o755
_TOOL_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Installation:
    """What an installation changes; nothing when all is in place."""

    files: tuple[WriteFile | RemoveFile, ...]
    reload: bool
    """Whether systemd and udev have to read their files anew."""
    enable: tuple[str, ...]

    def lines(self) -> tuple[str, ...]:
        """Return what is changed, for a person."""
        reads = ("systemd and udev read their files anew",) if self.reload else ()
        return (
            *(str(change) for change in self.files),
            *reads,
            *(f"enable {unit}" for unit in self.enable),
        )


def plan(group: NodeGroup, archive: Path, files: Files) -> Installation:
    """Return what is missing for nodes of a group.

    It can find any of these, and the same plan completes each:
    1. nothing, or no more than the gate that user data puts up before it fetches the archive;
    2. part of the files: the installation was killed;
    3. all files, not read yet: it was killed later; the mark that goes before the first of them is still there;
    4. another version, or another policy for failures: what differs is written;
    5. everything.

    Args:
        group: which nodes.
        archive: the program, which becomes the node's.
        files: of the host.

    Raises:
        OSError: the archive cannot be read.
    """
    # surrogateescape turns bytes into text and back without loss, so the program is a file like the others.
    program = archive.read_bytes().decode("utf-8", errors="surrogateescape")
    desired = {layout.PROGRAM: program, **_desired(group)}
    present = {path: _exactly(path, files) for path in desired}
    changes = tuple(
        dataclasses.replace(change, mode=_mode(change.path))
        if isinstance(change, WriteFile)
        else change
        for change in desired_files.changes(desired, present)
    )
    unread = any(change.path.startswith((SYSTEMD, UDEV_RULE)) for change in changes)
    return Installation(
        files=changes,
        reload=unread or files.text(layout.UNITS_CHANGED) is not None,
        enable=tuple(unit for unit in ENABLED if unit not in files.names(WANTS)),
    )


def carry_out(installation: Installation, files: Files, programs: Programs) -> None:
    """Put in place what is missing.

    Raises:
        ToolFailed: systemd or udev refuses.
        OSError: the file system is full or read-only.
    """
    if installation.reload:
        files.carry_out(WriteFile(layout.UNITS_CHANGED, ""))
    for change in installation.files:
        files.carry_out(change)
    if installation.reload:
        programs.run(["systemctl", "daemon-reload"], timeout_s=_TOOL_TIMEOUT_S)
        programs.run(["udevadm", "control", "--reload"], timeout_s=_TOOL_TIMEOUT_S)
        files.carry_out(RemoveFile(layout.UNITS_CHANGED))
    if installation.enable:
        programs.run(["systemctl", "enable", *installation.enable], timeout_s=_TOOL_TIMEOUT_S)


def watch(programs: Programs) -> None:
    """Have systemd watch for links that come from now on; every later boot does so by itself.

    Called after the first run and not by the installation: until then links are that run's.

    Raises:
        ToolFailed: systemd refuses.
    """
    programs.run(["systemctl", "start", "--no-block", HOTPLUG_PATH], timeout_s=_TOOL_TIMEOUT_S)


def node_group_name(files: Files) -> str:
    """Return the node group that this node was installed for.

    Raises:
        ConfigurationMissing: it was not, or the file was damaged.
    """
    text = files.text(layout.SETTINGS)
    try:
        name = json.loads(text or "{}")["node_group"]
    except (KeyError, TypeError, ValueError):
        name = None
    if not isinstance(name, str):
        raise ConfigurationMissing(
            "nobody has said which node group this node is of",
            value=f"{layout.SETTINGS}: {'no such file' if text is None else 'no node_group'}",
            remedy="Run `multus-node install --node-group NAME`.",
        )
    return name


def _desired(group: NodeGroup) -> Mapping[str, str]:
    gated = group.on_failure is not OnFailure.CONTINUE
    drop_in = _unit("gate.conf" if gated else "no-gate.conf")
    return {
        layout.COMMAND: _unit("multus-node.sh"),
        layout.SETTINGS: json.dumps({"node_group": group.name}) + "\n",
        UDEV_RULE: _unit("95-multus-node.rules"),
        **{
            f"{SYSTEMD}/{unit}": _unit(unit)
            for unit in (BOOT_SERVICE, HOTPLUG_PATH, HOTPLUG_SERVICE)
        },
        **{f"{SYSTEMD}/{unit}.d/{DROP_IN}": drop_in for unit in GATED},
    }


def _unit(name: str) -> str:
    data = pkgutil.get_data("node_bootstrap", f"units/{name}")
    assert data is not None  # noqa: S101 - None only from a loader without data, and zipimport's has it
    return data.decode()


def _exactly(path: str, files: Files) -> str | None:
    """Return a file's content to the byte, with the line ends that it has."""
    try:
        return files.at(path).read_bytes().decode("utf-8", errors="surrogateescape")
    except (FileNotFoundError, NotADirectoryError):
        return None


def _mode(path: str) -> int:
    return _PROGRAM if path in (layout.PROGRAM, layout.COMMAND) else _TEXT
