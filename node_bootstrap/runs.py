"""The verbs that change the host: `install`, `run` and `unbind`."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from domain.node import layout, outcome, status, unbinding
from domain.node.errors import NodeError, RunUnderWay, as_node_error
from node_bootstrap import lock, program, readiness
from node_bootstrap import status as status_file
from node_bootstrap.bootstrap import Bootstrap, Request
from node_bootstrap.host import this_host
from node_bootstrap.terminal import complain, require_root, say

if TYPE_CHECKING:
    import argparse

    from domain.node.config import NodeGroup
    from node_bootstrap.host import Host


def install(given: argparse.Namespace) -> int:
    """Put program, units and udev rule in place, then run; return the exit code."""
    # What reads and unpacks an archive takes as long to import as a tenth of a run, and no other verb needs it.
    from node_bootstrap import install, unpacking  # noqa: PLC0415

    require_root("install")
    with this_host() as host:
        try:
            text, configuration = program.given(given.config)
            group = configuration.node_group(given.node_group)
            files = {**unpacking.content(program.running()), layout.CONFIGURATION: text}
        except (NodeError, OSError) as cause:
            if not given.no_run:
                _tell_refusal(cause, status.Run.BOOT, host)
            raise
        request = Request(configuration, group, status.Run.BOOT, installs=True)
        # The lock of runs: one that is under way imports from a folder that is removed here.
        with lock.held(host.files, request.started_by):
            try:
                installation = install.plan(group, files, host.files)
                install.carry_out(installation, host.files, host.programs)
            except (NodeError, OSError) as cause:
                if given.no_run:
                    raise
                return _told(request, Bootstrap(request, host).give_up(cause))
        say(installation.lines() or ["installed already"])
        if given.no_run:
            return 0
        try:
            code = _converge(request, host)
        finally:
            # Whatever has become of the run, even where it could not write its status.
            watched = _watch(group, host)
        return code or watched


def run(given: argparse.Namespace) -> int:
    """Make the node what its group promises, or say what that would change; return the exit code."""
    require_root("run")
    started_by = status.Run(given.trigger)
    with this_host() as host:
        try:
            configuration, group = program.node_group(given.config, given.node_group, host.files)
        except (NodeError, OSError) as cause:
            if not given.dry_run:
                _tell_refusal(cause, started_by, host)
            raise
        request = Request(configuration, group, started_by)
        return _plan(request, host) if given.dry_run else _converge(request, host)


def unbind(given: argparse.Namespace) -> int:
    """Give a DPDK interface back to its kernel driver; return the exit code."""
    require_root("unbind")
    with this_host() as host:
        try:
            configuration, group = program.node_group(None, None, host.files)
        except (NodeError, OSError) as cause:
            if not given.dry_run:
                _tell_refusal(cause, status.Run.MANUAL, host)
            raise
        unbinding.check(group, given.interface)
        request = Request(configuration, group, status.Run.MANUAL, unbind=given.interface)
        return _plan(request, host) if given.dry_run else _converge(request, host)


def _watch(group: NodeGroup, host: Host) -> int:
    from node_bootstrap import install  # noqa: PLC0415 - as in `install`

    try:
        started = install.watch(group, host.files, host.programs)
    except (NodeError, OSError) as cause:
        error = as_node_error(cause)
        complain(error.line())
        return error.exit_code
    say([f"start {', '.join(started)}"] if started else [])
    return 0


def _plan(request: Request, host: Host) -> int:
    planned = Bootstrap(request, host).plan()
    say([str(change) for change in planned.plan.changes] or ["nothing to change"])
    say(f"warning: {each}" for each in planned.plan.warnings)
    say(f"left out: {name}" for name in planned.left_out)
    return 0


def _converge(request: Request, host: Host) -> int:
    with lock.held(host.files, request.started_by):
        ended = Bootstrap(request, host).run()
    return _told(request, ended)


def _told(request: Request, ended: status.Status) -> int:
    """Say what has come of a run, and return its exit code."""
    say(ended.changes or (["nothing to change"] if ended.error is None else []))
    say(f"warning: {each}" for each in ended.warnings)
    if ended.error is None:
        return 0
    complain(ended.error.line())
    # A group that goes on without an interface has said that this is no failure of its nodes. Whoever unbinds one by hand
    # has asked for that one.
    goes_on = ended.state is status.State.DEGRADED and request.unbind is None
    return 0 if goes_on else ended.error.exit_code


def _tell_refusal(cause: NodeError | OSError, started_by: status.Run, host: Host) -> None:
    """Have the status say that a run could not begin. That of a run which is under way is left to it."""
    with suppress(RunUnderWay), lock.held(host.files, started_by, timeout_s=0):
        ended = outcome.refusal(
            as_node_error(cause),
            started_by=started_by,
            at=status.timestamp(host.now()),
            gate_open=readiness.is_gate_open(host.files),
        )
        status_file.write(ended, host.files)
