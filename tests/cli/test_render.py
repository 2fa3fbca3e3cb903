"""`render`: what is written for the cluster, and over what it is not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from typer.testing import CliRunner

from cli.__main__ import app
from cli.render import MARK
from tests.domain.pods.cni import check_attachment

if TYPE_CHECKING:
    from collections.abc import Callable

    from typer.testing import Result

REPOSITORY = Path(__file__).parents[2]
GOLDEN = Path(__file__).parent / "golden" / "render"
EXAMPLE, CREATED = REPOSITORY / "config" / "example.yaml", REPOSITORY / "config" / "created.yaml"

SUBNETS, RANGE = ["10.0.48.0/22"], ["10.0.49.0/24"]
SYSCTLS = {"net.ipv4.conf.IFNAME.arp_notify": "1"}


def one(pod_network: str, node: dict[str, Any] | None = None, **keys: object) -> dict[str, Any]:
    """Return the data of a file with one interface."""
    interface = {
        "name": "n3",
        "subnets": ["subnet-0000000a"],
        "security_groups": ["sg-0000000a"],
        **keys,
        "node": {"pod_network": pod_network, **(node or {})},
    }
    group = {"name": "workers", "auto_scaling_group": "lab-workers", "interfaces": [interface]}
    return {"name": "lab", "cluster_name": "lab", "node_groups": [group]}


def in_group(data: dict[str, Any], **keys: object) -> dict[str, Any]:
    """Return the same with further keys of its node group."""
    (group,) = data["node_groups"]
    merged = {key: value for key, value in {**group, **keys}.items() if value is not None}
    return {**data, "node_groups": [merged]}


def created(data: dict[str, Any], max_size: int, **keys: object) -> dict[str, Any]:
    """Return the same with a node group that is created."""
    create = {"subnets": {"us-east-1a": "subnet-000000aa"}, "min_size": 0, "max_size": max_size}
    return in_group(
        data, auto_scaling_group=None, instance_types=["m5.2xlarge"], create={**create, **keys}
    )


WHEREABOUTS: dict[str, Any] = {
    "pod_ipam": "whereabouts",
    "pod_ranges": RANGE,
    "pod_subnets": SUBNETS,
}
DPDK: dict[str, Any] = {"driver": "vfio-pci", "resource": "n3_dpdk"}
PAGES = [{"size": "1Gi", "count": 4}]

CASES: dict[str, dict[str, Any]] = {
    "node-ipvlan-l2": one("ipvlan-l2"),
    "node-ipvlan-l3-pool": one("ipvlan-l3", pod_pool={"ipv4": 4, "ipv6": 4}),
    "node-host-device": one("host-device"),
    "node-host-device-resource": one("host-device", {"resource": "n3"}),
    "node-vfio": in_group(
        one("host-device", DPDK), node={"allow_unsafe_noiommu": True, "huge_pages": PAGES}
    ),
    "node-vfio-metal": in_group(
        one("host-device", DPDK), instance_types=["m5.metal"], node={"huge_pages": PAGES}
    ),
    "node-igb-uio": in_group(
        one("host-device", {**DPDK, "driver": "igb_uio"}),
        node={"huge_pages": [{"size": "2Mi", "count": 512}, *PAGES]},
    ),
    "node-uio-pci-generic": one("host-device", {**DPDK, "driver": "uio_pci_generic"}),
    "whereabouts-ipvlan-l2": one("ipvlan-l2", **WHEREABOUTS),
    "whereabouts-ipvlan-l3-dual-stack": one(
        "ipvlan-l3",
        **{
            **WHEREABOUTS,
            "pod_subnets": [*SUBNETS, "fd00::/64"],
            "pod_ranges": [*RANGE, "fd00::1:0/112"],
            "pod_routes": ["10.20.0.0/16", "fd00:1::/64"],
        },
    ),
    "whereabouts-chained": one(
        "ipvlan-l2", {"link": "core0"}, **WHEREABOUTS, pod_plugins={"sbr": True, "sysctls": SYSCTLS}
    ),
    "whereabouts-own-routes": one(
        "ipvlan-l2",
        source_dest_check=False,
        pod_ipam="whereabouts",
        pod_ranges=["172.31.0.0/24"],
    ),
    "whereabouts-host-device": one("host-device", {"resource": "n3"}, **WHEREABOUTS),
    "host-local-ipvlan-l2": created(
        one(
            "ipvlan-l2",
            subnets={"us-east-1a": "subnet-0000000a"},
            pod_ipam="host-local",
            pod_subnets=[*SUBNETS, "fd00::/64"],
            pod_ranges=["10.0.49.0/25", "10.0.50.0/25", "fd00::1:0/112"],
        ),
        1,
    ),
    "static-ipvlan-l2": one("ipvlan-l2", pod_ipam="static", pod_namespaces=["core", "edge"]),
    "static-ipvlan-chained": one(
        "ipvlan-l2",
        pod_ipam="static",
        pod_subnets=SUBNETS,
        pod_routes=["10.20.0.0/16"],
        pod_plugins={"sysctls": SYSCTLS},
    ),
    "node-ipvlan-l2-ipv6-only": one("ipvlan-l2", ipv4="none", ipv6={"count": 4}),
    "node-ipvlan-l2-ipv6-only-pool": one(
        "ipvlan-l2", ipv4="none", pod_pool={"ipv6": 8}, pod_routes=["2001:db8:20::/48"]
    ),
    "whereabouts-ipvlan-l2-ipv6-only-chained": one(
        "ipvlan-l2",
        ipv4="none",
        ipv6={"count": 1},
        pod_ipam="whereabouts",
        pod_subnets=["2001:db8:48::/64"],
        pod_ranges=["2001:db8:48::1:0/112"],
        pod_plugins={"sbr": True, "sysctls": {"net.ipv6.conf.IFNAME.accept_ra": "0"}},
    ),
    "host-local-host-device-ipv6-only": created(
        one(
            "host-device",
            {"resource": "n3"},
            subnets={"us-east-1a": "subnet-0000000a"},
            ipv4="none",
            ipv6={"count": 1},
            pod_ipam="host-local",
            pod_subnets=["2001:db8:48::/64"],
            pod_ranges=["2001:db8:48::1:0/112"],
            pod_routes=["2001:db8:20::/48"],
        ),
        1,
    ),
    "static-ipvlan-l3-dual-stack": one("ipvlan-l3", ipv6={"count": 2}, pod_ipam="static"),
    "static-vfio": in_group(
        one("host-device", DPDK, pod_ipam="static"), node={"allow_unsafe_noiommu": True}
    ),
    "follow-whereabouts-ipvlan-l2": one("ipvlan-l2", **WHEREABOUTS, pod_follow=True),
    "follow-static-ipvlan-l3": one(
        "ipvlan-l3", pod_ipam="static", pod_namespaces=["core", "edge"], pod_follow=True
    ),
    "follow-node-ipvlan-l2": one("ipvlan-l2", pod_follow=True),
    "follow-host-local-host-device": created(
        one(
            "host-device",
            {"resource": "n3"},
            subnets={"us-east-1a": "subnet-0000000a"},
            pod_ipam="host-local",
            pod_subnets=SUBNETS,
            pod_ranges=RANGE,
            pod_follow=True,
        ),
        1,
    ),
    "follow-node-host-device": one("host-device", pod_follow=True),
    "taints": created(
        one("ipvlan-l2", subnets={"us-east-1a": "subnet-0000000a"}),
        2,
        taints=[
            {"key": "example.com/dpdk", "value": "true", "effect": "NoSchedule"},
            {"key": "example.com/core", "effect": "NoExecute"},
        ],
    ),
    "one-network-of-two-groups": {
        **one("ipvlan-l2"),
        "node_groups": [
            {**one("ipvlan-l2")["node_groups"][0], "name": name, "auto_scaling_group": name}
            for name in ("east", "west")
        ],
    },
}


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app(), ["render", *map(str, arguments)])


@pytest.fixture(params=list(CASES.values()), ids=list(CASES))
def configuration(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A file of each kind."""
    path = tmp_path / "lab.yaml"
    path.write_text(yaml.safe_dump(request.param), encoding="utf-8")
    return path


@pytest.fixture
def folder(configuration: Path, tmp_path: Path) -> Path:
    """What is written for it."""
    output = tmp_path / "out"
    result = run(configuration, "--output", output)
    assert result.exit_code == 0, result.output
    return output


def files(folder: Path) -> dict[str, str]:
    """Return the text of each file by its path in the folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.golden
def test_the_files_are_the_golden_ones(folder: Path, request: pytest.FixtureRequest) -> None:
    """A change shows in review. UPDATE_GOLDEN=1 (`make golden`) writes the copy instead of comparing."""
    golden = GOLDEN / f"{request.node.callspec.id}.yaml"
    written = "".join(f"---\n# {name}\n{text}" for name, text in files(folder).items())
    if os.environ.get("UPDATE_GOLDEN") == "1":
        golden.write_text(written, encoding="utf-8")
    assert written == golden.read_text(encoding="utf-8")


def test_every_golden_copy_is_of_a_case() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == CASES.keys()


def test_the_cluster_takes_what_is_written(folder: Path) -> None:
    networks = [
        yaml.safe_load(text) for name, text in files(folder).items() if name.startswith("networks/")
    ]
    assert networks
    for document in networks:
        check_attachment(document)


def test_each_file_says_what_it_is_from(folder: Path) -> None:
    for text in files(folder).values():
        first = text.partition("\n")[0]
        assert first == f"{MARK} from lab.yaml (MultusEni-lab): change that file, not this one."


def test_a_kustomization_names_files_that_are_there(folder: Path) -> None:
    found = list(folder.rglob("kustomization.yaml"))
    assert folder / "kustomization.yaml" in found
    for path in found:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        for name in document["resources"]:
            assert name.startswith("https://") or (path.parent / name).is_file()
        for patch in document.get("patches", ()):
            assert (path.parent / patch["path"]).is_file()


def test_without_a_folder_what_would_be_applied_is_printed(
    configuration: Path, folder: Path
) -> None:
    printed = list(yaml.safe_load_all(run(configuration).stdout))
    resources = yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"]
    assert printed == [yaml.safe_load((folder / name).read_text()) for name in resources]


@pytest.mark.parametrize("path", [EXAMPLE, CREATED], ids=lambda path: path.stem)
def test_the_samples_are_rendered(path: Path, tmp_path: Path) -> None:
    assert run(path, "--output", tmp_path / "out").exit_code == 0


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    output = tmp_path / "out"
    run(EXAMPLE, "--output", output)
    before = files(output)
    again = run(EXAMPLE, "--output", output)
    assert (again.exit_code, files(output)) == (0, before)


def test_what_would_change_is_left_until_it_is_forced(tmp_path: Path) -> None:
    output = tmp_path / "out"
    run(EXAMPLE, "--output", output)
    before = files(output)
    refused = run(CREATED, "--output", output)
    assert (refused.exit_code, files(output)) == (2, before)
    assert (
        "has files of an earlier run that would change: device-plugin/daemonset.yaml, "
        in refused.stderr
    )
    assert run(CREATED, "--output", output, "--force").exit_code == 0
    fresh = tmp_path / "fresh"
    run(CREATED, "--output", fresh)
    assert files(output) == files(fresh)
    assert not (output / "samples" / "control-plane").exists()


def test_nobody_elses_file_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_bytes(b"\xff")
    refused = run(EXAMPLE, "--output", tmp_path, "--force")
    assert refused.exit_code == 2
    assert "has files that this command did not write: mine.yaml" in refused.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine.yaml"]


def _file(place: Path) -> None:
    place.write_text("")


def _dangling(place: Path) -> None:
    place.symlink_to(place.parent / "nowhere")


IN_THE_WAY: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "a file": (_file, "", "is no folder"),
    "a file in place of a folder above": (_file, "x/y", "/there/x/y: Not a directory"),
    "a link to nothing": (_dangling, "", "is no folder"),
    "a link to nothing in place of a folder above": (_dangling, "x", "/there: File exists"),
    "a name that is too long": (Path.mkdir, "x" * 300, ": File name too long"),
}


@pytest.mark.parametrize(("put", "below", "words"), IN_THE_WAY.values(), ids=IN_THE_WAY)
def test_what_can_be_no_folder_is_refused_in_a_line(
    tmp_path: Path, put: Callable[[Path], None], below: str, words: str
) -> None:
    place = tmp_path / "there"
    put(place)
    refused = run(EXAMPLE, "--output", place / below)
    assert refused.exit_code == 2
    first, told = refused.stderr.splitlines()
    assert first.endswith(": 1 problem")
    assert told.startswith("  --output: ")
    assert words in told
    assert [path.name for path in tmp_path.rglob("*")] == ["there"]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs Linux's /proc")
def test_a_folder_that_nobody_can_make_is_refused() -> None:
    refused = run(EXAMPLE, "--output", "/proc/multus-eni/networks")
    assert refused.exit_code == 2
    assert "--output: cannot be used: /proc/multus-eni: No such file or directory" in refused.stderr


def test_a_few_of_somebody_elses_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    for number in range(1000):
        (tmp_path / "below" / f"{number:04}.yaml").write_text("mine")
    told = run(EXAMPLE, "--output", tmp_path).stderr
    assert "below/0000.yaml, below/0001.yaml" in told
    assert "below/0004.yaml and 995 more (got " in told
    assert "0005" not in told


@pytest.mark.parametrize("kind", ["a pipe", "a link to nothing", "a link to a folder"])
def test_what_is_no_file_is_somebody_elses(tmp_path: Path, kind: str) -> None:
    output, place = tmp_path / "out", tmp_path / "out" / "networks"
    output.mkdir()
    if kind == "a pipe":
        os.mkfifo(place)
    else:
        place.symlink_to(tmp_path if kind == "a link to a folder" else tmp_path / "nowhere")
    refused = run(EXAMPLE, "--output", output, "--force")
    assert refused.exit_code == 2
    assert "has files that this command did not write: networks (got " in refused.stderr
    assert [path.name for path in output.iterdir()] == ["networks"]


def test_a_file_without_a_pod_network_is_refused(tmp_path: Path) -> None:
    refused = run(REPOSITORY / "config" / "minimal.yaml", "--output", tmp_path / "out")
    assert refused.exit_code == 2
    assert "node_groups: has no interface with a pod network" in refused.stderr


def test_two_ways_to_networks_of_one_name_are_refused(tmp_path: Path) -> None:
    groups = [
        {**one("host-device", node)["node_groups"][0], "name": name, "auto_scaling_group": name}
        for name, node in (("east", {}), ("west", {"resource": "n3"}))
    ]
    path = tmp_path / "lab.yaml"
    path.write_text(yaml.safe_dump({**one("host-device"), "node_groups": groups}))
    refused = run(path)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert (
        "node_groups[1].interfaces[0].name: is the name of node_groups[0].interfaces[0].name too"
        in refused.stderr
    )


def test_every_fault_of_the_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("name: 1\n")
    refused = run(path)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "line 1: name: must be text (got 1)" in refused.stderr


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="needs kubectl")
@pytest.mark.subprocesses("kubectl")
@pytest.mark.parametrize(
    ("layer", "kinds"),
    [
        ("", ["NetworkAttachmentDefinition"]),
        ("device-plugin", ["DaemonSet", "ServiceAccount"]),
    ],
    ids=["networks", "device plugin"],
)
def test_kubectl_builds_what_is_written(tmp_path: Path, layer: str, kinds: list[str]) -> None:
    run(CREATED, "--output", tmp_path / "out")
    built = subprocess.run(  # noqa: S603 - on files of this test
        ["kubectl", "kustomize", tmp_path / "out" / layer],  # noqa: S607 - wherever it is
        check=True,
        capture_output=True,
        text=True,
    )
    assert sorted(each["kind"] for each in yaml.safe_load_all(built.stdout)) == kinds


@pytest.mark.subprocesses("make", "python")
def test_the_installed_command_runs_from_any_folder(tmp_path: Path) -> None:
    command = tmp_path / "bin" / "multus-eni"
    command.parent.mkdir()
    arguments = ["make", "--silent", f"--assume-old={tmp_path}/.installed", f"VENV={tmp_path}"]
    subprocess.run([*arguments, str(command)], check=True, cwd=REPOSITORY)  # noqa: S603 - of this repository
    assert command.read_text().startswith(f"#!{tmp_path}/bin/python\n")
    assert os.access(command, os.X_OK)
    shown = subprocess.run(  # noqa: S603 - as above
        [sys.executable, command, "render", EXAMPLE],
        check=True,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert "kind: NetworkAttachmentDefinition" in shown.stdout


@pytest.mark.subprocesses("python")
def test_the_verb_loads_nothing_that_asks_aws() -> None:
    program = (
        "import sys, cli.render; print(*{'boto3', 'moto', 'aws_cdk'} & sys.modules.keys(), sep='')"
    )
    loaded = subprocess.run(  # noqa: S603 - of this repository
        [sys.executable, "-c", program], check=True, cwd=REPOSITORY, capture_output=True, text=True
    )
    assert loaded.stdout == "\n"
