"""Lets kubelet start, and has the node's own launch hook answered, as `domain.node.readiness` decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from domain.node import gate, layout
from domain.node.change import RemoveFile, WriteFile
from domain.node.errors import HookUnanswered, LaunchAbandoned, NodeError, ToolFailed
from domain.node.readiness import HookResult, Reply, Situation, consequence, outcome
from node_bootstrap import launch_hook
from node_bootstrap.launch_hook import NOT_OPEN, Record

if TYPE_CHECKING:
    from domain.node.config import NodeGroup
    from domain.node.model import Instance
    from node_bootstrap.files import Files
    from node_bootstrap.programs import Programs

UNIT_FOLDERS = ("/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system")
"""In systemd's order: a unit in an earlier one hides one of its name in a later one."""

ANSWER_SERVICE = "multus-node-answer.service"
"""It waits until kubelet is at work, and then answers the launch hook with CONTINUE."""

START_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Concluded:
    """What was done at a run's end."""

    reason: str
    opened: bool = False
    started: tuple[str, ...] = ()
    """Units that were told to start."""
    answered: HookResult | None = None
    kubelet_may_start: bool = False
    """Whether it may now, since this run or an earlier one."""
    abandoned: bool = False
    """Whether Auto Scaling was told to replace the node, by this run or an earlier one."""
    error: NodeError | None = None
    """What went wrong here; what the run itself ended with is not in it and stays the first error."""

    def lines(self) -> tuple[str, ...]:
        """Return what was done, for the status and for a person; nothing when nothing was."""
        done = []
        if self.opened:
            done.append(f"kubelet may start: {self.reason}")
        if self.started:
            done.append(f"start {', '.join(self.started)}")
        if self.answered:
            done.append(f"answer the launch hook with {self.answered.value}")
        return tuple(done)


def conclude(
    group: NodeGroup,
    *,
    succeeded: bool,
    instance: Instance | None,
    awaited: bool,
    starts: bool,
    files: Files,
    programs: Programs,
) -> Concluded:
    """Do what follows from a run's end, as far as it is not done yet.

    The gate comes first: it is on this machine and certain. CONTINUE is for a service of its own to say, once kubelet is at
    work, which waits for this run; where an installation failed before that service was there, nobody waits, and a node that
    may join all the same says it at once, as ABANDON is said, in a call that may take a minute. Where no launch is open that
    service repeats ABANDON, as Auto Scaling may have yet to open it. A mark goes before the gate
    until what the gate held back, and that service, were told to start: a run that was killed in between, or that systemd
    refused, leaves an open gate with the mark, and the next run starts it.

    Args:
        group: the node's.
        succeeded: whether the run ended without an error.
        instance: None when the metadata service did not say; then the hook is left alone.
        awaited: whether the boot's own jobs wait for this run, so that nothing has to be started.
        starts: whether to start it here; otherwise the caller does, with `start_held_back`.
        files: of the host.
        programs: of the host.

    Raises:
        OSError: /run is full or read-only.
    """
    gate_open = files.text(layout.READY) is not None
    before = launch_hook.answered(group, instance.instance_id if instance else None, files)
    decided = consequence(group, Situation(succeeded, gate_open, before))
    if decided.open_gate:
        if not awaited:
            files.carry_out(WriteFile(layout.NOT_STARTED, ""))
        files.carry_out(WriteFile(layout.READY, f"{decided.reason}\n"))
    has_service = _unit(files, ANSWER_SERVICE) is not None
    waits = decided.answer is HookResult.CONTINUE and has_service
    if waits:
        files.carry_out(WriteFile(layout.ANSWER_DUE, ""))
    started, error = _start(files, programs, starts=starts)
    reply: Reply | None = None
    if decided.answer is not None and not waits and instance is not None:
        reply, unanswered = _answer(group, instance, decided.answer, files, programs)
        error = error or unanswered
    asks_again = has_service and _is_due_again(decided.answer, reply)
    if asks_again and instance is not None:
        waiting = Record(str(group.ready_hook), instance.instance_id, waits_for=NOT_OPEN)
        launch_hook.remember(waiting, files)
        files.carry_out(WriteFile(layout.ABANDON_DUE, ""))
        files.carry_out(WriteFile(layout.ANSWER_DUE, ""))
        more, failed = _start(files, programs, starts=starts)
        started, error = (*started, *more), error or failed
    else:
        _forget_abandoning(files)
    abandoned = before is HookResult.ABANDON or (
        decided.answer is HookResult.ABANDON and reply is Reply.TAKEN
    )
    reason = outcome(group, decided, reply, asks_again=asks_again)
    if succeeded and abandoned:
        error = LaunchAbandoned(
            "kubelet does not start although all is well now",
            value=reason,
            remedy="Wait until the node has gone; its successor is another instance.",
        )
    return Concluded(
        reason=reason,
        opened=decided.open_gate,
        started=started,
        answered=decided.answer if reply is Reply.TAKEN else None,
        kubelet_may_start=gate_open or decided.open_gate,
        abandoned=abandoned,
        error=error,
    )


def _start(
    files: Files, programs: Programs, *, starts: bool
) -> tuple[tuple[str, ...], NodeError | None]:
    try:
        return (start_held_back(files, programs) if starts else ()), None
    except ToolFailed as failed:
        return (), failed


def _answer(
    group: NodeGroup,
    instance: Instance,
    result: HookResult,
    files: Files,
    programs: Programs,
) -> tuple[Reply, NodeError | None]:
    try:
        reply = launch_hook.answer(
            group, instance.instance_id, instance.region, result, files=files, programs=programs
        )
    except HookUnanswered as unanswered:
        return Reply.LOST, unanswered
    return reply, None


def _is_due_again(result: HookResult | None, reply: Reply | None) -> bool:
    return result is HookResult.ABANDON and reply is Reply.NO_LAUNCH


def _forget_abandoning(files: Files) -> None:
    """Take away that ABANDON is due, and that an answer waits for a launch to open."""
    if files.text(layout.ABANDON_DUE) is None:
        return
    known = launch_hook.record(files)
    if known is not None and known.waits_for == NOT_OPEN and known.result is None:
        files.carry_out(RemoveFile(layout.HOOK))
    files.carry_out(RemoveFile(layout.ABANDON_DUE))


def start_held_back(files: Files, programs: Programs, *others: str) -> tuple[str, ...]:
    """Start what the closed gate kept from starting, if it is open now, and who answers the launch hook, and return that.

    Nothing is waited for.

    Args:
        files: of the host.
        programs: of the host.
        others: units to be started in any case, in the same breath.

    Raises:
        ToolFailed: systemd refuses; the next run tries again.
        OSError: /run is full or read-only.
    """
    left = all(files.text(path) is not None for path in (layout.READY, layout.NOT_STARTED))
    due = (ANSWER_SERVICE,) if files.text(layout.ANSWER_DUE) is not None else ()
    held: tuple[str, ...] = ()
    if left:
        began = files.text(layout.NODEADM_BEGAN) is not None
        held = gate.held_back(_wanted(files), nodeadm_began=began)
    started = (*held, *due)
    if started or others:
        units = [*others, *started]
        programs.run(["systemctl", "start", "--no-block", *units], timeout_s=START_TIMEOUT_S)
    for path, is_done in ((layout.NOT_STARTED, left), (layout.ANSWER_DUE, bool(due))):
        if is_done:
            files.carry_out(RemoveFile(path))
    return started


def is_gate_open(files: Files) -> bool:
    """Return whether kubelet may start, on a node of which nothing else is known."""
    drop_in = f"{UNIT_FOLDERS[0]}/kubelet.service.d/{layout.DROP_IN}"
    return gate.is_open(files.text(layout.READY), files.text(drop_in))


def _wanted(files: Files) -> dict[str, str]:
    """Return the content of nodeadm's unit and of those that a target wants, by name."""
    names = {gate.NODEADM}
    for folder in UNIT_FOLDERS:
        for target in files.names(folder):
            if target.endswith(".target.wants"):
                names.update(files.names(f"{folder}/{target}"))
    found = {}
    for name in names:
        text = _unit(files, name)
        # A masked unit is an empty one.
        if text:
            found[name] = text
    return found


def _unit(files: Files, name: str) -> str | None:
    """Return the content of a unit; None where there is none."""
    texts = (files.text(f"{folder}/{name}") for folder in UNIT_FOLDERS)
    return next((each for each in texts if each is not None), None)
