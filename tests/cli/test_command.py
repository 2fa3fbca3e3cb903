"""The operator's command as a person runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

import authoring
from cli.__main__ import app
from domain import config
from domain.node import config as node_config

CONFIG = Path(__file__).parents[2] / "config"
EXAMPLE, MINIMAL = CONFIG / "example.yaml", CONFIG / "minimal.yaml"
CREATED, IPV6 = CONFIG / "created.yaml", CONFIG / "ipv6.yaml"


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    """Return a file with two problems."""
    path = tmp_path / "bad.yaml"
    text = MINIMAL.read_text(encoding="utf-8")
    path.write_text(
        text.replace("name: minimal", "name: 1").replace("us-east-1a", "use1-az1"), encoding="utf-8"
    )
    return path


def test_validate_shows_what_each_node_will_get() -> None:
    result = CliRunner().invoke(app(), ["validate", str(EXAMPLE)], env={"COLUMNS": "80"})
    assert result.exit_code == 0
    assert result.stderr == ""
    for shown in (
        "MultusEni-example for cluster telco",
        "Each node of control-plane (Auto Scaling group telco-control-plane)",
        "subnet-0a1c52f7d93be6840",
        "sg-04d8a1f6b2c97e035",
        "index 1 or next",
        "index 5 ",
        "IPv4: lowest free",
        "10.0.48.128/25",
        "IPv6: 1",
        "no src/dest check",
        "multus-network=n6",
    ):
        assert shown in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_validate_refuses_tags_by_which_a_group_of_the_file_itself_would_be_found(
    tmp_path: Path,
) -> None:
    document = yaml.safe_load(CREATED.read_text(encoding="utf-8"))
    (created,) = document["node_groups"]
    (interface,) = created["interfaces"]
    document["node_groups"].append(
        {
            "name": "tagged",
            "auto_scaling_groups": {"tags": document["tags"]},
            "interfaces": [{**interface, "node": {}}],
        }
    )
    path = tmp_path / "tagged.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    result = CliRunner().invoke(app(), ["validate", str(path)])
    assert (result.exit_code, result.stdout) == (2, "")
    assert (
        "node_groups[1].auto_scaling_groups.tags: are tags of the Auto Scaling group MultusEni-created-Nodes-user-plane too"
        in result.stderr
    )


@pytest.mark.parametrize("width", [80, 100])
def test_validate_shows_what_a_node_makes_of_each_interface(width: int) -> None:
    result = CliRunner().invoke(app(), ["validate", str(EXAMPLE)], env={"COLUMNS": str(width)})
    _, _, ours = result.stdout.partition(
        "What multus-node makes of them on each node of user-plane"
    )
    rows = [line.split() for line in ours.partition("Room on")[0].splitlines()]
    assert [
        "n3", "none", "vfio-pci", "no", "address", "host-device", "multus-eni.io/n3_dpdk",
    ] in rows  # fmt: skip
    assert ["n9", "mul2", "kernel", "9001", "addresses"] in rows
    for promise in (
        "A node that is not ready is held: kubelet does not start (waits 300 s).",
        "Huge pages: 4 of 1 GiB on each NUMA node.",
        "vfio-pci may work without an IOMMU.",
    ):
        assert promise in ours
    assert max(map(len, result.stdout.splitlines())) <= width


def test_validate_shows_who_answers_the_ready_hook_and_where_huge_pages_are(tmp_path: Path) -> None:
    path = tmp_path / "ready.yaml"
    node = (
        "    node:\n      ready_hook: true\n      on_failure: abandon\n"
        "      huge_pages: [{size: 2Mi, count: 512, numa_nodes: [0, 1]}]\n    interfaces:\n"
    )
    text = MINIMAL.read_text(encoding="utf-8").replace("    interfaces:\n", node)
    path.write_text(text, encoding="utf-8")
    shown = CliRunner().invoke(app(), ["validate", str(path)]).stdout
    assert "A node that is not ready is replaced (waits 300 s)." in shown
    assert "It answers its own launch hook MultusEni-minimal-ready." in shown
    assert "Huge pages: 512 of 2 MiB on each NUMA nodes 0, 1." not in shown
    assert "Huge pages: 512 of 2 MiB on each of NUMA nodes 0, 1." in shown


def test_validate_shows_what_is_created_and_what_will_be_looked_up(tmp_path: Path) -> None:
    def shown(path: Path) -> str:
        text = CliRunner().invoke(app(), ["validate", str(path)], env={"COLUMNS": "80"}).stdout
        return " ".join(text.split())

    written = shown(CREATED)
    for part in (
        "Each node of user-plane (Auto Scaling group MultusEni-created-Nodes-user-plane)",
        "2 to 6 nodes in us-east-1a, us-east-1b.",
        "Types, the first preferred: c6in.8xlarge, c6i.8xlarge (0% Spot).",
        "Image: the recommended one for Kubernetes 1.33 (x86_64).",
        "CPUs 2-15,18-31 are isolated: a new node boots twice.",
    ):
        assert part in written
    assert "looked up" not in written
    before, _, after = CREATED.read_text().partition("cluster:\n")
    path = tmp_path / "sought.yaml"
    path.write_text(
        before
        + after[after.index("\ntags:") :].replace(
            "max_size",
            "warm_pool: {}\n      policies: ['arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy', "
            "'arn:aws:iam::aws:policy/job-function/SystemAdministrator']\n      max_size",
        )
    )
    sought = shown(path)
    assert "the recommended one for Kubernetes of the cluster" not in sought
    assert "the recommended one for the cluster's Kubernetes version" in sought
    assert "What the nodes must know of the cluster is looked up at synthesis." in sought
    assert "Stopped nodes wait in a warm pool." in sought
    rights = (
        "Every pod on a host network can change network interfaces: the nodes' role has AmazonEKS_CNI_Policy, "
        "SystemAdministrator."
    )
    assert (rights in written, rights in sought) == (False, True)


def test_validate_says_what_a_created_group_without_the_ready_hook_does_not_wait_for(
    tmp_path: Path,
) -> None:
    path = tmp_path / "created.yaml"
    said = "Without ready_hook an instance refresh waits for interfaces alone"
    text = CREATED.read_text()
    assert text.count("      ready_hook: true") == 1
    for written, expected in (("", False), ("      ready_hook: false", True)):
        path.write_text(
            text.replace("      ready_hook: true", written).replace("on_failure: abandon", "")
        )
        assert (said in " ".join(_validated(path).split())) is expected, written


def _validated(path: Path) -> str:
    result = CliRunner().invoke(app(), ["validate", str(path)], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize(
    ("edits", "note"),
    [
        pytest.param({}, None, id="virtualised"),
        pytest.param(
            {"type": "m5.metal"},
            "Note on m5.metal: a boot of bare metal can take 20 minutes. Write ready_timeout_s: 1200 (it is 900), or Auto Scaling "
            "may replace nodes that are still booting.",
            id="metal",
        ),
        pytest.param(
            {"type": "m5.metal", "cpus": True, "ready_timeout_s": 1800},
            "Note on m5.metal: a boot of bare metal can take 20 minutes, and with isolated_cpus a new node boots twice. Write "
            "ready_timeout_s: 2400 (it is 1800), or Auto Scaling may replace nodes that are still booting.",
            id="metal that boots twice",
        ),
        pytest.param(
            {"type": "m5.metal", "cpus": True, "ready_timeout_s": 2400},
            None,
            id="time for two boots",
        ),
        pytest.param({"type": "m5.metal", "ready_hook": False}, None, id="no ready hook"),
    ],
)
def test_validate_says_when_bare_metal_may_still_be_booting(
    tmp_path: Path, edits: dict[str, object], note: str | None
) -> None:
    document = yaml.safe_load(CREATED.read_text())
    (group,) = document["node_groups"]
    group["instance_types"] = [edits.get("type", "m5.24xlarge")]
    if edits.get("cpus"):
        group["create"] |= {"reserved_cpus": "0-1", "isolated_cpus": "2-95"}
    else:
        del group["create"]["reserved_cpus"], group["create"]["isolated_cpus"]
    group["node"] = {
        key: value for key, value in edits.items() if key in ("ready_hook", "ready_timeout_s")
    } | {"allow_unsafe_noiommu": True}
    path = tmp_path / "metal.yaml"
    path.write_text(yaml.safe_dump(document))
    shown = " ".join(_validated(path).split())
    assert ("bare metal" in shown) is (note is not None)
    assert note is None or note in shown


def test_validate_shows_the_room_left_for_the_vpc_cni() -> None:
    lines = CliRunner().invoke(app(), ["validate", str(EXAMPLE)]).stdout.splitlines()
    [row] = [line.split() for line in lines if line.startswith("c6in.8xlarge")]
    assert row == ["c6in.8xlarge", "8", "4", "4", "30"]
    lines = CliRunner().invoke(app(), ["validate", str(IPV6)]).stdout.splitlines()
    [row] = [line.split() for line in lines if line.startswith("c6in.8xlarge")]
    assert row == ["c6in.8xlarge", "8", "3", "5", "30", "30"]


def test_validate_says_what_nodes_of_an_ipv6_cluster_need() -> None:
    said = "The cluster is an IPv6 one: the nodes' subnets must auto-assign IPv6 addresses"
    for path, expected in ((IPV6, True), (CREATED, False)):
        assert (said in " ".join(_validated(path).split())) is expected


@pytest.mark.parametrize(("known", "size"), [(True, "of "), (False, "of at least ")])
def test_validate_refuses_more_user_data_than_ec2_takes(
    tmp_path: Path, known: bool, size: str
) -> None:
    document = yaml.safe_load(CREATED.read_text())
    [group] = document["node_groups"]
    group["create"]["kubelet_arguments"] = [f"--a{place}={'x' * 1000}" for place in range(17)]
    if not known:
        del document["cluster"]
    path = tmp_path / "large.yaml"
    path.write_text(yaml.safe_dump(document))
    result = CliRunner().invoke(app(), ["validate", str(path), str(MINIMAL)])
    assert result.exit_code == 2
    assert f"{path}: 1 problem\n" in result.stderr
    assert f"node_groups: has user data {size}" in result.stderr
    assert "more than the 16384 that EC2 takes (got 'user-plane')" in result.stderr
    assert "MultusEni-minimal" in result.stdout


def test_validate_tells_every_problem_of_every_file_and_exits_with_2(bad: Path) -> None:
    result = CliRunner().invoke(app(), ["validate", str(bad), str(MINIMAL), str(bad)])
    assert result.exit_code == 2
    assert result.stderr.count(f"{bad}: 2 problems\n") == 2
    assert result.stderr.count("line 3: name: must be text (got 1). Put it in quotes.") == 2
    assert (
        "line 11: node_groups[0].interfaces[0].subnets.use1-az1: is not the name" in result.stderr
    )
    assert "MultusEni-minimal" in result.stdout


def test_lists_and_other_network_cards_are_shown(tmp_path: Path) -> None:
    path = tmp_path / "cards.yaml"
    text = MINIMAL.read_text(encoding="utf-8")
    path.write_text(
        text.replace("us-east-1a: subnet-", "- subnet-") + "        network_card: 1\n", "utf-8"
    )
    shown = CliRunner().invoke(app(), ["validate", str(path)]).stdout
    assert "card 1" in shown
    assert "subnet-0d10b5c8a4f7e2a31" in shown


def test_what_to_know_of_pod_networks_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "pods.yaml"
    text = MINIMAL.read_text(encoding="utf-8")
    pods = "        pod_ipam: static\n        node: { pod_network: ipvlan-l2 }\n"
    path.write_text(text + pods, encoding="utf-8")
    shown = CliRunner().invoke(app(), ["validate", str(path)]).stdout
    assert "Note on net1: EC2 drops what pods send" in shown


@pytest.mark.parametrize("way", ["auto_scaling_group", "managed_node_group", "create"])
def test_a_key_with_nothing_behind_it_names_no_group(tmp_path: Path, way: str) -> None:
    path = tmp_path / "null.yaml"
    document = yaml.safe_load(MINIMAL.read_text(encoding="utf-8"))
    del document["node_groups"][0]["auto_scaling_group"]
    document["node_groups"][0] |= {way: None, "instance_types": ["m5.large"]}
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    result = CliRunner().invoke(app(), ["validate", str(path)])
    assert "node_groups[0]: does not say which Auto Scaling group it is." in result.stderr
    assert result.exit_code == 2


def test_types_that_are_no_nitro_instances_are_told(tmp_path: Path) -> None:
    path = tmp_path / "xen.yaml"
    document = yaml.safe_load(MINIMAL.read_text(encoding="utf-8"))
    document["node_groups"][0]["instance_types"] = ["m5.large", "m4.2xlarge"]
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    told = " ".join(CliRunner().invoke(app(), ["validate", str(path)]).stdout.split())
    assert "Note on m4.2xlarge: is no Nitro instance" in told
    assert "Note on m5.large" not in told


def test_networks_of_one_name_that_cannot_be_one_for_pods_are_told(tmp_path: Path) -> None:
    path = tmp_path / "namesakes.yaml"
    document = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    document["node_groups"][1]["interfaces"][0]["name"] = "signalling"
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    result = CliRunner().invoke(app(), ["validate", str(path)])
    told = " ".join(result.stdout.split())
    assert (
        "Note on node_groups[1].interfaces[0].name: signalling is the name of node_groups[0].interfaces[0].name too, and in "
        "namespace default pods get at the two in different ways, so `multus-eni render` refuses."
        in told
    )
    assert result.exit_code == 0


def test_tags_are_shown_as_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "tags.yaml"
    text = MINIMAL.read_text(encoding="utf-8")
    path.write_text(text.replace("[sg-0f21c7be09a84d6e5]", '{tags: {"[red]": ":x:"}}'), "utf-8")
    assert "[red]=:x:" in CliRunner().invoke(app(), ["validate", str(path)]).stdout


def test_resolved_prints_what_handlers_read() -> None:
    result = CliRunner().invoke(app(), ["resolved", str(EXAMPLE)])
    assert result.exit_code == 0
    assert config.from_json(result.stdout) == authoring.resolve(authoring.load(EXAMPLE))


def test_resolved_prints_what_nodes_read_when_asked_for() -> None:
    result = CliRunner().invoke(app(), ["resolved", "--nodes", str(EXAMPLE)])
    assert result.exit_code == 0
    nodes = authoring.resolve_nodes(authoring.load(EXAMPLE))
    assert node_config.from_json(result.stdout) == nodes


def test_resolved_of_a_bad_file_prints_nothing_and_exits_with_2(bad: Path) -> None:
    result = CliRunner().invoke(app(), ["resolved", str(bad)])
    assert (result.exit_code, result.stdout) == (2, "")
    assert "2 problems" in result.stderr


def test_a_file_that_is_not_there_is_told_without_a_traceback(tmp_path: Path) -> None:
    result = CliRunner().invoke(app(), ["validate", str(tmp_path / "none.yaml")])
    assert result.exit_code == 2
    assert "cannot be read: No such file or directory" in result.stderr
    assert "Traceback" not in result.output


def test_schema_prints_the_schema() -> None:
    result = CliRunner().invoke(app(), ["schema"])
    assert json.loads(result.stdout) == authoring.schema()


def test_without_a_command_the_commands_are_shown() -> None:
    shown = CliRunner().invoke(app(), []).output
    assert all(command in shown for command in ("validate", "resolved", "schema"))
