"""How the node bootstrap is measured: what is read of the guest's own records, and that floor and bootstrap do the same."""

from __future__ import annotations

import subprocess
from dataclasses import replace

import pytest

from bench import bootstrap
from bench.bootstrap import REPOSITORY, NotMeasured, Run, Shape
from domain.node.config import Driver

LOG = """\
[2026-11-24T01:33:18.250000] 6: eth0: <BROADCAST,MULTICAST> mtu 1500 state DOWN \\    link/ether 0e:00:00:00:00:04 brd ff
[2026-11-24T01:33:19.500000] 7: eth0: <BROADCAST,MULTICAST> mtu 1500 state DOWN \\    link/ether 0e:00:00:00:00:05 brd ff
[2026-11-24T01:33:20.000000] 7: ens9: <BROADCAST,MULTICAST> mtu 1500 state DOWN \\    link/ether 0e:00:00:00:00:05 brd ff
"""
TRACE = """\
# tracer: nop
 python3-430 [001] .... 51.1: sched_process_exec: filename=/usr/bin/python3 pid=430 old_pid=430
 python3-430 [001] .... 52.1: sched_process_fork: comm=python3 pid=430 child_comm=python3 child_pid=440
 python3-440 [001] .... 52.2: sched_process_exec: filename=/usr/bin/networkctl pid=440 old_pid=440
 (udev)-77 [000] .... 52.3: sched_process_fork: comm=(udev) pid=77 child_comm=(udev) child_pid=441
 (udev)-441 [000] .... 52.4: sched_process_exec: filename=/usr/bin/systemctl pid=441 old_pid=441
 networkctl-440 [001] .... 52.5: sched_process_fork: comm=networkctl pid=440 child_comm=networkctl child_pid=442
 pager-442 [001] .... 52.6: sched_process_exec: filename=/usr/bin/less pid=442 old_pid=442
"""


def run(elapsed_s: float, *started: str) -> Run:
    return Run(elapsed_s, started, 20480, "as it must be")


def test_a_link_appears_when_the_kernel_first_tells_of_it() -> None:
    fourth, fifth = (bootstrap.first_seen_s(LOG, f"0e:00:00:00:00:0{number}") for number in (4, 5))
    assert fifth - fourth == 1.25
    with pytest.raises(NotMeasured, match="0e:00:00:00:00:06"):
        bootstrap.first_seen_s(LOG, "0e:00:00:00:00:06")


def test_programs_are_counted_with_those_that_they_start_and_nobody_elses() -> None:
    assert bootstrap.started_by(430, TRACE) == ("networkctl", "less")


def test_the_pair_with_the_median_ratio_is_typical() -> None:
    drifting = [(run(1.2), run(1.0)), (run(9.0), run(4.5)), (run(5.5), run(5.0))]
    assert bootstrap.typical(drifting) == drifting[0]


def test_the_interface_that_comes_last_has_a_carrier_to_wait_for() -> None:
    drivers = [one.driver for one in Shape(2, 2).interfaces]
    assert drivers == [Driver.VFIO_PCI, Driver.VFIO_PCI, Driver.KERNEL, Driver.KERNEL]


@pytest.mark.subprocesses("bash")
def test_the_script_is_one_that_bash_can_read() -> None:
    subprocess.run(["/bin/bash", "-n"], input=bootstrap.FLOOR.encode(), check=True)


@pytest.mark.parametrize(
    ("started", "is_met"),
    [
        (("systemctl", "udevadm", "networkctl", "modprobe"), True),
        (("networkctl", "modprobe", "networkctl"), False),
    ],
    ids=["one per tool", "one of them twice"],
)
def test_a_tool_is_started_once(
    started: tuple[str, ...], is_met: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "interpreter_kib", lambda: 8192)
    monkeypatch.setattr(bootstrap, "bootstrap", lambda _: run(2.5, *started))
    monkeypatch.setattr(bootstrap, "floor", lambda _: run(2.0))
    figures = {
        figure.name.partition(": ")[2]: figure for figure in bootstrap.figures(3, [Shape(2, 2)])
    }
    assert figures["programs started"].is_met is is_met
    assert figures["last link to ready"].ratio == 1.25
    assert figures["last link to ready"].is_met
    assert figures["peak memory"].ratio == 2.5


def test_what_public_recipes_sleep_is_shown_beside_and_is_no_goal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bootstrap, "interpreter_kib", lambda: 8192)
    monkeypatch.setattr(bootstrap, "bootstrap", lambda _: run(2.7))
    monkeypatch.setattr(bootstrap, "floor", lambda _: run(2.5))
    shown = {
        figure.name.partition("against ")[2]: (figure.floor, figure.goal)
        for figure in bootstrap.figures(1, [Shape(4)])
        if "against" in figure.name
    }
    assert shown == {"sleep 20": (20, ""), "sleep 30": (30, ""), "sleep 45": (45, "")}
    told = (REPOSITORY / "docs" / "benchmarks.md").read_text()
    for seconds, source in bootstrap.FIXED_SLEEPS.items():
        repository, path = source.split(", ")
        assert f"https://github.com/{repository}/blob/main/{path}) | {seconds} s |" in told


def test_what_does_less_than_the_bootstrap_is_no_floor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "bootstrap", lambda _: run(2.5))
    monkeypatch.setattr(bootstrap, "floor", lambda _: replace(run(2.0), left="a route less"))
    with pytest.raises(NotMeasured, match="a route less"):
        bootstrap.rounds(Shape(4), 1)
