"""The constructs in foreign stacks: beside other resources, more than once, and where they are refused."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

# jsii reads it when node starts, which importing aws_cdk does.
os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")

from aws_cdk import App, CfnOutput, Environment, Stack
from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_iam as iam
from aws_cdk.assertions import Template

import authoring
from multus_eni import Misuse, MultusEniAutomation, MultusNodeGroup

pytestmark = [pytest.mark.infra, pytest.mark.subprocesses("node")]

REPOSITORY = Path(__file__).parents[2]
CREATED = REPOSITORY / "examples" / "cdk_app" / "multus.yaml"
ADOPTED = REPOSITORY / "config" / "minimal.yaml"
ADOPTED_GROUP = authoring.load(ADOPTED).node_groups[0].auto_scaling_group


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    """A stack of another team, for whatever account and Region."""
    return Stack(App(outdir=str(tmp_path / "cdk.out")), "PacketCore")


def parsed(path: Path, old: str = "", new: str = "") -> authoring.Authored:
    """Return a file's configuration, with something replaced in it."""
    text = path.read_text()
    assert old in text
    return authoring.parse(text.replace(old, new, 1) if old else text)


def test_two_automations_live_in_one_stack_beside_others_outputs(stack: Stack) -> None:
    CfnOutput(stack, "Owner", value="packet core's own")
    first = MultusEniAutomation(stack, "First", configuration=parsed(ADOPTED))
    second = MultusEniAutomation(stack, "Second", configuration=parsed(CREATED))
    outputs = Template.from_stack(stack).to_json()["Outputs"]
    assert outputs["Owner"] == {"Value": "packet core's own"}
    exported = {body["Export"]["Name"] for body in outputs.values() if "Export" in body}
    assert {f"{first.owner}-node-policy", f"{second.owner}-node-policy"} <= exported


def test_hooks_can_wait_for_a_group_that_the_same_stack_makes(stack: Stack) -> None:
    """Its nodes have the policy and the user data of the automation, so only the hooks may wait for it."""
    multus = MultusEniAutomation(stack, "Multus", configuration=parsed(ADOPTED))
    (user_data,) = multus.user_data.values()
    group = autoscaling.CfnAutoScalingGroup(
        stack, "Workers", auto_scaling_group_name=ADOPTED_GROUP, min_size="0", max_size="3"
    )
    group.add_metadata("user-data", user_data)
    group.node.add_dependency(multus.node_policy)
    multus.hooks.node.add_dependency(group)
    hooks = Template.from_stack(stack).find_resources("AWS::AutoScaling::LifecycleHook")
    assert len(hooks) == 2
    for hook in hooks.values():
        assert "Workers" in hook["DependsOn"]
        assert hook["Properties"]["AutoScalingGroupName"] == ADOPTED_GROUP


def test_what_others_need_by_name_is_an_attribute(stack: Stack) -> None:
    multus = MultusEniAutomation(stack, "Multus", configuration=parsed(CREATED))
    assert (multus.launch_hook, multus.terminate_hook, multus.ready_hook) == (
        "MultusEni-packet-core-launch",
        "MultusEni-packet-core-terminate",
        "MultusEni-packet-core-ready",
    )
    assert set(multus.user_data) == {"user-plane", "control-plane"}
    assert set(multus.queues) == {"Launch", "Terminate"}
    assert set(multus.functions) == {"Launch", "Terminate", "Reconcile"}
    quiet = MultusEniAutomation(stack, "Quiet", configuration=parsed(ADOPTED))
    assert quiet.ready_hook is None
    assert quiet.pod_address_policy is None


def test_the_policy_for_followed_addresses_is_an_attribute_to_give_to_a_role(stack: Stack) -> None:
    followed = "- name: net1\n        pod_follow: true\n        node: {pod_network: ipvlan-l2}"
    multus = MultusEniAutomation(
        stack, "Multus", configuration=parsed(ADOPTED, "- name: net1", followed)
    )
    assert multus.pod_address_policy is not None
    iam.Role(
        stack,
        "Pods",
        assumed_by=iam.ServicePrincipal("pods.eks.amazonaws.com"),
        managed_policies=[multus.pod_address_policy],
    )
    template = Template.from_stack(stack)
    (policy_id,) = (
        logical_id
        for logical_id, policy in template.find_resources("AWS::IAM::ManagedPolicy").items()
        if "addresses" in policy["Properties"]["Description"]
    )
    template.has_resource_properties("AWS::IAM::Role", {"ManagedPolicyArns": [{"Ref": policy_id}]})


def test_code_and_configuration_are_staged_in_the_cloud_assembly(
    stack: Stack, tmp_path: Path
) -> None:
    MultusEniAutomation(stack, "Multus", configuration=parsed(ADOPTED))
    staged = {path.suffix for path in (tmp_path / "cdk.out").glob("asset.*")}
    assert staged == {".zip", ".pyz"}
    assert {path.name for path in tmp_path.iterdir()} == {"cdk.out"}


@pytest.mark.parametrize(
    ("written", "told"),
    [
        pytest.param("region: us-east-1", "is for the Region us-east-1", id="Region"),
        pytest.param('account: "210987654321"', "is for the account 210987654321", id="account"),
    ],
)
def test_a_file_for_another_environment_is_refused(tmp_path: Path, written: str, told: str) -> None:
    environment = Environment(account="123456789012", region="eu-west-1")
    stack = Stack(App(outdir=str(tmp_path)), "PacketCore", env=environment)
    configuration = parsed(ADOPTED, "cluster_name: lab", f"cluster_name: lab\n{written}")
    with pytest.raises(Misuse, match=f"{told} and the stack PacketCore is in"):
        MultusEniAutomation(stack, "Multus", configuration=configuration)


def test_a_file_for_some_region_goes_into_a_stack_for_any(stack: Stack) -> None:
    configuration = parsed(ADOPTED, "cluster_name: lab", "cluster_name: lab\nregion: us-east-1")
    MultusEniAutomation(stack, "Multus", configuration=configuration)
    Template.from_stack(stack).resource_count_is("AWS::Lambda::Function", 3)


@pytest.mark.parametrize(
    "configuration",
    [
        pytest.param(
            parsed(ADOPTED, f"auto_scaling_group: {ADOPTED_GROUP}", "managed_node_group: workers"),
            id="group",
        ),
        pytest.param(parsed(CREATED).model_copy(update={"cluster": None}), id="cluster"),
    ],
)
def test_a_file_that_leaves_something_to_the_account_is_refused(
    stack: Stack, configuration: authoring.Authored
) -> None:
    """The construct asks no account: a synthesis that does is the application's own decision."""
    with pytest.raises(Misuse, match=r"account\.lookup\.completed"):
        MultusEniAutomation(stack, "Multus", configuration=configuration)


def test_a_node_group_that_is_not_to_be_created_is_refused(stack: Stack) -> None:
    multus = MultusEniAutomation(stack, "Multus", configuration=parsed(CREATED))
    with pytest.raises(Misuse, match="creates: user-plane, control-plane"):
        MultusNodeGroup(stack, "Nodes", automation=multus, node_group="user-plan")
    adopting = MultusEniAutomation(stack, "Adopting", configuration=parsed(ADOPTED))
    with pytest.raises(Misuse, match="creates: none"):
        MultusNodeGroup(stack, "Workers", automation=adopting, node_group="workers")


def test_a_node_group_in_another_region_than_its_functions_is_refused(tmp_path: Path) -> None:
    app = App(outdir=str(tmp_path))
    stack = Stack(app, "PacketCore")
    multus = MultusEniAutomation(stack, "Multus", configuration=parsed(CREATED))
    away = Stack(app, "Away", env=Environment(region="eu-west-1"))
    with pytest.raises(Misuse, match="put both into one account and Region"):
        MultusNodeGroup(away, "Nodes", automation=multus, node_group="user-plane")


def test_a_resource_of_the_team_s_can_name_a_node_group_s_auto_scaling_group(stack: Stack) -> None:
    multus = MultusEniAutomation(stack, "Multus", configuration=parsed(CREATED))
    nodes = MultusNodeGroup(stack, "Nodes", automation=multus, node_group="user-plane")
    action = autoscaling.CfnScheduledAction(
        stack,
        "Night",
        auto_scaling_group_name=nodes.auto_scaling_group.ref,
        recurrence="0 22 * * *",
        min_size=2,
    )
    found: dict[str, Any] = Template.from_stack(stack).to_json()["Resources"]
    group = found[stack.get_logical_id(action)]["Properties"]["AutoScalingGroupName"]["Ref"]
    assert (
        found[group]["Properties"]["AutoScalingGroupName"]
        == "MultusEni-packet-core-Nodes-user-plane"
    )
