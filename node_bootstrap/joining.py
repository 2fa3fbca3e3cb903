"""Waits until the node is at work in its cluster, then answers its own launch hook with CONTINUE; or repeats ABANDON for one that
is given up before the hook is open."""

from __future__ import annotations

import http.client
import select
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from domain.node import layout
from domain.node.change import RemoveFile, WriteFile
from domain.node.errors import HookUnanswered
from domain.node.joining import Sight, obstacle
from domain.node.outcome import abandoned
from domain.node.readiness import HookResult, Reply
from domain.node.status import Run
from node_bootstrap import launch_hook, lock, readiness, status
from node_bootstrap.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Callable

    from domain.node.config import NodeGroup
    from node_bootstrap.files import Files
    from node_bootstrap.programs import Programs

KUBELET = ("127.0.0.1", 10248)
"""healthzBindAddress and healthzPort by default (KubeletConfiguration, kubelet.config.k8s.io/v1beta1)."""
REQUEST_TIMEOUT_S = 5.0
PAUSE_S = 2.0
LONGEST_WAIT_S = 7200.0
"""No launch hook that a node answers waits longer (Auto Scaling: heartbeat timeout)."""
METADATA_TIMEOUT_S = 30.0
TARGET_STATE = "autoscaling/target-lifecycle-state"
POOL_PAUSE_S = 5.0
BOOT_CLOCK = 7
"""CLOCK_BOOTTIME (clock_gettime(2)), which Python names on Linux alone."""
ASK_AGAIN_AFTER_S = (10.0, 20.0, 40.0, 80.0, 160.0)
"""A node that leaves the warm pool has its interfaces, and may be at work before Auto Scaling has opened the hook. One in service
that boots again learns in these five minutes that nothing waits for it."""


class Metadata(Protocol):
    """What is asked of the metadata service: `node_bootstrap.imds.MetadataService`."""

    def text(self, path: str, deadline: Deadline) -> str | None:
        """Return what is below /latest/meta-data/ at a path; None if there is nothing, or nothing yet."""

    def always(self, path: str, deadline: Deadline) -> str:
        """Return what every instance has below /latest/meta-data/ at a path."""

    def close(self) -> None:
        """Give the connection back; the next question makes another."""


@dataclass(frozen=True)
class Node:
    """What an answer is given through."""

    files: Files
    programs: Programs
    metadata: Metadata
    kubelet: tuple[str, int] = KUBELET
    booted_at_s: float = field(default_factory=lambda: time.time() - time.clock_gettime(BOOT_CLOCK))
    """When the node booted, on the clock that files have their times from."""
    pause: Callable[[float], object] = field(
        default=lambda seconds: select.select((), (), (), seconds)
    )
    """Waits so many seconds between two looks. kubelet has no event that tells of its health."""


def answer(
    group: NodeGroup, node: Node, say: Callable[[str], None], timeout_s: float = LONGEST_WAIT_S
) -> None:
    """Answer the group's ready hook for this node as soon as it is at work, or find that nothing has to be said.

    For a node that is given up it says ABANDON some more times, in case Auto Scaling has yet to open the hook. Each time it holds
    the lock of runs, so that no run lets the node in meanwhile.

    A node on its way into the warm pool answers at once, and is stopped. One that is not stopped, because the metadata
    service told an old state at the boot into service, or because the pool's nodes go on running, is let into the cluster as
    soon as it is meant to serve, and then answers as any other.

    It can find any of these:
    1. kubelet may not start, and nobody is given up: nothing is ready, and the run that lets it start has this started too;
    2. kubelet may not start, and a run found no launch open to abandon: it asks again. Meanwhile another run may have
       a. let the node in: it goes on as in 3;
       b. abandoned it itself, or found another end: there is nothing left to do;
       and after the last time the node stays as it is, held, until a run begins;
    3. nothing is answered: it waits. An earlier attempt may have been refused, or killed after Auto Scaling took it;
       then no launch is open any more, which after some more attempts is an answer as well;
    4. it is answered on the way into the warm pool: it waits for the way into service;
    5. it is answered: there is nothing left to do.

    Args:
        group: the node's.
        node: this one.
        say: is told what is waited for, whenever that changes, and what was answered.
        timeout_s: how long to wait for the node to be at work, in seconds.

    Raises:
        HookUnanswered: kubelet may not start, the node is not at work in time, or Auto Scaling refuses.
        MetadataError: the metadata service does not say which instance this is.
        ToolFailed: systemd does not start what the warm pool held back.
        RunUnderWay: a run has held the lock for as long as any run may take.
        OSError: /run is full or read-only.
    """
    if group.ready_hook is None:
        say(f"nodes of {group.name} have no launch hook of their own")
        return
    if not _is_gate_open(node.files) and node.files.text(layout.ABANDON_DUE) is None:
        raise HookUnanswered(
            f"the launch hook {group.ready_hook} is not answered",
            value="kubelet may not start",
            remedy="`multus-node status` says why; the run that lets it start has the hook answered.",
        )
    launch = _Launch(group, *_identity(node.metadata), node, say)
    if not _is_gate_open(node.files) and not launch.abandon_unless_let_in():
        return
    if launch_hook.answered(group, launch.instance_id, node.files) is None:
        launch.answer_when_at_work(timeout_s)
    elif not launch.was_warming():
        say("the launch hook is answered already")
    if launch.was_warming():
        launch.await_service()
        launch.answer_when_at_work(timeout_s)


@dataclass(frozen=True)
class _Launch:
    """One node's launch, from what is seen to what is answered."""

    group: NodeGroup
    instance_id: str
    region: str
    node: Node
    say: Callable[[str], None]

    def answer_when_at_work(self, timeout_s: float) -> None:
        sight = self._wait(Deadline(timeout_s))
        for pause_s in (*ASK_AGAIN_AFTER_S, None):
            reply = launch_hook.answer(
                self.group,
                self.instance_id,
                self.region,
                HookResult.CONTINUE,
                files=self.node.files,
                programs=self.node.programs,
            )
            if reply is Reply.TAKEN or pause_s is None:
                break
            self._remember(waits_for=launch_hook.NOT_OPEN)
            self.node.pause(pause_s)
        self._remember(HookResult.CONTINUE, warming=sight.is_warming)
        self.say(
            f"answered the launch hook {self.group.ready_hook} with CONTINUE"
            if reply is Reply.TAKEN
            else "no launch is open any more"
        )

    def abandon_unless_let_in(self) -> bool:
        """Say ABANDON until a launch is open, some times; return whether a run has let the node in instead."""
        for pause_s in ASK_AGAIN_AFTER_S:
            self._pause_unless_let_in(pause_s)
            with lock.held(self.node.files, Run.HOTPLUG):
                if self._is_let_in() or not self._is_given_up() or self._is_abandoned():
                    return self._is_let_in()
        with lock.held(self.node.files, Run.HOTPLUG):
            if self._is_given_up() and not self._is_let_in():
                self.say("no launch is open any more")
                for path in (layout.ABANDON_DUE, layout.HOOK):
                    self.node.files.carry_out(RemoveFile(path))
        return self._is_let_in()

    def _pause_unless_let_in(self, pause_s: float) -> None:
        left_s = pause_s
        while left_s > 0 and not self._is_let_in():
            self.node.pause(min(POOL_PAUSE_S, left_s))
            left_s -= POOL_PAUSE_S

    def _is_let_in(self) -> bool:
        return _is_gate_open(self.node.files)

    def _is_given_up(self) -> bool:
        return self.node.files.text(layout.ABANDON_DUE) is not None

    def _is_abandoned(self) -> bool:
        """Say ABANDON once more; return whether it was taken, and then have the status say so."""
        files = self.node.files
        reply = launch_hook.answer(
            self.group,
            self.instance_id,
            self.region,
            HookResult.ABANDON,
            files=files,
            programs=self.node.programs,
        )
        if reply is not Reply.TAKEN:
            self._remember(waits_for=launch_hook.NOT_OPEN)
            return False
        files.carry_out(RemoveFile(layout.ABANDON_DUE))
        known = status.read(files).status
        if known is not None:
            status.write(abandoned(known), files)
        self.say(f"answered the launch hook {self.group.ready_hook} with ABANDON")
        return True

    def was_warming(self) -> bool:
        """Return whether the last answer was that of a node on its way into the warm pool."""
        known = launch_hook.record(self.node.files)
        return known is not None and known.warming

    def await_service(self) -> None:
        """Wait for the way into service, however long, and start what a node in the warm pool does not."""
        while _look(self.node).is_warming:
            self.node.pause(POOL_PAUSE_S)
        self.say("leaves the warm pool")
        self.node.files.carry_out(WriteFile(layout.NOT_STARTED, ""))
        readiness.start_held_back(self.node.files, self.node.programs)

    def _wait(self, deadline: Deadline) -> Sight:
        said = ""
        while True:
            sight = _look(self.node)
            awaited = obstacle(sight)
            if not awaited:
                return sight
            if awaited != said:
                self._remember(waits_for=awaited)
                self.say(f"waits for {awaited}")
                said = awaited
            if deadline.is_over():
                raise HookUnanswered(
                    f"the launch hook {self.group.ready_hook} is not answered: the node does not come to work",
                    value=awaited,
                    remedy="See `systemctl status kubelet` and the pods of the cluster's network plugin on this node.",
                )
            self.node.pause(min(PAUSE_S, deadline.left_s()))

    def _remember(
        self, result: HookResult | None = None, *, waits_for: str = "", warming: bool = False
    ) -> None:
        told = launch_hook.Record(
            str(self.group.ready_hook), self.instance_id, result, waits_for, warming=warming
        )
        launch_hook.remember(told, self.node.files)


def _is_gate_open(files: Files) -> bool:
    return files.text(layout.READY) is not None


def _identity(metadata: Metadata) -> tuple[str, str]:
    deadline = Deadline(METADATA_TIMEOUT_S)
    return metadata.always("instance-id", deadline), metadata.always("placement/region", deadline)


def _look(node: Node) -> Sight:
    try:
        target = node.metadata.text(TARGET_STATE, Deadline(METADATA_TIMEOUT_S))
    finally:
        # An idle connection may be closed by the service, which the next request would see as an error.
        node.metadata.close()
    return Sight(target, _ails(node.kubelet), _fresh(layout.CNI_OF_RUNTIME, node))


def _fresh(folder: str, node: Node) -> tuple[str, ...]:
    """Return the names of a folder's files that were written since the node booted."""
    found = []
    for name in node.files.names(folder):
        try:
            written_s = node.files.at(f"{folder}/{name}").stat().st_mtime
        except OSError:
            # Replaced or taken away between the two looks.
            continue
        if written_s >= node.booted_at_s:
            found.append(name)
    return tuple(found)


def _ails(kubelet: tuple[str, int]) -> str:
    """Return why kubelet does not say that it is well; empty when it does."""
    host, port = kubelet
    connection = http.client.HTTPConnection(host, port, timeout=REQUEST_TIMEOUT_S)
    try:
        connection.request("GET", "/healthz")
        with connection.getresponse() as response:
            if response.status == http.client.OK:
                return ""
            return f"it says {response.status} at {host}:{port}/healthz"
    except (OSError, http.client.HTTPException) as silent:
        return f"nothing answers at {host}:{port}/healthz ({type(silent).__name__})"
    finally:
        connection.close()
