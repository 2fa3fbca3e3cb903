"""The host that a run acts on: everything it looks at and acts through, in one place."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Protocol

from node_bootstrap.files import Files
from node_bootstrap.imds import MetadataService
from node_bootstrap.modules import Modules
from node_bootstrap.netlink import Events, Netlink
from node_bootstrap.programs import Programs
from node_bootstrap.records import Records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from domain.node.model import Link, LinkAddress, Route, RoutingRule
    from node_bootstrap.deadline import Deadline
    from node_bootstrap.imds import Observation


class Links(Protocol):
    """What tells of the links of the node's own network namespace."""

    def links(self) -> tuple[Link, ...]:
        """Return every link."""


class Look(Links, Protocol):
    """What tells of the kernel's network configuration."""

    def addresses(self) -> tuple[LinkAddress, ...]:
        """Return every address."""

    def routes(self) -> tuple[Route, ...]:
        """Return every route."""

    def rules(self) -> tuple[RoutingRule, ...]:
        """Return every rule."""


class Kernel(Look, Protocol):
    """What is asked of the kernel: `node_bootstrap.netlink.Netlink`."""

    def rename(self, index: int, name: str) -> None:
        """Give a link another name."""

    def restore(self, index: int, *, up: bool, mtu: int) -> None:
        """Make a link up or down, with this MTU."""


class Changes(Protocol):
    """What tells of changes: `node_bootstrap.netlink.Events`, subscribed before the first look at what is waited for."""

    def wait(self, timeout_s: float) -> bool:
        """Return whether there was a change since the last call, waiting so long for it."""


class Metadata(Protocol):
    """What is asked of the metadata service: `node_bootstrap.imds.MetadataService`."""

    def instance(self, deadline: Deadline) -> Observation:
        """Return what it shows now."""


def _utc_now() -> datetime:
    return datetime.now(timezone.utc)


@dataclass(frozen=True)
class Host:
    """What a run acts through."""

    files: Files
    programs: Programs
    kernel: Kernel
    events: Changes
    """Of everything, subscribed before the first look."""
    metadata: Metadata
    modules: Modules
    records: Records
    now: Callable[[], datetime] = field(default=_utc_now)


@contextmanager
def this_host() -> Iterator[Host]:
    """Connect to the machine this runs on.

    Raises:
        OSError: the kernel gives no netlink socket.
    """
    files, programs = Files(), Programs()
    with Events() as events, Netlink(files) as kernel:
        yield Host(
            files=files,
            programs=programs,
            events=events,
            kernel=kernel,
            metadata=MetadataService(),
            modules=Modules(files, programs),
            records=Records(files),
        )
