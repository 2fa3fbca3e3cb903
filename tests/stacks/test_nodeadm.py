"""User data of a created group's nodes: what nodeadm reads, what cloud-init runs, and what a shell makes of it."""

from __future__ import annotations

import email
import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import yaml

from authoring.created import Cluster, Create
from stacks import nodeadm

if TYPE_CHECKING:
    from collections.abc import Callable

SCHEMA = json.loads((Path(__file__).parent / "nodeconfig.schema.json").read_text())
CLUSTER = Cluster(
    endpoint="https://EXAMPLE.gr7.us-east-1.eks.amazonaws.com",
    certificate_authority="ZXhhbXBsZQ==",
    service_cidr="10.100.0.0/16",
    security_group="sg-0000000c",
    vpc="vpc-0000000c",
    version="1.33",
)
DPDK: dict[str, Any] = {
    "labels": {"example.com/plane": "user", "zone": "b"},
    "taints": [{"key": "example.com/dpdk", "value": "true", "effect": "NoSchedule"}],
    "kubelet_arguments": ["--v=4"],
    "cpu_manager_policy": "static",
    "topology_manager_policy": "single-numa-node",
    "reserved_cpus": "0-1",
    "isolated_cpus": "2-31",
    "warm_pool": {},
}


def create(**keys: object) -> Create:
    """Return what is written of a group, with such keys."""
    least = {"subnets": {"us-east-1a": "subnet-0000000a"}, "min_size": 1, "max_size": 2}
    return Create.model_validate({**least, **keys})


def parts(written: Create) -> dict[str, str]:
    """Return the parts of the user data by their type, as Python's own parser reads them."""
    config = nodeadm.node_config("telco", CLUSTER, written)
    message = email.message_from_string(
        nodeadm.multipart("MultusEni-fleet", "user-plane", config=config, create=written)
    )
    assert message.get_content_type() == "multipart/mixed"
    found: dict[str, str] = {}
    for part in message.walk():
        assert part.defects == []
        payload = part.get_payload()
        if isinstance(payload, str):
            found[part.get_content_type()] = payload
    return found


def node_config(written: Create) -> dict[str, Any]:
    """Return the NodeConfig, which fits nodeadm's schema."""
    config: dict[str, Any] = yaml.safe_load(parts(written)["application/node.eks.aws"])
    jsonschema.validate(config, SCHEMA)
    return config


def test_the_least_is_the_cluster_and_the_bootstrap() -> None:
    written = create()
    assert list(parts(written)) == ["application/node.eks.aws", "text/x-shellscript"]
    assert node_config(written)["spec"] == {
        "cluster": {
            "name": "telco",
            "apiServerEndpoint": CLUSTER.endpoint,
            "certificateAuthority": CLUSTER.certificate_authority,
            "cidr": "10.100.0.0/16",
        },
        "kubelet": {},
    }
    assert parts(written)["text/x-shellscript"].endswith("install --node-group user-plane\n")


def test_kubelet_is_told_all_that_is_written_of_it_and_no_number_of_pods() -> None:
    assert node_config(create(**DPDK))["spec"]["kubelet"] == {
        "config": {
            "registerWithTaints": [
                {"key": "example.com/dpdk", "value": "true", "effect": "NoSchedule"}
            ],
            "cpuManagerPolicy": "static",
            "topologyManagerPolicy": "single-numa-node",
            "reservedSystemCPUs": "0-1",
            "systemReservedCgroup": "",
            "kubeReservedCgroup": "",
        },
        "flags": ["--node-labels=example.com/plane=user,zone=b", "--v=4"],
    }


def test_an_ipv6_cluster_is_told_by_its_range() -> None:
    cluster = CLUSTER.model_copy(update={"service_cidr": "fd30:1c53:5f8a::/108"})
    config = yaml.safe_load(nodeadm.node_config("telco", cluster, create()))
    jsonschema.validate(config, SCHEMA)
    assert config["spec"]["cluster"]["cidr"] == "fd30:1c53:5f8a::/108"


def test_a_long_certificate_stays_on_one_line() -> None:
    cluster = CLUSTER.model_copy(update={"certificate_authority": "QUJD" * 500})
    assert "QUJD" * 500 + "\n" in nodeadm.node_config("telco", cluster, create())


@pytest.mark.subprocesses("bash")
@pytest.mark.parametrize("kind", ["text/cloud-boothook", "text/x-shellscript"])
def test_bash_accepts_every_script(kind: str) -> None:
    done = subprocess.run(
        ["bash", "-n"],  # noqa: S607 - wherever it is
        input=parts(create(**DPDK))[kind].encode(),
        capture_output=True,
        timeout=10,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")


class Machine:
    """A folder in place of a node's root, with programs that note how they were called."""

    def __init__(self, root: Path) -> None:
        self.root, self.log = root, root / "log"
        self.log.write_text("")
        self.said = ""
        (root / "bin").mkdir()
        (root / "var/lib").mkdir(parents=True)
        for name in ("grubby", "systemctl", "sleep"):
            self.program(name, f'echo "{name} $*" >> {self.log}')
        self.booted_with("")

    def program(self, name: str, line: str) -> None:
        path = self.root / "bin" / name
        path.write_text(f"#!/bin/bash\n{line}\n")
        path.chmod(0o755)

    def booted_with(self, isolated: str) -> None:
        """Let the kernel isolate these CPUs."""
        (self.root / "isolated").write_text(f"{isolated}\n")

    def run(self, script: str) -> int:
        """Run a script with the machine's paths in place of a node's."""
        for path in ("/var/lib/", "/etc/systemd/"):
            script = script.replace(path, f"{self.root}{path}")
        script = script.replace(nodeadm.ISOLATED, f"{self.root}/isolated")
        done = subprocess.run(  # noqa: S603 - the script under test
            ["bash", "-c", script],  # noqa: S607 - wherever it is
            env={"PATH": f"{self.root / 'bin'}:/usr/bin:/bin"},
            capture_output=True,
            timeout=30,
            check=False,
        )
        self.said = done.stderr.decode()
        return done.returncode

    @property
    def calls(self) -> list[str]:
        return self.log.read_text().splitlines()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture
def boothook() -> str:
    return parts(create(**DPDK))["text/cloud-boothook"]


ISOLATING = [
    "grubby --update-kernel=ALL --args=isolcpus=2-31 nohz_full=2-31 rcu_nocbs=2-31",
    "systemctl reboot",
    "sleep infinity",
]


@pytest.mark.subprocesses("bash")
def test_the_first_boot_writes_the_kernels_command_line_and_boots_again(
    machine: Machine, boothook: str
) -> None:
    assert (machine.run(boothook), machine.calls) == (0, ISOLATING)


@pytest.mark.subprocesses("bash")
def test_a_kernel_that_keeps_off_the_cpus_is_not_booted_again(
    machine: Machine, boothook: str
) -> None:
    machine.booted_with("2-31")
    assert (machine.run(boothook), machine.calls) == (0, [])


@pytest.mark.subprocesses("bash")
@pytest.mark.parametrize("isolated", ["", "2-3", "12-31"])
def test_a_node_boots_no_third_time_and_does_not_join_without_isolated_cpus(
    machine: Machine, boothook: str, isolated: str
) -> None:
    machine.run(boothook)
    machine.booted_with(isolated)
    assert (machine.run(boothook), machine.calls) == (0, ISOLATING)
    assert machine.run(parts(create(**DPDK))["text/x-shellscript"]) == 1
    assert machine.said.startswith(
        f"isolated-cpus-missing: after a second boot the kernel isolates CPUs {isolated} and not 2-31 "
    )
    assert not [call for call in machine.calls if call.startswith("aws")]
    gate = machine.root / "etc/systemd/system/nodeadm-run.service.d/10-multus-node.conf"
    assert "AssertPathExists" in gate.read_text()


@pytest.mark.parametrize(
    ("written", "printed"),
    [("2,3,4", "2-4"), ("8,2-3", "2-3,8"), ("5", "5"), ("2-15,18-31", "2-15,18-31")],
)
def test_cpus_are_compared_as_the_kernel_prints_them(written: str, printed: str) -> None:
    script = parts(create(**{**DPDK, "isolated_cpus": written}))["text/cloud-boothook"]
    assert f"= {printed} ]" in script
    assert f"isolcpus={printed} " in script


@pytest.fixture
def condition(machine: Machine) -> Callable[[str], int]:
    """Return a function that says how the warm pool's condition ends in a target lifecycle state."""
    written = create(warm_pool={})
    machine.program("aws", "exit 1")
    machine.run(parts(written)["text/x-shellscript"])
    text = Path(f"{machine.root}{nodeadm.WARM_POOL_DROP_IN}").read_text()
    section, line = text.splitlines()
    assert section == "[Service]"
    command = line.removeprefix("ExecCondition=/bin/sh -c '").removesuffix("'")

    def run(state: str) -> int:
        machine.program("curl", f'case "$*" in *token-ttl*) echo T ;; *) {state} ;; esac')
        # systemd reads $$ as $ (systemd.service, Command lines).
        return machine.run(command.replace("$$", "$"))

    return run


@pytest.mark.subprocesses("bash")
@pytest.mark.parametrize(
    ("state", "code"),
    [
        pytest.param("echo Warmed:Stopped", 1, id="into the pool"),
        pytest.param("echo InService", 0, id="into service"),
        pytest.param("exit 22", 0, id="not said"),
    ],
)
def test_a_node_on_its_way_into_the_warm_pool_starts_no_kubelet(
    condition: Callable[[str], int], state: str, code: int
) -> None:
    assert condition(state) == code


def test_a_group_without_a_warm_pool_has_no_such_condition() -> None:
    assert "20-warm-pool" not in parts(create())["text/x-shellscript"]
