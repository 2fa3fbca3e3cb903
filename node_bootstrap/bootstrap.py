"""One run: discover, observe, plan, carry out, report. Every run does the same, at boot, after a hot-attach, by hand."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from domain.node import (
    binding,
    desired_files,
    gate,
    kubelet,
    layout,
    outcome,
    pod_addresses,
    status,
    unbinding,
)
from domain.node.config import OnFailure
from domain.node.errors import NodeError, as_node_error
from domain.node.links import with_kernel_driver
from domain.node.plan import plan, without
from node_bootstrap import discovery, hotplug, pci, readiness
from node_bootstrap import status as status_file
from node_bootstrap.apply import Application
from node_bootstrap.deadline import Deadline
from node_bootstrap.observation import observe

if TYPE_CHECKING:
    from domain.node.config import NodeConfig, NodeGroup, NodeInterface
    from domain.node.model import Device, Instance
    from domain.node.plan import NodePlan
    from node_bootstrap.discovery import Discovery
    from node_bootstrap.host import Host
    from node_bootstrap.readiness import Concluded

CONFIGURE_TIMEOUT_S = 60.0
"""For systemd-networkd to bring links up once they are there: a link's carrier takes seconds."""


@dataclass(frozen=True)
class Request:
    """What a run is to do."""

    config: NodeConfig
    group: NodeGroup
    started_by: status.Run
    unbind: str | None = None
    """An interface to be given back to its kernel driver; it keeps it until the next boot or manual run."""
    installs: bool = False
    """Whether the run is an installation's, which starts afterwards what the gate held back."""


@dataclass(frozen=True)
class Planned:
    """What a dry run found."""

    plan: NodePlan
    left_out: tuple[str, ...]


class Bootstrap:
    """One run on one host."""

    def __init__(self, request: Request, host: Host) -> None:
        self._request = request
        self._group = request.group
        self._recorded = host.records.unbound()
        self._kept = unbinding.kept(
            request.group, self._recorded, started_by=request.started_by, unbind=request.unbind
        )
        for name in self._kept:
            self._group = with_kernel_driver(self._group, name)
        self._host = host
        self._left_out: dict[str, NodeError] = {}
        self._found: Discovery | None = None
        self._awaited = gate.is_awaited(
            request.started_by,
            installs=request.installs,
            had_run=host.files.at(layout.STATUS).exists(),
        )
        self._status = status.Status(
            state=status.State.WAITING,
            step="discover",
            run=request.started_by,
            since=status.timestamp(host.now()),
            node_group=request.group.name,
        )

    def plan(self) -> Planned:
        """Return what a run would do. Waits for the interfaces as a run does, and changes nothing.

        Raises:
            NodeError: what a run would end with.
        """
        while True:
            try:
                return Planned(self._planned(remember=False), tuple(self._left_out))
            except NodeError as error:
                self._leave_out(error)

    def run(self) -> status.Status:
        """Make the node what its group promises, and return the status as written to its file.

        An error is in the status.

        Raises:
            OSError: /run is full or read-only.
        """
        hotplug.take_notes(self._host.files)
        changes: tuple[str, ...] = ()
        warnings: tuple[str, ...] = ()
        error: NodeError | None = None
        try:
            changes, warnings = self._converge()
            self._host.records.remember_unbound(
                unbinding.achieved(self._kept, self._recorded, self._left_out)
            )
        except (NodeError, OSError) as cause:
            error = as_node_error(cause)
        return self._concluded(error, changes, warnings)

    def give_up(self, cause: NodeError | OSError) -> status.Status:
        """End a run that could not begin as one that failed: its group's policy says what becomes of the node.

        Raises:
            OSError: /run is full or read-only.
        """
        return self._concluded(as_node_error(cause), (), ())

    def _concluded(
        self, error: NodeError | None, changes: tuple[str, ...], warnings: tuple[str, ...]
    ) -> status.Status:
        if error is not None and self._group.on_failure is OnFailure.CONTINUE:
            warnings = self._label_all_missing(error)
        concluded = readiness.conclude(
            self._group,
            succeeded=error is None,
            instance=self._instance(),
            awaited=self._awaited,
            starts=not self._request.installs,
            files=self._host.files,
            programs=self._host.programs,
        )
        if error is not None and concluded.error is not None:
            warnings = (*warnings, concluded.error.line())
        return self._end(error, concluded, changes=changes, warnings=warnings)

    def _instance(self) -> Instance | None:
        """Return the instance, whose launch hook may have to be answered; None when the metadata service does not say."""
        if self._found is not None:
            return self._found.instance
        if self._group.ready_hook is None:
            return None
        try:
            return self._host.metadata.instance(Deadline(0)).instance
        except (NodeError, OSError):
            return None

    def _label_all_missing(self, error: NodeError) -> tuple[str, ...]:
        """Have a node that joins with none of its interfaces say so, and return what kept it from that."""
        self._left_out = dict.fromkeys((one.name for one in self._group.interfaces), error)
        text = kubelet.drop_in(self._group, sorted(self._left_out))
        try:
            present = {layout.NODEADM: self._host.files.text(layout.NODEADM)}
            for change in desired_files.changes({layout.NODEADM: text}, present):
                self._host.files.carry_out(change)
        except OSError as second:
            return (f"the node's labels could not be written: {second}",)
        return ()

    def _converge(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return what was changed and what is doubtful.

        Raises:
            NodeError: a part of it failed, and all that was changed is taken back.
        """
        done: list[Application] = []
        try:
            return self._made(done)
        except (NodeError, OSError) as cause:
            error = as_node_error(cause)
            left = [each for application in reversed(done) for each in application.take_back()]
            if left:
                error.value = "; ".join(filter(None, [error.value, *left]))
            raise error from cause

    def _made(self, done: list[Application]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return what `_converge` does, and add what was carried out.

        A device that comes back to its kernel driver has its link only after that; what the link must become is planned
        when it is there.
        """
        changed: list[str] = []
        while True:
            try:
                planned = self._planned(remember=True)
                self._step("apply")
                returning = planned.returning
                changes = returning or planned.changes
                application = Application(
                    self._host, changes, planned.expected, Deadline(CONFIGURE_TIMEOUT_S)
                )
                application.carry_out()
            except NodeError as error:
                self._leave_out(error)
            else:
                done.append(application)
                changed += [str(change) for change in changes]
                if not returning:
                    return tuple(changed), self._doubts(planned)

    def _doubts(self, done: NodePlan) -> tuple[str, ...]:
        """Return a plan's warnings, and what shows only now that its drivers are loaded and have their devices."""
        if not done.drivers or self._found is None:
            return done.warnings
        devices = self._found.devices
        addresses = [device.pci_address for device in devices.values()]
        shown = binding.doubts(
            without(self._group, self._left_out),
            devices,
            pci.observe(self._host.files, addresses),
            self._host.modules.observe(),
        )
        return tuple(dict.fromkeys((*shown, *done.warnings)))

    def _planned(self, *, remember: bool) -> NodePlan:
        self._step("discover", write=remember)
        # What is missing was waited for once.
        deadline = Deadline(0 if self._left_out else self._group.deadline_s)
        sources = discovery.Sources(
            metadata=self._host.metadata,
            links=self._host.kernel,
            changes=self._host.events,
            files=self._host.files,
            records=self._host.records,
        )
        found = discovery.wait(
            self._request.config,
            self._group,
            sources,
            deadline,
            self._say_what_is_missing if remember else None,
        )
        self._found = found
        if remember:
            self._host.records.remember_devices(found.seen)
            self._host.records.remember_claims(found.instance.instance_id, found.claims)
        discovery.require(found, self._left_out)
        self._step("plan", write=remember)
        # As the configuration says it: an interface that somebody unbound has left its pool.
        pools = any(one.resource_name for one in self._request.group.interfaces)
        observed = observe(self._group, found, self._host, configures_pools=pools)
        return plan(self._group, self._left_out, observed)

    def _leave_out(self, error: NodeError) -> None:
        """Go on without the interfaces that an error concerns, if the group may, or raise it.

        Each time at least one more is left out, so it ends.
        """
        named = set(error.interfaces) - set(self._left_out)
        if self._group.on_failure is not OnFailure.CONTINUE or not named:
            raise error
        self._left_out.update(dict.fromkeys(sorted(named), error))

    def _step(self, step: str, *, write: bool = True) -> None:
        """Have the status say how far the run is, and what it has found until then."""
        self._status = dataclasses.replace(
            self._status,
            step=step,
            instance=self._found.instance.instance_id if self._found else "",
            interfaces=self._interfaces("found") if self._found else (),
            warnings=(),
        )
        if write:
            status_file.write(self._status, self._host.files)

    def _say_what_is_missing(self, found: Discovery) -> None:
        """Have the status say what the run waits for, for whoever asks before its time is up."""
        self._found = found
        waits_for = tuple(f"waits for {name}: {why.seen}" for name, why in found.absent.items())
        if waits_for != self._status.warnings:
            self._step("discover", write=False)
            self._status = dataclasses.replace(self._status, warnings=waits_for)
            status_file.write(self._status, self._host.files)

    def _end(
        self,
        error: NodeError | None,
        concluded: Concluded,
        *,
        changes: tuple[str, ...],
        warnings: tuple[str, ...],
    ) -> status.Status:
        first = error or concluded.error or next(iter(self._left_out.values()), None)
        found = self._found
        ending = outcome.Ending(
            failed=error is not None,
            unfinished=concluded.error is not None,
            left_out=bool(self._left_out),
            goes_on=self._group.on_failure is OnFailure.CONTINUE,
            kubelet_may_start=concluded.kubelet_may_start,
            abandoned=concluded.abandoned,
        )
        self._status = dataclasses.replace(
            self._status,
            state=outcome.state(ending),
            step=self._status.step if error else "done",
            ended_at=status.timestamp(self._host.now()),
            consequence=outcome.consequence(ending, concluded.reason),
            instance=found.instance.instance_id if found else "",
            interfaces=self._interfaces(outcome.left_as(ending)),
            error=status.failure(first) if first else None,
            warnings=warnings,
            changes=(*changes, *concluded.lines()),
        )
        status_file.write(self._status, self._host.files)
        return self._status

    def _interfaces(self, left_as: str) -> tuple[status.Interface, ...]:
        devices = self._found.devices if self._found else {}
        return tuple(
            self._interface(one, devices.get(one.name), left_as) for one in self._group.interfaces
        )

    def _interface(
        self, promised: NodeInterface, device: Device | None, left_as: str
    ) -> status.Interface:
        pod_network = promised.pod_network.value
        if device is None:
            return status.Interface(promised.name, "missing", pod_network=pod_network)
        return status.Interface(
            name=promised.name,
            state="not prepared" if promised.name in self._left_out else left_as,
            eni=device.eni.eni_id,
            mac=device.eni.mac,
            pci=device.pci_address,
            link=self._link_now(device),
            driver=self._host.files.target(f"{pci.DEVICES}/{device.pci_address}/driver") or "",
            addresses=tuple(
                str(each) for each in (*device.eni.ipv4_addresses, *device.eni.ipv6_addresses)
            ),
            pod_network=pod_network,
            pod_addresses=tuple(map(str, pod_addresses.pool(promised, device.eni))),
        )

    def _link_now(self, device: Device) -> str:
        """Return the link's name, which the run may have changed."""
        names = self._host.files.names(f"{pci.DEVICES}/{device.pci_address}/net")
        return names[0] if names else ""
