"""examples/terraform: the EKS module takes each of its arguments, and the nodes run the published script."""

from __future__ import annotations

import email
import json
import os
import re
import shutil
import subprocess
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hcl2
import pytest
from hcl2 import SerializationOptions

from stacks import user_data
from tests.examples import facts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

EXAMPLE = facts.EXAMPLES / "terraform"
MODULE = json.loads((Path(__file__).parent / "terraform-aws-eks-21.json").read_text())
MAPS_OF_OBJECTS = ("addons", "eks_managed_node_groups")
META_ARGUMENTS = {"source", "version"}
PLAIN = SerializationOptions(
    strip_string_quotes=True, with_comments=False, explicit_blocks=False, preserve_heredocs=False
)
"""Strings as they are, and `${…}` around whatever Terraform would have to evaluate."""


def parsed(name: str) -> dict[str, Any]:
    """Return a file of the example, its blocks in lists."""
    tree: dict[str, Any] = hcl2.loads((EXAMPLE / name).read_text(), serialization_options=PLAIN)
    return tree


@pytest.fixture
def module() -> dict[str, Any]:
    (block,) = parsed("main.tf")["module"]
    found: dict[str, Any] = block["eks"]
    return found


@pytest.fixture
def group(module: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = module["eks_managed_node_groups"]["telco-user-plane"]
    return found


def unknown(body: Mapping[str, Any], published: Iterable[str]) -> set[str]:
    """Return the arguments that the module does not publish."""
    return set(body) - set(published)


def fields(type_expression: str) -> set[str]:
    """Return the attributes' names in a type."""
    return set(re.findall(r"(\w+) =", type_expression))


def test_the_version_is_the_one_whose_inputs_are_known(module: dict[str, Any]) -> None:
    assert module["source"] == "terraform-aws-modules/eks/aws"
    assert module["version"] == "~> 21.0"


def test_every_argument_is_an_input_of_the_module(module: dict[str, Any]) -> None:
    """Terraform itself drops what an object type does not have, without a word: a misspelt attribute would be lost."""
    inputs = {*MODULE["variables"], *MAPS_OF_OBJECTS, *META_ARGUMENTS}
    assert unknown(module, inputs) == set()
    for name in MAPS_OF_OBJECTS:
        for key, body in module[name].items():
            assert unknown(body, MODULE[name]) == set(), key


def test_every_nested_attribute_is_one_of_the_module(module: dict[str, Any]) -> None:
    compared = set()
    for name in MAPS_OF_OBJECTS:
        for body in module[name].values():
            for attribute, value in body.items():
                for each in value if isinstance(value, list) else [value]:
                    if isinstance(each, dict):
                        assert unknown(each, fields(MODULE[name][attribute])) == set()
                        compared.add(attribute)
    assert compared == {"pod_identity_association", "metadata_options", "cloudinit_pre_nodeadm"}


def test_a_node_runs_the_published_script_as_one(group: dict[str, Any]) -> None:
    """The module makes one MIME part of each element, and EKS adds nodeadm's part behind them."""
    message = MIMEMultipart()
    for part in group["cloudinit_pre_nodeadm"]:
        (name,) = re.findall(r'^\$\{file\("\$\{path\.module\}/([\w.-]+)"\)\}$', part["content"])
        kind = part["content_type"].removeprefix("text/")
        message.attach(MIMEText((EXAMPLE / name).read_text(), kind, "us-ascii"))
    received = email.message_from_string(message.as_string())
    assert facts.shell_parts(received) == [user_data.script(facts.OWNER, facts.NODE_GROUP)]


def test_nodeadm_s_part_is_left_to_eks(group: dict[str, Any]) -> None:
    assert group["ami_type"].startswith("AL2023_")
    assert not {"ami_id", "enable_bootstrap_user_data", "user_data_template_path"} & set(group)


def test_pods_do_not_reach_the_node_s_credentials(group: dict[str, Any]) -> None:
    assert group["metadata_options"] == {
        "http_endpoint": "enabled",
        "http_tokens": "required",
        "http_put_response_hop_limit": 1,
    }


def test_the_role_has_the_published_policy_and_no_right_to_enis(
    module: dict[str, Any], group: dict[str, Any]
) -> None:
    """The module gives a node's role AmazonEKS_CNI_Policy unless told otherwise."""
    assert group["iam_role_attach_cni_policy"] is False
    assert group["iam_role_additional_policies"] == "${local.node_policies}"
    assert "iam_role_policy_statements" not in group
    assert module["addons"]["vpc-cni"]["pod_identity_association"] == [
        {"role_arn": "${var.vpc_cni_role_arn}", "service_account": "aws-node"}
    ]


def test_the_policy_is_read_from_the_published_parameter_once_the_stack_is_there() -> None:
    published = parsed("published.tf")
    (data,) = published["data"]
    assert data["aws_ssm_parameter"]["node_policy"] == {
        "count": "${var.stack_deployed ? 1 : 0}",
        "name": facts.parameter("node-policy"),
    }
    (values,) = published["locals"]
    assert "in data.aws_ssm_parameter.node_policy :" in values["node_policies"]


def test_every_reference_is_declared() -> None:
    text = "".join(path.read_text() for path in EXAMPLE.glob("*.tf"))
    declared = {name for block in parsed("main.tf")["variable"] for name in block}
    assert set(re.findall(r"\bvar\.(\w+)", text)) == declared
    assert set(re.findall(r"\blocal\.(\w+)", text)) == set(parsed("published.tf")["locals"][0])


def test_nodes_are_in_no_multus_subnet_and_have_one_interface(
    module: dict[str, Any], group: dict[str, Any]
) -> None:
    assert module["subnet_ids"] == group["subnet_ids"] == "${var.node_subnet_ids}"
    assert "network_interfaces" not in group


def test_it_is_made_with_no_nodes(group: dict[str, Any]) -> None:
    assert (group["min_size"], group["desired_size"]) == (0, 0)


def stub() -> str:
    """Return a module with the published inputs and nothing else, for a Terraform that reaches no registry."""
    types = dict(MODULE["variables"])
    for name in MAPS_OF_OBJECTS:
        attributes = ", ".join(f"{key} = optional({kind})" for key, kind in MODULE[name].items())
        types[name] = f"map(object({{ {attributes} }}))"
    return "".join(
        f'variable "{name}" {{\n  type = {kind}\n  default = null\n}}\n'
        for name, kind in types.items()
    )


@pytest.fixture
def validate(tmp_path: Path) -> Callable[[str, str], list[str]]:
    """Return what `terraform validate` says of main.tf with one text replaced, against the module's published inputs.

    The module is a stub and published.tf its result: neither the module nor the AWS provider is on a machine without a
    registry. With one, `terraform init && terraform validate` in the example's folder checks all of it.
    """
    terraform = shutil.which("terraform")
    if terraform is None:
        pytest.skip("terraform is not on PATH")

    def run(old: str, new: str) -> list[str]:
        main = (EXAMPLE / "main.tf").read_text()
        assert old in main
        main = main.replace(old, new).replace('"terraform-aws-modules/eks/aws"', '"./eks"')
        (tmp_path / "main.tf").write_text(main.replace('  version = "~> 21.0"\n', ""))
        (tmp_path / "published.tf").write_text("locals {\n  node_policies = {}\n}\n")
        shutil.copy(EXAMPLE / "multus-node.sh", tmp_path)
        (tmp_path / "eks").mkdir()
        (tmp_path / "eks" / "variables.tf").write_text(stub())
        for arguments in (["init", "-backend=false", "-input=false"], ["validate", "-json"]):
            done = subprocess.run(  # noqa: S603 - the program under test
                [terraform, f"-chdir={tmp_path}", *arguments],
                env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "CHECKPOINT_DISABLE": "1"},
                capture_output=True,
                timeout=120,
                check=False,
            )
        return [each["summary"] for each in json.loads(done.stdout)["diagnostics"]]

    return run


@pytest.mark.subprocesses("terraform")
def test_terraform_finds_nothing_wrong(validate: Callable[[str, str], list[str]]) -> None:
    assert validate("", "") == []


@pytest.mark.subprocesses("terraform")
@pytest.mark.parametrize(
    ("old", "new", "summary"),
    [
        ('kubernetes_version = "1.33"', 'cluster_version = "1.33"', "Unsupported argument"),
        ("min_size     = 0", 'min_size     = "none"', "Invalid value for input variable"),
        ("var.vpc_id", "var.vpc", "Reference to undeclared input variable"),
    ],
    ids=["an argument of version 20", "a value of another type", "an undeclared variable"],
)
def test_terraform_finds_what_is_wrong(
    validate: Callable[[str, str], list[str]], old: str, new: str, summary: str
) -> None:
    assert validate(old, new) == [summary]


@pytest.mark.subprocesses("terraform")
def test_the_files_are_as_terraform_formats_them() -> None:
    terraform = shutil.which("terraform")
    if terraform is None:
        pytest.skip("terraform is not on PATH")
    done = subprocess.run(  # noqa: S603 - the program under test
        [terraform, "fmt", "-check", "-list=true", str(EXAMPLE)],
        env={"PATH": os.environ["PATH"], "CHECKPOINT_DISABLE": "1"},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, b"")
