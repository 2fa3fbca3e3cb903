"""Installation: what is missing is put in place, once, and a killed installation is completed by the next."""

from __future__ import annotations

import dataclasses
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from domain.node import layout
from domain.node.change import RemoveFile, WriteFile
from domain.node.config import NodeGroup, OnFailure
from node_bootstrap import install, program, unpacking
from node_bootstrap.files import Files
from stacks import user_data
from tests.fakes import nodes
from tests.fakes.programs import ToldPrograms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

GROUP = NodeGroup("user-plane", "asg", ())
UNITS = Path(__file__).parents[2] / layout.UNITS
PROGRAM = {
    "__main__.py": b"no text: \r\n\xff\x00\xfe",
    **{f"{layout.UNITS}/{unit.name}": unit.read_bytes() for unit in UNITS.iterdir()},
}
FOLDER = unpacking.folder(PROGRAM)
NEWER = {**PROGRAM, "__main__.py": b"2"}
RELOADED = [("systemctl", "daemon-reload"), ("udevadm", "control", "--reload")]
ENABLE = (
    *("systemctl", "enable", "--no-reload"),
    *("multus-node.service", "multus-node-hotplug.path", "multus-node-plugins.path"),
)
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
            for unit in argv[3:]:
                link = self._files.at(f"{install.WANTS}/{unit}")
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(f"../{unit}")
        return answer


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path / "host")


@pytest.fixture
def systemd(files: Files) -> Systemd:
    return Systemd(files)


def installed(
    group: NodeGroup,
    files: Files,
    programs: Systemd,
    program: Mapping[str, bytes] = PROGRAM,
) -> install.Installation:
    plan = install.plan(group, program, files)
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
    files: Files, systemd: Systemd
) -> None:
    installed(GROUP, files, systemd)
    assert systemd.calls == [ENABLE, *RELOADED]
    assert unpacking.content(files.at(FOLDER)) == PROGRAM
    assert program.node_group_name(files) == "user-plane"
    again = installed(GROUP, files, systemd)
    assert again.lines() == ()
    assert len(systemd.calls) == 3


def test_the_command_runs_the_installed_program_isolated(files: Files, systemd: Systemd) -> None:
    installed(GROUP, files, systemd)
    assert stat.S_IMODE(files.at(layout.COMMAND).stat().st_mode) == 0o755
    assert files.text(layout.COMMAND) == f'#!/bin/sh\nexec /usr/bin/python3 -IS {FOLDER} "$@"\n'


def test_pods_find_the_installed_program_under_one_name(files: Files, systemd: Systemd) -> None:
    installed(GROUP, files, systemd)
    program_of_pods = files.at(layout.POD_ADDRESSES_PROGRAM)
    assert f"sys.path.insert(0, {FOLDER!r})" in program_of_pods.read_text()
    assert stat.S_IMODE(program_of_pods.stat().st_mode) & 0o444 == 0o444, "pods are not root"


def test_killed_before_any_change_the_next_installation_completes_it(
    files: Files, systemd: Systemd, tmp_path: Path
) -> None:
    installed(GROUP, files, systemd)
    whole = snapshot(files)
    changes = len(whole) - len(PROGRAM) + 2
    for survived in range(changes):
        root = tmp_path / f"killed-{survived}"
        killed, after = Files(root), Systemd(Files(root))
        with pytest.raises(Killed):
            installed(GROUP, Mortal(root, survived), after)
        installed(GROUP, killed, after)
        assert snapshot(killed) == whole
        assert ENABLE in after.calls
        assert after.calls[-2:] == RELOADED


def test_killed_between_writing_and_reading_systemd_reads_anew(
    files: Files, systemd: Systemd
) -> None:
    installed(GROUP, files, systemd)
    files.carry_out(WriteFile(layout.UNITS_CHANGED, ""))
    plan = installed(GROUP, files, systemd)
    assert plan.lines() == ("systemd and udev read their files anew",)
    assert install.plan(GROUP, PROGRAM, files).lines() == ()


def test_a_new_version_takes_the_old_ones_place_and_systemd_is_left_alone(
    files: Files, systemd: Systemd
) -> None:
    installed(GROUP, files, systemd)
    newer = unpacking.folder(NEWER)
    assert installed(GROUP, files, systemd, NEWER).lines() == (
        f"unpack {newer}",
        f"rewrite {layout.POD_ADDRESSES_PROGRAM}",
        f"rewrite {layout.COMMAND}",
        f"remove {FOLDER}",
    )
    assert files.names(layout.PROGRAMS) == tuple(
        sorted((newer.rpartition("/")[2], layout.POD_ADDRESSES_NAME))
    )
    assert installed(GROUP, files, systemd, NEWER).lines() == ()
    assert len(systemd.calls) == 3


def test_what_somebody_changed_in_the_program_is_put_right(files: Files, systemd: Systemd) -> None:
    installed(GROUP, files, systemd)
    files.at(f"{FOLDER}/__main__.py").write_text("pass")
    files.at(f"{FOLDER}/site.py").write_text("pass")
    assert installed(GROUP, files, systemd).lines() == (f"unpack {FOLDER}",)
    assert unpacking.content(files.at(FOLDER)) == PROGRAM


@pytest.mark.parametrize(
    ("on_failure", "gated"),
    [(OnFailure.HOLD, True), (OnFailure.ABANDON, True), (OnFailure.CONTINUE, False)],
)
def test_kubelet_waits_for_the_gate_unless_the_group_continues(
    files: Files, systemd: Systemd, on_failure: OnFailure, gated: bool
) -> None:
    installed(dataclasses.replace(GROUP, on_failure=on_failure), files, systemd)
    for unit in ("nodeadm-run", "kubelet"):
        text = files.text(f"/etc/systemd/system/{unit}.service.d/10-multus-node.conf") or ""
        assert "After=multus-node.service\n" in text
        assert (f"AssertPathExists={layout.READY}\n" in text) is gated


def test_the_gate_of_user_data_is_the_installations_own(files: Files, systemd: Systemd) -> None:
    """Line one of the three writes what an installation would, so it finds nothing to change there."""
    installed(GROUP, files, systemd)
    text = files.text(GATE)
    assert text is not None
    assert text.replace("\n", r"\n") in user_data.SHUT
    assert GATE.endswith(layout.DROP_IN)


def test_a_group_that_now_continues_loses_its_gate(files: Files, systemd: Systemd) -> None:
    installed(GROUP, files, systemd)
    plan = installed(dataclasses.replace(GROUP, on_failure=OnFailure.CONTINUE), files, systemd)
    assert plan.reload
    assert "Assert" not in (files.text(GATE) or "Assert")


def test_links_and_plugins_are_watched_from_the_first_run_on(
    files: Files, systemd: Systemd
) -> None:
    assert install.watch(GROUP, files, systemd) == ()
    assert systemd.calls == [("systemctl", "start", "--no-block", *ENABLE[-2:])]


def test_addresses_are_looked_at_and_counted_where_there_is_a_pool(
    files: Files, systemd: Systemd
) -> None:
    group = dataclasses.replace(GROUP, interfaces=(nodes.interface(pool_ipv4=1),))
    assert not set(install.OF_POOLS) & set(installed(GROUP, files, systemd).enable)
    assert installed(group, files, systemd).enable == install.OF_POOLS
    install.watch(group, files, systemd)
    assert systemd.calls[-1][-2:] == install.OF_POOLS
