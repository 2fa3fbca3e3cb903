"""What the command says, how it ends, and what of that the status file has."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from domain.node import layout, status
from domain.node.change import WriteFile
from domain.node.config import NodeConfig, NodeGroup, NodeInterface, to_json
from domain.node.readiness import HookResult
from node_bootstrap import __main__ as command
from node_bootstrap import install, launch_hook, lock, program, runs, unpacking
from node_bootstrap import status as status_file
from node_bootstrap.bootstrap import Bootstrap
from node_bootstrap.files import Files
from node_bootstrap.host import Host
from node_bootstrap.launch_hook import Record
from node_bootstrap.modules import Modules
from node_bootstrap.records import Records
from tests.fakes.programs import ToldPrograms

if TYPE_CHECKING:
    from collections.abc import Iterator

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


@pytest.mark.parametrize(
    "verb", [["run"], ["install", "--node-group", "g"], ["answer"], ["unbind", "n3"]]
)
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


class Nobody:
    """A kernel and a metadata service that nobody gets as far as asking."""

    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"a run that cannot begin asks for {name}")


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Files:
    """Have the command act on files below a directory of the test's own, and return them."""
    there = Files(tmp_path / "host")

    @contextmanager
    def this_host() -> Iterator[Host]:
        nobody: Any = Nobody()
        programs = ToldPrograms()
        modules = Modules(there, programs, "6.12")
        yield Host(there, programs, nobody, nobody, nobody, modules, Records(there), lambda: NOW)

    monkeypatch.setattr(runs, "this_host", this_host)
    monkeypatch.setattr(command, "Files", lambda: there)
    return there


NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
GATE = f"/etc/systemd/system/kubelet.service.d/{layout.DROP_IN}"
UNITS = Path(__file__).parents[2] / "node_bootstrap" / "units"
PROGRAM = {
    "__main__.py": b"",
    **{f"{layout.UNITS}/{unit.name}": unit.read_bytes() for unit in UNITS.iterdir()},
}
DAMAGED = {
    "missing": (None, "user-plane", "configuration-missing"),
    "another version": ('{"node_version": 2}', "user-plane", "configuration-foreign"),
    "an unknown group": (to_json(CONFIG), "user-plan", "configuration-foreign"),
    "no group": (to_json(CONFIG), None, "configuration-missing"),
}


def _verb(verb: str, path: Path, group: str | None) -> list[str]:
    named = ["--node-group", group] if group else []
    return [verb, "--config", str(path), *named]


@pytest.mark.usefixtures("as_root")
@pytest.mark.parametrize(
    ("verb", "case"),
    [
        (verb, case)
        for verb in ("run", "install")
        for case in DAMAGED
        if verb == "run" or case != "no group"
    ],
)
@pytest.mark.parametrize("ready", [True, False], ids=["ready", "not ready"])
def test_what_keeps_a_run_from_beginning_is_in_the_status_too(
    verb: str,
    case: str,
    ready: bool,
    *,
    tmp_path: Path,
    files: Files,
    capsys: pytest.CaptureFixture[str],
) -> None:
    content, group, code = DAMAGED[case]
    path = tmp_path / "config.json"
    if content is not None:
        path.write_text(content)
    files.carry_out(WriteFile(GATE, (UNITS / "gate.conf").read_text()))
    if ready:
        before = status.Status(status.State.READY, "done", status.Run.BOOT, "")
        status_file.write(before, files)
        files.carry_out(WriteFile(layout.READY, "ready\n"))
    assert command.main(_verb(verb, path, group)) == 2
    line = capsys.readouterr().err
    assert line.startswith(f"{code}: ")
    assert line.count("\n") == 1
    told = status_file.read(files).status
    assert told is not None
    assert told.error is not None
    left, said = ("failed", "is left alone") if ready else ("held", "does not start")
    assert (told.state.value, told.node_group, told.consequence) == (left, "", f"kubelet {said}")
    assert f"{told.error.line()}\n" == line
    assert told.run.value == ("boot" if verb == "install" else "manual")
    assert command.main(["status"]) == 2
    assert capsys.readouterr().out.startswith(f"NOT READY  {left}: {code}")


@pytest.mark.usefixtures("as_root")
@pytest.mark.parametrize("option", ["--dry-run", "--no-run"])
def test_who_only_asks_or_only_installs_leaves_the_status_alone(
    option: str, tmp_path: Path, files: Files
) -> None:
    verb = "run" if option == "--dry-run" else "install"
    assert command.main([*_verb(verb, tmp_path / "none", "user-plane"), option]) == 2
    assert status_file.read(files).status is None


@pytest.mark.usefixtures("as_root")
def test_the_status_of_a_run_that_is_under_way_is_left_to_it(
    tmp_path: Path, files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    with lock.held(files, status.Run.BOOT):
        assert command.main(_verb("run", tmp_path / "none", "user-plane")) == 2
    assert capsys.readouterr().err.startswith("configuration-missing: ")
    assert status_file.read(files).status is None


@pytest.mark.usefixtures("as_root")
def test_an_installation_that_the_host_refuses_is_in_the_status_and_ends_as_the_group_says(
    tmp_path: Path,
    files: Files,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "config.json"
    path.write_text(to_json(CONFIG))
    monkeypatch.setattr(unpacking, "content", lambda _: PROGRAM)
    monkeypatch.setattr(program, "running", lambda: tmp_path)
    files.at("/opt").mkdir(parents=True)
    files.at(layout.PROGRAMS).write_text("in the way")
    assert command.main(_verb("install", path, "user-plane")) == 11
    line = capsys.readouterr().err
    assert line.startswith("host-refused: ")
    assert layout.PROGRAMS in line
    told = status_file.read(files).status
    assert told is not None
    assert (told.state, told.node_group) == (status.State.HELD, "user-plane")


@pytest.mark.usefixtures("as_root", "files")
def test_links_are_watched_for_whatever_becomes_of_the_first_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "config.json"
    path.write_text(to_json(CONFIG))
    monkeypatch.setattr(unpacking, "content", lambda _: PROGRAM)
    monkeypatch.setattr(program, "running", lambda: tmp_path)
    watched = []

    def full(_: Bootstrap) -> status.Status:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), layout.STATUS)

    def watch(*_: object) -> tuple[str, ...]:
        watched.append(True)
        return ()

    monkeypatch.setattr(Bootstrap, "run", full)
    monkeypatch.setattr(install, "watch", watch)
    assert command.main(_verb("install", path, "user-plane")) == 11
    assert watched == [True]


@pytest.mark.usefixtures("as_root")
def test_what_the_kernel_has_by_configuration_is_not_unbound(
    tmp_path: Path,
    files: Files,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    oam = NodeInterface("oam", "mul0", 0, 1, False, ("subnet-1",), ())
    group = NodeGroup("user-plane", "asg", (oam,))
    text = to_json(NodeConfig("MultusEni-lab", "lab", None, (group,)))
    monkeypatch.setattr(program, "running", lambda: tmp_path)
    monkeypatch.setattr(program, "configuration", lambda _: text.encode())
    files.carry_out(WriteFile(layout.SETTINGS, '{"node_group": "user-plane"}'))
    assert command.main(["unbind", "oam"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("configuration-conflict: oam has its kernel driver by configuration")
    assert said.count("\n") == 1
    assert status_file.read(files).status is None, "the node is as it was"


def test_the_help_names_every_verb_and_every_exit_code() -> None:
    text = " ".join(command.parser().format_help().split())
    assert all(verb in text for verb in ("install", "run", "status", "metrics", "answer", "unbind"))
    assert all(f"{code} " in text for code in range(13) if code != 1)


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


@pytest.mark.parametrize(
    ("hook", "code"),
    [
        (None, 0),
        (Record("h", "i-1", waits_for="kubelet"), 0),
        (Record("h", "i-1", waits_for="hook-unanswered: no", failed=True), 8),
        (Record("h", "i-1", HookResult.CONTINUE), 0),
    ],
    ids=["no hook", "waits", "refused", "answered"],
)
def test_a_ready_node_whose_launch_hook_is_refused_is_not_well(
    files: Files, capsys: pytest.CaptureFixture[str], hook: Record | None, code: int
) -> None:
    left = status.Status(status.State.READY, "done", status.Run.BOOT, "2026-11-24T01:00:00Z")
    status_file.write(left, files)
    if hook is not None:
        launch_hook.remember(hook, files)
    assert command.main(["status"]) == code
    unanswered = hook is not None and hook.result is None
    assert ("is not answered yet" in capsys.readouterr().out) is unanswered


@pytest.mark.usefixtures("as_root")
def test_who_answers_says_so_at_once_and_ends_as_every_verb_does(
    files: Files,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(program, "running", lambda: tmp_path)
    monkeypatch.setattr(program, "configuration", lambda _: to_json(CONFIG).encode())
    files.carry_out(WriteFile(layout.SETTINGS, '{"node_group": "user-plane"}'))
    assert command.main(["answer"]) == 0
    assert capsys.readouterr().out == "nodes of user-plane have no launch hook of their own\n"
    hooked = NodeConfig(
        "MultusEni-lab", "lab", None, (NodeGroup("user-plane", "asg", (), ready_hook="h"),)
    )
    monkeypatch.setattr(program, "configuration", lambda _: to_json(hooked).encode())
    assert command.main(["answer"]) == 8
    assert capsys.readouterr().err.startswith("hook-unanswered: the launch hook h is not answered")
