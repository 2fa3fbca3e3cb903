"""The command `multus-node`: parse, wire, run, say what came of it."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from domain.node import config, layout, outcome, status, unbinding
from domain.node.errors import (
    ConfigurationMissing,
    HookUnanswered,
    InterfaceMissing,
    NodeError,
    NotPermitted,
    RunUnderWay,
    as_node_error,
)
from node_bootstrap import launch_hook, lock, program, readiness
from node_bootstrap import status as status_file
from node_bootstrap.bootstrap import Bootstrap, Request
from node_bootstrap.files import Files
from node_bootstrap.host import this_host
from node_bootstrap.imds import MetadataService
from node_bootstrap.programs import Programs

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from domain.node.config import NodeConfig, NodeGroup
    from node_bootstrap.host import Host

DESCRIPTION = """\
Make the Multus interfaces of this node what its node group promises: links with stable names, addresses and routes, huge
pages, DPDK drivers, and the files from which the device plugin, Multus and nodeadm learn of them."""
EPILOG = """\
Every failure is one line on stderr: code, what was found, what to do. Exit codes: 0 ready, 2 configuration, 3 metadata
service, 4 interface missing, 5 device or driver, 6 huge pages, 7 links, 8 a tool, 9 not root, 10 a run is under way, 11 the
host refuses a file or a call, 12 the node is being replaced."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Say what is wrong in one line, as every other failure is said."""
        self.exit(2, f"usage: {message}. See {self.prog} --help.\n")


def parser() -> argparse.ArgumentParser:
    """Return what the command understands."""
    command = _Parser("multus-node", description=DESCRIPTION, epilog=EPILOG)
    verbs = command.add_subparsers(dest="verb", metavar="COMMAND", required=True)
    install = verbs.add_parser(
        "install", help="put program, units and udev rule in place, then run"
    )
    install.add_argument(
        "--node-group", required=True, help="the node's group in the configuration"
    )
    install.add_argument("--no-run", action="store_true", help="do not run now")
    run = verbs.add_parser("run", help="make the node what its group promises")
    run.add_argument("--dry-run", action="store_true", help="print the plan and change nothing")
    run.add_argument(
        "--trigger",
        choices=[each.value for each in status.Run],
        default=status.Run.MANUAL.value,
        help="who started it (units say so themselves)",
    )
    for verb in (install, run):
        verb.add_argument(
            "--config", help="a resolved node configuration in place of the archive's"
        )
    run.add_argument("--node-group", help=f"in place of the one in {layout.SETTINGS}")
    shown = verbs.add_parser("status", help="say what the node has, what is wrong, and what to do")
    shown.add_argument("--json", action="store_true", help="print the status file")
    verbs.add_parser(
        "answer", help="answer the node's launch hook once kubelet is at work (a unit calls this)"
    )
    unbind = verbs.add_parser("unbind", help="give a DPDK interface back to its kernel driver")
    unbind.add_argument("interface", help="the interface's name in the configuration")
    unbind.add_argument("--dry-run", action="store_true", help="print the plan and change nothing")
    return command


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    given = parser().parse_args(arguments)
    verbs = {
        "install": _install,
        "run": _run,
        "status": _status,
        "answer": _answer,
        "unbind": _unbind,
    }
    try:
        return verbs[given.verb](given)
    except (NodeError, OSError) as cause:
        error = as_node_error(cause)
        _complain(error.line())
        return error.exit_code


def _install(given: argparse.Namespace) -> int:
    # What reads and unpacks an archive takes as long to import as a tenth of a run, and no other verb needs it.
    from node_bootstrap import install, unpacking  # noqa: PLC0415

    _require_root("install")
    with this_host() as host:
        try:
            text, configuration = _configuration(given.config)
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
        _say(installation.lines() or ["installed already"])
        if given.no_run:
            return 0
        try:
            code = _converge(request, host)
        finally:
            # Whatever has become of the run, even where it could not write its status.
            watched = _watch(group, host)
        return code or watched


def _watch(group: NodeGroup, host: Host) -> int:
    from node_bootstrap import install  # noqa: PLC0415 - as in `_install`

    try:
        started = install.watch(group, host.files, host.programs)
    except (NodeError, OSError) as cause:
        error = as_node_error(cause)
        _complain(error.line())
        return error.exit_code
    _say([f"start {', '.join(started)}"] if started else [])
    return 0


def _run(given: argparse.Namespace) -> int:
    _require_root("run")
    started_by = status.Run(given.trigger)
    with this_host() as host:
        try:
            configuration, group = _node_group(given.config, given.node_group, host.files)
        except (NodeError, OSError) as cause:
            if not given.dry_run:
                _tell_refusal(cause, started_by, host)
            raise
        request = Request(configuration, group, started_by)
        return _plan(request, host) if given.dry_run else _converge(request, host)


def _answer(given: argparse.Namespace) -> int:
    from node_bootstrap import joining  # noqa: PLC0415 - as in `_install`

    _require_root(given.verb)
    files = Files()
    _, group = _node_group(None, None, files)
    # systemd's journal has each line as soon as it is said, while this goes on waiting.
    joining.answer(group, joining.Node(files, Programs(), MetadataService()), _say_now)
    return 0


def _unbind(given: argparse.Namespace) -> int:
    _require_root("unbind")
    with this_host() as host:
        try:
            configuration, group = _node_group(None, None, host.files)
        except (NodeError, OSError) as cause:
            if not given.dry_run:
                _tell_refusal(cause, status.Run.MANUAL, host)
            raise
        unbinding.check(group, given.interface)
        request = Request(configuration, group, status.Run.MANUAL, unbind=given.interface)
        return _plan(request, host) if given.dry_run else _converge(request, host)


def _plan(request: Request, host: Host) -> int:
    planned = Bootstrap(request, host).plan()
    _say([str(change) for change in planned.plan.changes] or ["nothing to change"])
    _say(f"warning: {each}" for each in planned.plan.warnings)
    _say(f"left out: {name}" for name in planned.left_out)
    return 0


def _converge(request: Request, host: Host) -> int:
    with lock.held(host.files, request.started_by):
        ended = Bootstrap(request, host).run()
    return _told(request, ended)


def _told(request: Request, ended: status.Status) -> int:
    """Say what has come of a run, and return its exit code."""
    _say(ended.changes or (["nothing to change"] if ended.error is None else []))
    _say(f"warning: {each}" for each in ended.warnings)
    if ended.error is None:
        return 0
    _complain(ended.error.line())
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


def _status(given: argparse.Namespace) -> int:
    files = Files()
    reading = status_file.read(files)
    live = status_file.observe(reading.status, files) if reading.status else {}
    hook = launch_hook.record(files)
    if given.json:
        _say([status.to_json(reading.status).rstrip("\n") if reading.status else "null"])
    else:
        now = datetime.now(timezone.utc)
        _say([status_file.report(reading, live, now, runner=lock.runner(files), hook=hook)])
    # A device that is gone is no pod's: the node was ready and is not.
    gone = any(not now.present for now in live.values())
    unanswered = hook is not None and hook.failed
    return (
        status.exit_code(reading)
        or (InterfaceMissing.exit_code if gone else 0)
        or (HookUnanswered.exit_code if unanswered else 0)
    )


def _configuration(path: str | None) -> tuple[bytes, NodeConfig]:
    """Return the configuration in a file, or else the program's own, as it is written and as it is read.

    Raises:
        ConfigurationMissing: there is no such file.
        ConfigurationForeign: it is none of this version.
    """
    if path is None:
        content = program.configuration(program.running())
    else:
        try:
            content = Path(path).read_bytes()
        except OSError as cause:
            raise ConfigurationMissing(
                "the configuration cannot be read",
                value=str(cause),
                remedy="Name another after --config.",
            ) from cause
    return content, config.from_json(content.decode(errors="replace"))


def _node_group(path: str | None, name: str | None, files: Files) -> tuple[NodeConfig, NodeGroup]:
    """Return the configuration and the node's group, both as given or else as installed.

    Raises:
        ConfigurationError: one of them is missing or foreign.
    """
    _, configuration = _configuration(path)
    return configuration, configuration.node_group(name or program.node_group_name(files))


def _require_root(verb: str) -> None:
    if os.geteuid() != 0:
        raise NotPermitted(
            f"`multus-node {verb}` changes the host",
            value=f"user id {os.geteuid()}",
            remedy="Run it as root; `multus-node status` needs no rights.",
        )


def _say(lines: Iterable[str]) -> None:
    for line in lines:
        sys.stdout.write(f"{line}\n")


def _say_now(line: str) -> None:
    _say([line])
    sys.stdout.flush()


def _complain(line: str) -> None:
    sys.stderr.write(f"{line}\n")
