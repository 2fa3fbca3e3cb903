"""What the command says and how it ends, as far as it comes without a host to act on."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from domain.node import status
from domain.node.config import NodeConfig, NodeGroup, to_json
from node_bootstrap import __main__ as command
from node_bootstrap import status as status_file
from node_bootstrap.files import Files

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = NodeConfig("MultusEni-lab", "lab", None, (NodeGroup("user-plane", "asg", ()),))


@pytest.fixture
def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the command think that it may change the host."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)


@pytest.mark.parametrize(
    "arguments",
    [[], ["runn"], ["install"], ["unbind"], ["run", "--trigger", "cron"]],
    ids=["nothing", "a typo", "no group", "no interface", "an unknown trigger"],
)
def test_a_mistake_in_the_command_is_one_line_that_names_it(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(arguments)
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("usage: ")
    assert said.count("\n") == 1
    assert "--help" in said


@pytest.mark.parametrize("verb", [["run"], ["install", "--node-group", "g"], ["unbind", "n3"]])
def test_only_root_changes_a_host(
    verb: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert command.main(verb) == 9
    said = capsys.readouterr().err
    assert said.startswith("not-permitted: ")
    assert "user id 1000" in said
    assert said.count("\n") == 1


@pytest.mark.usefixtures("as_root")
@pytest.mark.parametrize(
    ("content", "code", "found"),
    [
        (None, "configuration-missing", "No such file"),
        ("not json", "configuration-foreign", "JSONDecodeError"),
        ('{"node_version": 2}', "configuration-foreign", "version 2"),
        ('{"version": 1}', "configuration-foreign", "node_version"),
        (to_json(CONFIG), "configuration-foreign", "user-plan"),
    ],
    ids=["missing", "no JSON", "another version", "the functions'", "an unknown group"],
)
def test_a_configuration_that_is_none_for_this_node_is_refused_in_one_line(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    content: str | None,
    code: str,
    found: str,
) -> None:
    path = tmp_path / "config.json"
    if content is not None:
        path.write_text(content)
    arguments = ["run", "--dry-run", "--config", str(path), "--node-group", "user-plan"]
    assert command.main(arguments) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"{code}: ")
    assert found in said
    assert said.count("\n") == 1


def test_the_help_names_every_verb_and_every_exit_code() -> None:
    text = " ".join(command.parser().format_help().split())
    assert all(verb in text for verb in ("install", "run", "status", "unbind"))
    assert all(f"{code} " in text for code in range(11) if code != 1)


@pytest.mark.parametrize(
    ("present", "options", "code"),
    [(True, [], 0), (False, [], 4), (False, ["--json"], 4)],
    ids=["there", "gone", "gone, as JSON"],
)
def test_a_node_that_was_ready_is_not_when_a_device_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, present: bool, options: list[str], code: int
) -> None:
    files = Files(tmp_path)
    interface = status.Interface("n3", "ready", pci="0000:00:06.0", link="mul0", driver="ena")
    left = status.Status(
        status.State.READY, "done", status.Run.BOOT, "2026-11-24T01:00:00Z", interfaces=(interface,)
    )
    status_file.write(left, files)
    if present:
        files.at("/sys/bus/pci/devices/0000:00:06.0").mkdir(parents=True)
    monkeypatch.setattr(command, "Files", lambda: files)
    assert command.main(["status", *options]) == code
