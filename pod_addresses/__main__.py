"""The command in the pod: parse, wire, run, say what came of it."""

from __future__ import annotations

import argparse
import json
import os
import random
import select
import signal
import socket
import sys
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from domain.errors import EniLifecycleError
from domain.pods import errors
from node_bootstrap.deadline import Deadline
from node_bootstrap.imds import MetadataService
from pod_addresses import endpoints
from pod_addresses.credentials import PodCredentials
from pod_addresses.ec2 import Ec2
from pod_addresses.follower import Follower, facts
from pod_addresses.initial import Failed, Patience, assign_all
from pod_addresses.links import PodLinks
from pod_addresses.placing import Placing
from pod_addresses.requests import Requests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from domain.pods.following import Address

DESCRIPTION = """\
Have EC2 deliver to the pod's Multus addresses: assign them to the ENI that each link belongs to, move them from where they were, and
release them when the pod ends."""
EPILOG = "Exit codes: 0 done, 1 an address is not assigned or not released, 2 the command cannot be used so."

CA_BUNDLE = "AWS_CA_BUNDLE"
EXIT_FAILED, EXIT_USAGE = 1, 2


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Say what is wrong in one line, as every other failure is said."""
        self.exit(EXIT_USAGE, f"arguments-invalid: {message}. See {self.prog} --help.\n")


def parser() -> argparse.ArgumentParser:
    """Return what the command understands."""
    command = _Parser("pod-addresses", description=DESCRIPTION, epilog=EPILOG)
    verbs = command.add_subparsers(dest="verb", metavar="COMMAND", required=True)
    init = verbs.add_parser("init", help="assign what the pod's links carry, or fail")
    follow = verbs.add_parser("follow", help="follow the links until SIGTERM, then release")
    for verb in (init, follow):
        verb.add_argument(
            "--owner", required=True, help="the stack that made the ENIs: MultusEni-<name>"
        )
        verb.add_argument(
            "--link",
            action="append",
            default=[],
            help="a link that counts, like net1; several times. Left out: all that belong to an ENI of the stack",
        )
    init.add_argument(
        "--address",
        action="append",
        default=[],
        type=_asked,
        metavar="LINK=ADDRESS",
        help="an address that the link is to get later; several times",
    )
    init.add_argument(
        "--timeout", type=_seconds, default=60.0, metavar="SECONDS", help="how long to try (60)"
    )
    follow.add_argument("--ready-file", type=Path, help="is there while every address is assigned")
    follow.add_argument(
        "--release-timeout",
        type=_seconds,
        default=20.0,
        metavar="SECONDS",
        help="how long to try to release at the end (20); less than the pod's terminationGracePeriodSeconds",
    )
    return command


def _asked(text: str) -> tuple[str, Address]:
    link, separator, address = text.partition("=")
    if not link or not separator:
        raise argparse.ArgumentTypeError(f"{text!r} is not LINK=ADDRESS")
    try:
        return link, ip_address(address)
    except ValueError as cause:
        raise argparse.ArgumentTypeError(f"{address!r} is no IP address") from cause


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds above 0")
    return seconds


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    given = parser().parse_args(arguments)
    verbs: Mapping[str, Callable[[argparse.Namespace], int]] = {"init": _init, "follow": _follow}
    try:
        return verbs[given.verb](given)
    except Failed as failed:
        sys.stderr.write(f"{failed}\n")
    except EniLifecycleError as error:
        sys.stderr.write(f"{errors.line(error)}\n")
    return EXIT_FAILED


def _init(given: argparse.Namespace) -> int:
    deadline = Deadline(given.timeout)
    requests = Requests(os.environ.get(CA_BUNDLE))
    requests.end_by(deadline)
    with PodLinks() as links:
        placing = wired(
            os.environ, requests, MetadataService(), deadline, owner=given.owner, tell=say
        )
        patience = Patience(deadline, _sleep, random.random)
        assign_all(
            links.look(), placing, patience, named=tuple(given.link), asked=tuple(given.address)
        )
    return 0


def _follow(given: argparse.Namespace) -> int:
    if given.ready_file and not os.access(given.ready_file.parent, os.W_OK | os.X_OK):
        raise errors.ArgumentsInvalid(
            "--ready-file cannot be written",
            value=str(given.ready_file),
            remedy=f"Mount a volume on {given.ready_file.parent} that the container's user may write to.",
        )
    awake, waker = socket.socketpair()
    waker.setblocking(False)
    requests, ending = Requests(os.environ.get(CA_BUNDLE)), list[Deadline]()

    def stop(_number: int, _frame: object) -> None:
        # From now on, whatever is being waited for: the pod's grace period has begun.
        ending.append(Deadline(given.release_timeout))
        requests.end_by(ending[0])

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    named = tuple(given.link)
    with awake, waker, _told_of_signals(waker), PodLinks(awake.fileno(), named=named) as links:
        deadline = Deadline(given.release_timeout)
        placing = wired(
            os.environ, requests, MetadataService(), deadline, owner=given.owner, tell=say
        )
        follower = Follower(links, placing, say, named=named, ready_file=given.ready_file)
        follower.run(lambda: bool(ending))
        released = follower.release(ending[0], _sleep)
    return 0 if released else EXIT_FAILED


@contextmanager
def _told_of_signals(waker: socket.socket) -> Iterator[None]:
    """Have a signal's number sent to a socket, which ends the wait for the kernel's next message, for as long as it is open."""
    signal.set_wakeup_fd(waker.fileno())
    try:
        yield
    finally:
        signal.set_wakeup_fd(-1)


def wired(
    environ: Mapping[str, str],
    requests: Requests,
    metadata: MetadataService,
    deadline: Deadline,
    *,
    owner: str,
    tell: Callable[..., None],
) -> Placing:
    """Return who assigns, as the pod's environment says.

    Raises:
        CredentialsMissing: the pod has no role.
        RegionUnknown: nobody tells the Region.
    """
    region = endpoints.region(environ, metadata, deadline)
    credentials = PodCredentials(environ, requests, region)
    url = endpoints.url("ec2", region, environ)
    return Placing(Ec2(url, region, credentials, requests), owner, tell)


def say(event: str, **told: object) -> None:
    """Write one event as a line of JSON, at once: Kubernetes keeps the time."""
    sys.stdout.write(json.dumps({"event": event, **facts(told.items())}) + "\n")
    sys.stdout.flush()


def _sleep(seconds: float) -> None:
    select.select((), (), (), seconds)


if __name__ == "__main__":
    sys.exit(main())
