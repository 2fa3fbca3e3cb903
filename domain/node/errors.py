"""What can be wrong on a node. Every failure has a stable code, an exit code by class, and a remedy."""

from __future__ import annotations

import errno
from typing import ClassVar

from domain.errors import EniLifecycleError


class NodeError(EniLifecycleError):
    """A failure on a node, said in one line.

    Attributes:
        exit_code: the exit code of the command, one per class of failure.
        value: what was found, as a person would write it.
        remedy: what a person does about it.
        interfaces: names of the promised interfaces that the failure keeps from being ready; empty when it is the
            whole node. A group that says `continue` goes on without these.
    """

    code: ClassVar[str] = "node-error"
    exit_code: ClassVar[int] = 1

    def __init__(
        self,
        message: str,
        *,
        value: str = "",
        remedy: str = "",
        interfaces: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message)
        self.value = value
        self.remedy = remedy
        self.interfaces = interfaces

    def line(self, code: str = "") -> str:
        """Return code, message, value and remedy in one line.

        Args:
            code: in place of the error's own, for one that was read from a file.
        """
        found = f" (found: {self.value})" if self.value else ""
        remedy = f" {self.remedy}" if self.remedy else ""
        return " ".join(f"{code or self.code}: {self}{found}.{remedy}".split())


class ConfigurationError(NodeError):
    """The configuration cannot be used on this node."""

    exit_code = 2


class ConfigurationMissing(ConfigurationError):
    """There is no configuration where one was expected."""

    code = "configuration-missing"


class ConfigurationForeign(ConfigurationError):
    """The configuration is another version's, another stack's, or knows nothing of this node group."""

    code = "configuration-foreign"


class ConfigurationConflict(ConfigurationError):
    """Two parts of the configuration ask for what cannot be at once."""

    code = "configuration-conflict"


class InstanceTypeUnknown(ConfigurationError):
    """The node's instance type is none of those that the node group was checked for."""

    code = "instance-type-unknown"


class MetadataError(NodeError):
    """The instance metadata service does not answer as it must."""

    exit_code = 3


class MetadataUnreachable(MetadataError):
    """Nothing answers at the metadata service's address."""

    code = "metadata-unreachable"
    retryable = True


class MetadataTokenRefused(MetadataError):
    """The metadata service gives no token, or refuses the one it gave."""

    code = "metadata-token-refused"


class MetadataIncomplete(MetadataError):
    """An attribute that every instance has is not there."""

    code = "metadata-incomplete"
    retryable = True


class MetadataMalformed(MetadataError):
    """The metadata service, or what answers in its place, says something that nobody can read."""

    code = "metadata-malformed"


class InterfaceError(NodeError):
    """The node does not have the network interfaces that its group promises."""

    exit_code = 4


class InterfaceMissing(InterfaceError):
    """Interfaces were not there when the time was up."""

    code = "interface-missing"
    retryable = True


class InterfaceAmbiguous(InterfaceError):
    """Two network interfaces could both be the promised one."""

    code = "interface-ambiguous"


class DeviceError(NodeError):
    """A PCI device cannot be given the driver it should have."""

    exit_code = 5


class DeviceRefused(DeviceError):
    """The device must not be touched: the primary interface, the default route's, or not confirmed as ours."""

    code = "device-refused"


class DeviceBusy(DeviceError):
    """Somebody holds the device: a process, or a pod's network namespace."""

    code = "device-busy"


class DriverMissing(DeviceError):
    """The device has no driver, and none is known that it had."""

    code = "driver-missing"


class ModuleMissing(DeviceError):
    """A kernel module is not there, or does not load."""

    code = "module-missing"


class IommuMissing(DeviceError):
    """vfio-pci needs an IOMMU, or consent to go without one, and has neither."""

    code = "iommu-missing"


class WriteCombiningMissing(DeviceError):
    """The driver as loaded maps the device's memory without write combining, which was asked for."""

    code = "write-combining-missing"


class BindFailed(DeviceError):
    """The kernel did not give the device the driver it was asked for."""

    code = "bind-failed"


class HugePagesShort(NodeError):
    """The kernel has or grants fewer huge pages than were asked for."""

    code = "huge-pages-short"
    exit_code = 6


class NetworkError(NodeError):
    """A link does not become what it should be."""

    exit_code = 7


class LinkNotRenamed(NetworkError):
    """A link keeps its name: another one has the name, or the kernel refused."""

    code = "link-not-renamed"


class LinkNotConfigured(NetworkError):
    """systemd-networkd did not bring a link to what its file says in time."""

    code = "link-not-configured"
    retryable = True


class ToolError(NodeError):
    """A program that the node needs is missing, too old, or failed."""

    exit_code = 8


class PluginMissing(ToolError):
    """A CNI plugin that the configuration uses is not installed."""

    code = "plugin-missing"


class PluginTooOld(ToolError):
    """A CNI plugin lacks what the configuration uses."""

    code = "plugin-too-old"


class ToolFailed(ToolError):
    """A program ended with an error."""

    code = "tool-failed"


class HookUnanswered(ToolError):
    """The node's own launch hook could not be answered: Auto Scaling goes by its time-out."""

    code = "hook-unanswered"
    retryable = True


class NotPermitted(NodeError):
    """The command does not run as root."""

    code = "not-permitted"
    exit_code = 9


class RunUnderWay(NodeError):
    """Another run holds the lock."""

    code = "run-under-way"
    exit_code = 10
    retryable = True


class HostRefused(NodeError):
    """The host refused a file or a call of the kernel that no other error is about."""

    code = "host-refused"
    exit_code = 11


class LaunchAbandoned(NodeError):
    """All is well now, too late: Auto Scaling was told to replace the node."""

    code = "launch-abandoned"
    exit_code = 12


_REMEDIES = {
    errno.ENOSPC: "Free space on that file system.",
    errno.EDQUOT: "Free space on that file system.",
    errno.EROFS: "Make that file system writable: `findmnt` shows how it is mounted, `journalctl -k` why.",
    errno.EISDIR: "Move away what lies there in place of a file.",
    errno.ENOTDIR: "Move away what lies there in place of a directory.",
    errno.EEXIST: "Move away what lies there in place of a directory.",
    errno.EACCES: "See which security module (SELinux), attribute (`lsattr`) or mount option forbids it.",
    errno.EPERM: "See which security module (SELinux), attribute (`lsattr`) or mount option forbids it.",
    errno.EIO: "See `journalctl -k`: the disk does not do what it is told. Replace the node.",
    errno.ENOMEM: "Free memory, or take an instance type with more.",
}


def host_refused(
    cause: OSError, what: str = "the host does not do what the run needs"
) -> HostRefused:
    """Return what the host's refusal is, with the file that it is about and what a person does.

    Args:
        cause: what the host said.
        what: could not be done.
    """
    # A file is replaced by renaming another one onto it: the second name is then the one that a person knows.
    file = cause.filename2 or cause.filename
    said = cause.strerror or str(cause) or type(cause).__name__
    return HostRefused(
        what,
        value=f"{file}: {said}" if file else said,
        remedy=_REMEDIES.get(cause.errno or 0, "See `journalctl -k -b` for why."),
    )


def as_node_error(cause: NodeError | OSError) -> NodeError:
    """Return the error that a run ends with, whatever ended it."""
    return host_refused(cause) if isinstance(cause, OSError) else cause
