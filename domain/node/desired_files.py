"""From files as they should be and files as they are to what is to be written and taken away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.node.change import RemoveFile, WriteFile

if TYPE_CHECKING:
    from collections.abc import Mapping


def changes(
    desired: Mapping[str, str], present: Mapping[str, str | None]
) -> list[WriteFile | RemoveFile]:
    """Return what makes the present files the desired ones.

    Args:
        desired: content by absolute path.
        present: content by absolute path, None where there is none. A path of ours that is here and not desired is
            taken away, so `present` must hold nobody else's.
    """
    planned: list[WriteFile | RemoveFile] = [
        WriteFile(path, text, replaces=present.get(path) is not None)
        for path, text in sorted(desired.items())
        if present.get(path) != text
    ]
    planned += [
        RemoveFile(path)
        for path, text in sorted(present.items())
        if text is not None and path not in desired
    ]
    return planned
