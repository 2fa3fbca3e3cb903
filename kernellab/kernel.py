"""Make the guest's kernel from Debian's packages: a vmlinux that boots at once, and two modules that Debian lacks."""

from __future__ import annotations

import lzma
import re
import shutil
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kernellab.packages import BuildFailed, call, dependency, download, unpack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_XZ_MAGIC = b"\xfd7zXZ\0"
_GZIP_MAGIC = b"\x1f\x8b\x08"

# Loaded by the initramfs, in any order that modules.dep allows, before the root disk can be mounted.
EARLY_MODULES = ("crc32c_generic", "virtio_pci", "virtio_blk", "ext4", "virtio_console")

MODULES = (
    *EARLY_MODULES,
    "vfio-pci",
    "vfio_iommu_type1",
    "uio",
    "uio_pci_generic",
    "ipvlan",
    "macvlan",
    "veth",
    "dummy",
    "vrf",
    "e1000e",
    "virtio_net",
    "vmxnet3",
    "8021q",
    "bridge",
    "pci-stub",
    "tun",
    "crc32c-intel",
    "af_packet_diag",
    "sch_fq_codel",
    "autofs4",
    "ipv6",
    "nf_tables",
    "iptable_filter",
)


@dataclass(frozen=True)
class Kernel:
    """What the guest boots: an uncompressed kernel, its module tree and the rebuilt vfio module."""

    release: str
    vmlinux: Path
    modules: Path
    noiommu_vfio: Path
    igb_uio: Path


def build_kernel(work: Path) -> Kernel:
    """Download Debian 12's kernel and build vfio.ko with CONFIG_VFIO_NOIOMMU, and igb_uio.ko."""
    package = dependency("linux-image-amd64", r"linux-image-\S+")
    release = package.removeprefix("linux-image-")
    abi = release.removesuffix("-amd64")
    series = ".".join(abi.split(".")[:2])
    debs = download(
        [
            package,
            f"linux-headers-{release}",
            f"linux-headers-{abi}-common",
            f"linux-kbuild-{series}",
            f"linux-source-{series}",
            "dpdk-kmods-dkms",
        ],
        work / "kernel-debs",
    )
    image, headers, source = work / "kernel", work / "headers", work / "source"
    for folder in (image, headers, source):
        folder.mkdir()
    unpack([deb for deb in debs if deb.name.startswith("linux-image")], image)
    unpack(
        [deb for deb in debs if not deb.name.startswith(("linux-image", "linux-source"))], headers
    )
    _unpack_vfio_source(next(deb for deb in debs if deb.name.startswith("linux-source")), source)
    vmlinux = work / "vmlinux"
    vmlinux.write_bytes(uncompressed((image / f"boot/vmlinuz-{release}").read_bytes()))
    tree = headers / f"usr/src/linux-headers-{release}"
    _point_headers_at(tree, headers)
    return Kernel(
        release,
        vmlinux,
        image / "lib/modules" / release,
        _build_noiommu_vfio(tree, source, work),
        _build_igb_uio(tree, headers, work),
    )


def uncompressed(image: bytes) -> bytes:
    """Take the ELF kernel out of a bzImage: QEMU starts it by PVH, and nothing is unpacked under emulation."""
    for candidate in _payloads(image):
        if candidate.startswith(b"\x7fELF"):
            return candidate
    raise BuildFailed("the kernel's image holds no ELF payload in a known compression")


def _payloads(image: bytes) -> Iterator[bytes]:
    for magic, kind in ((_XZ_MAGIC, "xz"), (_GZIP_MAGIC, "gzip")):
        offset = image.find(magic)
        while offset >= 0:
            try:
                if kind == "xz":
                    yield lzma.LZMADecompressor().decompress(image[offset:])
                else:
                    yield zlib.decompressobj(31).decompress(image[offset:])
            except (lzma.LZMAError, zlib.error):
                pass
            offset = image.find(magic, offset + 1)


def _unpack_vfio_source(deb: Path, folder: Path) -> None:
    call(
        [
            "bash",
            "-o",
            "pipefail",
            "-c",
            'dpkg-deb --fsys-tarfile "$1" | tar -xO --wildcards "./usr/src/*.tar.xz"'
            ' | tar -xJ -C "$2" --wildcards "*/drivers/vfio/*"',
            "bash",
            str(deb),
            str(folder),
        ]
    )


def _point_headers_at(tree: Path, prefix: Path) -> None:
    makefile = tree / "Makefile"
    makefile.write_text(
        makefile.read_text().replace("include /usr/src/", f"include {prefix}/usr/src/")
    )


def _make(tree: Path, folder: Path) -> None:
    call(["make", "-s", "-C", str(tree), f"M={folder}", "CC=gcc-12", "modules"])


def _strip(module: Path) -> Path:
    call(["strip", "--strip-debug", str(module)])
    return module


def _build_noiommu_vfio(tree: Path, source: Path, work: Path) -> Path:
    """Debian leaves CONFIG_VFIO_NOIOMMU out, AL2023's kernels have it; the rest of vfio must not notice."""
    folder = work / "vfio"
    folder.mkdir()
    origin = next(source.glob("*/drivers/vfio"))
    for name in ("vfio_main.c", "container.c", "iova_bitmap.c", "vfio.h"):
        shutil.copy(origin / name, folder / name)
    (folder / "Kbuild").write_text(
        "ccflags-y += -DCONFIG_VFIO_NOIOMMU=1\n"
        "obj-m += vfio.o\n"
        "vfio-y += vfio_main.o iova_bitmap.o container.o\n"
    )
    _make(tree, folder)
    stock = _exported_by(tree / "Module.symvers", r"drivers/vfio/vfio")
    built = _exported_by(folder / "Module.symvers", r"\S*vfio")
    if stock != built:
        raise BuildFailed("the rebuilt vfio.ko's symbol versions are not the stock kernel's")
    return _strip(folder / "vfio.ko")


def _exported_by(symvers: Path, module: str) -> set[tuple[str, str]]:
    return set(re.findall(rf"^(0x\w+)\t(\S+)\t{module}\t", symvers.read_text(), flags=re.MULTILINE))


def _build_igb_uio(tree: Path, headers: Path, work: Path) -> Path:
    folder = work / "igb_uio"
    folder.mkdir()
    origin = next(headers.glob("usr/src/dpdk-kmods-*"))
    for name in ("igb_uio.c", "compat.h", "Kbuild"):
        shutil.copy(origin / name, folder / name)
    _make(tree, folder)
    return _strip(folder / "igb_uio.ko")


def install_modules(kernel: Kernel, root: Path) -> None:
    """Copy the wanted modules with all they need into a root tree, and index them."""
    call(["depmod", "-b", str(kernel.modules.parents[2]), kernel.release])
    needed = module_order(kernel, MODULES)
    target = root / "usr/lib/modules" / kernel.release
    for relative in needed:
        (target / relative).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(kernel.modules / relative, target / relative)
    (target / "extra").mkdir()
    shutil.copy(kernel.igb_uio, target / "extra/igb_uio.ko")
    vfio = target / "kernel/drivers/vfio/vfio.ko"
    aside = root / "usr/lib/kernellab"
    aside.mkdir(parents=True)
    vfio.rename(aside / "stock-vfio.ko")
    shutil.copy(kernel.noiommu_vfio, vfio)
    for name in ("modules.builtin", "modules.builtin.modinfo", "modules.order"):
        shutil.copy(kernel.modules / name, target / name)
    call(["depmod", "-b", str(root), kernel.release])


def module_order(kernel: Kernel, names: tuple[str, ...]) -> list[str]:
    """List the files of modules and what they need, each after all that it needs."""
    needs: dict[str, list[str]] = {}
    for line in (kernel.modules / "modules.dep").read_text().splitlines():
        path, _, others = line.partition(":")
        needs[path] = others.split()
    by_name = {
        path.rpartition("/")[2].removesuffix(".ko").replace("-", "_"): path for path in needs
    }
    order: dict[str, None] = {}
    for name in names:
        if name.replace("-", "_") not in by_name:
            continue  # Built in, or not there on this series: the guest's own tests would tell.
        path = by_name[name.replace("-", "_")]
        # modules.dep lists what a module needs from the last to be loaded to the first.
        order.update(dict.fromkeys(reversed(needs[path])))
        order[path] = None
    return list(order)
