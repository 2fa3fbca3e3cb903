"""Make the guest's root disk: Debian packages, a kernel's modules, Python 3.9 and the stand-ins for an EKS node."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from kernellab.cpio import Archive
from kernellab.imds import node_state
from kernellab.kernel import EARLY_MODULES, Kernel, install_modules, module_order
from kernellab.packages import BuildFailed, call, closure, download, unpack
from kernellab.pythons import (
    DEBIAN_PYTHON,
    compile_library,
    compile_programs,
    find_compiler,
    install_python39,
)

if TYPE_CHECKING:
    from kernellab.pythons import Interpreter

HERE = Path(__file__).parent
DISK_MIB = 640

_PACKAGES = (
    *("base-files", "bash", "coreutils", "debianutils", "findutils", "grep", "sed", "tar"),
    *("util-linux", "mount", "procps", "kmod", "iproute2", "iputils-ping", "ethtool", "pciutils"),
    *("busybox-static", "libc-bin", "systemd", "systemd-sysv", "udev", "dbus", "strace"),
    *("containernetworking-plugins", "dpdk", "dpdk-dev"),
    # What the modules of a Python 3.9 built on Debian 12 are linked with.
    *(
        "libssl3",
        "libffi8",
        "libexpat1",
        "libbz2-1.0",
        "liblzma5",
        "libuuid1",
        "zlib1g",
        "libcrypt1",
    ),
)
# What those depend on and the guest has no use for: maintainer scripts do not run, nothing is compiled,
# and of DPDK's hundred drivers a node needs three and dpdk-testpmd is linked with nine more.
_DROPPED = re.compile(
    r"^(lib.*-dev$|perl|libperl|libnumber|libtext|libfile-|debconf|dpkg$|media-types|sysvinit|passwd"
    r"|adduser|init-system|rdma-core|usrmerge|linux-libc|libc-dev-bin|pkgconf|libpkgconf|pkg-config"
    r"|sgml|xml-core|libdpdk|rpcsvc|iptables|netbase|lsb-base|dbus-session|dmsetup|iso-codes"
    r"|librte-(baseband|crypto-(?!scheduler)|compress-|event-|dma-|raw-|regex-|vdpa|meta"
    r"|bus-(fslmc|ifpga|vmbus)|common-(cnxk|cpt|idpf|octeontx|qat|sfc)|mempool-(bucket|cnxk|dpaa2-|oct|stack)"
    r"|net-(?!e1000|ena23|virtio|bnxt|bond|dpaa23|i40e|ice23|ixgbe|mlx5)))"
)
_CNI_PLUGINS = ("host-device", "ipvlan", "host-local", "static", "loopback", "sbr", "tuning")

_PRUNED = (
    # They find nothing to generate here, and each reload of systemd runs all twelve: two thirds of its time.
    *(
        "usr/lib/systemd/system-generators",
        "usr/lib/systemd/user",
        "usr/lib/systemd/user-generators",
    ),
    *("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info", "usr/share/lintian"),
    *("usr/share/bash-completion", "usr/share/zsh", "usr/share/perl5", "usr/share/i18n"),
    *("usr/lib/x86_64-linux-gnu/gconv", "usr/include", "usr/lib/udev/hwdb.d", "usr/share/dpdk"),
    *("usr/lib/cni", "usr/lib/x86_64-linux-gnu/perl-base", "etc/cron.daily", "etc/init.d"),
)

_ENABLED = {
    "multi-user.target.wants": (
        "systemd-networkd.service",
        "nodeadm-config.service",
        "lab-hold.service",
        "cloud-final.service",
        "nodeadm-run.service",
        "dbus.service",
    ),
    "sysinit.target.wants": ("lab-agent.service", "lab-imds.service"),
    "sockets.target.wants": ("systemd-networkd.socket", "dbus.socket"),
    "network-online.target.wants": ("systemd-networkd-wait-online.service",),
}
# Whatever a boot would spend time on and no test looks at. Removed and not masked: each unit that another one names is loaded,
# a masked one too, and systemd reads and writes all that are loaded at each reload, of which every link that comes brings one.
_UNUSED_UNITS = (
    *("*cryptsetup*", "*getty*", "*integritysetup*", "*plymouth*", "*veritysetup*", "e2scrub*"),
    *("emergency.*", "rescue.*", "initrd*", "graphical.*", "remote-*", "runlevel*"),
    *("dev-mqueue.mount", "fstrim.*", "modprobe@*", "proc-sys-fs-binfmt_misc.*", "syslog.socket"),
    *("sys-fs-fuse-connections.mount", "sys-kernel-config.mount", "sys-kernel-tracing.mount"),
    *("kmod-static-nodes.service", "systemd-ask-password*", "systemd-binfmt.*"),
    *("systemd-boot-system-token.*", "systemd-firstboot.*", "systemd-fsck*", "systemd-hwdb-*"),
    *("systemd-initctl.*", "systemd-journal-*", "systemd-journald-audit.socket"),
    *("systemd-logind.*", "systemd-machine-id-commit.*", "systemd-pcr*", "systemd-pstore.*"),
    *("systemd-random-seed.*", "systemd-remount-fs.*", "systemd-repart.*", "systemd-sysext.*"),
    *("systemd-sysusers.*", "systemd-tmpfiles-clean.*", "systemd-tmpfiles-setup-dev.*"),
    *("systemd-udev-settle.*", "systemd-update-*", "systemd-user-sessions.*"),
)

_UNUSED_RULES = (
    *("60-autosuspend.rules", "60-cdrom_id.rules", "60-drm.rules", "60-evdev.rules"),
    *("60-fido-id.rules", "60-infiniband.rules", "60-input-id.rules", "60-persistent-alsa.rules"),
    *("60-persistent-input.rules", "60-persistent-storage.rules"),
    *("60-persistent-storage-dm.rules", "60-persistent-storage-tape.rules"),
    *("60-persistent-v4l.rules", "60-sensor.rules", "60-serial.rules", "64-btrfs.rules"),
    *("70-camera.rules", "70-joystick.rules", "70-memory.rules", "70-mouse.rules"),
    *("70-power-switch.rules", "70-touchpad.rules", "70-uaccess.rules", "71-seat.rules"),
    *("73-seat-late.rules", "75-probe_mtd.rules", "78-sound-card.rules", "85-hwclock.rules"),
)


def build_root(work: Path, kernel: Kernel, python39: Interpreter | None) -> Path:
    """Assemble the root disk as an ext4 image and return its file."""
    root = work / "root"
    for folder in ("bin", "sbin", "lib", "lib64"):
        (root / "usr" / folder).mkdir(parents=True)
        (root / folder).symlink_to(f"usr/{folder}")
    compiler = str(python39.executable) if python39 else find_compiler()
    if compiler is None:
        raise BuildFailed(
            f"neither Python 3.9 nor {DEBIAN_PYTHON} is there to compile for the guest"
        )
    wanted = [*_PACKAGES] if python39 else [*_PACKAGES, "python3"]
    drop = re.compile(_DROPPED.pattern + (r"|^(lib)?python3" if python39 else ""))
    unpack(download(closure(wanted, work / "apt", drop=drop), work / "debs"), root)
    install_modules(kernel, root)
    if python39:
        install_python39(python39, root)
    else:
        compile_library(compiler, root / "usr/lib" / DEBIAN_PYTHON, f"/usr/lib/{DEBIAN_PYTHON}")
    _check_libraries(root)
    _install_plugins(root)
    for pruned in _PRUNED:
        shutil.rmtree(root / pruned, ignore_errors=True)
    _configure(root)
    compile_programs(compiler, root / "usr/lib/kernellab")
    disk = work / "root.ext4"
    _make_disk(root, disk)
    return disk


def _check_libraries(root: Path) -> None:
    """DPDK loads every driver that it finds, and ends when one lacks a library."""
    libraries = root / "usr/lib/x86_64-linux-gnu"
    drivers = sorted((libraries / "dpdk/pmds-23.0").glob("*.so.*.*"))
    listing = call(["readelf", "-d", str(root / "usr/bin/dpdk-testpmd"), *map(str, drivers)])
    needed = set(re.findall(r"\(NEEDED\).*\[(.+?)\]", listing))
    lacking = sorted(name for name in needed if not (libraries / name).exists())
    if lacking:
        raise BuildFailed(f"DPDK needs libraries that no fetched package holds: {lacking}")


def _install_plugins(root: Path) -> None:
    folder = root / "opt/cni/bin"
    folder.mkdir(parents=True)
    for name in _CNI_PLUGINS:
        shutil.copy(root / "usr/lib/cni" / name, folder / name)


def _configure(root: Path) -> None:
    shutil.copytree(HERE / "rootfs", root, dirs_exist_ok=True, symlinks=True)
    shutil.copy(HERE / "imds.py", root / "usr/lib/kernellab/imds.py")
    state = root / "var/lib/kernellab"
    state.mkdir(parents=True)
    (state / "imds.json").write_text(node_state().to_json())
    for folder in ("proc", "sys", "dev", "run", "tmp", "root", "var/log", "mnt"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    units = root / "etc/systemd/system"
    for target, names in _ENABLED.items():
        (units / target).mkdir(exist_ok=True)
        for name in names:
            link = units / target / name
            link.unlink(missing_ok=True)
            link.symlink_to(
                f"/etc/systemd/system/{name}"
                if (units / name).exists()
                else f"/lib/systemd/system/{name}"
            )
    for pattern in _UNUSED_UNITS:
        found = (root / "usr/lib/systemd/system").rglob(pattern)
        for unit in sorted(found, reverse=True):  # What is in a folder before the folder.
            shutil.rmtree(unit) if unit.is_dir() and not unit.is_symlink() else unit.unlink()
    (units / "default.target").symlink_to("/lib/systemd/system/multi-user.target")
    (units / "dbus-org.freedesktop.network1.service").symlink_to(
        "/lib/systemd/system/systemd-networkd.service"
    )
    for name in _UNUSED_RULES:
        (root / "usr/lib/udev/rules.d" / name).unlink(missing_ok=True)
    shutil.rmtree(root / "var/run", ignore_errors=True)
    (root / "var/run").symlink_to("/run")
    (root / "usr/bin/sh").symlink_to("bash")
    call(["ldconfig", "-r", str(root)])


def _make_disk(root: Path, disk: Path) -> None:
    with disk.open("wb") as out:
        out.truncate(DISK_MIB << 20)
    # Elsewhere than as root, a user namespace makes the files of this user those of the guest's root.
    owner = [] if os.geteuid() == 0 else ["unshare", "--map-root-user"]
    call(
        [*owner, "mke2fs", "-q", "-t", "ext4", "-L", "root", "-m", "0", "-d", str(root), str(disk)]
    )


def build_initramfs(work: Path, kernel: Kernel) -> Path:
    """Make the few files that mount the root disk and hand over to systemd."""
    archive = Archive()
    for folder in ("proc", "dev", "root", "bin", "modules"):
        archive.directory(folder)
    archive.character_device("dev/console", 5, 1)
    archive.file("init", (HERE / "initramfs/init").read_bytes(), 0o755)
    archive.file("bin/busybox", (work / "root/bin/busybox").read_bytes(), 0o755)
    names = []
    for path in module_order(kernel, EARLY_MODULES):
        name = path.rpartition("/")[2]
        archive.file(f"modules/{name}", (kernel.modules / path).read_bytes())
        names.append(name)
    archive.file("modules/order", "".join(f"{name}\n" for name in names).encode())
    initramfs = work / "initramfs.cpio"
    archive.write(initramfs)
    return initramfs
