"""What a node cannot be or do is said in one line, with an exit code for its class, and the host stays as it was.

Configurations that cannot even be read need no host: tests/node_bootstrap/test_main.py has them.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from domain.node import layout
from domain.node.config import Driver, NodeConfig, NodeGroup, PodNetwork, to_json
from kernellab.guest import Guest
from kernellab.imds import Fault
from kernellab.machine import Machine
from tests.kernel.node import GROUP, Node, eni, interface

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kernellab.image import Image

pytestmark = [pytest.mark.kernel, pytest.mark.subprocesses("qemu-system-x86_64")]

WANTED = NodeGroup(GROUP, "asg", (interface(1),), deadline_s=1)
NEVER = replace(WANTED, interfaces=(interface(1), interface(2)), deadline_s=600)
OLD_PLUGIN = "#!/bin/bash\necho 'CNI static plugin v0.8.2' >&2\n"


@pytest.fixture(scope="module")
def node(lab: Image) -> Iterator[Node]:
    """Give a node that has its interface and is ready."""
    with Guest(Machine(), image=lab) as guest:
        node = Node(guest, WANTED)
        node.fetch()
        node.attach(eni(1))
        assert guest.wait_for("systemctl is-active --quiet udev-net-manager@ens6")
        installed = node.install()
        assert installed.returncode == 0, installed.stdout
        yield node


def _config(group: NodeGroup = WANTED, region: str | None = None) -> str:
    return to_json(NodeConfig("MultusEni-lab", "lab", region, (group,)))


def _promise(**changed: Any) -> str:  # noqa: ANN401 - any field
    """Return a configuration whose one interface is another than the node has."""
    return _config(replace(WANTED, interfaces=(replace(interface(1), **changed),)))


@dataclass(frozen=True)
class Refusal:
    """A run that cannot succeed."""

    line: str
    """A pattern of the line, after its code and before its remedy."""
    config: str
    before: str = "true"
    """A shell script that breaks something on the node."""
    after: str = "true"
    fault: Fault | None = None
    as_user: tuple[str, ...] = ()
    told: bool = True
    """Whether the status file has it too: not what is no fault of the node, and not while another run is at it."""


REFUSALS = {
    "configuration-missing": Refusal("No such file", _config(), before="rm /opt/given.json"),
    "configuration-foreign": Refusal("us-east-1", _config(region="eu-west-1")),
    "instance-type-unknown": Refusal(
        "m5.large", _config(replace(WANTED, instance_types=("c7i.xlarge",)))
    ),
    "metadata-unreachable": Refusal(
        "PUT /latest/api/token",
        _config(),
        before="systemctl stop lab-imds.service && ip route add blackhole 169.254.169.254/32",
        after="ip route del blackhole 169.254.169.254/32; systemctl start lab-imds.service",
    ),
    "metadata-token-refused": Refusal("403", _config(), fault=Fault(status=403)),
    "interface-missing": Refusal(
        "net2: not attached",
        _config(replace(WANTED, interfaces=(interface(1), interface(2)))),
    ),
    "link-not-renamed": Refusal("ens5: MAC address 0e:00:00:00:00:01", _promise(link_name="ens5")),
    "plugin-too-old": Refusal(
        "0.8.2",
        _promise(pod_network=PodNetwork.IPVLAN_L2),
        before="mount --bind /opt/old-plugin /opt/cni/bin/static",
        after="umount /opt/cni/bin/static",
    ),
    "tool-failed": Refusal(
        "networkctl reload",
        _promise(mtu=1500),
        before="mount --bind /usr/bin/false /usr/bin/networkctl",
        after="umount /usr/bin/networkctl",
    ),
    "not-permitted": Refusal(
        "user id 65534",
        _config(),
        as_user=("setpriv", "--reuid=65534", "--clear-groups"),
        told=False,
    ),
    "run-under-way": Refusal("process [0-9]+, started by manual", _config(), told=False),
    "host-refused": Refusal(
        "50-multus-node.yaml: Is a directory",
        _config(),
        before=f"mv {layout.NODEADM} /opt/drop-in && mkdir {layout.NODEADM}",
        after=f"rmdir {layout.NODEADM} && mv /opt/drop-in {layout.NODEADM}",
    ),
}
EXIT_CODES = {
    "configuration": 2,
    "instance": 2,
    "metadata": 3,
    "interface": 4,
    "link": 7,
    "plugin": 8,
    "tool": 8,
    "not": 9,
    "run": 10,
    "host": 11,
}


@pytest.fixture(scope="module")
def as_it_was(node: Node) -> str:
    """Give what the host is before any of these runs."""
    return node.host()


@pytest.mark.parametrize("case", REFUSALS)
def test_a_run_that_cannot_succeed_says_so_in_one_line_and_leaves_the_host_as_it_was(
    node: Node, as_it_was: str, case: str
) -> None:
    refusal = REFUSALS[case]
    node.guest.put("/opt/given.json", refusal.config)
    node.guest.put("/opt/long.json", _config(NEVER))
    node.guest.put("/opt/old-plugin", OLD_PLUGIN, 0o755)
    if refusal.fault is not None:
        node.guest.imds.break_path("api/token", refusal.fault)
    node.guest.run(refusal.before).check()
    command = ["/usr/local/sbin/multus-node", "run", "--config", "/opt/given.json"]
    try:
        if case == "run-under-way":
            first = node.guest.start([*command[:3], "/opt/long.json"])
            assert node.guest.wait_for("grep -q waiting /run/multus-node/status.json")
        refused = node.guest.run([*refusal.as_user, *command])
        if case == "run-under-way":
            node.guest.run(["kill", "-KILL", str(first.pid)]).check()
            first.wait()
    finally:
        node.guest.run(refusal.after).check()
        node.guest.imds.heal()
    (line,) = refused.stderr.splitlines()
    assert re.match(rf"{case}: .+ \(found: .*{refusal.line}.*\)\. [A-Z`].+\.$", line), line
    assert refused.returncode == EXIT_CODES[case.partition("-")[0]]
    assert refused.stdout in ("", "nothing to change\n")
    assert node.host() == as_it_was
    if refusal.told:
        status = node.status()
        assert (status["state"], status["error"]["code"]) == ("failed", case)
        assert node.command("status").returncode == refused.returncode


def test_the_primary_interface_is_nobodys_whatever_configuration_and_records_say(
    node: Node, as_it_was: str
) -> None:
    """No configuration reaches the plan's own refusal of the primary interface: it is never taken for a promised one.

    The strongest that can be asked for is a DPDK driver for exactly its place and subnet, with a record by which an earlier
    run found it to be that interface. That one is missing then, whatever the policy, and the primary keeps its driver. What
    the plan says to a primary interface that discovery hands it all the same is in tests/domain/node/test_binding.py.
    """
    (primary,) = (one for one in node.guest.imds.state.enis if one.device_number == 0)
    wanted = replace(
        interface(1),
        device_index=0,
        device_index_fixed=True,
        subnet_ids=(primary.subnet_id,),
        driver=Driver.UIO_PCI_GENERIC,
    )
    before = node.guest.read(layout.CLAIMS)
    assert before is not None
    claims = {**json.loads(before), "claims": {primary.interface_id: wanted.name}}
    node.guest.put(layout.CLAIMS, json.dumps(claims))
    node.guest.put("/opt/given.json", _config(replace(WANTED, interfaces=(wanted,))))
    refused = node.command("run", "--config", "/opt/given.json")
    node.guest.put(layout.CLAIMS, before)
    assert (refused.returncode, refused.stdout) == (4, "")
    assert re.match(r"interface-missing: .+ \(found: net1: not attached .*\)\. ", refused.stderr)
    assert node.host() == as_it_was
