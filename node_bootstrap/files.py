"""The host's files: the kernel's (sysfs, procfs) are written in place, everybody else's replaced in one step."""

from __future__ import annotations

import os
from pathlib import Path

from domain.node.change import RemoveFile, WriteFile


class Files:
    """Files by their absolute path on the host. A test gives another root.

    What looks does not go by pathlib, which takes three to five times as long: a run reads some hundred files of sysfs
    between the last interface's coming and the first change.
    """

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root
        self._prefix = str(root).rstrip("/")

    def at(self, path: str) -> Path:
        """Return where a path of the host really is."""
        return self._root / path.lstrip("/")

    def text(self, path: str) -> str | None:
        """Return a file's content; None if there is no such file.

        Raises:
            OSError: it is there and cannot be read.
        """
        try:
            with open(  # noqa: PTH123 - see the class
                self._prefix + path, encoding="utf-8", errors="surrogateescape"
            ) as file:
                return file.read()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def names(self, path: str) -> tuple[str, ...]:
        """Return the sorted names in a directory; none if there is no such directory."""
        try:
            return tuple(sorted(os.listdir(self._prefix + path)))  # noqa: PTH208 - see the class
        except (FileNotFoundError, NotADirectoryError):
            return ()

    def target(self, path: str) -> str | None:
        """Return the last part of what a symbolic link points to (how sysfs tells a driver); None if there is none."""
        try:
            target = os.readlink(self._prefix + path)  # noqa: PTH115 - see the class
        except OSError:
            return None
        return target.rpartition("/")[2]

    def set(self, path: str, value: str) -> None:
        """Write a kernel attribute: one write, because each is one command to the kernel.

        Raises:
            OSError: the kernel refuses the value, or there is no such attribute.
        """
        descriptor = os.open(self.at(path), os.O_WRONLY)
        try:
            os.write(descriptor, value.encode())
        finally:
            os.close(descriptor)

    def carry_out(self, change: WriteFile | RemoveFile) -> None:
        """Write a file, or take it away. A reader sees the old content or the new, also after a power cut.

        Raises:
            OSError: the file system is full or read-only.
        """
        path = self.at(change.path)
        if isinstance(change, RemoveFile):
            path.unlink(missing_ok=True)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        # The same name every time: a run that was killed leaves at most one, which the next one uses.
        fresh = path.with_name(f".{path.name}.fresh")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(change.text.encode("utf-8", errors="surrogateescape"))
                file.flush()
                os.fchmod(descriptor, change.mode)
                os.fsync(descriptor)
            fresh.replace(path)
        except OSError:
            fresh.unlink(missing_ok=True)
            raise
