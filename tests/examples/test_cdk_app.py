"""examples/cdk_app: the constructs in another team's application, with the checks of the product's own."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

# jsii reads it when node starts, which importing aws_cdk does.
os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")

from aws_cdk import App

from domain import naming
from examples.cdk_app.app import build

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = [pytest.mark.infra, pytest.mark.subprocesses("node")]

OWNER = naming.owner("packet-core")
LAUNCH_EVENT = "EC2 Instance-launch Lifecycle Action"


class Template:
    """A template as it was written."""

    def __init__(self, text: str) -> None:
        self.parsed: dict[str, Any] = json.loads(text)

    @property
    def resources(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = self.parsed["Resources"]
        return found

    def of_type(self, resource_type: str) -> dict[str, dict[str, Any]]:
        """Return the resources of a type by logical id."""
        return {k: r for k, r in self.resources.items() if r["Type"] == resource_type}

    @property
    def group(self) -> dict[str, Any]:
        """Return the only Auto Scaling group."""
        (found,) = self.of_type("AWS::AutoScaling::AutoScalingGroup").values()
        return found

    @property
    def policies(self) -> list[Any]:
        """Return the policies of the nodes' role."""
        (profile,) = self.of_type("AWS::IAM::InstanceProfile").values()
        role = profile["Properties"]["Roles"][0]["Ref"]
        found: list[Any] = self.resources[role]["Properties"]["ManagedPolicyArns"]
        return found


@pytest.fixture(scope="module")
def synthesized(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Template]:
    """Both stacks and the manifest by name; a finding of AwsSolutions that is not acknowledged fails the synthesis."""
    out = tmp_path_factory.mktemp("cdk_app") / "cdk.out"
    app = App(outdir=str(out), analytics_reporting=False)
    build(app)
    app.synth()
    found = {
        path.name.removesuffix(".template.json"): Template(path.read_text())
        for path in out.glob("*.template.json")
    }
    found["manifest"] = Template((out / "manifest.json").read_text())
    return found


@pytest.fixture
def core(synthesized: Mapping[str, Template]) -> Template:
    """The stack with the automation and a group."""
    return synthesized["PacketCore"]


@pytest.fixture
def apart(synthesized: Mapping[str, Template]) -> Template:
    """The stack of a group alone."""
    return synthesized["ControlPlane"]


def test_each_group_has_the_automation_s_hooks_inline(core: Template, apart: Template) -> None:
    def hooks(template: Template) -> list[str]:
        inline = template.group["Properties"]["LifecycleHookSpecificationList"]
        return [hook["LifecycleHookName"] for hook in inline]

    every = [f"{OWNER}-launch", f"{OWNER}-terminate", f"{OWNER}-ready"]
    assert (hooks(core), hooks(apart)) == (every, every)
    assert core.of_type("AWS::AutoScaling::LifecycleHook") == {}


def test_an_opened_launch_hook_reaches_the_launch_function(core: Template) -> None:
    (rule,) = (
        rule["Properties"]
        for rule in core.of_type("AWS::Events::Rule").values()
        if rule["Properties"]["EventPattern"]["detail-type"] == [LAUNCH_EVENT]
    )
    assert rule["EventPattern"]["detail"] == {"LifecycleHookName": [f"{OWNER}-launch"]}
    (target,) = rule["Targets"]
    (mapping,) = (
        mapping["Properties"]
        for mapping in core.of_type("AWS::Lambda::EventSourceMapping").values()
        if mapping["Properties"]["EventSourceArn"] == target["Arn"]
    )
    function = core.resources[mapping["FunctionName"]["Ref"]]["Properties"]
    assert function["Handler"] == naming.LAUNCH_HANDLER


def test_a_first_node_of_the_same_stack_waits_for_all_that_answers_it(core: Template) -> None:
    answering = {
        logical_id
        for resource_type in (
            "AWS::Events::Rule",
            "AWS::IAM::ManagedPolicy",
            "AWS::Lambda::EventSourceMapping",
            "AWS::Lambda::Function",
            "AWS::SQS::Queue",
            "AWS::SQS::QueuePolicy",
            "AWS::SSM::Parameter",
        )
        for logical_id in core.of_type(resource_type)
    }
    assert len(answering) > 20
    assert answering <= set(core.group["DependsOn"])


def test_a_first_node_of_another_stack_waits_for_the_automation_s_stack(
    synthesized: Mapping[str, Template],
) -> None:
    artifacts = synthesized["manifest"].parsed["artifacts"]
    assert "PacketCore" in artifacts["ControlPlane"]["dependencies"]
    assert "ControlPlane" not in artifacts["PacketCore"]["dependencies"]


def test_nodes_of_the_same_stack_have_its_policy_without_a_parameter_that_is_not_there_yet(
    core: Template,
) -> None:
    (policy,) = core.of_type("AWS::IAM::ManagedPolicy")
    assert {"Ref": policy} in core.policies
    read = [str(parameter.get("Default")) for parameter in core.parsed["Parameters"].values()]
    assert not [name for name in read if name.startswith("/multus-eni/")]


def test_nodes_of_another_stack_have_the_policy_by_parameter_and_import_nothing(
    apart: Template,
) -> None:
    (name,) = (
        logical_id
        for logical_id, parameter in apart.parsed["Parameters"].items()
        if parameter.get("Default") == naming.parameter(OWNER, "node-policy")
    )
    assert {"Ref": name} in apart.policies
    assert "Fn::ImportValue" not in json.dumps(apart.parsed)


def test_the_team_s_own_alarm_watches_the_automation_s_queue(core: Template) -> None:
    alarm = core.of_type("AWS::CloudWatch::Alarm")
    (own,) = (body["Properties"] for name, body in alarm.items() if name.startswith("SlowLaunches"))
    queue = own["Dimensions"][0]["Value"]["Fn::GetAtt"][0]
    assert core.resources[queue]["Type"] == "AWS::SQS::Queue"
