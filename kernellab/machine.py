"""Say what the virtual machine is made of, as QEMU's arguments."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from kernellab.image import Image

PRIMARY_SEGMENT = "primary"
# On "pc" as on EC2's Nitro instances the primary is 0000:00:05.0 and later ones take the slots after it.
PRIMARY_SLOT = 5
LAST_NIC_SLOT = 0x17
FIRST_PEER_SLOT = 0x18
LAST_PEER_SLOT = 0x1B
_DISK_SLOT = 0x1D
_AGENT_SLOT = 0x1E
_FIRST_ROOT_PORT_SLOT = 0x10
# The least that DPDK runs on (SSE 4.2), with 1 GiB pages. Emulated, what newer ones have costs more than it saves: a boot
# takes a fifth longer on "max", where the C library takes wide vector instructions for its strings.
_EMULATED_CPU = "Nehalem-v1,+pdpe1gb,+rdtscp,+fsgsbase"

# What a kernel does for safety, and an emulated processor takes long for. Where each process has its libraries at other
# addresses, QEMU finds what it has translated of them by hash and not in its cache of jumps: processes take twice as long.
_THRIFT = (
    *("mitigations=off", "nokaslr", "norandmaps", "randomize_kstack_offset=off"),
    *("init_on_alloc=0", "hardened_usercopy=off", "transparent_hugepage=never"),
    *("tsc=reliable", "no_timer_check", "rcupdate.rcu_expedited=1"),
)

Stage = Literal["booted", "before-user-data"]


@dataclass(frozen=True)
class Machine:
    """A machine's hardware and how its kernel is started.

    `iommu` takes a "q35" machine with an Intel IOMMU, interfaces being plugged into root ports (bus 01, 02, …);
    without it a "pc" machine, interfaces being plugged into bus 00. `vfio` chooses what is in
    the module tree: "noiommu" as AL2023's kernels have it, or "stock" as Debian's, without that mode. A second processor
    is emulated by a thread of its own, and they wait for each other: two guests on two cores take a third longer for the
    same work with two each.
    """

    iommu: bool = False
    numa_nodes: int = 1
    memory_mib: int = 768
    cpus: int = 1
    vfio: Literal["noiommu", "stock"] = "noiommu"
    kernel_arguments: tuple[str, ...] = ()
    stage: Stage = "booted"
    root_ports: int = 8

    def arguments(self, image: Image) -> list[str]:
        """Give QEMU's arguments but for the disk's file and the control sockets."""
        accelerator, cpu = ("kvm", "host") if kvm_works() else ("tcg,thread=multi", _EMULATED_CPU)
        if not self.iommu:
            machine = "pc"
        else:
            machine = "q35,kernel-irqchip=split" if accelerator == "kvm" else "q35"
        arguments = [
            *("-machine", machine, "-accel", accelerator, "-cpu", cpu),
            *("-smp", str(self.cpus), "-nodefaults", "-no-user-config", "-display", "none"),
            *("-kernel", str(image.vmlinux), "-initrd", str(image.initramfs)),
            *("-append", " ".join(self._command_line())),
            *self._memory(),
            *("-device", f"virtio-blk-pci,drive=root,addr={_DISK_SLOT:#x}"),
            *("-device", f"virtio-serial-pci,addr={_AGENT_SLOT:#x}"),
            *("-device", "virtserialport,chardev=agent,name=agent"),
        ]
        if self.iommu:
            # The IOMMU must come before the devices that it translates for.
            arguments += ["-device", "intel-iommu,intremap=on,caching-mode=on"]
            for port in range(self.root_ports):
                slot = _FIRST_ROOT_PORT_SLOT + port // 8
                arguments += [
                    "-device",
                    f"pcie-root-port,id=port{port},chassis={port + 1},slot={port + 1},bus=pcie.0,"
                    f"addr={slot:#x}.{port % 8},multifunction=on",
                ]
        return arguments

    def _command_line(self) -> list[str]:
        words = [
            *("console=ttyS0", "quiet", "random.trust_cpu=on", "systemd.show_status=error"),
            *("apparmor=0", "selinux=0", "audit=0", "lab.hold"),
            *_THRIFT,
        ]
        if self.iommu:
            words.append("intel_iommu=on")
        return [*words, *self.kernel_arguments]

    def _memory(self) -> list[str]:
        arguments = ["-m", str(self.memory_mib)]
        if self.numa_nodes == 1:
            return arguments
        share = self.memory_mib // self.numa_nodes
        for node in range(self.numa_nodes):
            arguments += [
                *("-object", f"memory-backend-ram,size={share}M,id=ram{node}"),
                *("-numa", f"node,nodeid={node},memdev=ram{node},cpus={node % self.cpus}"),
            ]
        return arguments


def kvm_works() -> bool:
    """Tell whether KVM can be used: a nested paravirtual one opens well and then hangs a stock kernel."""
    try:
        flags = set(Path("/proc/cpuinfo").read_text().split())
    except OSError:
        return False
    return bool(flags & {"vmx", "svm"}) and os.access("/dev/kvm", os.R_OK | os.W_OK)
