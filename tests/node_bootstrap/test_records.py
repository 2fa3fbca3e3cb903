"""What a run leaves for later ones, and what is not believed of it."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from domain.node import layout
from domain.node.model import Link
from node_bootstrap.files import Files
from node_bootstrap.records import DeviceRecord, Records, is_believed, plug

if TYPE_CHECKING:
    from pathlib import Path

RECORD = DeviceRecord("n3", "eni-3", "02:00:00:00:00:03", "0000:00:06.0", "ena", "mul0", 77)
LINK = Link("eth1", 5, "02:00:00:00:00:09", True, 9001, "0000:00:07.0")


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@pytest.fixture
def records(files: Files) -> Records:
    return Records(files)


def test_there_is_nothing_before_the_first_run(
    records: Records, caplog: pytest.LogCaptureFixture
) -> None:
    assert records.devices() == ()
    assert records.claims("i-1") == {}
    assert caplog.records == []


def test_devices_are_remembered(records: Records) -> None:
    other = replace(RECORD, interface="n4", pci_address="0000:00:07.0", driver=None)

    records.remember_devices([other, RECORD])

    assert records.devices() == (RECORD, other)


def test_a_device_without_a_link_stays_known_while_others_are_remembered(records: Records) -> None:
    other = replace(RECORD, interface="n4", pci_address="0000:00:07.0")
    records.remember_devices([RECORD])

    records.remember_devices([other])
    records.remember_devices([])

    assert records.devices() == (RECORD, other)


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"interface": "n9"}, id="another interface at the same address"),
        pytest.param({"pci_address": "0000:00:09.0"}, id="the interface at another address"),
        pytest.param({"link_name": "eth1", "plug": 78}, id="the same, plugged in anew"),
    ],
)
def test_a_later_look_replaces_an_earlier_one(records: Records, changed: dict[str, object]) -> None:
    later = replace(RECORD, **changed)  # type: ignore[arg-type] # fields by name
    records.remember_devices([RECORD])

    records.remember_devices([later])

    assert records.devices() == (later,)


def _written(files: Files) -> list[tuple[int, int]]:
    """Return which files hold the records, and since when. Not when they were read last, which a look changes."""
    states = [files.at(path).stat() for path in (layout.DEVICES, layout.CLAIMS)]
    return [(state.st_ino, state.st_mtime_ns) for state in states]


def test_remembering_the_same_again_writes_nothing(records: Records, files: Files) -> None:
    records.remember_devices([RECORD])
    records.remember_claims("i-1", {"eni-3": "n3"})
    before = _written(files)

    records.remember_devices([RECORD])
    records.remember_claims("i-1", {"eni-3": "n3"})

    assert _written(files) == before


def test_claims_are_kept_for_the_instance_that_made_them(records: Records) -> None:
    records.remember_claims("i-1", {"eni-3": "n3"})

    assert records.claims("i-1") == {"eni-3": "n3"}
    assert records.claims("i-2") == {}


def test_an_image_of_another_node_brings_no_claims_along(records: Records) -> None:
    records.remember_claims("i-1", {"eni-3": "n3"})
    records.remember_claims("i-2", {"eni-4": "n4"})

    assert records.claims("i-2") == {"eni-4": "n4"}


def test_an_interface_is_claimed_by_the_network_interface_found_last(records: Records) -> None:
    records.remember_claims("i-1", {"eni-3": "n3", "eni-4": "n4"})
    records.remember_claims("i-1", {"eni-5": "n3"})

    assert records.claims("i-1") == {"eni-5": "n3", "eni-4": "n4"}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param('{"version": 1, "dev', id="torn"),
        pytest.param("[]", id="another shape"),
        pytest.param("null", id="null"),
        pytest.param('{"version": 2}', id="another version"),
        pytest.param('{"version": 1}', id="nothing in it"),
        pytest.param('{"version": 1, "devices": [{"interface": "n3"}]}', id="half a device"),
        pytest.param('{"version": 1, "devices": 3, "claims": 3}', id="no list"),
        pytest.param(
            '{"version": 1, "devices": [{"interface": "n3", "eni_id": "e", "mac": "m", "pci_address": 3, "driver": null,'
            ' "link_name": "l", "plug": 1}], "instance_id": "i-1", "claims": {"eni-3": 3}}',
            id="wrong types",
        ),
        pytest.param(
            '{"version": 1, "devices": [{"interface": "n3", "eni_id": "e", "mac": "m", "pci_address": "p", "driver": 3,'
            ' "link_name": "l", "plug": 1}], "instance_id": "i-1", "claims": []}',
            id="a driver of another type",
        ),
    ],
)
def test_what_cannot_be_read_counts_as_nothing_with_a_warning(
    records: Records, files: Files, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    for path in (layout.DEVICES, layout.CLAIMS):
        files.at(path).parent.mkdir(parents=True)
        files.at(path).write_text(text)

    with caplog.at_level(logging.WARNING):
        assert records.devices() == ()
        assert records.claims("i-1") == {}

    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    assert layout.DEVICES in caplog.text
    records.remember_devices([RECORD])
    records.remember_claims("i-1", {"eni-3": "n3"})
    assert records.devices() == (RECORD,)
    assert records.claims("i-1") == {"eni-3": "n3"}


@pytest.mark.parametrize(
    ("links", "plugged", "believed"),
    [
        pytest.param([], 77, True, id="the device is there and nothing says otherwise"),
        pytest.param([LINK], 77, True, id="other links"),
        pytest.param([], None, False, id="the device is gone"),
        pytest.param([], 78, False, id="a device was plugged in there later"),
        pytest.param(
            [replace(LINK, pci_address="0000:00:06.0")], 77, False, id="its address has a link"
        ),
        pytest.param([replace(LINK, mac=RECORD.mac)], 77, False, id="its link is elsewhere"),
        pytest.param(
            [replace(LINK, mac=RECORD.mac, pci_address=None)],
            77,
            True,
            id="a virtual link with its MAC address",
        ),
    ],
)
def test_a_record_is_believed_while_nothing_contradicts_it(
    links: list[Link], plugged: int | None, believed: bool
) -> None:
    assert is_believed(RECORD, links, plugged) is believed


def test_a_device_that_is_plugged_in_again_is_told_from_the_one_before(files: Files) -> None:
    bus = files.at("/sys/bus/pci/devices")
    bus.mkdir(parents=True)
    for number in (1, 2):
        files.at(f"/sys/devices/{number}").mkdir(parents=True)
    slot = bus / "0000:00:06.0"
    assert plug(files, "0000:00:06.0") is None

    slot.symlink_to(files.at("/sys/devices/1"))
    first = plug(files, "0000:00:06.0")
    assert plug(files, "0000:00:06.0") == first is not None
    slot.unlink()
    slot.symlink_to(files.at("/sys/devices/2"))

    assert plug(files, "0000:00:06.0") not in (first, None)
