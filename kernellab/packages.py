"""Fetch and unpack Debian packages without installing them: no root, no chroot, no maintainer scripts."""

from __future__ import annotations

import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

TIMEOUT_S = 300.0

# An empty dpkg status makes apt name every dependency, whatever this machine has installed.
_APT_OPTIONS = (
    "-oAPT::Sandbox::User=",
    "-oDebug::NoLocking=1",
    "-oDir::State::status=/dev/null",
    "-oAPT::Install-Recommends=0",
    "-oDir::Cache::pkgcache=",
    "-oDir::Cache::srcpkgcache=",
)


class BuildFailed(Exception):
    """A program that the build of the image needs ended with an error."""


class SourcesMissing(BuildFailed):
    """Debian's packages cannot be had here: no network, no mirror, or another release's lists."""


def call(argv: Sequence[str], *, cwd: Path | None = None, stdin: str | None = None) -> str:
    """Run a build program and return its output, or raise BuildFailed with the end of its error output."""
    try:
        done = subprocess.run(  # noqa: S603 - an argument list made here
            argv,
            cwd=cwd,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BuildFailed(f"{argv[0]}: {error}") from error
    if done.returncode:
        tail = (done.stderr or done.stdout)[-2000:]
        raise BuildFailed(f"{' '.join(argv[:6])} ended with {done.returncode}: {tail}")
    return done.stdout


def _apt(program: str, arguments: Iterable[str], cwd: Path | None = None) -> str:
    try:
        return call([program, *_APT_OPTIONS, *arguments], cwd=cwd)
    except BuildFailed as error:
        raise SourcesMissing(str(error)) from error


def dependency(package: str, pattern: str) -> str:
    """Name the first package matching `pattern` that `package` depends on."""
    listing = _apt("apt-cache", ["depends", package])
    found = re.search(rf"Depends: ({pattern})", listing)
    if found is None:
        raise SourcesMissing(f"{package} depends on no {pattern}: are Debian 12's sources set up?")
    return found[1]


def closure(packages: Iterable[str], scratch: Path, *, drop: re.Pattern[str]) -> list[str]:
    """List `packages` and all that they depend on, without the names that `drop` matches."""
    (scratch / "partial").mkdir(parents=True, exist_ok=True)
    listing = _apt(
        "apt-get",
        [f"-oDir::Cache::archives={scratch}/", "--print-uris", "-qq", "install", *packages],
    )
    files = [line.split()[1] for line in listing.splitlines() if line.startswith("'")]
    names = [file.partition("_")[0] for file in files]
    return [name for name in names if not drop.match(name)]


def download(packages: Iterable[str], folder: Path) -> list[Path]:
    """Download packages into an empty folder and return their files."""
    folder.mkdir(parents=True)
    _apt("apt-get", ["download", "-qq", *packages], cwd=folder)
    return sorted(folder.glob("*.deb"))


def unpack(debs: Iterable[Path], root: Path) -> None:
    """Unpack packages into a tree; links of the tree, as of a merged /usr, are followed."""
    with ThreadPoolExecutor(max_workers=4) as pool:
        for _ in pool.map(lambda deb: _unpack_one(deb, root), debs):
            pass


def _unpack_one(deb: Path, root: Path) -> None:
    # `dpkg-deb -x` would put a directory in the place of a link such as /lib -> usr/lib.
    script = (
        'dpkg-deb --fsys-tarfile "$1"'
        ' | tar -x -C "$2" --keep-directory-symlink --no-same-owner --warning=no-timestamp'
    )
    call(["bash", "-o", "pipefail", "-c", script, "bash", str(deb), str(root)])
