"""The status file: whole, torn, foreign or newer, it always says something."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from domain.node.errors import InterfaceMissing, PluginTooOld
from domain.node.status import (
    VERSION,
    Interface,
    Reading,
    Run,
    State,
    Status,
    exit_code,
    failure,
    from_json,
    timestamp,
    to_json,
)

ERROR = InterfaceMissing("n6 is not there", value="n3", remedy="Look at the launch function.")
FULL = Status(
    state=State.HELD,
    step="discover",
    run=Run.BOOT,
    since="2026-11-24T02:53:12Z",
    ended_at="2026-11-24T02:58:12Z",
    instance="i-0a1b2c3d4e5f60718",
    node_group="workers",
    interfaces=(
        Interface(
            "n3", "ready", "eni-1", "06:00:00:00:00:01", "0000:00:06.0", "mul0", "ena", ("10.0.3.10",)
        ),
        Interface("n6", "missing"),
    ),
    error=failure(ERROR),
    warnings=("rp_filter of all links is 1",),
    changes=("write /etc/systemd/network/05-multus-n3.network",),
)  # fmt: skip
LEAST = Status(State.WAITING, "lock", Run.HOTPLUG, "2026-11-24T02:53:12Z")


@pytest.mark.parametrize("status", [FULL, LEAST], ids=["full", "least"])
def test_what_is_written_is_read_again(status: Status) -> None:
    assert from_json(to_json(status)) == Reading(status)


def test_the_document_has_the_keys_that_monitoring_relies_on() -> None:
    document = json.loads(to_json(FULL))
    assert set(document) == {
        *("version", "state", "step", "run", "since", "ended_at", "consequence", "instance"),
        *("node_group", "interfaces", "error", "warnings", "changes"),
    }
    assert (document["version"], document["state"], document["run"]) == (VERSION, "held", "boot")
    assert set(document["interfaces"][0]) == {
        *("name", "state", "eni", "mac", "pci", "link", "driver", "addresses", "pod_network"),
        "pod_addresses",
    }
    assert document["error"] == {
        "code": "interface-missing",
        "message": "n6 is not there",
        "value": "n3",
        "remedy": "Look at the launch function.",
        "exit_code": 4,
        "retryable": True,
    }
    assert json.loads(to_json(LEAST))["error"] is None


def test_a_file_torn_anywhere_is_told_and_never_fails() -> None:
    whole = to_json(FULL).rstrip()
    for length in range(len(whole)):
        reading = from_json(whole[:length])
        assert reading.status is None
        assert reading.problem.startswith("the status file is not whole")


@pytest.mark.parametrize(
    "text",
    [
        "null",
        "[]",
        "3",
        '"ready"',
        "{}",
        json.dumps({**json.loads(to_json(FULL)), "state": "splendid"}),
        json.dumps({**json.loads(to_json(FULL)), "state": ["ready"]}),
        json.dumps({**json.loads(to_json(FULL)), "step": 7}),
        json.dumps({**json.loads(to_json(FULL)), "since": None}),
        json.dumps({**json.loads(to_json(FULL)), "ended_at": 12}),
        json.dumps({**json.loads(to_json(FULL)), "warnings": "one"}),
        json.dumps({**json.loads(to_json(FULL)), "interfaces": {"n3": 1}}),
        json.dumps({**json.loads(to_json(FULL)), "interfaces": [{"state": "ready"}]}),
        json.dumps({**json.loads(to_json(FULL)), "interfaces": [{"name": "a", "state": "b", "addresses": "c"}]}),
        json.dumps({**json.loads(to_json(FULL)), "error": {"code": "x"}}),
        json.dumps({**json.loads(to_json(FULL)), "error": "x"}),
    ],
)  # fmt: skip
def test_a_file_that_is_something_else_is_told_and_never_fails(text: str) -> None:
    reading = from_json(text)
    assert reading.status is None
    assert reading.problem.startswith("the status file cannot be understood: ")


def test_no_file_says_that_nothing_has_run() -> None:
    assert from_json(None) == Reading(None, "no run has begun since the node booted")


def newer(**changed: Any) -> str:  # noqa: ANN401 - any key of the document
    document = json.loads(to_json(FULL))
    document["interfaces"][0]["speed"] = "100 Gbit/s"
    return json.dumps({**document, "version": VERSION + 1, "weather": "fine", **changed})


def test_a_newer_version_is_read_as_far_as_it_is_understood_and_that_is_told() -> None:
    reading = from_json(newer())
    assert reading.status == FULL
    assert reading.problem == f"the status file is of version {VERSION + 1}, this program knows 1"


def test_a_newer_version_that_is_not_understood_is_told_as_such() -> None:
    reading = from_json(newer(state="resting"))
    assert reading.status is None
    assert "is of version 2" in reading.problem
    assert "resting" in reading.problem


@pytest.mark.parametrize(
    ("reading", "code"),
    [
        pytest.param(Reading(Status(State.READY, "done", Run.BOOT, "")), 0, id="ready"),
        pytest.param(Reading(FULL), 4, id="the-error's"),
        pytest.param(
            Reading(
                Status(
                    State.DEGRADED, "done", Run.BOOT, "", error=failure(PluginTooOld("x", value="y"))
                )
            ),
            8,
            id="degraded-is-not-ready",
        ),
        pytest.param(Reading(LEAST), 10, id="under-way"),
        pytest.param(Reading(Status(State.FAILED, "x", Run.BOOT, "")), 1, id="failed-without"),
        pytest.param(Reading(None, "torn"), 1, id="none"),
    ],
)  # fmt: skip
def test_the_exit_code_is_zero_only_when_ready(reading: Reading, code: int) -> None:
    assert exit_code(reading) == code


def test_an_error_read_from_the_file_reads_as_it_did_on_stderr() -> None:
    read = from_json(to_json(FULL)).status
    assert read is not None
    assert read.error is not None
    assert read.error.line() == ERROR.line()


def test_times_are_written_in_utc() -> None:
    vienna = timezone(timedelta(hours=1))
    assert timestamp(datetime(2026, 11, 24, 3, 58, 12, tzinfo=vienna)) == "2026-11-24T02:58:12Z"
