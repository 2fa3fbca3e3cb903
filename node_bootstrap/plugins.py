"""Asks the CNI plugins on the node what they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.node import layout
from domain.node.errors import ToolFailed
from domain.node.plugins import Observed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from node_bootstrap.files import Files
    from node_bootstrap.programs import Programs

_TIMEOUT_S = 5.0


def observe(names: Iterable[str], files: Files, programs: Programs) -> dict[str, Observed | None]:
    """Return the plugins by name, None for one that is not installed. Starts each installed one once.

    A plugin without CNI_COMMAND in its environment writes its name, its version and the protocol versions it knows to
    stderr and ends (containernetworking/cni, pkg/skel/skel.go). What cannot be started is there and says nothing.
    """
    installed = files.names(layout.CNI_PLUGINS)
    return {
        name: Observed(name, _said(name, files, programs)) if name in installed else None
        for name in sorted(set(names))
    }


def _said(name: str, files: Files, programs: Programs) -> str:
    program = str(files.at(f"{layout.CNI_PLUGINS}/{name}"))
    try:
        return programs.run(
            [program], timeout_s=_TIMEOUT_S, environ={"CNI_COMMAND": ""}, with_stderr=True
        )
    except (ToolFailed, OSError):
        return ""
