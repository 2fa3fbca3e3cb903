"""What `multus-node status` tells a person, and what of the host it compares."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from pathlib import Path

import pytest

from domain.node import layout
from domain.node.change import WriteFile
from domain.node.config import Driver
from domain.node.errors import InstanceTypeUnknown, InterfaceMissing, PluginTooOld
from domain.node.readiness import HookResult
from domain.node.status import Interface, Reading, Run, State, Status, failure, from_json, to_json
from node_bootstrap import status as status_file
from node_bootstrap.files import Files
from node_bootstrap.launch_hook import Record
from node_bootstrap.status import Live

GOLDEN = Path(__file__).parent / "golden" / "status"
NOW = datetime(2026, 11, 24, 3, 2, 40, tzinfo=UTC)

N3 = Interface(
    "n3",
    "ready",
    "eni-0a1b2c3d4e5f60718",
    "06:4f:00:00:00:01",
    "0000:00:06.0",
    "mul0",
    "ena",
    ("10.0.3.10", "10.0.3.11", "2001:db8::3"),
    "ipvlan-l2",
)
N6 = Interface(
    "n6",
    "ready",
    "eni-0b1b2c3d4e5f60718",
    "06:4f:00:00:00:02",
    "0000:00:07.0",
    "",
    "vfio-pci",
    ("10.0.6.10",),
)
AS_LEFT = {
    "n3": Live(True, "ena", ("mul0",), "up"),
    "n6": Live(True, "vfio-pci"),
}
READY = Status(
    state=State.READY,
    step="done",
    run=Run.BOOT,
    since="2026-11-24T02:58:01Z",
    ended_at="2026-11-24T02:58:12Z",
    consequence="ready",
    instance="i-0a1b2c3d4e5f60718",
    node_group="user-plane",
    interfaces=(N3, N6),
)
MISSING = failure(
    InterfaceMissing(
        "n6 was not there when the time was up",
        value="n3 is there; 300 s waited",
        remedy="Look in the launch function's log for this instance: an ENI that was never created is told there with its "
        "reason. If it is attached in EC2, see whether its subnet and security groups are those of the configuration.",
    )
)
HELD = dataclasses.replace(
    READY,
    state=State.HELD,
    step="discover",
    consequence="kubelet does not start",
    interfaces=(dataclasses.replace(N3, state="not prepared", link="eth1"), Interface("n6", "missing")),
    error=MISSING,
)  # fmt: skip

CASES: dict[str, tuple[Reading, dict[str, Live]]] = {
    "ready": (Reading(READY), AS_LEFT),
    "ready-changed": (
        Reading(
            dataclasses.replace(
                READY,
                warnings=("net.ipv4.conf.all.rp_filter is 1: n3's own 0 does nothing",),
                changes=(
                    "n6 at 0000:00:07.0: driver ena -> vfio-pci",
                    "link eth1 -> mul0",
                    "write /etc/systemd/network/05-multus-n3.network",
                ),
            )
        ),
        AS_LEFT,
    ),
    "ready-no-longer": (
        Reading(READY),
        {"n3": Live(True, "ena", (), ""), "n6": Live(False)},
    ),
    "degraded": (
        Reading(
            dataclasses.replace(
                READY,
                state=State.DEGRADED,
                consequence="kubelet may start: the node group says continue",
                interfaces=(N3, Interface("n6", "missing")),
                error=MISSING,
            )
        ),
        {"n3": AS_LEFT["n3"]},
    ),
    "waiting": (
        Reading(
            Status(
                State.WAITING,
                "discover",
                Run.HOTPLUG,
                "2026-11-24T03:02:12Z",
                instance="i-0a1b2c3d4e5f60718",
                node_group="user-plane",
                interfaces=(dataclasses.replace(N3, state="found"), Interface("n6", "missing")),
                warnings=("waits for n6: not attached (network card 0, device index 2)",),
            )
        ),
        {"n3": AS_LEFT["n3"]},
    ),
    "killed": (
        Reading(Status(State.WAITING, "apply", Run.BOOT, "2026-11-24T03:02:12Z")),
        {},
    ),
    "ready-in-a-pod": (
        Reading(
            dataclasses.replace(
                READY, interfaces=(dataclasses.replace(N3, pod_network="host-device"), N6)
            )
        ),
        {"n3": Live(True, "ena", ()), "n6": AS_LEFT["n6"]},
    ),
    "failed": (
        Reading(
            dataclasses.replace(
                READY,
                state=State.FAILED,
                step="plan",
                run=Run.MANUAL,
                consequence="the node was ready before, and kubelet is left alone",
                interfaces=(dataclasses.replace(N3, state="as before"),),
                error=failure(
                    PluginTooOld(
                        "the CNI plugin host-device must be 0.9.1 or newer for a device of a DPDK driver",
                        value="0.8.7",
                        remedy="Update the VPC CNI add-on or the AMI that brought it.",
                    )
                ),
            )
        ),
        {},
    ),
    "held": (Reading(HELD), {}),
    "held-misconfigured": (
        Reading(
            dataclasses.replace(
                HELD,
                interfaces=(),
                error=failure(
                    InstanceTypeUnknown(
                        "node group user-plane was checked for m5.xlarge",
                        value="c7i.xlarge",
                        remedy="Add the type to the node group's instance_types and deploy, or launch one of these.",
                    )
                ),
            )
        ),
        {},
    ),
    "abandoned": (
        Reading(
            dataclasses.replace(
                HELD, state=State.ABANDONED, consequence="kubelet does not start, and the node is replaced"
            )
        ),
        {},
    ),
    "none": (from_json(None), {}),
    "torn": (from_json('{"version": 1, "state": "re'), {}),
    "newer": (Reading(READY, "the status file is of version 2, this program knows 1"), AS_LEFT),
}  # fmt: skip


RUNNERS = {"waiting": 1234}


@pytest.mark.parametrize("name", CASES)
def test_the_report_is_the_golden_one(name: str) -> None:
    reading, live = CASES[name]
    runner = RUNNERS.get(name)
    assert (
        f"{status_file.report(reading, live, NOW, runner=runner)}\n"
        == (GOLDEN / f"{name}.txt").read_text()
    )


@pytest.mark.parametrize("name", CASES)
def test_the_first_word_tells_whether_the_node_is_ready(name: str) -> None:
    reading, live = CASES[name]
    first = status_file.report(reading, live, NOW).splitlines()[0]
    ready = reading.status is not None and reading.status.state is State.READY
    assert first.startswith("READY") == ready
    assert first.startswith("NOT READY") != ready


def test_no_line_of_the_report_ends_in_blanks_and_only_the_table_is_wide() -> None:
    for reading, live in CASES.values():
        for line in status_file.report(reading, live, NOW).splitlines():
            assert line == line.rstrip()
            assert len(line) <= 100 or "eni-" in line or line.startswith("INTERFACE")


@pytest.mark.parametrize(
    ("interface", "live", "told"),
    [
        pytest.param(N3, Live(True, "ena", ("mul0",), "down"), "the link mul0 is down", id="down"),
        pytest.param(N3, Live(True, "ena", ("net1",), "down"), "called net1 in place of mul0", id="renamed"),
        pytest.param(N3, Live(True, "ena", ()), "no link mul0 here", id="in-a-pod"),
        pytest.param(N3, Live(True, "", ()), "driver none in place of ena", id="unbound"),
        pytest.param(N6, Live(True, "ena", ("eth1",), "up"), "driver ena in place of vfio-pci", id="probed-back"),
        pytest.param(N6, Live(False), "the ENI was detached", id="gone"),
    ],
)  # fmt: skip
def test_what_changed_since_the_run_is_told(interface: Interface, live: Live, told: str) -> None:
    status = dataclasses.replace(READY, interfaces=(interface,))
    report = status_file.report(Reading(status), {interface.name: live}, NOW)
    assert "Not as the run left it" in report
    assert told in " ".join(report.split())


def test_a_host_device_that_a_pod_has_is_as_it_should_be() -> None:
    interface = dataclasses.replace(N3, pod_network="host-device")
    status = dataclasses.replace(READY, interfaces=(interface,))
    report = status_file.report(Reading(status), {"n3": Live(True, "ena", ())}, NOW)
    assert report.splitlines()[0] == "READY"


def test_a_mapping_without_write_combining_is_a_warning() -> None:
    live = {"n6": Live(True, "vfio-pci", write_combined=False)}
    assert "without write combining" in status_file.report(Reading(READY), live, NOW)


@pytest.mark.parametrize(
    ("moment", "told"),
    [
        ("2026-11-24T03:02:40Z", "(now)"),
        ("2026-11-24T03:09:40Z", "(now)"),
        ("2026-11-24T03:02:01Z", "(39 s ago)"),
        ("2026-11-24T02:02:41Z", "(59 min ago)"),
        ("2026-11-23T03:02:41Z", "(23 h ago)"),
        ("2026-11-20T03:02:41Z", "(3 d ago)"),
        ("the other day", "the other day"),
    ],
)
def test_how_long_ago_it_was(moment: str, told: str) -> None:
    status = dataclasses.replace(READY, ended_at=moment)
    assert told in status_file.report(Reading(status), {}, NOW)


def make_device(root: Path, address: str, driver: str | None, link: str | None = None) -> None:
    device = root / "sys/bus/pci/devices" / address
    device.mkdir(parents=True)
    if driver is not None:
        (device / "driver").symlink_to(f"../../drivers/{driver}")
    if link is not None:
        (device / "net" / link).mkdir(parents=True)
        state = root / "sys/class/net" / link
        state.mkdir(parents=True)
        (state / "operstate").write_text("up\n")


def test_what_the_interfaces_are_now_comes_from_sysfs(tmp_path: Path) -> None:
    make_device(tmp_path, N3.pci, "ena", "mul0")
    make_device(tmp_path, N6.pci, None)
    status = dataclasses.replace(
        READY,
        interfaces=(N3, N6, dataclasses.replace(N3, name="gone", pci="0000:00:09.0"), Interface("x", "missing")),
    )  # fmt: skip
    assert status_file.observe(status, Files(tmp_path)) == {
        "n3": Live(True, "ena", ("mul0",), "up"),
        "n6": Live(True, "", ()),
        "gone": Live(False),
    }


def test_a_link_that_goes_while_it_is_looked_at_has_no_state(tmp_path: Path) -> None:
    make_device(tmp_path, N3.pci, "ena", "mul0")
    operstate = tmp_path / "sys/class/net/mul0/operstate"
    operstate.unlink()
    operstate.mkdir()  # sysfs has other errors for it, and all are OSError
    live = status_file.observe(READY, Files(tmp_path))
    assert live["n3"] == Live(True, "ena", ("mul0",), "")


def test_a_dpdk_device_that_nothing_has_mapped_is_as_left(tmp_path: Path) -> None:
    make_device(tmp_path, N6.pci, Driver.VFIO_PCI.value)
    live = status_file.observe(READY, Files(tmp_path))
    assert live["n6"] == AS_LEFT["n6"]


def test_the_file_is_written_whole_and_read_again(tmp_path: Path) -> None:
    files = Files(tmp_path)
    assert status_file.read(files).status is None
    for status in (HELD, READY):
        status_file.write(status, files)
        assert status_file.read(files) == Reading(status)
    assert files.names("/run/multus-node") == ("status.json",)
    assert files.text(layout.STATUS) == to_json(READY)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "run/multus-node/status.json").mkdir(parents=True)
    reading = status_file.read(Files(tmp_path))
    assert reading.status is None
    assert reading.problem.startswith("the status file cannot be read")


@pytest.mark.parametrize(
    ("hook", "told"),
    [
        pytest.param(None, None, id="none"),
        pytest.param(Record("h", "i-1", HookResult.CONTINUE), None, id="answered"),
        pytest.param(
            Record("h", "i-1", waits_for="kubelet: nothing answers"),
            "The launch hook h is not answered yet: waits for kubelet: nothing answers",
            id="waits",
        ),
        pytest.param(
            Record("h", "i-1", waits_for="hook-unanswered: no", failed=True),
            "The launch hook h is not answered yet: hook-unanswered: no",
            id="refused",
        ),
    ],
)
def test_a_launch_that_is_not_over_says_what_it_waits_for(
    hook: Record | None, told: str | None
) -> None:
    shown = status_file.report(Reading(READY), {}, NOW, hook=hook)
    assert shown.startswith("READY")
    said = [line for line in shown.splitlines() if line.startswith("The launch hook")]
    assert said == ([] if told is None else [told])


def test_the_addresses_that_pods_have_are_counted(tmp_path: Path) -> None:
    files = Files(tmp_path)
    pool = dataclasses.replace(N3, pod_addresses=("10.0.3.11", "10.0.3.12", "2001:db8::8"))
    files.at(f"/sys/bus/pci/devices/{N3.pci}").mkdir(parents=True)
    folder = f"{layout.POD_ADDRESSES}/{layout.CNI_PREFIX}n3"
    # What else host-local keeps there, and an address that the ENI has lost.
    for name in ("10.0.3.12", "10.0.3.99", "last_reserved_ip.0", "lock"):
        files.carry_out(WriteFile(f"{folder}/{name}", "pod-a"))
    status = dataclasses.replace(READY, interfaces=(pool, N6))
    shown = status_file.report(Reading(status), status_file.observe(status, files), NOW)
    assert "Addresses for pods:\n  - n3: 1 of 3 in use\n" in shown
    assert from_json(to_json(status)).status == status
