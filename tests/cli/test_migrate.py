"""`migrate` as a person runs it: from a deployed sample, or from a file, to a configuration that `validate` takes."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws
from typer.testing import CliRunner

import authoring
from cli.__main__ import app
from localaws.account import Account, Settings
from localaws.clock import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from typer.testing import Result

GOLDEN = Path(__file__).parent / "golden" / "migrated.yaml"
ONE, TWO = "subnet-0a1c52f7d93be6840", "subnet-0c3f6a89e15d72b04"
PARAMETERS = {
    "ClusterName": "telco",
    "NodeGroupName": "UPF",
    "NodeInstanceType": "c5.2xlarge",
    "LambdaS3Bucket": "multus-cluster",
    "LambdaS3Key": "lambda_function.zip",
    "useIPsFromStartOfSubnet": "true",
    "InterfaceTags": "cnf=abc01,type=5g,Name=upf",
    "MultusSubnets": f"{ONE},{TWO}",
    "MultusSecurityGroups": "sg-04d8a1f6b2c97e035",
}
ZONES = ["--zone", f"{ONE}=us-east-1a", "--zone", f"{TWO}=us-east-1a"]


def as_file(parameters: Mapping[str, str]) -> str:
    """Return CloudFormation's parameter file."""
    return json.dumps(
        [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()]
    )


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app(), ["migrate", *map(str, arguments)])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of parameters of the guide's template."""
    path = tmp_path / "upf.json"
    path.write_text(as_file(PARAMETERS), encoding="utf-8")
    return path


@pytest.mark.golden
def test_the_file_for_a_file_of_parameters_is_the_golden_one(file: Path) -> None:
    """A change shows in review. UPDATE_GOLDEN=1 (`make golden`) writes the copy instead of comparing."""
    result = run("--parameters", file, *ZONES, "--auto-scaling-group", "upf-NodeGroup-1A2B3C")
    assert (result.exit_code, result.stderr) == (0, "")
    if os.environ.get("UPDATE_GOLDEN") == "1":
        GOLDEN.write_text(result.stdout, encoding="utf-8")
    assert result.stdout == GOLDEN.read_text(encoding="utf-8")


def test_validate_takes_what_is_written(file: Path, tmp_path: Path) -> None:
    output = tmp_path / "prod.yaml"
    result = run("--parameters", file, *ZONES, "--auto-scaling-group", "nodes", "--output", output)
    assert (result.exit_code, result.stdout) == (0, "")
    assert "docs/migration.md" in result.stderr
    shown = CliRunner().invoke(app(), ["validate", str(output)])
    assert shown.exit_code == 0
    assert "MultusEni-telco for cluster telco" in shown.stdout


def test_a_file_that_is_there_is_not_written_over_unless_asked_for(
    file: Path, tmp_path: Path
) -> None:
    output = tmp_path / "prod.yaml"
    output.write_text("mine", encoding="utf-8")
    arguments: list[str | Path] = [
        "--parameters",
        file,
        *ZONES,
        "--auto-scaling-group",
        "nodes",
        "--output",
        output,
    ]
    result = run(*arguments)
    assert (result.exit_code, output.read_text(encoding="utf-8")) == (2, "mine")
    assert "add --force to write over it" in result.stderr
    assert run(*arguments, "--force").exit_code == 0
    assert authoring.load(output).name == "telco"


def test_a_file_that_cannot_be_written_is_told(file: Path, tmp_path: Path) -> None:
    group = ("--auto-scaling-group", "nodes")
    result = run("--parameters", file, *ZONES, *group, "--output", tmp_path, "--force")
    assert result.exit_code == 2
    assert f"--output: cannot be written: Is a directory (got '{tmp_path}')" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param([], "is not one of the two (got 'neither')", id="nothing"),
        pytest.param(["--stack", "a", "--parameters", "b"], "(got 'both')", id="both"),
        pytest.param(["--stack", "a", *ZONES], "is for --parameters", id="zones of a stack"),
        pytest.param(
            ["--parameters", "b", "--zone", "us-east-1a"], "is not SUBNET=ZONE", id="zone"
        ),
        pytest.param(["--parameters", "none.json"], "cannot be read: No such file", id="no file"),
        pytest.param(["--parameters", "b", "--output", "no/x"], "in no folder", id="no folder"),
    ],
)
def test_options_that_do_not_do_are_told(arguments: list[str], words: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert words in result.stderr
    assert "Traceback" not in result.stderr


def test_what_our_own_rules_refuse_is_told_and_nothing_is_written(
    file: Path, tmp_path: Path
) -> None:
    small = {**PARAMETERS, "NodeInstanceType": "t3.micro"}
    file.write_text(as_file(small), encoding="utf-8")
    output = tmp_path / "prod.yaml"
    result = run("--parameters", file, *ZONES, "--auto-scaling-group", "nodes", "--output", output)
    assert result.exit_code == 2
    assert "node_groups[0].instance_types[0]: takes 2 network interfaces" in result.stderr
    assert "line " not in result.stderr
    assert not output.exists()


def test_the_guides_options_are_the_commands() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "migration.md").read_text(encoding="utf-8")
    written = {
        option
        for line in guide.splitlines()
        if "-m cli migrate" in line
        for option in re.findall(r"--[a-z-]+", line)
    }
    shown = CliRunner().invoke(app(), ["migrate", "--help"], env={"COLUMNS": "120"}).stdout
    assert written == {"--stack", "--output", "--parameters", "--zone", "--auto-scaling-group"}
    assert all(option in shown for option in written)


# A deployed stack.


@pytest.fixture
def account() -> Iterator[Account]:
    account = Account(VirtualClock(), Settings(throttling=False))
    with account.active(), mock_aws():
        yield account


@pytest.fixture
def deployed(account: Account) -> list[str]:
    """The resources of the sample that matter, deployed as the stack `upf`; return its two Multus subnets."""
    del account  # It is active.
    ec2 = boto3.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    nodes, *multus = [
        ec2.create_subnet(
            VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone="us-east-1b"
        )["Subnet"]["SubnetId"]
        for number in range(3)
    ]
    group = ec2.create_security_group(GroupName="multus", Description="m", VpcId=vpc)["GroupId"]
    parameters = {
        **PARAMETERS,
        "Subnets": nodes,
        "MultusSubnets": ",".join(multus),
        "MultusSecurityGroups": group,
    }
    boto3.client("cloudformation").create_stack(
        StackName="upf",
        TemplateBody=json.dumps(_template(parameters)),
        Parameters=[
            {"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()
        ],
    )
    return multus


def _template(parameters: Mapping[str, str]) -> dict[str, Any]:
    types = dict.fromkeys(parameters, "String")
    types["Subnets"] = types["MultusSubnets"] = "List<AWS::EC2::Subnet::Id>"
    types["MultusSecurityGroups"] = "List<AWS::EC2::SecurityGroup::Id>"

    def hook(transition: str) -> dict[str, Any]:
        return {
            "Type": "AWS::AutoScaling::LifecycleHook",
            "Properties": {
                "AutoScalingGroupName": {"Ref": "NodeGroup"},
                "LifecycleTransition": f"autoscaling:EC2_INSTANCE_{transition}",
                "DefaultResult": "ABANDON",
                "HeartbeatTimeout": 300,
            },
        }

    return {
        "Parameters": {name: {"Type": kind} for name, kind in types.items()},
        "Resources": {
            "NodeLaunchTemplate": {
                "Type": "AWS::EC2::LaunchTemplate",
                "Properties": {
                    "LaunchTemplateData": {
                        "ImageId": "ami-12c6146b",
                        "InstanceType": {"Ref": "NodeInstanceType"},
                    }
                },
            },
            "NodeGroup": {
                "Type": "AWS::AutoScaling::AutoScalingGroup",
                "Properties": {
                    "MinSize": "0",
                    "MaxSize": "3",
                    "DesiredCapacity": "0",
                    "LaunchTemplate": {
                        "LaunchTemplateId": {"Ref": "NodeLaunchTemplate"},
                        "Version": {"Fn::GetAtt": ["NodeLaunchTemplate", "LatestVersionNumber"]},
                    },
                    "VPCZoneIdentifier": {"Ref": "Subnets"},
                },
            },
            "LchookEc2Ins": hook("LAUNCHING"),
            "LchookEc2Term": hook("TERMINATING"),
            "NewInstanceEventRule": {
                "Type": "AWS::Events::Rule",
                "Properties": {
                    "EventPattern": {
                        "source": ["aws.autoscaling"],
                        "detail": {"AutoScalingGroupName": [{"Ref": "NodeGroup"}]},
                    }
                },
            },
        },
    }


@pytest.mark.localaws
def test_a_deployed_stack_becomes_a_configuration(deployed: list[str], account: Account) -> None:
    before = len(account.calls.where(lambda _: True))
    result = run("--stack", "upf")
    assert (result.exit_code, result.stderr) == (0, "")
    (group,) = authoring.parse(result.stdout).node_groups
    autoscaling = boto3.client("autoscaling")
    (shown,) = autoscaling.describe_auto_scaling_groups()["AutoScalingGroups"]
    assert group.auto_scaling_group == shown["AutoScalingGroupName"]
    assert [one.subnets for one in group.interfaces] == [{"us-east-1b": one} for one in deployed]
    hooks = autoscaling.describe_lifecycle_hooks(AutoScalingGroupName=group.auto_scaling_group)
    notes = " ".join(result.stdout.partition("\nname:")[0].replace("\n#", " ").split())
    assert all(one["LifecycleHookName"] in notes for one in hooks["LifecycleHooks"])
    actions = {call.action for call in account.calls.where(lambda _: True)[before:]}
    assert {
        action for action in actions if not action.startswith(("Describe", "Get", "List"))
    } == set()


@pytest.mark.localaws
@pytest.mark.usefixtures("deployed")
def test_stacks_that_cannot_be_read_are_told_beside_what_else_is_wrong() -> None:
    result = run("--stack", "upf", "--stack", "gone", "--auto-scaling-group", "other")
    assert result.exit_code == 2
    assert result.stderr.startswith("migrate: 2 problems\n")
    assert "--stack gone: cannot be read:" in result.stderr
    assert "is not the one group of the sample's stack" in result.stderr


@pytest.mark.localaws
@pytest.mark.usefixtures("account")
def test_a_stack_that_is_not_there_is_told() -> None:
    result = run("--stack", "gone")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Stack with id gone does not exist" in result.stderr


def test_a_region_that_nobody_names_is_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    result = run("--stack", "upf", "--stack", "smf")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "migrate: 1 problem\n"
        "  --region: is not given, and neither the environment nor the AWS configuration says one. "
        "Give --region, or set AWS_REGION.\n"
    )


def test_a_profile_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    result = run("--stack", "upf")
    assert result.exit_code == 2
    assert (
        "(the account): cannot be asked: The config profile (nobody) could not be found"
        in result.stderr
    )


@pytest.mark.localaws
@pytest.mark.usefixtures("deployed")
def test_the_region_is_that_of_the_environment_as_for_other_commands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    result = run("--stack", "gone")
    assert "(got 'eu-west-1')" in result.stderr
