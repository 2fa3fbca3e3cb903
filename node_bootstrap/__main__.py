"""The command `multus-node`: parse, wire, run, say what came of it."""

from __future__ import annotations

import argparse
from datetime import datetime, timezone
from typing import TYPE_CHECKING, NoReturn

from domain.node import layout, status
from domain.node.errors import NodeError, as_node_error
from node_bootstrap.files import Files
from node_bootstrap.terminal import complain, require_root, say, say_now

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    measured = verbs.add_parser("metrics", help="say how many of the addresses for pods are used")
    measured.add_argument(
        "--output", help="the file to write for a metrics collector, in place of stdout"
    )
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
    verbs = {"status": _status, "metrics": _metrics, "answer": _answer}
    try:
        return verbs.get(given.verb, _act)(given)
    except (NodeError, OSError) as cause:
        error = as_node_error(cause)
        complain(error.line())
        return error.exit_code


# Each verb imports what it needs: what only runs need takes as long to import as `status` takes altogether.


def _act(given: argparse.Namespace) -> int:
    from node_bootstrap import runs  # noqa: PLC0415 - see above

    verbs = {"install": runs.install, "run": runs.run, "unbind": runs.unbind}
    return verbs[given.verb](given)


def _status(given: argparse.Namespace) -> int:
    from node_bootstrap.status import shown  # noqa: PLC0415 - see above

    text, exit_code = shown(Files(), datetime.now(timezone.utc), as_json=given.json)
    say([text])
    return exit_code


def _metrics(given: argparse.Namespace) -> int:
    from node_bootstrap import metrics  # noqa: PLC0415 - see above

    if given.output is not None:
        metrics.write(Files(), given.output)
    else:
        say(metrics.shown(Files()).splitlines())
    return 0


def _answer(given: argparse.Namespace) -> int:
    from node_bootstrap import joining, program  # noqa: PLC0415 - see above
    from node_bootstrap.imds import MetadataService  # noqa: PLC0415 - see above
    from node_bootstrap.programs import Programs  # noqa: PLC0415 - see above

    require_root(given.verb)
    files = Files()
    _, group = program.node_group(None, None, files)
    # systemd's journal has each line as soon as it is said, while this goes on waiting.
    joining.answer(group, joining.Node(files, Programs(), MetadataService()), say_now)
    return 0
