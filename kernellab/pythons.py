"""Find a Python 3.9 on this machine, as AL2023 has it, and put it into the guest's tree."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kernellab.packages import call

if TYPE_CHECKING:
    from collections.abc import Iterator

DEBIAN_PYTHON = "python3.11"

_SKIPPED = {
    *("test", "tests", "tkinter", "idlelib", "lib2to3", "ensurepip", "turtledemo", "pydoc_data"),
    *("__pycache__", "site-packages", "dist-packages", "distutils", "venv", "curses"),
}
_MODULES_WITHOUT_LIBRARIES = re.compile(
    r"_tkinter|_curses|readline|_sqlite3|nis\.|_test|_ctypes_test|xxlimited|_dbm|_gdbm"
)


@dataclass(frozen=True)
class Interpreter:
    """A Python on this machine."""

    version: str
    prefix: Path
    executable: Path


def find_compiler() -> str | None:
    """Find a Python whose compiled files Debian 12's own Python, the guest's where there is no 3.9, can read."""
    running = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return sys.executable if running == DEBIAN_PYTHON else shutil.which(DEBIAN_PYTHON)


def pythons39() -> Iterator[Interpreter]:
    """Yield each Python 3.9 of pyenv and the one on PATH, as far as they start.

    On PATH there may be a shim of pyenv's instead, which starts whatever version is chosen, or none.
    """
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    candidates = sorted(pyenv.glob("versions/3.9.*/bin/python3.9"), reverse=True)
    on_path = shutil.which("python3.9")
    if on_path is not None:
        candidates.append(Path(on_path))
    for candidate in candidates:
        found = _describe(candidate)
        if found is not None:
            yield found


def find_python39() -> Interpreter | None:
    """Return a Python 3.9 that can be copied: one with its library beside it, as pyenv's are."""
    for found in pythons39():
        if (found.prefix / "lib/python3.9/os.py").exists() and (
            found.prefix / "bin/python3.9"
        ).exists():
            return found
    return None


def _describe(executable: Path) -> Interpreter | None:
    probe = "import platform, sys; print(platform.python_version(), sys.base_prefix, sep='\\n')"
    try:
        answer = subprocess.run(  # noqa: S603 - a path found here
            [executable, "-I", "-S", "-c", probe],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        ).stdout.splitlines()
    except (OSError, subprocess.SubprocessError):
        return None
    version, prefix = answer
    return Interpreter(version, Path(prefix), executable) if version.startswith("3.9.") else None


def install_python39(found: Interpreter, root: Path) -> None:
    """Copy interpreter and library into a tree as /usr/bin/python3, compiled."""
    library = root / "usr/lib/python3.9"
    shutil.copytree(found.prefix / "lib/python3.9", library, ignore=_unwanted, symlinks=True)
    shutil.copy(found.prefix / "bin/python3.9", root / "usr/bin/python3.9")
    for shared in found.prefix.glob("lib/libpython3.9.so.1.0"):
        shutil.copy(shared, root / "usr/lib/x86_64-linux-gnu" / shared.name)
    link = root / "usr/bin/python3"
    link.unlink(missing_ok=True)
    link.symlink_to("python3.9")
    compile_library(str(found.executable), library, "/usr/lib/python3.9")


def _unwanted(folder: str, names: list[str]) -> set[str]:
    inside_dynload = folder.endswith("lib-dynload")
    return {
        name
        for name in names
        if name in _SKIPPED
        or name.startswith("config-3")
        or (inside_dynload and _MODULES_WITHOUT_LIBRARIES.match(name))
    }


def compile_library(python: str, library: Path, path_in_guest: str) -> None:
    """Compile a standard library, the result valid whatever times the files will have in the guest."""
    # A few files of the library are Python 2 on purpose and do not compile: compileall then ends with 1.
    call(
        [
            "bash",
            "-c",
            '"$0" -m compileall -q -j2 --invalidation-mode unchecked-hash -d "$2" "$1" || test $? = 1',
            python,
            str(library),
            path_in_guest,
        ]
    )


def compile_programs(python: str, folder: Path) -> None:
    """Compile single programs beside their sources: a program given by its .pyc starts without compiling."""
    call(
        [
            python,
            "-m",
            "compileall",
            "-q",
            "-b",
            "--invalidation-mode",
            "unchecked-hash",
            str(folder),
        ]
    )
