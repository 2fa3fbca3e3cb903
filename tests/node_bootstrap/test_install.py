"""Installation: what is missing is put in place, once, and a killed installation is completed by the next."""

from __future__ import annotations

import dataclasses
import stat
from typing import TYPE_CHECKING

import pytest

from domain.node import layout
from domain.node.change import RemoveFile, WriteFile
from domain.node.config import NodeGroup, OnFailure
from domain.node.errors import ConfigurationMissing
from node_bootstrap import install
from node_bootstrap.files import Files
from stacks import user_data
from tests.fakes.programs import ToldPrograms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

GROUP = NodeGroup("user-plane", "asg", ())
PROGRAM = b"#!/usr/bin/python3 -IS\nPK\x03\x04\r\n\xff\x00\xfe"
RELOADED = [("systemctl", "daemon-reload"), ("udevadm", "control", "--reload")]
ENABLE = ("systemctl", "enable", "multus-node.service", "multus-node-hotplug.path")
GATE = "/etc/systemd/system/kubelet.service.d/10-multus-node.conf"


class Killed(BaseException):
    """The process was killed."""


class Mortal(Files):
    """Files of a process that is killed before its n-th change."""

    def __init__(self, root: Path, changes: int) -> None:
        super().__init__(root)
        self._left = changes

    def carry_out(self, change: WriteFile | RemoveFile) -> None:
        if self._left == 0:
            raise Killed
        self._left -= 1
        super().carry_out(change)


class Systemd(ToldPrograms):
    """Programs of a host whose `systemctl enable` makes the links that systemd makes."""

    def __init__(self, files: Files) -> None:
        super().__init__()
        self._files = files

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout_s: float,
        environ: Mapping[str, str] | None = None,
        with_stderr: bool = False,
    ) -> str:
        """Enable units by their links."""
        answer = super().run(argv, timeout_s=timeout_s, environ=environ, with_stderr=with_stderr)
        if tuple(argv[:2]) == ("systemctl", "enable"):
            for unit in argv[2:]:
                link = self._files.at(f"{install.WANTS}/{unit}")
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(f"../{unit}")
        return answer


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A program with bytes that are no text and line ends of every kind."""
    path = tmp_path / "fetched.pyz"
    path.write_bytes(PROGRAM)
    return path


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path / "host")


@pytest.fixture
def systemd(files: Files) -> Systemd:
    return Systemd(files)


def installed(
    group: NodeGroup, archive: Path, files: Files, programs: Systemd
) -> install.Installation:
    plan = install.plan(group, archive, files)
    install.carry_out(plan, files, programs)
    return plan


def snapshot(files: Files) -> dict[str, bytes]:
    root = files.at("/")
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


def test_a_bare_node_gets_everything_and_a_second_time_nothing(
    archive: Path, files: Files, systemd: Systemd
) -> None:
    installed(GROUP, archive, files, systemd)
    assert systemd.calls == [*RELOADED, ENABLE]
    assert files.at(layout.PROGRAM).read_bytes() == PROGRAM
    assert install.node_group_name(files) == "user-plane"
    again = installed(GROUP, archive, files, systemd)
    assert again.lines() == ()
    assert len(systemd.calls) == 3


@pytest.mark.parametrize("path", [layout.PROGRAM, layout.COMMAND])
def test_what_is_run_can_be_executed(
    archive: Path, files: Files, systemd: Systemd, path: str
) -> None:
    installed(GROUP, archive, files, systemd)
    assert stat.S_IMODE(files.at(path).stat().st_mode) == 0o755


def test_killed_before_any_change_the_next_installation_completes_it(
    archive: Path, files: Files, systemd: Systemd, tmp_path: Path
) -> None:
    installed(GROUP, archive, files, systemd)
    whole = snapshot(files)
    changes = len(whole) + 2
    for survived in range(changes):
        root = tmp_path / f"killed-{survived}"
        killed, after = Files(root), Systemd(Files(root))
        with pytest.raises(Killed):
            installed(GROUP, archive, Mortal(root, survived), after)
        installed(GROUP, archive, killed, after)
        assert snapshot(killed) == whole
        assert after.calls[-3:] == [*RELOADED, ENABLE]


def test_killed_between_writing_and_reading_systemd_reads_anew(
    archive: Path, files: Files, systemd: Systemd
) -> None:
    installed(GROUP, archive, files, systemd)
    files.carry_out(WriteFile(layout.UNITS_CHANGED, ""))
    plan = installed(GROUP, archive, files, systemd)
    assert plan.lines() == ("systemd and udev read their files anew",)
    assert install.plan(GROUP, archive, files).lines() == ()


def test_a_new_version_is_written_and_systemd_is_left_alone(
    archive: Path, files: Files, systemd: Systemd
) -> None:
    installed(GROUP, archive, files, systemd)
    archive.write_bytes(PROGRAM + b"2")
    assert installed(GROUP, archive, files, systemd).lines() == (f"rewrite {layout.PROGRAM}",)


@pytest.mark.parametrize(
    ("on_failure", "gated"),
    [(OnFailure.HOLD, True), (OnFailure.ABANDON, True), (OnFailure.CONTINUE, False)],
)
def test_kubelet_waits_for_the_gate_unless_the_group_continues(
    archive: Path, files: Files, systemd: Systemd, on_failure: OnFailure, gated: bool
) -> None:
    installed(dataclasses.replace(GROUP, on_failure=on_failure), archive, files, systemd)
    for unit in ("nodeadm-run", "kubelet"):
        text = files.text(f"/etc/systemd/system/{unit}.service.d/10-multus-node.conf") or ""
        assert "After=multus-node.service\n" in text
        assert (f"AssertPathExists={layout.READY}\n" in text) is gated


def test_the_gate_of_user_data_is_the_installations_own(
    archive: Path, files: Files, systemd: Systemd
) -> None:
    """Line one of the three writes what an installation would, so it finds nothing to change there."""
    installed(GROUP, archive, files, systemd)
    text = files.text(GATE)
    assert text is not None
    assert text.replace("\n", r"\n") in user_data.SHUT
    assert GATE.endswith(user_data.DROP_IN)


def test_a_group_that_now_continues_loses_its_gate(
    archive: Path, files: Files, systemd: Systemd
) -> None:
    installed(GROUP, archive, files, systemd)
    plan = installed(
        dataclasses.replace(GROUP, on_failure=OnFailure.CONTINUE), archive, files, systemd
    )
    assert plan.reload
    assert "Assert" not in (files.text(GATE) or "Assert")


def test_links_are_watched_from_the_first_run_on(systemd: Systemd) -> None:
    install.watch(systemd)
    assert systemd.calls == [("systemctl", "start", "--no-block", "multus-node-hotplug.path")]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (None, "no such file"),
        ("{}", "no node_group"),
        ("{", "no node_group"),
        ("[]", "no node_group"),
        ('{"node_group": 1}', "no node_group"),
    ],
)
def test_a_node_that_nobody_installed_is_told_so(
    files: Files, text: str | None, found: str
) -> None:
    if text is not None:
        files.carry_out(WriteFile(layout.SETTINGS, text))
    with pytest.raises(ConfigurationMissing, match="which node group") as missing:
        install.node_group_name(files)
    assert found in missing.value.value
