"""examples/launch-template.yaml: CloudFormation takes it before and after the stack is there, and the nodes run the published script."""

from __future__ import annotations

import base64
import email
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from cfnlint.api import (  # type: ignore[import-untyped]  # cfn-lint ships no types
    ManualArgs,
    lint,
)

from localaws.cloudformation import document
from localaws.cloudformation.intrinsics import Scope
from stacks import user_data
from tests.examples import facts

if TYPE_CHECKING:
    from email.message import Message

EXAMPLE = facts.EXAMPLES / "launch-template.yaml"
PARAMETERS = {
    "Nodes": 3,
    "NodeSubnets": ["subnet-03a7e91c5d28b64f0", "subnet-04c8f2b6e0917d35a"],
    "NodeSecurityGroups": ["sg-0123456789abcdef0"],
    "Image": "ami-0123456789abcdef0",
    "ClusterName": "telco",
    "ClusterEndpoint": "https://example.eks.amazonaws.com",
    "ClusterCertificateAuthority": "Y2VydGlmaWNhdGU=",
    "ServiceCidr": "172.20.0.0/16",
}
PSEUDO = {"AWS::Partition": "aws", "AWS::Region": "us-east-1"}
ROLE = ("NodeAccess", "NodeProfile", "NodeRole")


class _Resources:
    def ref(self, logical_id: str) -> str:
        return f"<{logical_id}>"

    def attribute(self, logical_id: str, name: str) -> str:
        return f"<{logical_id}.{name}>"


class Deployed:
    """The template as CloudFormation would carry it out: conditions decided, functions evaluated, imports noted."""

    def __init__(self, stack_deployed: str) -> None:
        template = document.parse(EXAMPLE.read_text())
        self.parameters = template.section("Parameters")
        self.imports: list[str] = []
        scope = Scope(
            names={**PARAMETERS, **PSEUDO, "StackDeployed": stack_deployed},
            mappings={},
            conditions=template.section("Conditions"),
            resources=_Resources(),
            imported=self._imported,
            zones=lambda region: [region],
        )
        self.resources: dict[str, dict[str, Any]] = {
            name: scope.value(body["Properties"])
            for name, body in template.resources.items()
            if "Condition" not in body or scope.holds(body["Condition"])
        }

    def _imported(self, name: str) -> str:
        self.imports.append(name)
        return f"<import {name}>"

    @property
    def launch_template(self) -> dict[str, Any]:
        data: dict[str, Any] = self.resources["LaunchTemplate"]["LaunchTemplateData"]
        return data

    @property
    def user_data(self) -> Message:
        return email.message_from_bytes(base64.b64decode(self.launch_template["UserData"]))


@pytest.fixture
def before() -> Deployed:
    return Deployed("no")


@pytest.fixture
def after() -> Deployed:
    return Deployed("yes")


def test_cfn_lint_finds_nothing_wrong() -> None:
    findings = lint(EXAMPLE.read_text(), config=ManualArgs(regions=["us-east-1"]))
    assert [str(finding) for finding in findings] == []


def test_a_value_is_given_for_every_parameter(after: Deployed) -> None:
    assert PARAMETERS.keys() | {"StackDeployed"} == after.parameters.keys()


def test_the_first_time_it_is_a_group_with_no_nodes_that_imports_nothing(before: Deployed) -> None:
    assert sorted(before.resources) == ["Group", "LaunchTemplate"]
    assert before.imports == []
    assert before.resources["Group"]["DesiredCapacity"] == "0"
    assert "IamInstanceProfile" not in before.launch_template


def test_with_the_stack_it_has_a_role_and_nodes(after: Deployed) -> None:
    assert sorted(after.resources) == ["Group", "LaunchTemplate", *ROLE]
    assert after.resources["Group"]["DesiredCapacity"] == PARAMETERS["Nodes"]
    assert after.launch_template["IamInstanceProfile"] == {"Arn": "<NodeProfile.Arn>"}


def test_the_role_has_the_published_policy_and_no_right_to_enis(after: Deployed) -> None:
    (*eks, published) = after.resources["NodeRole"]["ManagedPolicyArns"]
    assert set(eks) == {f"arn:aws:iam::aws:policy/{name}" for name in facts.NODE_POLICIES}
    assert published == f"<import {facts.OWNER}-node-policy>"
    assert "Policies" not in after.resources["NodeRole"]


def test_a_node_runs_the_published_script_before_nodeadm_s_part(after: Deployed) -> None:
    assert facts.shell_parts(after.user_data) == [user_data.script(facts.OWNER, facts.NODE_GROUP)]
    kinds = [part.get_content_type() for part in after.user_data.walk()]
    assert kinds == ["multipart/mixed", "text/x-shellscript", "application/node.eks.aws"]


def test_nodeadm_learns_which_cluster_to_join(after: Deployed) -> None:
    *_, part = after.user_data.walk()
    assert yaml.safe_load(str(part.get_payload())) == {
        "apiVersion": "node.eks.aws/v1alpha1",
        "kind": "NodeConfig",
        "spec": {
            "cluster": {
                "name": PARAMETERS["ClusterName"],
                "apiServerEndpoint": PARAMETERS["ClusterEndpoint"],
                "certificateAuthority": PARAMETERS["ClusterCertificateAuthority"],
                "cidr": PARAMETERS["ServiceCidr"],
            }
        },
    }


def test_pods_do_not_reach_the_node_s_credentials(after: Deployed) -> None:
    assert after.launch_template["MetadataOptions"] == {
        "HttpEndpoint": "enabled",
        "HttpTokens": "required",
        "HttpPutResponseHopLimit": 1,
    }


def test_nodes_are_in_their_own_subnets_with_one_interface(after: Deployed) -> None:
    assert after.resources["Group"]["VPCZoneIdentifier"] == PARAMETERS["NodeSubnets"]
    assert "NetworkInterfaces" not in after.launch_template
    assert not facts.multus_subnets() & set(EXAMPLE.read_text().split())


def test_the_group_is_called_what_the_configuration_says(after: Deployed) -> None:
    assert after.resources["Group"]["AutoScalingGroupName"] == facts.auto_scaling_group()
