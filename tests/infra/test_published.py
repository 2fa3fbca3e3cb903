"""Outputs and parameters: what node groups and people read of a stack."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from domain import naming
from domain.config import from_json

if TYPE_CHECKING:
    from tests.infra.conftest import Synthesized

pytestmark = [pytest.mark.infra, pytest.mark.subprocesses("node")]

OWNER = "MultusEni-fleet"
LEAVES = {
    "owner",
    "launch-hook",
    "terminate-hook",
    *(
        f"{queue}-{form}"
        for queue in (
            "launch-queue",
            "terminate-queue",
            "launch-dead-letters",
            "terminate-dead-letters",
            "rule-dead-letters",
            "schedule-dead-letters",
        )
        for form in ("arn", "url")
    ),
    *(
        f"{function}-function-{form}"
        for function in ("launch", "terminate", "reconcile", "reserve")
        for form in ("arn", "name")
    ),
    "launch-rule-arn",
    "terminate-rule-arn",
    "terminated-rule-arn",
    "ready-hook",
    "node-bootstrap",
    "node-bootstrap-sha256",
    "node-policy",
    "pod-address-policy",
}


def parameters(stack: Synthesized) -> dict[str, Any]:
    """Return the parameters' values by name."""
    return {p["Name"]: p["Value"] for p in stack.of_type("AWS::SSM::Parameter").values()}


def test_each_fact_is_an_output_and_a_parameter_of_the_same_value(fleet: Synthesized) -> None:
    outputs = {
        output["Export"]["Name"]: output["Value"] for output in fleet.template["Outputs"].values()
    }
    assert outputs.keys() == {f"{OWNER}-{leaf}" for leaf in LEAVES}
    assert {leaf: outputs[f"{OWNER}-{leaf}"] for leaf in LEAVES} == {
        leaf: parameters(fleet)[naming.parameter(OWNER, leaf)] for leaf in LEAVES
    }


def test_names_that_others_rely_on_are_the_hooks(fleet: Synthesized) -> None:
    values = parameters(fleet)
    hooks = {
        hook["LifecycleHookName"]
        for hook in fleet.of_type("AWS::AutoScaling::LifecycleHook").values()
    }
    assert hooks == {
        values[naming.parameter(OWNER, "launch-hook")],
        values[naming.parameter(OWNER, "ready-hook")],
        values[naming.parameter(OWNER, "terminate-hook")],
    }


def test_a_node_group_finds_its_resolved_configuration(fleet: Synthesized) -> None:
    for group in fleet.config.node_groups:
        document = parameters(fleet)[naming.parameter(OWNER, f"node-groups/{group.name}")]
        assert from_json(document) == replace(fleet.config, node_groups=(group,))


def test_nothing_else_is_published(fleet: Synthesized) -> None:
    groups = {
        f"{what}/{group.name}"
        for what in ("node-groups", "node-user-data")
        for group in fleet.config.node_groups
    }
    assert parameters(fleet).keys() == {naming.parameter(OWNER, leaf) for leaf in LEAVES | groups}


def test_an_output_is_called_by_a_name_a_script_can_rely_on(fleet: Synthesized) -> None:
    assert {"Owner", "LaunchHook", "TerminateHook", "LaunchQueueUrl"} <= set(
        fleet.template["Outputs"]
    )
