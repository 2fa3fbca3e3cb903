"""What a run leaves for later ones: devices as they were while they had a link, and which ENI is which interface."""

from __future__ import annotations

import dataclasses
import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from domain.node import layout
from domain.node.change import WriteFile
from node_bootstrap import pci

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from domain.node.model import Link
    from node_bootstrap.files import Files

_LOG = logging.getLogger(__name__)
_VERSION = 1

_Content = TypeVar("_Content")


@dataclass(frozen=True)
class DeviceRecord:
    """A device as it was seen while it had a link in the node's own network namespace."""

    interface: str
    eni_id: str
    mac: str
    pci_address: str
    driver: str | None
    """The network driver that its link had, to be given back by unbind."""
    link_name: str
    plug: int
    """The inode of the device's directory in sysfs: a new one each time a device is plugged in, and no number twice in one
    boot (kernfs numbers its nodes with 64 bits: fs/kernfs/dir.c), so another device at the same address has another."""


class Records:
    """The records on this node. Content that is torn, or of another program or instance, counts as none."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def devices(self) -> tuple[DeviceRecord, ...]:
        """Return what was recorded since the last boot."""
        return self._read(layout.DEVICES, _devices, ())

    def remember_devices(self, seen: Iterable[DeviceRecord]) -> None:
        """Record devices as they are now, in place of what was recorded of the same interfaces and addresses.

        Must come before a device loses its link. Nothing is written where nothing has changed.

        Raises:
            OSError: the file cannot be written.
        """
        seen = sorted(seen, key=lambda record: record.interface)
        interfaces = {record.interface for record in seen}
        addresses = {record.pci_address for record in seen}
        kept = [
            record
            for record in self.devices()
            if record.interface not in interfaces and record.pci_address not in addresses
        ]
        records = [dataclasses.asdict(record) for record in [*seen, *kept]]
        self._write(layout.DEVICES, {"devices": sorted(records, key=lambda r: str(r["interface"]))})

    def unbound(self) -> frozenset[str]:
        """Return the interfaces that somebody gave back to their kernel driver."""
        return self._read(layout.UNBOUND, _unbound, frozenset())

    def remember_unbound(self, interfaces: Iterable[str]) -> None:
        """Record which interfaces keep their kernel driver, whatever the configuration says.

        Raises:
            OSError: the file cannot be written.
        """
        self._write(layout.UNBOUND, {"interfaces": sorted(interfaces)})

    def claims(self, instance_id: str) -> Mapping[str, str]:
        """Return interface names by ENI id, as found on this instance.

        An image made of a running node carries the file to other instances, for which it says nothing.
        """
        none: tuple[str, dict[str, str]] = ("", {})
        recorded, claims = self._read(layout.CLAIMS, _claims, none)
        return claims if recorded == instance_id else {}

    def remember_claims(self, instance_id: str, claims: Mapping[str, str]) -> None:
        """Record which ENI is which interface, and forget other ENIs that were the same interfaces.

        Raises:
            OSError: the file cannot be written.
        """
        named = set(claims.values())
        kept = {e: name for e, name in self.claims(instance_id).items() if name not in named}
        self._write(layout.CLAIMS, {"instance_id": instance_id, "claims": {**kept, **claims}})

    def _read(self, path: str, reader: Callable[[Any], _Content], none: _Content) -> _Content:
        try:
            text = self._files.text(path)
            if text is None:
                return none
            return reader(_current(json.loads(text)))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as cause:
            _LOG.warning("%s is not believed: %s: %s", path, type(cause).__name__, cause)
            return none

    def _write(self, path: str, document: Mapping[str, object]) -> None:
        text = json.dumps({"version": _VERSION, **document}, sort_keys=True, indent=1) + "\n"
        try:
            present = self._files.text(path)
        except OSError:
            present = None
        if text != present:
            self._files.carry_out(WriteFile(path, text, mode=0o600))


def plug(files: Files, pci_address: str) -> int | None:
    """Return what tells this plugging-in of a device from any other; None if there is no such device."""
    try:
        return files.at(f"{pci.DEVICES}/{pci_address}").stat().st_ino
    except OSError:
        return None


def is_believed(record: DeviceRecord, links: Sequence[Link], plugged: int | None) -> bool:
    """Return whether a record still tells where its network interface sits.

    Not when the device is gone or was plugged in anew, when its address has a link of this namespace (which tells more),
    nor when the network interface's link is here, at whatever address.

    Args:
        record: of a device whose network interface is attached.
        links: those of the node's own network namespace.
        plugged: of the device at the record's address, now.
    """
    if plugged != record.plug:
        return False
    return not any(
        link.pci_address == record.pci_address or link.mac == record.mac
        for link in links
        if link.pci_address is not None
    )


def _current(document: Mapping[str, Any]) -> Mapping[str, Any]:
    if document["version"] != _VERSION:
        raise ValueError(f"version {document['version']!r}")
    return document


def _devices(document: Mapping[str, Any]) -> tuple[DeviceRecord, ...]:
    return tuple(_device(raw) for raw in document["devices"])


def _device(raw: Mapping[str, Any]) -> DeviceRecord:
    record = DeviceRecord(**raw)
    texts = (record.interface, record.eni_id, record.mac, record.pci_address, record.link_name)
    if not all(isinstance(text, str) for text in texts) or not isinstance(record.plug, int):
        raise TypeError("a device is not what was written")
    if record.driver is not None and not isinstance(record.driver, str):
        raise TypeError("a driver is not what was written")
    return record


def _claims(document: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    claims = document["claims"]
    if not all(isinstance(word, str) for pair in claims.items() for word in pair):
        raise TypeError("a claim is not what was written")
    return str(document["instance_id"]), dict(claims)


def _unbound(document: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(str(name) for name in document["interfaces"])
