"""Whole runs on a host that behaves as the kernel does: all or nothing, twice the same, killed anywhere and run again."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from domain.node import layout
from domain.node.change import WriteFile
from domain.node.config import (
    Driver,
    HugePages,
    NodeConfig,
    NodeGroup,
    NodeInterface,
    OnFailure,
    PodNetwork,
)
from domain.node.errors import ToolFailed
from domain.node.model import Eni, Instance, Link, LinkAddress, Route, RoutingRule
from domain.node.status import Run, State, Status
from node_bootstrap import status as status_file
from node_bootstrap.bootstrap import Bootstrap, Request
from node_bootstrap.host import Host
from node_bootstrap.imds import Observation
from node_bootstrap.modules import Modules
from node_bootstrap.readiness import ANSWER_SERVICE
from node_bootstrap.records import Records
from tests.fakes import host as fakes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from domain.node.change import RemoveFile
    from node_bootstrap.deadline import Deadline

PRIMARY = ("0000:00:05.0", "02:00:00:00:00:00")
FIRST = ("0000:00:06.0", "02:00:00:00:00:01")
SECOND = ("0000:00:07.0", "02:00:00:00:00:02")
NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


class CountedHost(fakes.Host):
    """A host on which a file that is written can be the moment in which the process is killed."""

    def carry_out(self, change: WriteFile | RemoveFile) -> None:
        super().carry_out(change)
        self.wrote()


class Kernel:
    """The kernel's links, as far as sysfs has them; only the primary one has a default route."""

    def __init__(self, host: fakes.Host) -> None:
        self._host = host

    def links(self) -> tuple[Link, ...]:
        return tuple(
            Link(nic.link, index, nic.mac, True, 9001, nic.address, carrier=True)
            for index, nic in enumerate(self._host.nics.values(), start=2)
            if nic.link is not None and not nic.link_in_pod
        )

    def addresses(self) -> tuple[LinkAddress, ...]:
        return ()

    def routes(self) -> tuple[Route, ...]:
        everywhere = IPv4Network("0.0.0.0/0")
        return (Route(254, everywhere, IPv4Address("10.0.0.1"), 2, 512),)

    def rules(self) -> tuple[RoutingRule, ...]:
        return ()

    def rename(self, index: int, name: str) -> None:
        raise AssertionError(f"no link is renamed here: {index}, {name}")

    def restore(self, index: int, *, up: bool, mtu: int) -> None:
        raise AssertionError(f"no link is put back here: {index}, {up}, {mtu}")


class Metadata:
    """The metadata service of an instance with its interfaces."""

    def __init__(self, macs: Sequence[str]) -> None:
        self.enis = tuple(_eni(number, mac) for number, mac in enumerate(macs))

    def instance(self, deadline: Deadline) -> Observation:
        assert deadline.left_s() >= 0
        told = Instance("i-1", "m5.large", "us-east-1a", "us-east-1", PRIMARY[1], self.enis)
        return Observation(told, ())


class Silence:
    """All is there from the start: nobody has to wait."""

    def wait(self, timeout_s: float) -> bool:
        raise AssertionError(f"a run waits {timeout_s} s for what does not come")


class Programs(fakes.HostPrograms):
    """modprobe as the host has it, systemd's tools, which have nothing to do here, and CNI plugins, which say what their
    files say."""

    def __init__(self, host: fakes.Host, aws: str | None = None, systemctl: str = "") -> None:
        super().__init__(host)
        self.aws = aws
        """What the AWS CLI says when it fails; empty when it does not; None where it is not installed."""
        self.systemctl = systemctl
        """What systemctl says when it fails; empty when it does not."""

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout_s: float,
        environ: Mapping[str, str] | None = None,
        with_stderr: bool = False,
    ) -> str:
        if argv[0] in ("networkctl", "systemctl", "udevadm"):
            self.started += 1
            self.commands.append(tuple(argv))
            if argv[0] == "systemctl" and self.systemctl:
                raise ToolFailed("systemctl ended with 1", value=self.systemctl)
            return ""
        if layout.CNI_PLUGINS in argv[0]:
            return Path(argv[0]).read_text()
        if argv[0] == "aws" and self.aws is not None:
            self.commands.append(tuple(argv))
            if self.aws:
                raise ToolFailed("aws ended with 254", value=self.aws)
            return ""
        return super().run(argv, timeout_s=timeout_s, environ=environ, with_stderr=with_stderr)


def _eni(number: int, mac: str) -> Eni:
    return Eni(
        mac=mac,
        eni_id=f"eni-{number}",
        device_index=number,
        network_card_index=0,
        subnet_id=f"subnet-{number}",
        security_group_ids=(),
        ipv4_subnet=IPv4Network(f"10.0.{number}.0/24"),
        ipv4_addresses=(IPv4Address(f"10.0.{number}.10"),),
        ipv6_subnets=(),
        ipv6_addresses=(),
    )


def _interface(number: int) -> NodeInterface:
    return NodeInterface(
        name=f"net{number}",
        link_name=f"eth{number}",  # as the kernel calls it here: no rename
        network_card_index=0,
        device_index=number,
        device_index_fixed=False,
        subnet_ids=(f"subnet-{number}",),
        security_group_ids=(),
        host_address=False,
        driver=Driver.UIO_PCI_GENERIC,
    )


GROUP = NodeGroup(
    "user-plane",
    "asg",
    (_interface(1), _interface(2)),
    deadline_s=0,
    huge_pages=(HugePages(2048, 8),),
)


@pytest.fixture
def files(tmp_path: Path) -> CountedHost:
    """Return a host with a primary and two Multus interfaces, and memory."""
    host = CountedHost(tmp_path)
    for address, mac in (PRIMARY, FIRST, SECOND):
        host.add_nic(address, mac)
    host.add_numa_node(0, fakes.Memory(free_kib=4 * 1024 * 1024), (2048, 1048576))
    _install_who_answers(host)
    host.writes = 0
    return host


def _install_who_answers(host: fakes.Host) -> None:
    unit = host.at(f"/etc/systemd/system/{ANSWER_SERVICE}")
    unit.parent.mkdir(parents=True, exist_ok=True)
    unit.write_text("[Unit]\n")


def run(
    files: fakes.Host,
    group: NodeGroup = GROUP,
    started_by: Run = Run.BOOT,
    *,
    unbind: str | None = None,
    aws: str | None = None,
    systemctl: str = "",
) -> Status:
    """Run the bootstrap once."""
    programs = Programs(files, aws, systemctl)
    return _bootstrap(files, group, started_by, unbind=unbind, programs=programs).run()


def _bootstrap(
    files: fakes.Host,
    group: NodeGroup,
    started_by: Run = Run.BOOT,
    *,
    unbind: str | None = None,
    programs: Programs | None = None,
) -> Bootstrap:
    config = NodeConfig("MultusEni-lab", "lab", None, (group,))
    host = _host(files, programs or Programs(files))
    return Bootstrap(Request(config, group, started_by, unbind), host)


def _host(files: fakes.Host, programs: Programs) -> Host:
    return Host(
        files=files,
        programs=programs,
        kernel=Kernel(files),
        events=Silence(),
        metadata=Metadata([PRIMARY[1], *(nic.mac for nic in list(files.nics.values())[1:])]),
        modules=Modules(files, programs, fakes.RELEASE),
        records=Records(files),
        now=lambda: NOW,
    )


def drivers(files: fakes.Host) -> tuple[str | None, str | None]:
    return files.driver(FIRST[0]), files.driver(SECOND[0])


def test_a_run_makes_the_node_what_was_promised_and_a_second_one_changes_nothing(
    files: CountedHost,
) -> None:
    first = run(files)
    assert (first.state, first.error) == (State.READY, None)
    assert drivers(files) == ("uio_pci_generic", "uio_pci_generic")
    assert files.driver(PRIMARY[0]) == "ena"
    assert "2048 KiB huge pages on NUMA node 0: 0 -> 8" in first.changes
    assert [each.state for each in first.interfaces] == ["ready", "ready"]
    assert files.text(layout.READY) is not None
    before = files.snapshot()
    second = run(files, started_by=Run.MANUAL)
    assert (second.state, second.changes) == (State.READY, ())
    assert files.snapshot() == before


def test_a_failure_puts_everything_back(files: CountedHost) -> None:
    files.load("uio_pci_generic")
    before = files.snapshot()
    files.refusals[f"/sys/bus/pci/devices/{SECOND[0]}/driver_override"] = 22
    ended = run(files)
    assert ended.state is State.HELD
    assert ended.error is not None
    assert ended.error.code == "bind-failed"
    files.refusals.clear()
    assert drivers(files) == ("ena", "ena")
    after = files.snapshot()
    assert {k: v for k, v in after.items() if "override" not in k and "net/" not in k} == {
        k: v for k, v in before.items() if "override" not in k and "net/" not in k
    }
    assert files.text(layout.READY) is None
    assert files.names(layout.NETWORKD) == ()
    assert files.text(layout.NODEADM) is None
    assert [each.state for each in ended.interfaces] == ["not prepared", "not prepared"]


def test_a_group_that_may_goes_on_without_the_interface_that_failed(files: CountedHost) -> None:
    files.refusals[f"/sys/bus/pci/devices/{SECOND[0]}/driver_override"] = 22
    ended = run(files, dataclasses.replace(GROUP, on_failure=OnFailure.CONTINUE))
    assert ended.state is State.DEGRADED
    assert [each.state for each in ended.interfaces] == ["ready", "not prepared"]
    assert files.driver(FIRST[0]) == "uio_pci_generic"
    labels = files.text(layout.NODEADM) or ""
    assert "multus-eni.io/state=degraded" in labels
    assert "multus-eni.io/missing=net2" in labels
    assert files.text(layout.READY) is not None


def test_a_node_that_joins_with_nothing_says_so(files: CountedHost) -> None:
    greedy = dataclasses.replace(
        GROUP, huge_pages=(HugePages(1048576, 64),), on_failure=OnFailure.CONTINUE
    )
    ended = run(files, greedy)
    assert ended.error is not None
    assert (ended.state, ended.error.code) == (State.DEGRADED, "huge-pages-short")
    assert "missing=net1.net2" in (files.text(layout.NODEADM) or "")
    assert drivers(files) == ("ena", "ena")


def test_a_plan_changes_nothing(files: CountedHost) -> None:
    before = files.snapshot()
    planned = _bootstrap(files, GROUP).plan()
    assert any("uio_pci_generic" in str(change) for change in planned.plan.changes)
    assert files.writes == 0
    assert files.snapshot() == before
    assert files.names(layout.RUN) == ()


def test_a_device_goes_back_to_its_kernel_driver_until_somebody_runs_again(
    files: CountedHost,
) -> None:
    run(files)
    assert run(files, started_by=Run.MANUAL, unbind="net1").error is None
    assert drivers(files) == ("ena", "uio_pci_generic")
    run(files, started_by=Run.HOTPLUG)
    assert drivers(files) == ("ena", "uio_pci_generic")
    assert run(files, started_by=Run.MANUAL).state is State.READY
    assert drivers(files) == ("uio_pci_generic", "uio_pci_generic")


@pytest.mark.parametrize("killed_at", range(1, 41))
def test_a_run_that_is_killed_anywhere_is_finished_by_the_next(
    files: CountedHost, killed_at: int
) -> None:
    files.kill_at = killed_at
    with suppress(fakes.Killed):
        run(files)
    files.kill_at = None
    ended = run(files)
    assert (ended.state, ended.error) == (State.READY, None)
    assert drivers(files) == ("uio_pci_generic", "uio_pci_generic")
    assert run(files).changes == ()


@dataclass
class Latecomer:
    """The metadata service and the kernel's events of a node whose second interface comes while the run waits."""

    files: fakes.Host
    told: list[Status | None] = field(default_factory=list)
    """What the status file said whenever the run waited."""

    def instance(self, deadline: Deadline) -> Observation:
        macs = [PRIMARY[1], FIRST[1], *([SECOND[1]] if self.told else [])]
        return Metadata(macs).instance(deadline)

    def wait(self, timeout_s: float) -> bool:
        self.told.append(status_file.read(self.files).status)
        return timeout_s > 0


def test_whoever_asks_while_a_run_waits_is_told_what_for(files: CountedHost) -> None:
    late = Latecomer(files)
    host = dataclasses.replace(_host(files, Programs(files)), metadata=late, events=late)
    group = dataclasses.replace(GROUP, deadline_s=60)
    config = NodeConfig("MultusEni-lab", "lab", None, (group,))
    ended = Bootstrap(Request(config, group, Run.BOOT), host).run()
    told = late.told[0]
    assert told is not None
    assert (told.state, told.step, told.instance) == (State.WAITING, "discover", "i-1")
    assert [(each.name, each.state) for each in told.interfaces] == [
        ("net1", "found"),
        ("net2", "missing"),
    ]
    (waits_for,) = told.warnings
    assert waits_for.startswith("waits for net2: not attached (network card 0, device index 2)")
    assert (ended.state, ended.warnings) == (State.READY, ())


def test_a_run_that_fails_on_a_ready_node_says_that_kubelet_runs_on(files: CountedHost) -> None:
    run(files)
    more = dataclasses.replace(GROUP, huge_pages=(HugePages(1048576, 64),))
    ended = run(files, more, Run.MANUAL)
    assert (ended.state, ended.consequence) == (
        State.FAILED,
        "the node was ready before, and kubelet is left alone",
    )
    assert ended.error is not None
    assert ended.error.code == "huge-pages-short"
    assert [each.state for each in ended.interfaces] == ["as before", "as before"]
    assert files.text(layout.READY) is not None


@pytest.mark.parametrize(
    ("on_failure", "left"),
    [
        pytest.param(OnFailure.HOLD, ["ready", "ready"], id="ready"),
        pytest.param(OnFailure.CONTINUE, ["ready", "not prepared"], id="degraded"),
    ],
)
def test_a_launch_hook_that_nobody_can_answer_is_no_fault_of_the_interfaces(
    files: CountedHost, on_failure: OnFailure, left: list[str]
) -> None:
    if on_failure is OnFailure.CONTINUE:
        files.refusals[f"/sys/bus/pci/devices/{SECOND[0]}/driver_override"] = 22
    group = dataclasses.replace(GROUP, ready_hook="ready", on_failure=on_failure)
    ended = run(files, group, systemctl="no bus")
    assert ended.error is not None
    assert (ended.state, ended.error.code) == (State.FAILED, "tool-failed")
    assert ended.consequence == "kubelet may start; only what follows a run has failed"
    assert [each.state for each in ended.interfaces] == left
    assert files.text(layout.READY) is not None


def test_what_fails_after_a_failed_run_is_a_warning_and_the_first_error_stays(
    files: CountedHost,
) -> None:
    files.refusals[f"/sys/bus/pci/devices/{SECOND[0]}/driver_override"] = 22
    ended = run(files, dataclasses.replace(GROUP, ready_hook="ready", on_failure=OnFailure.ABANDON))
    assert ended.error is not None
    assert (ended.state, ended.error.code) == (State.HELD, "bind-failed")
    assert [each.partition(":")[0] for each in ended.warnings] == ["hook-unanswered"]


def test_user_data_that_tells_kubelet_another_number_of_pods_is_a_warning(
    files: CountedHost,
) -> None:
    user_data = files.at(layout.USER_DATA)
    user_data.parent.mkdir(parents=True)
    user_data.write_bytes(b"spec:\n  kubelet:\n    config:\n      maxPods: 110\n\x1f\x8b\xff")
    ended = run(files)
    assert ended.state is State.READY
    assert any("user data sets maxPods to 110" in warning for warning in ended.warnings)


def test_an_unbound_interface_leaves_the_pool_whose_pods_expect_another_driver(
    files: CountedHost,
) -> None:
    def pool() -> object:
        text = files.text(layout.DEVICE_PLUGIN)
        return None if text is None else json.loads(text)["resourceList"][0]["selectors"]

    both = dataclasses.replace(
        GROUP,
        interfaces=tuple(
            dataclasses.replace(one, resource_name="packets") for one in GROUP.interfaces
        ),
    )
    run(files, both)
    driver = ["uio_pci_generic"]
    assert pool() == [{"drivers": driver, "pciAddresses": [FIRST[0], SECOND[0]]}]
    assert run(files, both, Run.MANUAL, unbind="net1").error is None
    assert pool() == [{"drivers": driver, "pciAddresses": [SECOND[0]]}]
    assert run(files, both, Run.MANUAL, unbind="net2").error is None
    assert pool() is None
    run(files, both, Run.MANUAL)
    assert pool() == [{"drivers": driver, "pciAddresses": [FIRST[0], SECOND[0]]}]


def test_what_only_a_loaded_driver_shows_is_a_warning_of_the_first_run_too(
    files: CountedHost,
) -> None:
    for_vfio = dataclasses.replace(_interface(1), driver=Driver.VFIO_PCI)
    group = dataclasses.replace(
        GROUP, interfaces=(for_vfio, _interface(2)), allow_unsafe_noiommu=True
    )
    first = run(files, group)
    assert first.state is State.READY
    assert ["net1" in each and "write combining" in each for each in first.warnings] == [True]
    assert run(files, group, Run.MANUAL).warnings == first.warnings


def test_a_plugin_that_comes_after_kubelet_is_judged_then_and_kubelet_is_left_alone(
    files: CountedHost,
) -> None:
    taken = dataclasses.replace(_interface(1), pod_network=PodNetwork.HOST_DEVICE)
    group = dataclasses.replace(GROUP, interfaces=(taken, _interface(2)))
    plugin = f"{layout.CNI_PLUGINS}/host-device"
    first = run(files, group)
    assert first.state is State.READY
    assert ["host-device" in each for each in first.warnings] == [True]
    bound = drivers(files)

    files.carry_out(WriteFile(plugin, "CNI host-device plugin v0.8.7"))
    old = run(files, group, Run.HOTPLUG)
    assert old.error is not None
    assert (old.state, old.error.code, old.error.value) == (
        State.FAILED,
        "plugin-too-old",
        "0.8.7",
    )
    assert files.text(layout.READY) is not None
    assert drivers(files) == bound

    files.carry_out(WriteFile(plugin, "CNI host-device plugin v1.9.1"))
    new = run(files, group, Run.HOTPLUG)
    assert (new.state, new.warnings, new.changes) == (State.READY, (), ())


FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/var/lib/multus-node/.claims.json.fresh")


class FullHost(CountedHost):
    """A host without room below /var/lib."""

    def carry_out(self, change: WriteFile | RemoveFile) -> None:
        if change.path.startswith("/var/lib"):
            raise FULL
        super().carry_out(change)


def _refuse(files: fakes.Host, how: str) -> None:
    """Have the host refuse something that every run does."""
    if how == "a directory at the drop-in":
        files.at(layout.NODEADM).mkdir(parents=True)
    else:
        files.at(layout.CLAIMS).parent.parent.mkdir(parents=True)
        files.at(layout.CLAIMS).parent.write_text("in the way")


@pytest.fixture(params=["a directory at the drop-in", "a file in the way", "no room"])
def refusing(request: pytest.FixtureRequest, tmp_path: Path) -> fakes.Host:
    """Return a host that refuses something that every run does."""
    host = (FullHost if request.param == "no room" else CountedHost)(tmp_path)
    for address, mac in (PRIMARY, FIRST, SECOND):
        host.add_nic(address, mac)
    host.add_numa_node(0, fakes.Memory(free_kib=4 * 1024 * 1024), (2048, 1048576))
    _install_who_answers(host)
    if request.param != "no room":
        _refuse(host, request.param)
    return host


@pytest.mark.parametrize(
    ("on_failure", "left", "answer"),
    [
        (OnFailure.HOLD, State.HELD, None),
        (OnFailure.ABANDON, State.ABANDONED, "answer the launch hook with ABANDON"),
        (OnFailure.CONTINUE, State.DEGRADED, f"start {ANSWER_SERVICE}"),
    ],
)
def test_a_host_that_refuses_is_a_failure_like_any_other(
    refusing: fakes.Host, on_failure: OnFailure, left: State, answer: str | None
) -> None:
    group = dataclasses.replace(GROUP, on_failure=on_failure, ready_hook="ready")
    bootstrap = _bootstrap(refusing, group, programs=Programs(refusing, aws=""))
    ended = bootstrap.run()
    assert status_file.read(refusing).status == ended
    assert ended.error is not None
    assert (ended.state, ended.error.code, ended.error.exit_code) == (left, "host-refused", 11)
    assert ended.error.value.startswith(("/", str(refusing.at("/"))))
    assert ended.error.remedy.endswith(".")
    assert (refusing.text(layout.READY) is not None) is (on_failure is OnFailure.CONTINUE)
    assert drivers(refusing) == ("ena", "ena")
    told = [change for change in ended.changes if change.startswith(("answer", "start"))]
    assert told == ([answer] if answer else [])


def test_only_a_run_directory_that_refuses_ends_a_run_without_a_status(
    files: CountedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(change: WriteFile | RemoveFile) -> None:
        if change.path.startswith("/run"):
            raise FULL
        CountedHost.carry_out(files, change)

    monkeypatch.setattr(files, "carry_out", refuse)
    with pytest.raises(OSError, match="No space left"):
        run(files)
    assert drivers(files) == ("ena", "ena")


def test_an_installation_that_fails_ends_as_its_group_says(files: CountedHost) -> None:
    group = dataclasses.replace(GROUP, on_failure=OnFailure.ABANDON, ready_hook="ready")
    ended = _bootstrap(files, group, programs=Programs(files, aws="")).give_up(FULL)
    assert ended.error is not None
    assert (ended.state, ended.error.code) == (State.ABANDONED, "host-refused")
    assert ended.error.remedy == "Free space on that file system."
    assert status_file.read(files).status == ended


NONE_ACTIVE = "An error occurred (ValidationError): No active Lifecycle Action found"


def test_a_node_that_nobody_replaces_any_more_is_let_in_when_it_is_mended(
    files: CountedHost,
) -> None:
    group = dataclasses.replace(GROUP, on_failure=OnFailure.ABANDON, ready_hook="ready")
    files.refusals[f"/sys/bus/pci/devices/{SECOND[0]}/driver_override"] = 22
    held = run(files, group, aws=NONE_ACTIVE)
    assert held.state is State.HELD
    assert "nobody replaces the node" in held.consequence
    files.refusals.clear()
    mended = run(files, group, Run.MANUAL, aws=NONE_ACTIVE)
    assert (mended.state, mended.error) == (State.READY, None)
    assert files.text(layout.READY) is not None


def test_a_node_that_is_being_replaced_is_not_ready_however_well_it_is(files: CountedHost) -> None:
    group = dataclasses.replace(GROUP, on_failure=OnFailure.ABANDON, ready_hook="ready")
    files.refusals[f"/sys/bus/pci/devices/{SECOND[0]}/driver_override"] = 22
    assert run(files, group, aws="").state is State.ABANDONED
    files.refusals.clear()
    late = run(files, group, Run.HOTPLUG, aws="")
    assert late.error is not None
    assert (late.state, late.error.code) == (State.ABANDONED, "launch-abandoned")
    assert files.text(layout.READY) is None
    shown = status_file.report(status_file.read(files), {}, NOW)
    assert shown.startswith("NOT READY  abandoned: launch-abandoned")


def test_a_refused_unbind_is_not_carried_out_later(files: CountedHost) -> None:
    run(files)
    override = f"/sys/bus/pci/devices/{FIRST[0]}/driver_override"
    files.refusals[override] = 16
    refused = run(files, started_by=Run.MANUAL, unbind="net1")
    assert refused.error is not None
    assert refused.error.code == "bind-failed"
    files.refusals.clear()
    assert run(files, started_by=Run.HOTPLUG).changes == ()
    assert drivers(files) == ("uio_pci_generic", "uio_pci_generic")


def test_an_unbind_that_a_group_goes_on_without_is_not_carried_out_later(
    files: CountedHost,
) -> None:
    group = dataclasses.replace(GROUP, on_failure=OnFailure.CONTINUE)
    run(files, group)
    override = f"/sys/bus/pci/devices/{FIRST[0]}/driver_override"
    files.refusals[override] = 16
    assert run(files, group, Run.MANUAL, unbind="net1").state is State.DEGRADED
    files.refusals.clear()
    run(files, group, Run.HOTPLUG)
    assert drivers(files) == ("uio_pci_generic", "uio_pci_generic")


def test_an_unbind_whose_second_half_fails_gives_the_dpdk_driver_back(
    files: CountedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(files)
    seen = []

    def refuse(change: WriteFile | RemoveFile) -> None:
        if change.path == f"{layout.NETWORKD}/05-multus-net1.network":
            seen.append(files.driver(FIRST[0]))
            raise FULL
        CountedHost.carry_out(files, change)

    monkeypatch.setattr(files, "carry_out", refuse)
    refused = run(files, started_by=Run.MANUAL, unbind="net1")
    assert refused.error is not None
    assert (refused.error.code, refused.error.remedy) == (
        "host-refused",
        "Free space on that file system.",
    )
    assert seen == ["ena"], "the device was back when the file was to be written"
    assert drivers(files) == ("uio_pci_generic", "uio_pci_generic")


@pytest.mark.parametrize("killed_at", range(1, 31))
def test_an_unbind_that_is_killed_anywhere_leaves_what_the_next_run_knows(
    files: CountedHost, killed_at: int
) -> None:
    run(files)
    configured, unbound = ("uio_pci_generic",) * 2, ("ena", "uio_pci_generic")
    files.writes = 0
    files.kill_at = killed_at
    with suppress(fakes.Killed):
        run(files, started_by=Run.MANUAL, unbind="net1")
    files.kill_at = None
    recorded = Records(files).unbound()
    after = run(files, started_by=Run.HOTPLUG)
    assert (after.state, after.error) == (State.READY, None)
    assert drivers(files) == (unbound if recorded else configured)
    assert run(files, started_by=Run.HOTPLUG).changes == ()
