"""`multus-node metrics`: what there is to measure of the node at this moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.node import metrics
from domain.node.change import WriteFile
from domain.node.status import State
from node_bootstrap import status

if TYPE_CHECKING:
    from node_bootstrap.files import Files


def shown(files: Files) -> str:
    """Return the metrics as text.

    Raises:
        OSError: what host-local notes cannot be read.
    """
    known = status.read(files).status
    interfaces = known.interfaces if known else ()
    noted = {each.name: status.pods_have(files, each.name) for each in interfaces}
    return metrics.exposition(known, noted)


def write(files: Files, path: str) -> None:
    """Write the metrics to a file, where a collector sees the old ones or the new ones.

    While a run is under way the old ones stay: what it has not looked at yet would be missing, and the node not ready.

    Raises:
        OSError: the file system is full or read-only.
    """
    known = status.read(files).status
    if known is None or known.state is not State.WAITING:
        files.carry_out(WriteFile(path, shown(files)))
