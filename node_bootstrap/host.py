"""The host that a run acts on: everything it looks at and acts through, in one place."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from node_bootstrap.files import Files
from node_bootstrap.imds import MetadataService
from node_bootstrap.modules import Modules
from node_bootstrap.netlink import Events, Netlink
from node_bootstrap.programs import Programs
from node_bootstrap.records import Records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from node_bootstrap.discovery import Metadata
    from node_bootstrap.networkd import Changes, Kernel


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
