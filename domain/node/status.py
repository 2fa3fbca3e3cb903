"""What a run leaves behind for a person and for other programs: how far it came, what it found, what it changed."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from datetime import datetime, timezone
from enum import Enum
from typing import TYPE_CHECKING, Any

from domain.node.errors import NodeError, RunUnderWay

if TYPE_CHECKING:
    from collections.abc import Mapping


VERSION = 1
NO_STATUS_EXIT_CODE = 1
_ACCEPTED: Mapping[str, tuple[type, ...]] = {
    "str": (str,),
    "str | None": (str, type(None)),
    "int": (int,),
    "bool": (bool,),
}
"""What JSON may hold for a field, by the field's annotation, which is text here (PEP 563)."""


class State(str, Enum):
    """What the node is."""

    READY = "ready"
    """Every promised interface is what the configuration says."""
    DEGRADED = "degraded"
    """It may join without being ready (on_failure: continue)."""
    WAITING = "waiting"
    """A run is under way, or was killed."""
    FAILED = "failed"
    """A run ended with an error, and kubelet may run all the same: the node was ready before, or only its launch hook is
    not answered."""
    HELD = "held"
    """A run ended with an error, and kubelet does not start."""
    ABANDONED = "abandoned"
    """A run ended with an error, kubelet does not start, and Auto Scaling was told to replace the node."""


class Run(str, Enum):
    """What started the run."""

    BOOT = "boot"
    HOTPLUG = "hotplug"
    MANUAL = "manual"


@dataclass(frozen=True)
class Interface:
    """One promised interface. What is not known, as of one that is missing, is empty."""

    name: str
    state: str
    """`ready`, `missing`, or what it waits for."""
    eni: str = ""
    mac: str = ""
    pci: str = ""
    link: str = ""
    """Empty under a DPDK driver."""
    driver: str = ""
    addresses: tuple[str, ...] = ()
    """Those that EC2 assigned to the ENI; which of them the host has is for the configuration to say."""
    pod_network: str = ""
    """How pods get at it, as the configuration says it."""
    pod_addresses: tuple[str, ...] = ()
    """Those of them that the node hands out to its pods."""


@dataclass(frozen=True)
class Failure:
    """The error that a run ended with."""

    code: str
    message: str
    value: str
    remedy: str
    exit_code: int
    retryable: bool

    def line(self) -> str:
        """Return it in one line, as stderr has it."""
        return NodeError(self.message, value=self.value, remedy=self.remedy).line(self.code)


@dataclass(frozen=True)
class Status:
    """The status file. Times are UTC, as 2026-11-24T02:58:12Z."""

    state: State
    step: str
    run: Run
    since: str
    """When the run began."""
    ended_at: str | None = None
    consequence: str = ""
    """What the run's end means for kubelet and for the launch hook, for a person, without a full stop."""
    instance: str = ""
    node_group: str = ""
    interfaces: tuple[Interface, ...] = ()
    error: Failure | None = None
    warnings: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    """What the run changed; empty when all was as it should be."""


@dataclass(frozen=True)
class Reading:
    """What came of reading a status file."""

    status: Status | None
    problem: str = ""
    """Why there is no status, or what is doubtful about it; empty when nothing is."""


def timestamp(moment: datetime) -> str:
    """Return a moment (with a time zone) as the status file writes it."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def failure(error: NodeError) -> Failure:
    """Return what the status file keeps of an error."""
    return Failure(
        error.code, str(error), error.value, error.remedy, error.exit_code, error.retryable
    )


def exit_code(reading: Reading) -> int:
    """Return the code that `multus-node status` ends with: 0 when the node is ready, else the error's."""
    status = reading.status
    if status is None:
        return NO_STATUS_EXIT_CODE
    if status.state is State.READY:
        return 0
    if status.error is not None:
        return status.error.exit_code
    return RunUnderWay.exit_code if status.state is State.WAITING else NO_STATUS_EXIT_CODE


def to_json(status: Status) -> str:
    """Return the status file's text."""
    document = {"version": VERSION, **dataclasses.asdict(status)}
    return json.dumps(document, indent=2) + "\n"


def from_json(text: str | None) -> Reading:
    """Read a status file without ever failing: whoever asks for the status must be told something.

    A newer version's file is read as far as this one understands it; keys it does not know are passed over.

    Args:
        text: the file's content, None when there is none.
    """
    if text is None:
        return Reading(None, "no run has begun since the node booted")
    try:
        document = json.loads(text)
    except ValueError as cause:
        return Reading(None, f"the status file is not whole: {cause}")
    try:
        status = _status(document)
    except (KeyError, TypeError, ValueError, AttributeError) as cause:
        status, unread = None, f"{type(cause).__name__}: {cause}"
    else:
        unread = ""
    written = document.get("version") if isinstance(document, dict) else None
    if isinstance(written, int) and written > VERSION:
        newer = f"the status file is of version {written}, this program knows {VERSION}"
        return Reading(status, newer if status is not None else f"{newer} ({unread})")
    return Reading(status, f"the status file cannot be understood: {unread}" if unread else "")


def _status(document: Mapping[str, Any]) -> Status:
    known = _known(Status, document)
    error = known.pop("error", None)
    return Status(
        **{
            **known,
            "state": State(known["state"]),
            "run": Run(known["run"]),
            "interfaces": tuple(_interface(item) for item in known.get("interfaces", ())),
            "error": None if error is None else Failure(**_known(Failure, error)),
            "warnings": _texts(known.get("warnings", ())),
            "changes": _texts(known.get("changes", ())),
        }
    )


def _interface(item: Mapping[str, Any]) -> Interface:
    known = _known(Interface, item)
    lists = {name: _texts(known.get(name, ())) for name in ("addresses", "pod_addresses")}
    return Interface(**{**known, **lists})


def _texts(items: object) -> tuple[str, ...]:
    if not isinstance(items, (list, tuple)):
        raise TypeError(f"{type(items).__name__} where a list was expected")
    return tuple(str(item) for item in items)


def _known(made: type, document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the items that a data class has fields for, each checked for the type that its field is declared with."""
    found = {}
    for field in dataclasses.fields(made):
        if field.name not in document:
            continue
        value = document[field.name]
        accepted = _ACCEPTED.get(str(field.type))
        if accepted is not None and not isinstance(value, accepted):
            raise TypeError(f"{field.name} is {value!r}")
        found[field.name] = value
    return found
