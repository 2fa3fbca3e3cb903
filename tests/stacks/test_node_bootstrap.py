"""What nodes may do, by what their groups ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import App, Stack
from aws_cdk.assertions import Template

from domain.node.config import NodeConfig, NodeGroup
from stacks.bootstrap_archive import BootstrapAsset
from stacks.node_bootstrap import NodeBootstrap

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.infra, pytest.mark.subprocesses("node")]


def statements(tmp_path: Path, *groups: NodeGroup) -> dict[str, dict[str, Any]]:
    """Return the policy's statements by sid."""
    archive = tmp_path / "bootstrap.pyz"
    archive.write_bytes(b"PK\x05\x06" + bytes(18))
    stack = Stack(App(outdir=str(tmp_path / "cdk.out")), "S")
    config = NodeConfig("MultusEni-fleet", "core", None, groups)
    NodeBootstrap(stack, "B", config=config, asset=BootstrapAsset(archive, "1" * 64))
    (policy,) = Template.from_stack(stack).find_resources("AWS::IAM::ManagedPolicy").values()
    return {s["Sid"]: s for s in policy["Properties"]["PolicyDocument"]["Statement"]}


def test_only_groups_with_a_ready_hook_may_answer_one(tmp_path: Path) -> None:
    found = statements(
        tmp_path,
        NodeGroup("a", "asg-a", (), ready_hook="MultusEni-fleet-ready"),
        NodeGroup("b", "asg-b", ()),
    )["AnswerReadyHook"]
    assert found["Action"] == "autoscaling:CompleteLifecycleAction"
    parts = found["Resource"]["Fn::Join"][1]
    assert parts[-1] == ":autoScalingGroup:*:autoScalingGroupName/asg-a"
    assert {"Ref": "AWS::Partition"} in parts


def test_without_a_ready_hook_no_node_may_answer_any(tmp_path: Path) -> None:
    found = statements(tmp_path, NodeGroup("b", "asg-b", ()))
    assert found.keys() == {"FetchBootstrap", "FindBootstrap"}
