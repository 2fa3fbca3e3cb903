"""Build the guest's image once and keep it in a cache; say what this machine lacks for that."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kernellab.kernel import build_kernel
from kernellab.pythons import DEBIAN_PYTHON, find_compiler, find_python39
from kernellab.rootfs import HERE, build_initramfs, build_root

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kernellab.pythons import Interpreter

CACHE_VARIABLE = "MULTUS_KERNEL_LAB_CACHE"
QEMU = "qemu-system-x86_64"

_LIBRARIES = Path("/usr/lib")
_APT_LISTS = Path("/var/lib/apt/lists")
# The Debian 12 package that brings each program the build calls.
_BUILD_PROGRAMS = {
    "apt-get": "apt",
    "dpkg-deb": "dpkg",
    "gcc-12": "gcc-12",
    "make": "make",
    "strip": "binutils",
    "depmod": "kmod",
    "xz": "xz-utils",
    "mke2fs": "e2fsprogs",
    "ldconfig": "libc-bin",
}
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_MANIFEST = "manifest.json"
_KEPT_UNUSED_S = 7 * 24 * 3600.0


@dataclass(frozen=True)
class Image:
    """A built image: what QEMU is given, and what is in it."""

    folder: Path
    kernel_release: str
    python: str  # The version of the guest's /usr/bin/python3: "3.9.18", or "3.11" where no 3.9 was found.

    @property
    def vmlinux(self) -> Path:
        """The kernel."""
        return self.folder / "vmlinux"

    @property
    def initramfs(self) -> Path:
        """What mounts the root disk."""
        return self.folder / "initramfs.cpio"

    @property
    def disk(self) -> Path:
        """The root disk, never written to: a guest works on a copy-on-write layer above it."""
        return self.folder / "root.ext4"

    @property
    def snapshots(self) -> Path:
        """Where the states of booted guests are kept."""
        return self.folder / "snapshots"


def cache_root() -> Path:
    """Give the folder under which images are kept, one folder for each definition."""
    explicit = os.environ.get(CACHE_VARIABLE)
    if explicit:
        return Path(explicit)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "multus-kernel-lab"


def definition() -> str:
    """Hash what defines the image: the package's build files and the Python that goes in."""
    digest = hashlib.sha256()
    sources = [
        "packages.py",
        "kernel.py",
        "cpio.py",
        "pythons.py",
        "rootfs.py",
        "imds.py",
    ]
    files = [HERE / name for name in sources]
    files += sorted(path for path in (HERE / "rootfs").rglob("*") if path.is_file())
    files.append(HERE / "initramfs/init")
    for path in files:
        if "__pycache__" in path.parts:
            continue
        digest.update(f"{path.relative_to(HERE)}\0{path.stat().st_mode & 0o111}\0".encode())
        digest.update(path.read_bytes())
    python39 = find_python39()
    digest.update(_python_version(python39).encode())
    return digest.hexdigest()[:16]


def cached() -> Image | None:
    """Return the built image, or None when it has yet to be built."""
    return _load(cache_root() / definition())


def _python_version(python39: Interpreter | None) -> str:
    return python39.version if python39 else DEBIAN_PYTHON.removeprefix("python")


def _load(folder: Path) -> Image | None:
    try:
        manifest = json.loads((folder / _MANIFEST).read_text())
    except FileNotFoundError:
        return None
    (folder / _MANIFEST).touch()
    return Image(folder, manifest["kernel_release"], manifest["python"])


def missing() -> list[str]:
    """Name what this machine lacks to build the image (unless it is cached) and to boot it."""
    lacks = []
    if shutil.which(QEMU) is None:
        lacks.append(f"{QEMU} (apt-get install qemu-system-x86)")
    if cached() is None:
        lacks += [
            f"{program} (apt-get install {package})"
            for program, package in _BUILD_PROGRAMS.items()
            if shutil.which(program, path=_SYSTEM_PATH) is None
        ]
        if not any(_LIBRARIES.glob("*/libelf.so.1")):
            lacks.append("libelf.so.1 (apt-get install libelf1)")
        if find_python39() is None and find_compiler() is None:
            lacks.append("python3.9 or python3.11 (apt-get install python3)")
        if not any(_APT_LISTS.glob("*_bookworm_main_binary-amd64_Packages*")):
            lacks.append("package lists of Debian 12, amd64 (apt-get update)")
    return lacks


def build() -> Image:
    """Return the cached image, or build it; several processes may ask at once, and one builds.

    States this can find: nothing; a folder without a manifest cannot be, since a build is renamed when
    whole; left-overs of a killed build, which lie beside under another name and are removed here.
    """
    target = cache_root() / definition()
    target.parent.mkdir(parents=True, exist_ok=True)
    with _locked(target.parent / f"{target.name}.lock"):
        image = _load(target)
        if image is not None:
            return image
        for leftover in target.parent.glob(f"{target.name}.building-*"):
            shutil.rmtree(leftover)
        work = Path(tempfile.mkdtemp(prefix=f"{target.name}.building-", dir=target.parent))
        try:
            _build_into(work)
            (work / "out").rename(target)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    _drop_unused(target.parent)
    built = _load(target)
    if built is None:
        raise FileNotFoundError(target / _MANIFEST)
    return built


def _drop_unused(root: Path) -> None:
    """Remove images of former definitions that nobody has asked for in a week: each takes half a gigabyte."""
    for manifest in root.glob(f"*/{_MANIFEST}"):
        if time.time() - manifest.stat().st_mtime > _KEPT_UNUSED_S:
            shutil.rmtree(manifest.parent, ignore_errors=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build_into(work: Path) -> None:
    os.environ["PATH"] = f"{os.environ.get('PATH', '')}:{_SYSTEM_PATH}"
    python39 = find_python39()
    kernel = build_kernel(work)
    disk = build_root(work, kernel, python39)
    initramfs = build_initramfs(work, kernel)
    out = work / "out"
    (out / "snapshots").mkdir(parents=True)
    for path in (kernel.vmlinux, disk, initramfs):
        path.rename(out / path.name)
    manifest = {
        "kernel_release": kernel.release,
        "python": _python_version(python39),
        "packages": sorted(deb.name for deb in work.glob("*debs/*.deb")),
    }
    (out / _MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
