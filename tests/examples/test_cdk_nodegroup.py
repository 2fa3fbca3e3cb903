"""examples/cdk_nodegroup.py: it synthesizes before and after the stack is there, and takes what the stack publishes."""

from __future__ import annotations

import os
from typing import Any

import pytest

# jsii reads it when node starts, which importing aws_cdk does.
os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")

from aws_cdk import App
from aws_cdk.assertions import Template

from examples.cdk_nodegroup import NODE_SUBNETS, UserPlane
from tests.examples import facts

NODES = 3
pytestmark = [pytest.mark.infra, pytest.mark.subprocesses("node")]


class Synthesized:
    """The example's template."""

    def __init__(self, *, stack_deployed: bool) -> None:
        stack = UserPlane(App(), "TelcoUserPlane", stack_deployed=stack_deployed, nodes=NODES)
        self.template: dict[str, Any] = dict(Template.from_stack(stack).to_json())

    def one(self, resource_type: str) -> dict[str, Any]:
        """Return the properties of the only resource of a type."""
        (found,) = (
            body["Properties"]
            for body in self.template["Resources"].values()
            if body["Type"] == resource_type
        )
        properties: dict[str, Any] = found
        return properties

    @property
    def launch_template(self) -> dict[str, Any]:
        data: dict[str, Any] = self.one("AWS::EC2::LaunchTemplate")["LaunchTemplateData"]
        return data

    @property
    def nodegroup(self) -> dict[str, Any]:
        return self.one("AWS::EKS::Nodegroup")

    @property
    def published(self) -> dict[str, str]:
        """Return by reference the names of the stack's parameters that CloudFormation reads at deployment."""
        return {
            logical_id: body["Default"]
            for logical_id, body in self.template["Parameters"].items()
            if body["Type"] == "AWS::SSM::Parameter::Value<String>"
            and body["Default"].startswith("/multus-eni/")
        }


@pytest.fixture(scope="module")
def after() -> Synthesized:
    return Synthesized(stack_deployed=True)


@pytest.fixture(scope="module")
def before() -> Synthesized:
    return Synthesized(stack_deployed=False)


def policy_names(synthesized: Synthesized) -> set[str]:
    """Return the names of the role's policies that AWS made."""
    arns = synthesized.one("AWS::IAM::Role")["ManagedPolicyArns"]
    return {arn["Fn::Join"][1][-1].rsplit("/", 1)[1] for arn in arns if "Fn::Join" in arn}


def test_a_node_runs_the_published_user_data(after: Synthesized) -> None:
    reference = after.launch_template["UserData"]["Fn::Base64"]["Ref"]
    assert after.published[reference] == facts.parameter(f"node-user-data/{facts.NODE_GROUP}")


def test_the_role_has_the_published_policy_and_no_right_to_enis(after: Synthesized) -> None:
    role = after.one("AWS::IAM::Role")
    (reference,) = (arn["Ref"] for arn in role["ManagedPolicyArns"] if "Ref" in arn)
    assert after.published[reference] == facts.parameter("node-policy")
    assert policy_names(after) == facts.NODE_POLICIES
    assert "Policies" not in role
    assert "AWS::IAM::Policy" not in {r["Type"] for r in after.template["Resources"].values()}


def test_the_first_time_it_is_a_group_that_reads_nothing_of_the_stack(before: Synthesized) -> None:
    assert before.published == {}
    assert "UserData" not in before.launch_template
    assert policy_names(before) == facts.NODE_POLICIES
    assert len(before.one("AWS::IAM::Role")["ManagedPolicyArns"]) == len(facts.NODE_POLICIES)


def test_it_is_made_with_no_nodes_and_has_them_with_the_stack(
    before: Synthesized, after: Synthesized
) -> None:
    sizes = [each.nodegroup["ScalingConfig"]["DesiredSize"] for each in (before, after)]
    assert sizes == [0, NODES]


def test_pods_do_not_reach_the_node_s_credentials(after: Synthesized) -> None:
    assert after.launch_template["MetadataOptions"] == {
        "HttpEndpoint": "enabled",
        "HttpTokens": "required",
        "HttpPutResponseHopLimit": 1,
    }


def test_eks_accepts_the_launch_template_and_adds_nodeadm_s_part(after: Synthesized) -> None:
    """A template with an image gets no part, and one with a profile, a subnet or a type beside the group's is refused."""
    assert set(after.launch_template) == {"MetadataOptions", "UserData"}
    assert after.nodegroup["AmiType"] == "AL2023_x86_64_STANDARD"


def test_nodes_are_in_their_own_subnets(after: Synthesized) -> None:
    assert after.nodegroup["Subnets"] == list(NODE_SUBNETS.values())
    assert not facts.multus_subnets() & set(NODE_SUBNETS.values())
