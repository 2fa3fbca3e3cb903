"""The status file, and what `multus-node status` makes of it for a person."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from domain.node import layout
from domain.node.change import WriteFile
from domain.node.config import DPDK_DRIVERS, PodNetwork
from domain.node.errors import ConfigurationError, HookUnanswered, InterfaceMissing
from domain.node.status import Reading, State, exit_code, from_json, to_json
from node_bootstrap import launch_hook, lock, pci

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from domain.node.status import Failure, Interface, Status
    from node_bootstrap.files import Files
    from node_bootstrap.launch_hook import Record

_WIDTH = 100
_LINKS = "/sys/class/net"
_MENDED = {
    True: "Install an archive with the right configuration (runbook, Another archive on a node)",
    False: "Mend it, then `multus-node run`",
}
"""What a person does next, by whether it is the configuration that is wrong."""
_THEN = {
    State.DEGRADED: ". The labels of a node that has joined stay as they are.",
    State.FAILED: ".",
    State.HELD: ": kubelet starts when that succeeds.",
}
"""Nothing when the node is ready, or goes."""
_COLUMNS = ("INTERFACE", "STATE", "LINK", "DRIVER", "PCI", "MAC", "ENI", "ENI ADDRESSES")
_IN_POD = "(in a pod)"


@dataclass(frozen=True)
class Live:
    """What an interface is at this moment, as sysfs shows it."""

    present: bool
    driver: str = ""
    links: tuple[str, ...] = ()
    """Its links in this network namespace."""
    operstate: str = ""
    """Of its link: `up`, `down`, …; empty without one."""
    write_combined: bool | None = None
    """Whether the DPDK application that has it maps its memory write-combined; None while nothing shows it."""
    pods_have: frozenset[str] = frozenset()
    """Addresses that host-local has given to pods."""


def write(status: Status, files: Files) -> None:
    """Write the status file; a reader sees the old one or the new one.

    Raises:
        OSError: /run is full or read-only.
    """
    files.carry_out(WriteFile(layout.STATUS, to_json(status)))


def read(files: Files) -> Reading:
    """Read the status file; one that cannot be read is a reading with a problem."""
    try:
        text = files.text(layout.STATUS)
    except OSError as cause:
        return Reading(None, f"the status file cannot be read: {cause}")
    return from_json(text)


def observe(status: Status, files: Files) -> dict[str, Live]:
    """Return what is now of the interfaces whose PCI address the status knows, by name."""
    return {
        interface.name: _live(interface, files) for interface in status.interfaces if interface.pci
    }


def pods_have(files: Files, interface: str) -> frozenset[str]:
    """Return what host-local notes of an interface's pool: the addresses that pods have, and files of its own."""
    return frozenset(files.names(f"{layout.POD_ADDRESSES}/{layout.CNI_PREFIX}{interface}"))


def shown(files: Files, now: datetime, *, as_json: bool) -> tuple[str, int]:
    """Return what `multus-node status` prints, and the code that it ends with."""
    reading = read(files)
    live = observe(reading.status, files) if reading.status else {}
    hook = launch_hook.record(files)
    if as_json:
        text = to_json(reading.status).rstrip("\n") if reading.status else "null"
    else:
        text = report(reading, live, now, runner=lock.runner(files), hook=hook)
    # A device that is gone is no pod's: the node was ready and is not.
    gone = any(not each.present for each in live.values())
    unanswered = hook is not None and hook.failed
    return text, (
        exit_code(reading)
        or (InterfaceMissing.exit_code if gone else 0)
        or (HookUnanswered.exit_code if unanswered else 0)
    )


def report(
    reading: Reading,
    live: Mapping[str, Live],
    now: datetime,
    *,
    runner: int | None = None,
    hook: Record | None = None,
) -> str:
    """Return the status as plain text: what a person must know first comes first.

    Args:
        reading: the status file.
        live: what the interfaces are now; one that is left out is not compared.
        now: the time of day, with a time zone.
        runner: the process of the run that is under way.
        hook: what is recorded of the node's own launch hook.
    """
    status = reading.status
    if status is None:
        return (
            f"NOT READY  {reading.problem}\n\n"
            "`multus-node run` starts a run; `journalctl -u multus-node` tells of the boot's own."
        )
    differences = _differences(status, live)
    sections = [
        _headline(status, now, as_left=not differences),
        _under_way(runner) if status.state is State.WAITING else _failure(status),
        _table(status.interfaces, live),
        _launch(hook),
        _listed("Addresses for pods", _pools(status.interfaces, live)),
        _listed("Not as the run left it (`multus-node run` mends what it can)", differences),
        _listed("Warnings", [*status.warnings, *_doubts(reading, live)]),
        _changed(status),
    ]
    return "\n\n".join(section for section in sections if section)


def _live(interface: Interface, files: Files) -> Live:
    address = interface.pci
    device = f"{pci.DEVICES}/{address}"
    if not files.at(device).exists():
        return Live(present=False)
    links = files.names(f"{device}/net")
    try:
        operstate = (files.text(f"{_LINKS}/{links[0]}/operstate") or "").strip() if links else ""
    except OSError:
        # The link went between the two looks.
        operstate = ""
    driver = files.target(f"{device}/driver") or ""
    write_combined = pci.maps_write_combined(files, address) if driver in DPDK_DRIVERS else None
    return Live(True, driver, links, operstate, write_combined, pods_have(files, interface.name))


def _headline(status: Status, now: datetime, *, as_left: bool) -> str:
    if status.state is State.READY:
        head = "READY" if as_left else "READY when the run ended, not all of it now"
    elif status.error is not None:
        head = f"NOT READY  {status.state.value}: {status.error.code}"
    else:
        head = f"NOT READY  {status.state.value}"
    where = " on ".join(part for part in (status.node_group, status.instance) if part)
    began, ended = _ago(status.since, now), _ago(status.ended_at, now)
    when = f"ended {ended}" if ended else f"began {began}, at step {status.step}"
    if status.error is not None and ended and status.step != "done":
        when += f", at step {status.step}"
    return "\n".join(line for line in (head, where, f"{status.run.value} run, {when}") if line)


def _ago(moment: str | None, now: datetime) -> str:
    """Return a moment of the status file with how long it is past; as it is when it is no moment."""
    if not moment:
        return ""
    try:
        then = datetime.strptime(moment, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    except ValueError:
        return moment
    past_s = int((now - then).total_seconds())
    written = f"{then:%Y-%m-%d %H:%M:%S} UTC"
    for unit, length_s in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        if past_s >= length_s:
            return f"{written} ({past_s // length_s} {unit} ago)"
    return f"{written} (now)"


def _under_way(runner: int | None) -> str:
    if runner is None:
        return "The run was killed: nobody is at it. `multus-node run` takes up from there."
    return f"Process {runner} is at it."


def _failure(status: Status) -> str:
    if status.state is State.READY:
        return ""
    told = [] if status.error is None else _explained(status.error)
    if status.consequence:
        told += _filled(_labelled("so"), status.consequence)
    return "\n\n".join(part for part in ("\n".join(told), _next(status)) if part)


def _next(status: Status) -> str:
    if status.state not in _THEN:
        return ""
    error = status.error
    wrong = error is not None and error.exit_code == ConfigurationError.exit_code
    return "\n".join(_filled("", f"{_MENDED[wrong]}{_THEN[status.state]}"))


def _explained(error: Failure) -> list[str]:
    retry = "may help as it is" if error.retryable else "only once it is mended"
    told = (
        ("error", error.message),
        ("found", error.value),
        ("do", error.remedy),
        ("retry", retry),
        ("exit code", str(error.exit_code)),
    )
    lines: list[str] = []
    for label, text in told:
        if text:
            lines += _filled(_labelled(label), text)
    return lines


def _labelled(label: str) -> str:
    return f"  {label + ':':<11}"


def _filled(indent: str, text: str) -> list[str]:
    return textwrap.wrap(
        " ".join(text.split()),
        width=_WIDTH,
        initial_indent=indent,
        subsequent_indent=" " * len(indent),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _launch(hook: Record | None) -> str:
    """Return what the launch waits for; nothing once it is answered, which is how things are for most of a node's life."""
    if hook is None or hook.result is not None:
        return ""
    what = hook.waits_for if hook.failed else f"waits for {hook.waits_for}"
    return "\n".join(_filled("", f"The launch hook {hook.hook} is not answered yet: {what}"))


def _pools(interfaces: Iterable[Interface], live: Mapping[str, Live]) -> list[str]:
    return [
        f"{each.name}: {len(live[each.name].pods_have & set(each.pod_addresses))} of {len(each.pod_addresses)} in use"
        for each in interfaces
        if each.pod_addresses and each.name in live
    ]


def _table(interfaces: Sequence[Interface], live: Mapping[str, Live]) -> str:
    if not interfaces:
        return ""
    rows = [_COLUMNS, *(_row(interface, live.get(interface.name)) for interface in interfaces)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows
    )


def _row(interface: Interface, now: Live | None) -> tuple[str, ...]:
    cells = (
        interface.name,
        interface.state,
        _IN_POD if now is not None and _is_in_pod(interface, now) else interface.link,
        interface.driver,
        interface.pci,
        interface.mac,
        interface.eni,
        " ".join(interface.addresses),
    )
    return tuple(cell or "-" for cell in cells)


def _differences(status: Status, live: Mapping[str, Live]) -> list[str]:
    return [
        f"{interface.name}: {difference}"
        for interface in status.interfaces
        if interface.name in live
        for difference in _difference(interface, live[interface.name])
    ]


def _difference(interface: Interface, now: Live) -> Iterator[str]:
    if not now.present:
        yield f"no PCI device at {interface.pci} any more: the ENI was detached"
        return
    if now.driver != interface.driver:
        yield f"driver {now.driver or 'none'} in place of {interface.driver or 'none'}"
    if _is_in_pod(interface, now):
        return
    if interface.link and not now.links:
        yield f"no link {interface.link} here: another network namespace has it, or the driver let it go"
    elif interface.link and interface.link not in now.links:
        yield f"the link is called {now.links[0]} in place of {interface.link}"
    elif interface.link and now.operstate == "down":
        yield f"the link {interface.link} is down"


def _is_in_pod(interface: Interface, now: Live) -> bool:
    """Return whether a pod has the link, which is what a host-device network is for: the driver stays, the link goes."""
    return (
        interface.pod_network == PodNetwork.HOST_DEVICE.value
        and not now.links
        and now.driver == interface.driver
        and now.driver not in {"", *DPDK_DRIVERS}
    )


def _doubts(reading: Reading, live: Mapping[str, Live]) -> Iterator[str]:
    if reading.problem:
        yield reading.problem
    for name, now in live.items():
        if now.write_combined is False:
            yield f"{name}: an application has its memory mapped without write combining now; low-latency queues are slow"


def _listed(title: str, items: Sequence[str]) -> str:
    if not items:
        return ""
    lines = [line for item in items for line in _filled("  - ", item)]
    return "\n".join([f"{title}:", *lines])


def _changed(status: Status) -> str:
    if status.changes:
        return _listed("Changed by this run", status.changes)
    return "This run changed nothing." if status.ended_at else ""
