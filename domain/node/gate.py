"""The gate in front of kubelet."""

from __future__ import annotations

from domain.node import layout


def is_open(ready: str | None, drop_in: str | None) -> bool:
    """Return whether kubelet may start.

    Args:
        ready: the content of layout.READY; None while there is no such file.
        drop_in: what the bootstrap adds to kubelet's unit. Without it no node of a group has been told that it may.
    """
    return ready is not None or (drop_in is not None and layout.READY not in drop_in)
