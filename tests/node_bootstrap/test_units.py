"""The units and the rule: what they promise in text, and what systemd itself thinks of them."""

from __future__ import annotations

import configparser
import shutil
import subprocess
from pathlib import Path

import pytest

from domain.node import layout
from node_bootstrap import install, readiness

UNITS = Path(__file__).parents[2] / "node_bootstrap" / "units"
STAND_INS = ("nodeadm-run.service", "kubelet.service", "nodeadm-boot-hook.service")


CONDITION = "ConditionPathExists="


def with_conditions(name: str) -> tuple[configparser.ConfigParser, list[str]]:
    """Return a unit without its conditions on paths, and those: the one key that may be there several times."""
    lines = (UNITS / name).read_text().splitlines()
    conditions = [line for line in lines if line.startswith(CONDITION)]
    rest = "\n".join(line for line in lines if line not in conditions)
    return parsed(rest), [line.removeprefix(CONDITION) for line in conditions]


def unit(name: str) -> configparser.ConfigParser:
    """Return a unit, each key of which is there once."""
    return parsed((UNITS / name).read_text())


def parsed(text: str) -> configparser.ConfigParser:
    """Return what a unit says."""
    found = configparser.ConfigParser(interpolation=None, delimiters=("=",))
    found.optionxform = str  # type: ignore[method-assign,assignment]  # keys of units have capitals
    found.read_string(text)
    return found


def test_the_boot_service_runs_before_kubelet_and_after_names_are_settled() -> None:
    boot = unit("multus-node.service")
    assert boot["Unit"]["Before"].split() == list(install.GATED)
    assert {"systemd-udevd.service", "systemd-networkd.service"} <= set(
        boot["Unit"]["After"].split()
    )
    assert boot["Service"]["Type"] == "oneshot", "what comes after it waits until it has ended"
    assert boot["Service"]["ExecStart"] == f"{layout.COMMAND} run --trigger boot"
    assert "cloud-final" not in (UNITS / "multus-node.service").read_text()


def test_a_note_starts_a_run_and_none_is_lost_to_a_limit() -> None:
    path, service = unit("multus-node-hotplug.path"), unit("multus-node-hotplug.service")
    assert path["Path"]["DirectoryNotEmpty"] == layout.HOTPLUG
    assert path["Unit"]["After"].split() == ["sysinit.target", "multus-node.service"]
    assert service["Unit"]["After"] == "multus-node.service"
    assert service["Service"]["ExecStart"] == f"{layout.COMMAND} run --trigger hotplug"
    assert service["Unit"]["StartLimitIntervalSec"] == "0"
    assert service["Service"]["ExecStopPost"].split()[0] == "/usr/bin/sleep"


def test_plugins_that_come_leave_a_note_when_the_last_of_them_is_there() -> None:
    path, service = unit("multus-node-plugins.path"), (UNITS / "multus-node-plugins.service")
    assert path["Path"]["PathChanged"] == layout.CNI_PLUGINS
    assert path["Unit"]["After"].split() == ["sysinit.target", "multus-node.service"]
    started = [line for line in service.read_text().splitlines() if line.startswith("ExecStart=")]
    assert [line.split()[0] for line in started] == [
        "ExecStart=/usr/bin/sleep",
        "ExecStart=/usr/bin/install",
    ]
    assert started[-1].split()[-1].startswith(f"{layout.HOTPLUG}/")


def test_addresses_are_looked_at_from_time_to_time() -> None:
    timer, service = unit("multus-node-addresses.timer"), unit("multus-node-addresses.service")
    assert timer["Timer"]["OnUnitActiveSec"] == "5min"
    assert service["Service"]["ExecStart"].split()[-1] == f"{layout.HOTPLUG}/addresses"


def test_pools_are_measured_where_the_page_says() -> None:
    timer, service = unit("multus-node-metrics.timer"), unit("multus-node-metrics.service")
    assert timer["Timer"]["OnUnitActiveSec"] == "1min"
    output = service["Service"]["ExecStart"].removeprefix(f"{layout.COMMAND} metrics --output ")
    page = (UNITS.parents[1] / "docs" / "node-bootstrap.md").read_text(encoding="utf-8")
    assert f"a timer writes `{output}`" in page
    directory = output.rpartition("/")[0]
    assert f"--collector.textfile.directory=/host/root{directory}\n" in page


def test_who_answers_the_launch_hook_holds_nothing_up_and_does_not_give_up() -> None:
    answer, conditions = with_conditions(readiness.ANSWER_SERVICE)
    assert answer["Unit"]["After"] == "multus-node.service"
    assert conditions == [f"|{layout.READY}", f"|{layout.ABANDON_DUE}"], "either is enough"
    assert answer["Service"]["Type"] == "exec", "a boot does not wait for kubelet"
    assert answer["Service"]["ExecStart"] == f"{layout.COMMAND} answer"
    assert answer["Service"]["Restart"] == "on-failure"
    assert answer["Unit"]["StartLimitIntervalSec"] == "0"
    assert "Install" not in answer, "a run starts it"


def test_only_links_on_the_pci_bus_leave_a_note() -> None:
    (rule,) = (
        line
        for line in (UNITS / "95-multus-node.rules").read_text().splitlines()
        if not line.startswith("#")
    )
    assert rule.split(", ")[:3] == ['ACTION=="add"', 'SUBSYSTEM=="net"', 'SUBSYSTEMS=="pci"']
    assert f"{layout.HOTPLUG}/$name" in rule


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
@pytest.mark.subprocesses("systemd-analyze")
def test_systemd_finds_no_fault(tmp_path: Path) -> None:
    """Units of the AMI stand in as empty ones; the drop-ins lie beside them as `install` puts them.

    A target stands for a boot: it starts what multi-user.target does, so that a cycle between units shows.
    """
    for name in (*install.ENABLED, *install.STARTED):
        # systemd-analyze looks for the programs, which are on nodes only.
        text = (UNITS / name).read_text().replace(layout.COMMAND, "/bin/true")
        (tmp_path / name).write_text(text)
    for name in STAND_INS:
        (tmp_path / name).write_text("[Service]\nType=oneshot\nExecStart=/bin/true\n")
    started = ["basic.target", "paths.target", *install.ENABLED, *STAND_INS]
    (tmp_path / "boot.target").write_text(f"[Unit]\nRequires={' '.join(started)}\n")
    for name in install.GATED:
        (tmp_path / f"{name}.d").mkdir()
        shutil.copy(UNITS / "gate.conf", tmp_path / f"{name}.d" / layout.DROP_IN)
    done = subprocess.run(  # noqa: S603 - systemd's own checker on units of this repository
        ["systemd-analyze", "verify", "--man=no", *sorted(tmp_path.glob("*.*[eht]"))],  # noqa: S607 - wherever it is
        env={"SYSTEMD_UNIT_PATH": f"{tmp_path}:", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said = [line for line in done.stderr.splitlines() if "multus" in line or "cycle" in line]
    assert (done.returncode, said) == (0, [])
