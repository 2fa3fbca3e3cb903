"""Write the initramfs: a cpio archive in the kernel's "newc" format, uncompressed so that it unpacks fast."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class Archive:
    """Collects directories, files, links and device nodes, without needing the right to make any."""

    def __init__(self) -> None:
        self._entries: dict[str, tuple[int, bytes, tuple[int, int]]] = {}

    def directory(self, path: str) -> None:
        """Add a directory and those above it."""
        parts = path.strip("/").split("/")
        for depth in range(1, len(parts) + 1):
            self._entries.setdefault("/".join(parts[:depth]), (stat.S_IFDIR | 0o755, b"", (0, 0)))

    def file(self, path: str, content: bytes, mode: int = 0o644) -> None:
        """Add a regular file."""
        if "/" in path:
            self.directory(path.rpartition("/")[0])
        self._entries[path] = (stat.S_IFREG | mode, content, (0, 0))

    def character_device(self, path: str, major: int, minor: int) -> None:
        """Add a character device that everybody may use."""
        self.directory(path.rpartition("/")[0])
        self._entries[path] = (stat.S_IFCHR | 0o600, b"", (major, minor))

    def write(self, path: Path) -> None:
        """Write the archive."""
        with path.open("wb") as out:
            entries = [*self._entries.items(), ("TRAILER!!!", (0, b"", (0, 0)))]
            for number, (name, (mode, content, device)) in enumerate(entries, start=1):
                raw_name = name.encode() + b"\0"
                fields = (
                    *(number, mode, 0, 0, 1, 0, len(content), 0, 0),
                    *device,
                    len(raw_name),
                    0,
                )
                header = b"070701" + b"".join(b"%08X" % field for field in fields) + raw_name
                out.write(header + b"\0" * (-len(header) % 4))
                out.write(content + b"\0" * (-len(content) % 4))
