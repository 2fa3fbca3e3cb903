"""What others read, and the status, from the archive under the system Python of Amazon Linux 2023 (3.9): the same text as here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.python39 import REPOSITORY, run_in_archive

if TYPE_CHECKING:
    from pathlib import Path

PURE = REPOSITORY / "tests/domain/node/golden"

SMOKE = r"""
from datetime import datetime, timezone
from pathlib import Path
from domain.node import cni, device_plugin, kubelet, plugins
from domain.node.config import Driver, PodNetwork
from domain.node.errors import PluginTooOld
from domain.node.status import Interface, Reading, Run, State, Status, exit_code, failure
from node_bootstrap import status as status_file
from node_bootstrap.files import Files
from tests.fakes import nodes

golden, files = Path(sys.argv[1]), Files(Path(sys.argv[2]))

n3 = nodes.interface("n3", pod_network=PodNetwork.HOST_DEVICE, resource_name="n3")
n6 = nodes.interface(
    "n6", pod_network=PodNetwork.HOST_DEVICE, resource_name="n6_dpdk", driver=Driver.VFIO_PCI
)
group = nodes.group(n3, n6)
devices = [nodes.device("n3", "0000:00:06.0"), nodes.device("n6", "0000:00:07.0")]
present = {each.pci_address: nodes.pci_device(each.pci_address) for each in devices}
pools = device_plugin.text(device_plugin.pools(group, devices, present, {}))
assert pools == (golden / "device_plugin/kernel-and-dpdk.json").read_text()
assert len(cni.files(group, devices)) == 2
assert kubelet.drop_in(group, ("n6", "n3")) == (golden / "kubelet/degraded.yaml").read_text()
assert kubelet.overridden(group, "maxPods: 110")
try:
    old = {"host-device": plugins.Observed("host-device", "CNI host-device plugin v0.8.7")}
    plugins.check(plugins.needs(group), old, required=False)
except PluginTooOld as error:
    now = datetime(2026, 11, 24, tzinfo=timezone.utc)
    held = Status(
        State.HELD, "plan", Run.BOOT, "2026-11-23T23:59:00Z", interfaces=(Interface("n3", "ready"),),
        error=failure(error),
    )
    status_file.write(held, files)
    assert status_file.read(files) == Reading(held)
    assert status_file.report(Reading(held), {}, now).startswith("NOT READY  held: plugin-too-old")
    print("ok", exit_code(Reading(held)))
"""


@pytest.mark.subprocesses("python3.9")
def test_the_same_text_comes_out_under_python_3_9(tmp_path: Path) -> None:
    assert run_in_archive(SMOKE, PURE, tmp_path / "root", build=tmp_path) == "ok 8\n"
