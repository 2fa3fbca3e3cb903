"""Discovery from the archive under the system Python of Amazon Linux 2023 (3.9): from a metadata service to a device."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kernellab import imds as lab
from tests.python39 import run_in_archive

if TYPE_CHECKING:
    from pathlib import Path

SMOKE = r"""
from pathlib import Path
from domain.node.config import NodeConfig, NodeGroup, NodeInterface
from domain.node.errors import InterfaceMissing
from domain.node.model import Link
from node_bootstrap.deadline import Deadline
from node_bootstrap.discovery import Sources, require, wait
from node_bootstrap.files import Files
from node_bootstrap.imds import MetadataService
from node_bootstrap.netlink import LINKS, Events, Netlink
from node_bootstrap.records import Records

promised = NodeInterface("n3", "mul0", 0, 1, False, ("subnet-m",), ("sg-m",))
group = NodeGroup("workers", "asg", (promised,))
config = NodeConfig("MultusEni-fleet", "cluster", None, (group,))
files = Files(Path(sys.argv[2]))
records = Records(files)
metadata = MetadataService((("127.0.0.1", int(sys.argv[1])),))
slot = files.at("/sys/bus/pci/devices/0000:00:06.0")
slot.mkdir(parents=True)

class Links:
    def links(self):
        return (Link("eth1", 5, "02:00:00:00:00:01", True, 9001, "0000:00:06.0"),)

with Events(LINKS) as events, Netlink() as kernel:
    for asked in (kernel.links(), kernel.addresses(), kernel.routes(), kernel.rules()):
        assert isinstance(asked, tuple)
    try:
        require(wait(config, group, Sources(metadata, kernel, events, files, records), Deadline(0.2)))
    except InterfaceMissing as missing:
        assert "eni-1 is attached and no link" in missing.line(), missing.line()
    found = wait(config, group, Sources(metadata, Links(), events, files, records), Deadline(0))
records.remember_devices(found.seen)
records.remember_claims(found.instance.instance_id, found.claims)
assert records.devices() == found.seen and records.claims("i-0123456789abcdef0") == {"eni-1": "n3"}
print("ok", found.devices["n3"].pci_address)
"""


@pytest.mark.subprocesses("python3.9")
def test_discovery_works_under_python_3_9(tmp_path: Path) -> None:
    state = lab.node_state("02:00:00:00:00:00")
    state.enis.append(
        lab.Eni(
            "02:00:00:00:00:01",
            1,
            "eni-1",
            "subnet-m",
            subnet_ipv4_cidr_block="10.0.3.0/24",
            local_ipv4s=("10.0.3.10",),
            security_group_ids=("sg-m",),
        )
    )
    state.write(tmp_path / "state.json")
    with lab.Running(tmp_path / "state.json") as server:
        said = run_in_archive(SMOKE, str(server.port), tmp_path / "root", build=tmp_path)

    assert said == "ok 0000:00:06.0\n"
