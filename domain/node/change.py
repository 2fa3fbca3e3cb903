"""What a run does to the host, as data: each change says what it is for, so that a plan can be read before it is carried out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Union

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class SetHugePages:
    """Ask for so many huge pages on a NUMA node."""

    numa_node: int
    size_kib: int
    count: int
    before: int

    def __str__(self) -> str:
        return f"{self.size_kib} KiB huge pages on NUMA node {self.numa_node}: {self.before} -> {self.count}"


@dataclass(frozen=True)
class LoadModule:
    """Load a kernel module."""

    name: str
    parameters: Mapping[str, str] = field(default_factory=dict, hash=False)
    reload: bool = False
    """Whether it is there with other parameters, and no device uses it."""

    def __str__(self) -> str:
        given = "".join(f" {key}={value}" for key, value in self.parameters.items())
        return f"{'reload' if self.reload else 'load'} module {self.name}{given}"


@dataclass(frozen=True)
class AllowUnsafeNoiommu:
    """Let vfio work without an IOMMU."""

    def __str__(self) -> str:
        return "vfio: enable_unsafe_noiommu_mode"


@dataclass(frozen=True)
class Bind:
    """Give a PCI device another driver."""

    pci_address: str
    interface: str
    driver: str
    """The driver it gets, by the name it has on the PCI bus; `kernel` for the kernel driver that claims it."""
    before: str | None
    """The driver it has; None for a device without one."""
    write_combining: bool = False
    """Whether the driver counts only if it maps the device's memory write-combined."""

    def __str__(self) -> str:
        return f"{self.interface} at {self.pci_address}: driver {self.before or 'none'} -> {self.driver}"


@dataclass(frozen=True)
class RenameLink:
    """Give a link the name that it has on every node."""

    index: int
    name: str
    before: str

    def __str__(self) -> str:
        return f"link {self.before} -> {self.name}"


@dataclass(frozen=True)
class WriteFile:
    """Make a file's content exactly this."""

    path: str
    """Absolute."""
    text: str = field(repr=False)
    mode: int = 0o644
    replaces: bool = False
    """Whether there is a file with other content."""

    def __str__(self) -> str:
        return f"{'rewrite' if self.replaces else 'write'} {self.path}"


@dataclass(frozen=True)
class RemoveFile:
    """Take a file of ours away that nothing needs any more."""

    path: str

    def __str__(self) -> str:
        return f"remove {self.path}"


@dataclass(frozen=True)
class SetSysctl:
    """Write a kernel parameter."""

    key: str
    """With dots, the link's name as it is: net.ipv4.conf.mul0.rp_filter."""
    value: str
    before: str

    def __str__(self) -> str:
        return f"{self.key}: {self.before} -> {self.value}"


@dataclass(frozen=True)
class ConfigureLinks:
    """Have systemd-networkd read its files anew and wait until the links are what they say."""

    links: tuple[str, ...]
    reason: str
    drifted: tuple[str, ...] = ()
    """Those of them whose files are as they were: a reload alone passes them over."""

    def __str__(self) -> str:
        return f"systemd-networkd configures {', '.join(self.links) or 'no link'}: {self.reason}"


Change = Union[
    SetHugePages,
    LoadModule,
    AllowUnsafeNoiommu,
    Bind,
    RenameLink,
    WriteFile,
    RemoveFile,
    SetSysctl,
    ConfigureLinks,
]
