"""`preflight` as a person runs it: what is printed, and the exit status."""

from __future__ import annotations

import io
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from moto import mock_aws
from moto.core.config import DefaultConfig
from rich.console import Console
from typer.testing import CliRunner

from cli.__main__ import app
from cli.demo import platform
from cli.preflight import described
from domain.config import Ipv4Mode
from domain.model import InstanceId, SubnetId, VpcId
from domain.preflight import created
from domain.preflight.examination import CODES
from domain.preflight.findings import Severity
from domain.preflight.networks import CNI_TAG
from domain.preflight.observed import EventRule, VpcCni
from localaws.account import Account, Settings
from localaws.clock import VirtualClock
from localaws.identity import ACCOUNT_ID
from tests.fakes.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from typer.testing import Result

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
MINIMAL, IPV6 = REPOSITORY / "config" / "minimal.yaml", REPOSITORY / "config" / "ipv6.yaml"
SHARED_SESSION = DefaultConfig(core={"reset_boto3_session": False})


class Place:
    """The minimal configuration, at a path, in an account that fits it."""

    def __init__(self, account: Account, path: Path) -> None:
        self.account = account
        self.path = path
        self.document: dict[str, Any] = yaml.safe_load(MINIMAL.read_text(encoding="utf-8"))
        made = platform.build(account, self.document)
        self.document = made.document
        self.document["node_groups"][0]["instance_types"] = [platform.USUAL_TYPE]
        [self.group] = made.groups
        [self.subnet_id] = made.subnets
        autoscaling, eks = account.client("autoscaling"), account.client("eks")
        autoscaling.update_auto_scaling_group(AutoScalingGroupName=self.group, MaxSize=10)
        [group] = autoscaling.describe_auto_scaling_groups()["AutoScalingGroups"]
        eks.create_cluster(
            name="lab",
            roleArn=f"arn:aws:iam::{ACCOUNT_ID}:role/cluster",
            resourcesVpcConfig={"subnetIds": group["VPCZoneIdentifier"].split(",")},
            accessConfig={"authenticationMode": "API_AND_CONFIG_MAP"},
        )

    def install_cni(self, version: str) -> None:
        """Install the VPC CNI."""
        self.account.client("eks").create_addon(
            clusterName="lab",
            addonName="vpc-cni",
            addonVersion=version,
            serviceAccountRoleArn=f"arn:aws:iam::{ACCOUNT_ID}:role/vpc-cni",
        )

    def run(self, *options: str) -> Result:
        """Run the command on the configuration as it is now."""
        self.path.write_text(yaml.safe_dump(self.document, sort_keys=False), encoding="utf-8")
        command = ["preflight", str(self.path), *options]
        return CliRunner().invoke(app(), command, env={"COLUMNS": "100"})


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    account = Account(VirtualClock(), Settings())
    with account.active(), mock_aws(config=SHARED_SESSION):
        yield Place(account, tmp_path / "lab.yaml")


def test_all_well_is_fine_and_ends_with_0(place: Place) -> None:
    place.install_cni("v1.23.1-eksbuild.1")
    result = place.run("--strict")
    assert (result.exit_code, result.stderr) == (0, "")
    first, *_, last = result.stdout.rstrip().splitlines()
    assert first == f"MultusEni-minimal in account {ACCOUNT_ID}, us-east-1"
    told = len(CODES) - len(created.RULES) - 1
    assert last == f"fine: 0 errors, 0 warnings, {told} fine"


@pytest.mark.parametrize(("options", "status"), [((), 0), (("--strict",), 1)])
def test_a_warning_ends_with_0_and_strictly_with_1(
    place: Place, options: tuple[str, ...], status: int
) -> None:
    place.install_cni("v1.22.0-eksbuild.1")
    result = place.run(*options)
    assert result.exit_code == status
    assert result.stdout.rstrip().splitlines()[-1].startswith("warning: 0 errors, 1 warning, ")


def test_an_error_ends_with_1_and_is_told_with_its_remedy(place: Place) -> None:
    place.install_cni("v1.23.1-eksbuild.1")
    place.account.client("ec2").create_tags(
        Resources=[place.subnet_id], Tags=[{"Key": CNI_TAG, "Value": "1"}]
    )
    result = place.run()
    assert result.exit_code == 1
    assert re.search(r"^error +subnet-tagged-for-cni +net1: ", result.stdout, re.MULTILINE)
    assert f"→ Remove the tag {CNI_TAG} from the subnet." in result.stdout
    assert result.stdout.rstrip().splitlines()[-1].startswith("error: 1 error, 0 warnings, ")


def test_a_group_that_the_stacks_will_create_is_judged_as_it_will_be(place: Place) -> None:
    place.install_cni("v1.23.1-eksbuild.1")
    [group] = place.account.client("autoscaling").describe_auto_scaling_groups()[
        "AutoScalingGroups"
    ]
    node_group = place.document["node_groups"][0]
    del node_group["auto_scaling_group"]
    zones = node_group["interfaces"][0]["subnets"]
    node_group["create"] = {
        "subnets": dict(zip(zones, group["VPCZoneIdentifier"].split(","), strict=True)),
        "min_size": 1,
        "max_size": 4,
    }
    result = place.run("--strict")
    assert (result.exit_code, result.stderr) == (0, "")
    assert (
        "Node group workers (Auto Scaling group MultusEni-minimal-Nodes-workers)" in result.stdout
    )
    assert re.search(r"^fine +node-subnet-wrong ", result.stdout, re.MULTILINE)
    node_group["create"]["max_size"] = 5000
    result = place.run()
    assert result.exit_code == 1
    assert re.search(r"^error +subnet-too-small ", result.stdout, re.MULTILINE)


@pytest.mark.parametrize(
    ("role", "env", "expected"),
    [
        (True, "", []),
        (False, "", [("warning", "cni-without-role")]),
        (True, "env: {ENABLE_PREFIX_DELEGATION: 'false'}", [("error", "cni-ip-family")]),
    ],
    ids=["all well", "no role", "no prefixes"],
)
def test_a_group_of_an_ipv6_cluster_is_held_against_what_such_nodes_need(
    tmp_path: Path, role: bool, env: str, expected: list[tuple[str, str]]
) -> None:
    account = Account(VirtualClock(), Settings())
    document: dict[str, Any] = yaml.safe_load(IPV6.read_text(encoding="utf-8"))
    cni_policy = "arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy"
    with account.active(), mock_aws(config=SHARED_SESSION):
        made = platform.build(account, document).document
        made["node_groups"][0]["create"]["policies"] = [cni_policy]
        account.client("eks").create_addon(
            clusterName="telco-ipv6",
            addonName="vpc-cni",
            addonVersion="v1.23.1-eksbuild.1",
            configurationValues=env,
            **({"serviceAccountRoleArn": f"arn:aws:iam::{ACCOUNT_ID}:role/cni"} if role else {}),
        )
        path = tmp_path / "ipv6.yaml"
        path.write_text(yaml.safe_dump(made, sort_keys=False), encoding="utf-8")
        result = CliRunner().invoke(app(), ["preflight", str(path)], env={"COLUMNS": "100"})
    assert result.stderr == ""
    told = re.findall(r"^(error|warning) +([a-z-]+) ", result.stdout, re.MULTILINE)
    assert told == expected


def test_what_is_written_of_the_cluster_is_held_against_it(place: Place) -> None:
    seen = place.account.client("eks").describe_cluster(name="lab")["cluster"]
    place.document["cluster"] = {
        "endpoint": seen["endpoint"],
        "certificate_authority": "ZXhhbXBsZQ==",
        "service_cidr": seen["kubernetesNetworkConfig"]["serviceIpv4Cidr"],
        "security_group": seen["resourcesVpcConfig"]["clusterSecurityGroupId"],
        "vpc": seen["resourcesVpcConfig"]["vpcId"],
        "version": seen["version"],
    }
    [group] = place.account.client("autoscaling").describe_auto_scaling_groups()[
        "AutoScalingGroups"
    ]
    node_group = place.document["node_groups"][0]
    del node_group["auto_scaling_group"]
    zones = node_group["interfaces"][0]["subnets"]
    node_group["create"] = {
        "subnets": dict(zip(zones, group["VPCZoneIdentifier"].split(","), strict=True)),
        "min_size": 1,
        "max_size": 4,
    }
    result = place.run()
    assert result.exit_code == 1
    [told] = re.findall(r"^error +cluster-differs +(\S+):", result.stdout, re.MULTILINE)
    assert told == "cluster.certificate_authority"


def test_nothing_in_the_account_is_changed(place: Place) -> None:
    place.run()
    called = {call.action for call in place.account.calls.all()}
    assert called
    assert all(re.match("Describe|List|Get", action) for action in called), called


def test_without_credentials_one_line_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    result = CliRunner().invoke(app(), ["preflight", str(MINIMAL)])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "preflight: There are no AWS credentials. Log in (aws sso login), or set AWS_PROFILE.\n"
    )


def test_a_file_with_a_problem_ends_with_2_before_anybody_is_asked(place: Place) -> None:
    place.document["name"] = 1
    place.account.calls.clear()
    result = place.run()
    assert (result.exit_code, result.stdout) == (2, "")
    assert "1 problem\n" in result.stderr
    assert place.account.calls.all() == ()


@pytest.mark.parametrize(
    ("written", "options", "words"),
    [
        (
            {"account": "210987654321"},
            (),
            f"The file is for account 210987654321, and the credentials are of {ACCOUNT_ID}.",
        ),
        (
            {"region": "us-east-1"},
            ("--region", "eu-west-1"),
            "The file says region: us-east-1, and --region says eu-west-1. Leave --region out.",
        ),
        ({}, ("--profile", "nobody"), "profile (nobody) could not be found."),
    ],
    ids=["another account", "another Region", "an unknown profile"],
)
def test_the_wrong_place_is_not_looked_into(
    place: Place, written: dict[str, str], options: tuple[str, ...], words: str
) -> None:
    place.document.update(written)
    result = place.run(*options)
    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr


def test_the_files_region_is_looked_into(place: Place) -> None:
    place.document["region"] = "us-east-1"
    place.document["account"] = ACCOUNT_ID
    assert place.run("--region", "us-east-1").stdout.startswith("MultusEni-minimal in account")


def test_every_group_of_a_node_group_that_is_named_by_tags_is_looked_at(place: Place) -> None:
    autoscaling = place.account.client("autoscaling")
    [first] = autoscaling.describe_auto_scaling_groups()["AutoScalingGroups"]
    autoscaling.create_auto_scaling_group(
        AutoScalingGroupName="lab-more",
        LaunchTemplate={
            key: first["LaunchTemplate"][key] for key in ("LaunchTemplateId", "Version")
        },
        MinSize=0,
        MaxSize=2000,
        VPCZoneIdentifier=first["VPCZoneIdentifier"],
    )
    autoscaling.create_or_update_tags(
        Tags=[
            {
                "ResourceId": name,
                "ResourceType": "auto-scaling-group",
                "Key": "multus",
                "Value": "yes",
                "PropagateAtLaunch": True,
            }
            for name in (place.group, "lab-more")
        ]
    )
    [group] = place.document["node_groups"]
    del group["auto_scaling_group"]
    group["auto_scaling_groups"] = {"tags": {"multus": "yes"}}
    result = place.run()
    assert result.exit_code == 1
    for name in (place.group, "lab-more"):
        assert f"Node group workers (Auto Scaling group {name})" in result.stdout
    assert "need 2010 even" in " ".join(result.stdout.split())


def test_a_node_group_whose_groups_are_not_found_is_told(place: Place) -> None:
    [group] = place.document["node_groups"]
    del group["auto_scaling_group"]
    group["auto_scaling_groups"] = {"tags": {"multus": "yes"}}
    result = place.run()
    assert (result.exit_code, result.stdout) == (2, "")
    assert "are tags that no Auto Scaling group has" in result.stderr


def troubled() -> Scene:
    """Return a scene with something of everything."""
    scene = Scene()
    scene.change_subnet("n3-a", tags={CNI_TAG: "1"}, free=9)
    scene.change_spec("n6", ipv4=Ipv4Mode.NONE, ipv6_count=1)
    scene.change_subnet("n6-a", ipv4_cidr=None, has_ipv6=True, free=0)
    scene.subnets.pop(SubnetId("subnet-n6-b"))
    scene.change_subnet("nodes-b", vpc_id=VpcId("vpc-2"))
    scene.cni = VpcCni((1, 19, 2))
    queue = "arn:aws:sqs:us-east-1:123456789012:nth"
    scene.rules = (EventRule("nth", {"source": ["aws.autoscaling"]}, (queue,)),)
    scene.hide("security_groups", "ec2:DescribeSecurityGroups")
    scene.adopt_running = True
    old, older = InstanceId("i-0a1c52f7d93be6840"), InstanceId("i-0b7e94d20c6f815a3")
    scene.change_group(nodes=2, in_service=(old, older))
    scene.held = {old: frozenset({"n3"})}
    return scene


def printed(scene: Scene, width: int) -> str:
    """Return what is printed of a scene in a terminal so wide."""
    console = Console(
        file=io.StringIO(), width=width, markup=False, emoji=False, highlight=False, no_color=True
    )
    for part in described(*scene.parts(), scene.findings()):
        console.print(part)
    assert isinstance(console.file, io.StringIO)
    return "".join(f"{line.rstrip()}\n" for line in console.file.getvalue().splitlines())


@pytest.mark.golden
@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("make", [Scene, troubled], ids=["fine", "troubled"])
def test_what_is_printed_is_its_golden_copy(make: Callable[[], Scene], width: int) -> None:
    """A change shows in review. UPDATE_GOLDEN=1 (`make golden`) writes the copy instead of comparing."""
    name = "fine" if make is Scene else "troubled"
    golden = HERE / "golden" / f"preflight-{name}-{width}.txt"
    shown = printed(make(), width)
    if os.environ.get("UPDATE_GOLDEN") == "1":
        golden.write_text(shown, encoding="utf-8")
    assert shown == golden.read_text(encoding="utf-8")
    assert max(map(len, shown.splitlines())) <= width


def test_every_finding_is_printed_even_in_a_narrow_terminal() -> None:
    scene = troubled()
    words = " ".join(printed(scene, 60).split())
    for finding in scene.findings():
        assert finding.severity is Severity.FINE or finding.code in words


def test_every_rule_is_documented() -> None:
    document = (REPOSITORY / "docs" / "preflight.md").read_text(encoding="utf-8")
    table = document.partition("## Findings")[2].partition("What it cannot see")[0]
    assert re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE) == list(CODES)
