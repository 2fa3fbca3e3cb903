"""Carries a plan out, and takes back what was done when a part of it fails: the host is then as it was before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.node import layout
from domain.node.binding import KERNEL
from domain.node.change import (
    AllowUnsafeNoiommu,
    Bind,
    ConfigureLinks,
    LoadModule,
    RemoveFile,
    RenameLink,
    SetHugePages,
    SetSysctl,
    WriteFile,
)
from domain.node.config import Driver
from domain.node.errors import NodeError, ToolFailed, host_refused
from node_bootstrap import binding, huge_pages, networkd, sysctl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from domain.node.change import Change
    from domain.node.routing import ExpectedLink
    from node_bootstrap.deadline import Deadline
    from node_bootstrap.host import Host
    from node_bootstrap.networkd import Unclaimed
    from node_bootstrap.programs import Programs

    Undo = Callable[[], None]


class Application:
    """Some changes on one host.

    A run may be killed between any two changes. What it leaves is what the next run observes: each change is made only
    where its effect is missing, so that run makes the rest, from whatever point.
    """

    def __init__(
        self,
        host: Host,
        changes: Sequence[Change],
        expected: Sequence[ExpectedLink],
        deadline: Deadline,
    ) -> None:
        """Take what is to be done.

        Args:
            host: to act on.
            changes: in order.
            expected: what the links then are, for those that systemd-networkd configures.
            deadline: for all that has to be waited for.
        """
        self._host = host
        self._changes = changes
        self._expected = expected
        self._deadline = deadline
        self._undo: list[tuple[Change, Undo]] = []
        self._unclaimed: tuple[Unclaimed, ...] = ()
        """The links whose state nobody restores but this run, as they were before it."""
        self._hands: dict[type, Callable[..., Undo | None]] = {
            SetHugePages: self._set_huge_pages,
            LoadModule: self._load_module,
            AllowUnsafeNoiommu: self._allow_unsafe_noiommu,
            Bind: self._bind,
            RenameLink: self._rename,
            WriteFile: self._write,
            RemoveFile: self._write,
            SetSysctl: self._set_sysctl,
            ConfigureLinks: self._configure,
        }

    def carry_out(self) -> None:
        """Make every change, or none.

        Raises:
            NodeError: a change failed; those before it are taken back. What could not be taken back is in its value.
        """
        self._unclaimed = self._links_of_nobody()
        for change in self._changes:
            try:
                undo = self._hands[type(change)](change)
            except (NodeError, OSError) as cause:
                error = _as_node_error(change, cause)
                error.interfaces = error.interfaces or self._concerned(change)
                left = self.take_back()
                if left:
                    error.value = "; ".join(filter(None, [error.value, *left]))
                raise error from cause
            if undo is not None:
                self._undo.append((change, undo))

    def take_back(self) -> list[str]:
        """Undo the changes, the last one first, and return what could not be undone.

        But for the files of systemd-networkd, which come before all else: udev names a link by what it finds when the link
        comes, and that of a device that gets its network driver back is to have the name that it had.
        """
        done = list(reversed(self._undo))
        self._undo = []
        files = [each for each in done if _concerns_networkd(each[0])]
        rest = [each for each in done if not _concerns_networkd(each[0])]
        if not files:
            return [*_undone(rest), *self._links_put_back()]
        return [
            *_undone(files),
            *self._told(networkd.reload_link_files),
            *_undone(rest),
            *self._told(networkd.reload),
            *self._links_put_back(),
        ]

    def _links_of_nobody(self) -> tuple[Unclaimed, ...]:
        """Return those of the links that this run renames or has configured which nobody else keeps, as they are now."""
        if not any(isinstance(change, (RenameLink, ConfigureLinks)) for change in self._changes):
            return ()
        renamed = {change.index for change in self._changes if isinstance(change, RenameLink)}
        macs = {link.mac for link in self._expected}
        own = (
            link
            for link in self._host.kernel.links()
            # A VLAN or an ipvlan link has its parent's MAC address, and no PCI device.
            if link.index in renamed or (link.mac in macs and link.pci_address is not None)
        )
        return networkd.unclaimed(self._host.files, own)

    def _links_put_back(self) -> list[str]:
        """Put links up or down again that were so before a rename or systemd-networkd.

        After systemd-networkd was told to read its files: as it puts a link up only when it configures it, what it still
        does to a link that it lets go of (it answers before it has) changes nothing of this.
        """
        try:
            networkd.put_back(self._host.files, self._host.kernel, self._unclaimed)
        except OSError as second:
            return [f"links not up or down as before: {second}"]
        return []

    def _told(self, tell: Callable[[Programs], None]) -> list[str]:
        try:
            tell(self._host.programs)
        except ToolFailed as second:
            return [f"not told that its files are as before: {second}"]
        return []

    def _concerned(self, change: Change) -> tuple[str, ...]:
        """Return the interfaces that cannot be had without what vfio or a module was to be told."""
        if not isinstance(change, (LoadModule, AllowUnsafeNoiommu)):
            return ()
        driver = change.name if isinstance(change, LoadModule) else Driver.VFIO_PCI.value
        return tuple(
            each.interface
            for each in self._changes
            if isinstance(each, Bind) and each.driver == driver
        )

    def _set_huge_pages(self, change: SetHugePages) -> Undo:
        huge_pages.carry_out(change, self._host.files)
        return lambda: huge_pages.put_back(change, self._host.files)

    def _load_module(self, change: LoadModule) -> Undo:
        self._host.modules.load(change)
        return lambda: self._host.modules.unload(change)

    def _allow_unsafe_noiommu(self, _: AllowUnsafeNoiommu) -> Undo:
        self._host.modules.allow_unsafe_noiommu()
        return lambda: self._host.modules.allow_unsafe_noiommu(allowed=False)

    def _bind(self, change: Bind) -> None:
        binding.bind(change, self._host.files)
        # Before the wait for the link, which can be in vain.
        self._undo.append((change, lambda: binding.bind(binding.reverse(change), self._host.files)))
        if change.driver == KERNEL:
            binding.await_link(change, self._host.kernel, self._host.events, self._deadline)

    def _rename(self, change: RenameLink) -> Undo:
        networkd.rename(self._host.kernel, change)
        return lambda: networkd.rename(
            self._host.kernel, RenameLink(change.index, change.before, change.name)
        )

    def _write(self, change: WriteFile | RemoveFile) -> Undo:
        before = self._host.files.text(change.path)
        self._host.files.carry_out(change)
        former = RemoveFile(change.path) if before is None else WriteFile(change.path, before)
        return lambda: self._host.files.carry_out(former)

    def _set_sysctl(self, change: SetSysctl) -> Undo:
        sysctl.carry_out(self._host.files, change)
        return lambda: sysctl.carry_out(
            self._host.files, SetSysctl(change.key, change.before, change.value)
        )

    def _configure(self, change: ConfigureLinks) -> Undo | None:
        networkd.configure(
            change,
            self._expected,
            programs=self._host.programs,
            kernel=self._host.kernel,
            events=self._host.events,
            deadline=self._deadline,
        )
        return None


def _undone(done: Iterable[tuple[Change, Undo]]) -> list[str]:
    """Undo changes in this order and return what could not be undone."""
    left = []
    for change, undo in done:
        try:
            undo()
        except (NodeError, OSError) as second:
            left.append(f"not taken back: {change} ({second})")
    return left


def _concerns_networkd(change: Change) -> bool:
    return isinstance(change, (WriteFile, RemoveFile)) and change.path.startswith(layout.NETWORKD)


def _as_node_error(change: Change, cause: NodeError | OSError) -> NodeError:
    if isinstance(cause, NodeError):
        return cause
    return host_refused(cause, f"the host refuses: {change}")
