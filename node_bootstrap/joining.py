"""Waits until the node is at work in its cluster, then answers its own launch hook with CONTINUE."""

from __future__ import annotations

import http.client
import select
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from domain.node import layout
from domain.node.errors import HookUnanswered
from domain.node.joining import Sight, obstacle
from domain.node.readiness import HookResult, Reply
from node_bootstrap import launch_hook
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
    pause: Callable[[float], object] = field(
        default=lambda seconds: select.select((), (), (), seconds)
    )
    """Waits so many seconds between two looks. kubelet has no event that tells of its health."""


def answer(
    group: NodeGroup, node: Node, say: Callable[[str], None], timeout_s: float = LONGEST_WAIT_S
) -> None:
    """Answer the group's ready hook for this node as soon as it is at work, or find that nothing has to be said.

    It can find any of these:
    1. kubelet may not start: nothing is ready, and the run that lets it start has this started too;
    2. nothing is answered: it waits. An earlier attempt may have been refused, or killed after Auto Scaling took it;
       then no launch is open any more, which is an answer as well;
    3. it is answered: there is nothing left to do.

    Args:
        group: the node's.
        node: this one.
        say: is told what is waited for, whenever that changes, and what was answered.
        timeout_s: how long to wait, in seconds.

    Raises:
        HookUnanswered: kubelet may not start, the node is not at work in time, or Auto Scaling refuses.
        MetadataError: the metadata service does not say which instance this is.
        OSError: /run is full or read-only.
    """
    if group.ready_hook is None:
        say(f"nodes of {group.name} have no launch hook of their own")
        return
    if node.files.text(layout.READY) is None:
        raise HookUnanswered(
            f"the launch hook {group.ready_hook} is not answered",
            value="kubelet may not start",
            remedy="`multus-node status` says why; the run that lets it start has the hook answered.",
        )
    instance_id, region = _identity(node.metadata)
    if launch_hook.answered(group, instance_id, node.files) is not None:
        say("the launch hook is answered already")
        return
    _wait(launch_hook.Record(group.ready_hook, instance_id), node, say, Deadline(timeout_s))
    reply = launch_hook.answer(
        group,
        instance_id,
        region,
        HookResult.CONTINUE,
        files=node.files,
        programs=node.programs,
    )
    say(
        f"answered the launch hook {group.ready_hook} with CONTINUE"
        if reply is Reply.TAKEN
        else "no launch is open any more"
    )


def _identity(metadata: Metadata) -> tuple[str, str]:
    deadline = Deadline(METADATA_TIMEOUT_S)
    return metadata.always("instance-id", deadline), metadata.always("placement/region", deadline)


def _wait(
    record: launch_hook.Record, node: Node, say: Callable[[str], None], deadline: Deadline
) -> None:
    said = ""
    while True:
        awaited = obstacle(_look(node))
        if not awaited:
            return
        if awaited != said:
            waiting = launch_hook.Record(record.hook, record.instance_id, waits_for=awaited)
            launch_hook.remember(waiting, node.files)
            say(f"waits for {awaited}")
            said = awaited
        if deadline.is_over():
            raise HookUnanswered(
                f"the launch hook {record.hook} is not answered: the node does not come to work",
                value=awaited,
                remedy="See `systemctl status kubelet` and the pods of the cluster's network plugin on this node.",
            )
        node.pause(min(PAUSE_S, deadline.left_s()))


def _look(node: Node) -> Sight:
    try:
        target = node.metadata.text(TARGET_STATE, Deadline(METADATA_TIMEOUT_S))
    finally:
        # An idle connection may be closed by the service, which the next request would see as an error.
        node.metadata.close()
    return Sight(target, _ails(node.kubelet), node.files.names(layout.CNI_OF_RUNTIME))


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
