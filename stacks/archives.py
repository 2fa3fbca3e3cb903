"""Archives that are the same bytes for the same files, on every machine, and appear whole."""

from __future__ import annotations

import io
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest date a zip archive can carry."""
_REGULAR_FILE = 0o100644 << 16
_UNIX = 3


def zip_bytes(
    content: Mapping[str, bytes], *, compression: int = zipfile.ZIP_DEFLATED, before: bytes = b""
) -> bytes:
    """Return the archive of some files.

    Args:
        content: what each file holds, by its name in the archive.
        compression: zipfile's. What deflate makes of a text depends on the zlib.
        before: bytes in front of the archive, as the line that names an interpreter.
    """
    target = io.BytesIO()
    target.write(before)
    with zipfile.ZipFile(target, "a", compression) as archive:
        for name, data in sorted(content.items()):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = compression
            # The mode below is read by it, whatever this machine is.
            entry.create_system = _UNIX
            entry.external_attr = _REGULAR_FILE
            archive.writestr(entry, data)
    return target.getvalue()


def stage(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Write a file whose name tells its content, so that one that is there is right: it appears by one rename.

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        fresh = Path(scratch) / path.name
        fresh.write_bytes(data)
        fresh.chmod(mode)
        fresh.replace(path)
