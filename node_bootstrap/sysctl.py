"""Kernel parameters of links, below /proc/sys/net."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from domain.node.errors import LinkNotConfigured

if TYPE_CHECKING:
    from collections.abc import Iterable

    from domain.node.change import SetSysctl
    from node_bootstrap.files import Files

_KEY = re.compile(r"net\.(ipv[46])\.(conf|neigh)\.([^/]+)\.([a-z0-9_]+)")


def path(key: str) -> str:
    """Return a link parameter's file. A link's name may have dots; it has no slash (dev_valid_name in the kernel).

    Raises:
        ValueError: the key is no link's.
    """
    found = _KEY.fullmatch(key)
    if found is None or found[3] in (".", ".."):
        raise ValueError(f"no parameter of a link: {key}")
    return "/proc/sys/net/" + "/".join(found.groups())


def read(files: Files, keys: Iterable[str]) -> dict[str, str]:
    """Return the values by key; a parameter of a link that is not here is left out."""
    found = {key: files.text(path(key)) for key in keys}
    return {key: value.strip() for key, value in found.items() if value is not None}


def carry_out(files: Files, change: SetSysctl) -> None:
    """Write a parameter and read it back.

    Raises:
        LinkNotConfigured: the kernel does not take it, or the link has gone.
    """
    try:
        files.set(path(change.key), change.value)
        now = files.text(path(change.key))
    except OSError as refused:
        raise LinkNotConfigured(
            f"{change.key} cannot be set to {change.value}", value=str(refused)
        ) from refused
    if now is None or now.strip() != change.value:
        raise LinkNotConfigured(
            f"{change.key} is not {change.value} after it was set", value=(now or "").strip()
        )
