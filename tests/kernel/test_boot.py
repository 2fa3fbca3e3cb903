"""A node's life on a real kernel: first boot, reboot, hot-attach, failures and what they do to kubelet, runs that are killed."""

from __future__ import annotations

import email
import hashlib
import json
import signal
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

import authoring
from authoring.created import WarmPool
from domain.node import layout
from domain.node.config import Driver, NodeGroup, OnFailure, WriteCombining
from kernellab.guest import Nic
from kernellab.pythons import find_python39
from stacks import nodeadm, user_data
from tests.kernel.node import GROUP, REPOSITORY, Node, eni, interface

if TYPE_CHECKING:
    from kernellab.guest import Guest
    from kernellab.image import Image

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.subprocesses("qemu-system-x86_64", "python3.9"),
]

HOOK = "MultusEni-lab-ready"
_DROP_IN = "/etc/eks/nodeadm.d/50-multus-node.yaml"
_READY = """grep -q '^  "state": "ready"' /run/multus-node/status.json"""
_ANSWERED = f"""grep -q '"result": "CONTINUE"' {layout.HOOK}"""
_ENDED = """grep -q '^  "run": "{run}"' /run/multus-node/status.json && ! grep -q '"ended_at": null' /run/multus-node/status.json"""
CURL = r"""#!/bin/bash
# curl -sf [-X METHOD] -H NAME:VALUE URL, as the user data has it: the body of a 200, else a failure.
method=GET
while (($#)); do
  case $1 in
    -sf) ;;
    -X) method=$2; shift ;;
    -H) header=$2; shift ;;
    http://169.254.169.254/*) path=${1#http://169.254.169.254} ;;
    *) exit 2 ;;
  esac
  shift
done
exec 3<> /dev/tcp/169.254.169.254/80
printf '%s %s HTTP/1.1\r\nHost: imds\r\nConnection: close\r\nContent-Length: 0\r\n%s\r\n\r\n' "$method" "$path" "$header" >&3
read -r _ status _ <&3
while IFS= read -r line <&3 && [[ $line != $'\r' ]]; do :; done
[[ $status == 200 ]] && cat <&3
"""
"""The image of Amazon Linux has one, the guest has none."""
AWS = """#!/bin/bash
case $1 in
  ssm) echo s3://assets/{digest}.pyz ;;
  s3) cp /opt/published.pyz "${{@: -1}}" ;;
esac
"""


_TARGET = "meta-data/autoscaling/target-lifecycle-state"


def _group(*positions: int, **changed: Any) -> NodeGroup:  # noqa: ANN401 - any field
    group = NodeGroup(GROUP, "asg", tuple(interface(position) for position in positions))
    return replace(group, **changed)


def _of_created_group() -> str:
    """Return the shell part of a created group's MIME user data: that of the sample, with a warm pool.

    Without isolated CPUs, for which a node boots a second time first.
    """
    authored = authoring.load(REPOSITORY / "config" / "created.yaml")
    (written,) = authored.node_groups
    assert written.create is not None
    assert authored.cluster is not None
    create = written.create.model_copy(update={"isolated_cpus": None, "warm_pool": WarmPool()})
    config = nodeadm.node_config("telco", authored.cluster, create)
    text = nodeadm.multipart("MultusEni-lab", written.name, config=config, create=create)
    parts = {part.get_content_type(): part for part in email.message_from_string(text).walk()}
    script = parts["text/x-shellscript"].get_payload()
    assert isinstance(script, str)
    return script


def _publish(node: Node, script: str | None = None) -> None:
    """Let user data of the stack, or another script, find the archive, and let it be the node's."""
    node.fetch()
    archive = node.guest.read(layout.FETCHED)
    assert archive is not None
    node.guest.run(["mv", layout.FETCHED, "/opt/published.pyz"]).check()
    digest = hashlib.sha256(archive).hexdigest()
    node.guest.put("/var/lib/kernellab/aws-answer", AWS.format(digest=digest), 0o755)
    script = script or user_data.script("MultusEni-lab", node.group.name)
    node.guest.put("/var/lib/user-data.sh", script, 0o755)


def _answers(node: Node) -> list[str]:
    """Return what the node's own launch hook was answered with."""
    calls = [json.loads(line) for line in (node.guest.read("/run/aws-calls") or b"").splitlines()]
    return [
        call[call.index("--lifecycle-action-result") + 1]
        for call in calls
        if call[:2] == ["autoscaling", "complete-lifecycle-action"]
    ]


def _bring_plugin(node: Node) -> None:
    """Let the cluster's network plugin come, which the node waits for before it answers its hook."""
    plugin = "network plugin"
    waits = f"grep -q '{plugin}' {layout.HOOK}"
    assert node.guest.wait_for(waits), node.guest.read(layout.HOOK)
    assert f"is not answered yet: waits for the cluster's {plugin}" in node.command("status").stdout
    assert _answers(node) == []
    node.guest.put(f"{layout.CNI_OF_RUNTIME}/10-aws.conflist", "{}")
    assert node.guest.wait_for(_ANSWERED), node.command("status").stdout


def _uptime_of(node: Node, stamp: str) -> float:
    return float((node.guest.read(f"/run/lab/{stamp}") or b"nan").decode())


def _network(node: Node) -> tuple[object, ...]:
    """Return links with their addresses, the rules and the routes, without what differs from boot to boot."""
    links = {
        link["ifname"]: (
            link["address"],
            link["mtu"],
            sorted(each["local"] for each in link["addr_info"]),
        )
        for link in node.ip("address")
        if link["ifname"] != "ens5"
    }
    rules = [
        sorted(json.dumps(rule, sort_keys=True) for rule in node.ip(family, "rule"))
        for family in ("-4", "-6")
    ]
    routes = sorted(
        (route["table"], route["dst"], route.get("gateway", ""))
        for route in node.ip("-4", "route", "show", "table", "all")
        if str(route.get("table")).startswith("20")
    )
    return links, rules, routes


def _files(node: Node) -> str:
    """Return when each file that others read was written last."""
    return node.guest.run(
        "find /etc/systemd/network /etc/sysctl.d /etc/eks/nodeadm.d /etc/systemd/system /opt/multus-node"
        " -type f -not -path '*/__pycache__/*' -printf '%p %T@\\n' | sort"
    ).stdout


def test_user_data_makes_a_node_ready_before_kubelet_and_so_does_every_later_boot(
    held_guest: Guest,
) -> None:
    dpdk = replace(interface(3), driver=Driver.VFIO_PCI, write_combining=WriteCombining.IGNORED)
    group = _group(1, 2, ready_hook=HOOK, allow_unsafe_noiommu=True)
    node = Node(held_guest, replace(group, interfaces=(*group.interfaces, dpdk)))
    _publish(node, _of_created_group())
    device = node.attach(eni(3))
    held_guest.release()
    log = "/var/log/cloud-init-output.log"
    waits = "grep -q waiting /run/multus-node/status.json"
    assert held_guest.wait_for(waits, 120), held_guest.read(log)
    node.attach(eni(2)._replace(local_ipv4s=("10.0.2.10", "10.0.2.11")))
    assert held_guest.wait_for("test -e /sys/class/net/ens6")
    assert held_guest.read("/run/lab/kubelet") is None
    node.attach(eni(1))
    assert held_guest.wait_booted() == "running", held_guest.read(log)

    assert node.status()["state"] == "ready"
    assert node.driver(device) == "vfio-pci"
    _bring_plugin(node)
    assert _answers(node) == ["CONTINUE"]
    assert _uptime_of(node, "cloud-final") < _uptime_of(node, "kubelet")
    asked = held_guest.run(
        ["systemctl", "show", "-P", "ExecCondition", "nodeadm-run.service"]
    ).check()
    assert "target-lifecycle-state" in asked.stdout
    once, files = _network(node), _files(node)
    links = once[0]
    assert isinstance(links, dict)
    assert {name: link[0] for name, link in links.items() if name.startswith("mul")} == {
        "mul0": eni(1).mac,
        "mul1": eni(2).mac,
    }
    assert node.command("run").stdout == "nothing to change\n"
    assert _answers(node) == ["CONTINUE"]

    held_guest.put("/run/before-the-reboot", "")
    fetched = held_guest.read(log)
    held_guest.reboot()
    assert held_guest.read("/run/before-the-reboot") is None
    assert held_guest.run("journalctl -b -o cat | grep 'ordering cycle'").stdout == ""
    held_guest.run("systemctl is-active multus-node-hotplug.path").check()
    assert held_guest.read(log) == fetched, "user data runs once in an instance's life"
    said = "journalctl -b -u multus-node.service -t multus-node -o cat"
    journal = held_guest.run(said).stdout
    assert journal.splitlines()[-2:] == [
        "kubelet may start: ready",
        "start multus-node-answer.service",
    ], held_guest.run("journalctl -b -o short-monotonic | tail -80").stdout
    assert _files(node) == files
    assert held_guest.wait_for(_READY), node.status()
    _bring_plugin(node)
    assert _network(node) == once
    assert node.driver(device) == "vfio-pci"
    shown = held_guest.run(
        "systemctl show -P ExecMainExitTimestampMonotonic multus-node.service"
    ).check()
    assert int(shown.stdout) / 1e6 < _uptime_of(node, "kubelet")


def test_a_node_in_the_warm_pool_answers_before_it_is_stopped_and_joins_at_the_next_boot(
    held_guest: Guest,
) -> None:
    node = Node(held_guest, _group(1, ready_hook=HOOK))
    _publish(node, _of_created_group())
    held_guest.put("/usr/local/bin/curl", CURL, 0o755)
    node.attach(eni(1))
    held_guest.imds.state.extra[_TARGET] = "Warmed:Stopped"
    held_guest.imds.publish()
    held_guest.release()
    assert held_guest.wait_for(_ANSWERED), node.command("status").stdout
    held_guest.wait_booted()
    assert (node.status()["state"], _answers(node)) == ("ready", ["CONTINUE"])
    assert held_guest.read("/run/lab/kubelet") is None

    # At the boot into service the metadata service still tells the old state.
    held_guest.reboot()
    assert held_guest.wait_for(_ANSWERED), node.command("status").stdout
    assert held_guest.read("/run/lab/kubelet") is None
    held_guest.put(f"{layout.CNI_OF_RUNTIME}/10-aws.conflist", "{}")
    held_guest.imds.state.extra[_TARGET] = "InService"
    held_guest.imds.publish()
    assert held_guest.wait_for("test -e /run/lab/kubelet"), node.command("status").stdout
    served = '"result": "CONTINUE".*"warming": false'
    assert held_guest.wait_for(f"grep -q '{served}' {layout.HOOK}"), held_guest.read(layout.HOOK)


def test_an_eni_that_is_attached_later_is_prepared_when_it_comes(guest: Guest) -> None:
    node = Node(guest, _group(1, 2, on_failure=OnFailure.CONTINUE, deadline_s=1))
    node.fetch()
    node.attach(eni(1))
    first = node.install()
    assert first.returncode == 0, first.stdout
    assert "interface-missing: " in first.stdout
    assert node.status()["state"] == "degraded"
    assert b"multus-eni.io/state=degraded" in (guest.read(_DROP_IN) or b"")
    assert [link["ifname"] for link in node.ip("link") if link["ifname"].startswith("mul")] == [
        "mul0"
    ]

    node.attach(eni(2))
    assert guest.wait_for(_READY), node.status()
    assert node.status()["run"] == "hotplug"
    assert b"degraded" not in (guest.read(_DROP_IN) or b"")
    (second,) = node.ip("address", "show", "mul1")
    assert [each["local"] for each in second["addr_info"]] == ["10.0.2.10"]

    guest.imds.detach(eni(2).mac)
    guest.unplug("nic-" + eni(2).mac.replace(":", ""))
    assert guest.wait_for("! test -e /sys/class/net/mul1")
    shown = node.command("status")
    assert shown.returncode != 0, shown.stdout
    again = node.command("run")
    assert (again.returncode, node.status()["state"]) == (0, "degraded")
    assert again.stderr.startswith("interface-missing: ")
    (kept,) = node.ip("address", "show", "mul0")
    assert [each["local"] for each in kept["addr_info"]] == ["10.0.1.10"]


def test_a_held_node_starts_kubelet_only_when_somebody_has_mended_it(held_guest: Guest) -> None:
    node = Node(held_guest, _group(1, deadline_s=1))
    _publish(node)
    held_guest.plug(Nic(eni(1).mac, "subnet-1"))
    held_guest.release()
    held_guest.wait_booted()
    said = (held_guest.read("/var/log/cloud-init-output.log") or b"").decode()
    assert "interface-missing: " in said
    assert held_guest.read("/var/lib/cloud/instance/sem/config_scripts_user") == b"4\n"
    assert held_guest.read("/run/lab/kubelet") is None
    assert held_guest.run("systemctl start kubelet.service").returncode != 0
    shown = node.command("status")
    assert shown.returncode == 4
    assert "NOT READY  held: interface-missing" in shown.stdout
    assert "kubelet does not start" in shown.stdout

    held_guest.imds.attach(eni(1))
    mended = node.command("run")
    assert (mended.returncode, mended.stderr) == (0, "")
    assert held_guest.wait_for("test -e /run/lab/kubelet")
    assert node.command("status").returncode == 0


def test_an_abandoned_node_is_given_back_and_never_gets_a_pod(held_guest: Guest) -> None:
    group = _group(1, deadline_s=1, on_failure=OnFailure.ABANDON, ready_hook=HOOK)
    node = Node(held_guest, group)
    _publish(node)
    held_guest.release()
    held_guest.wait_booted()
    assert node.status()["state"] == "abandoned"
    assert _answers(node) == ["ABANDON"]
    node.attach(eni(1))
    assert held_guest.wait_for(_ENDED.format(run="hotplug")), node.status()
    late = node.status()
    assert (late["state"], late["error"]["code"]) == ("abandoned", "launch-abandoned")
    assert [each["state"] for each in late["interfaces"]] == ["ready"]
    assert node.command("status").returncode == 12
    assert _answers(node) == ["ABANDON"]
    assert held_guest.read("/run/lab/kubelet") is None
    assert held_guest.read("/run/multus-node/kubelet-may-start") is None


def test_a_node_whose_launch_is_over_is_held_and_let_in_when_it_is_mended(
    held_guest: Guest,
) -> None:
    group = _group(1, deadline_s=1, on_failure=OnFailure.ABANDON, ready_hook=HOOK)
    node = Node(held_guest, group)
    _publish(node)
    answers = held_guest.read("/var/lib/kernellab/aws-answer")
    assert answers is not None
    refusal = "  autoscaling) echo 'No active Lifecycle Action found' >&2; exit 254 ;;\nesac"
    script = answers.decode().replace("esac", refusal)
    held_guest.put("/var/lib/kernellab/aws-answer", script, 0o755)
    held_guest.release()
    held_guest.wait_booted()
    held = node.status()
    assert held["state"] == "held"
    assert "no launch is open, so nobody replaces the node" in held["consequence"]
    assert held_guest.wait_for("systemctl is-active multus-node-answer")
    assert held_guest.read("/run/lab/kubelet") is None
    node.attach(eni(1))
    assert held_guest.wait_for(_READY), node.status()
    assert held_guest.wait_for("test -e /run/lab/kubelet")
    assert node.command("status").returncode == 0


SYNC = """
[Unit]
After=nodeadm-run.service
Requires=nodeadm-run.service
[Service]
Type=oneshot
ExecStart=/usr/lib/kernellab/stamp nodeadm-sync
[Install]
WantedBy=multi-user.target
"""


def test_a_node_that_is_held_by_its_configuration_starts_kubelet_with_the_next_archive(
    held_guest: Guest,
) -> None:
    node = Node(held_guest, _group(1, deadline_s=1, instance_types=("c7i.xlarge",)))
    _publish(node)
    held_guest.put("/etc/systemd/system/nodeadm-sync.service", SYNC)
    held_guest.run(["systemctl", "enable", "nodeadm-sync.service"]).check()
    node.attach(eni(1))
    held_guest.release()
    held_guest.wait_booted()
    held = node.status()
    assert (held["state"], held["error"]["code"]) == ("held", "instance-type-unknown")
    assert "Install an archive with the right configuration" in node.command("status").stdout
    assert held_guest.read("/run/lab/kubelet") is None

    corrected = Node(held_guest, _group(1, deadline_s=1))
    corrected.fetch()
    installed = corrected.install()
    assert (installed.returncode, corrected.status()["state"]) == (0, "ready"), installed.stdout
    assert held_guest.wait_for("test -e /run/lab/kubelet -a -e /run/lab/nodeadm-sync")
    assert held_guest.wait_for("! systemctl list-jobs | grep -q nodeadm")
    started = held_guest.read("/run/lab/nodeadm-run")
    again = corrected.install()
    assert (again.returncode, again.stdout.splitlines()[0]) == (0, "installed already")
    assert held_guest.read("/run/lab/nodeadm-run") == started


KILLER = """
import os, runpy, signal, sys

event, left = sys.argv[1], int(sys.argv[2])
sys.argv = sys.argv[3:]


def kill(name, _):
    global left
    if name == event:
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


sys.addaudithook(kill)
sys.path.insert(0, sys.argv[0])
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def _killed_at(node: Node, event: str, count: int, *command: str) -> int:
    """Run the program so that it is killed, as by kill -9, right before it does something for the so-manieth time.

    Return its code; `event` is one of Python's audit events.
    """
    node.guest.put("/opt/killer.py", KILLER)
    killer = ["/usr/bin/python3", "-IS", "/opt/killer.py", event, str(count)]
    return node.guest.run([*killer, *command], 180).returncode


def test_a_dry_run_changes_nothing_and_runs_that_are_killed_anywhere_converge(guest: Guest) -> None:
    node = Node(guest, _group(1, 2))
    node.fetch()
    node.attach(eni(1))
    node.attach(eni(2))
    program = ("/usr/bin/python3", "-IS", layout.FETCHED)
    for link in ("ens6", "ens7"):
        assert guest.wait_for(f"systemctl is-active --quiet udev-net-manager@{link}")
    untouched = node.host()
    dry = guest.run([*program, "run", "--dry-run", "--node-group", GROUP])
    assert dry.returncode == 0, dry.stderr
    assert "write /etc/systemd/network/05-multus-net1.network" in dry.stdout
    assert "link ens6 -> mul0" in dry.stdout
    assert node.host() == untouched

    install = ("install", "--node-group", GROUP, "--no-run")
    for count in (2, 5):
        assert _killed_at(node, "os.rename", count, layout.FETCHED, *install) == -signal.SIGKILL
    assert _killed_at(node, "subprocess.Popen", 1, layout.FETCHED, *install) == -signal.SIGKILL
    guest.run([*program, *install]).check()
    # A verb's first start from the folder has Python write its bytecode, which renames files too.
    node.command("run", "--dry-run").check()
    assert "no run has begun" in node.command("status").stdout
    there = set(guest.run(["ls", "-A", layout.PROGRAMS]).check().stdout.split())
    (version,) = there - {layout.POD_ADDRESSES_NAME}
    installed = f"{layout.PROGRAMS}/{version}"
    # Records, files of systemd-networkd, its reload and reconfiguration, what others read.
    for event, count in (
        ("os.rename", 4),
        ("os.rename", 8),
        ("subprocess.Popen", 1),
        ("subprocess.Popen", 2),
    ):
        assert _killed_at(node, event, count, installed, "run") == -signal.SIGKILL
        assert node.status()["state"] == "waiting"
    ended = node.command("run")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert node.status()["state"] == "ready"
    assert [each["local"] for each in node.ip("address", "show", "mul1")[0]["addr_info"]] == [
        "10.0.2.10"
    ]
    assert node.command("run").stdout == "nothing to change\n"
    left_over = "find /etc /opt/multus-node /var/lib/multus-node -name '.*fresh'"
    assert guest.run(left_over).stdout == ""


def test_everything_ran_under_the_python_of_amazon_linux(guest: Guest, lab: Image) -> None:
    if find_python39() is None:
        pytest.skip(f"this machine has no Python 3.9: the guest's is {lab.python}, AL2023's is 3.9")
    assert guest.run(["/usr/bin/python3", "--version"]).stdout.startswith("Python 3.9.")
