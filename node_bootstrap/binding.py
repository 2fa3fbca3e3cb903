"""Gives PCI devices another driver through sysfs, and puts them back when that fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.node.binding import KERNEL, bind_remedy
from domain.node.change import Bind
from domain.node.errors import BindFailed, WriteCombiningMissing
from node_bootstrap import modules, pci

if TYPE_CHECKING:
    from node_bootstrap.deadline import Deadline
    from node_bootstrap.files import Files
    from node_bootstrap.host import Changes, Links

PROBE = "/sys/bus/pci/drivers_probe"
_NO_OVERRIDE = "\n"


def bind(change: Bind, files: Files) -> None:
    """Give a device the driver that the change names.

    States it can find, of a run that was killed between any two of its writes: the override is set and the old driver has
    the device; the override is set and none has it. Each write is made where its effect is missing, so both end the same.
    Killed before the last write, the new driver has the device and the override names it: no later run has to do with that
    device, and giving it back begins with clearing the override. Neither `drivers_probe` nor modprobe tells of a failure: what counts is
    the device's driver link.

    The override is cleared at the end, as DPDK's dpdk-devbind.py does: a bound device is not probed again, and one that is
    unbound later falls back to the driver that knows it.

    Raises:
        BindFailed: the kernel refused. The device has its former driver, or the message says that it has not.
        WriteCombiningMissing: the driver took it and maps it without write combining, which is required; also put back.
    """
    try:
        _bind(change, files)
    except (OSError, BindFailed, WriteCombiningMissing) as cause:
        error = _as_bind_error(change, cause)
        try:
            _put_back(change, files)
        except (OSError, BindFailed) as second:
            error.value = f"{error.value}; not put back: {second}"
        raise error from cause


def await_link(change: Bind, kernel: Links, events: Changes, deadline: Deadline) -> None:
    """Wait until a device that got its kernel driver back has its link (0.1 to 0.7 s on a virtual machine).

    Raises:
        BindFailed: it has none when the deadline is over.
    """
    while not any(link.pci_address == change.pci_address for link in kernel.links()):
        if deadline.is_over():
            raise BindFailed(
                f"{change.interface} at {change.pci_address} has its driver and no link",
                value=f"after {deadline.passed_s():.0f} s",
                remedy="See journalctl -k for the driver.",
                interfaces=(change.interface,),
            )
        events.wait(deadline.left_s())


def reverse(change: Bind) -> Bind:
    """Return the change that takes another one back."""
    return Bind(change.pci_address, change.interface, change.before or KERNEL, change.driver)


def _bind(change: Bind, files: Files) -> None:
    device = f"{pci.DEVICES}/{change.pci_address}"
    driver = files.target(f"{device}/driver")
    to_kernel = change.driver == KERNEL
    # Before the device loses its driver: from then on no other can take it.
    files.set(f"{device}/driver_override", _NO_OVERRIDE if to_kernel else f"{change.driver}\n")
    if (
        driver is not None
        and driver != change.driver
        and (driver == change.before or not to_kernel)
    ):
        files.set(f"{pci.DRIVERS}/{driver}/unbind", change.pci_address)
    if files.target(f"{device}/driver") is None:
        if to_kernel:
            files.set(PROBE, change.pci_address)
        else:
            files.set(f"{pci.DRIVERS}/{change.driver}/bind", change.pci_address)
    found = files.target(f"{device}/driver")
    if (found is None or found == change.before) if to_kernel else found != change.driver:
        raise BindFailed(str(change), value=f"driver {found or 'none'}")
    if change.write_combining:
        _require_write_combining(change, files)
    if not to_kernel:
        files.set(f"{device}/driver_override", _NO_OVERRIDE)


def _require_write_combining(change: Bind, files: Files) -> None:
    lacking = {
        "igb_uio": lambda: modules.igb_uio_write_combining(files) is False,
        "vfio-pci": lambda: modules.vfio_pci_out_of_tree(files) is False,
    }.get(change.driver)
    if lacking is not None and lacking():
        raise WriteCombiningMissing(
            f"{change.interface} at {change.pci_address} is mapped without write combining",
            value=change.driver,
            remedy="Put a driver that maps write-combined into the AMI, or write write_combining: preferred.",
            interfaces=(change.interface,),
        )


def _put_back(change: Bind, files: Files) -> None:
    """Restore what was there: no override, and the former driver, or none if there was none."""
    device = f"{pci.DEVICES}/{change.pci_address}"
    driver = files.target(f"{device}/driver")
    files.set(f"{device}/driver_override", _NO_OVERRIDE)
    if driver == change.before:
        return
    if driver is not None:
        files.set(f"{pci.DRIVERS}/{driver}/unbind", change.pci_address)
    if change.before is not None:
        files.set(f"{device}/driver_override", f"{change.before}\n")
        files.set(f"{pci.DRIVERS}/{change.before}/bind", change.pci_address)
        files.set(f"{device}/driver_override", _NO_OVERRIDE)
    found = files.target(f"{device}/driver")
    if found != change.before:
        raise BindFailed(f"driver {found or 'none'} in place of {change.before}")


def _as_bind_error(
    change: Bind, cause: OSError | BindFailed | WriteCombiningMissing
) -> BindFailed | WriteCombiningMissing:
    if isinstance(cause, WriteCombiningMissing):
        return cause
    return BindFailed(
        f"the kernel does not bind {change.interface} at {change.pci_address} to {change.driver}",
        value=cause.strerror or str(cause) if isinstance(cause, OSError) else cause.value,
        remedy=bind_remedy(change),
        interfaces=(change.interface,),
    )
