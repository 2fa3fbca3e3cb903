"""The template as a whole: its golden copy, other partitions, a neighbour in the same account, the linter."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cfnlint.api import (  # type: ignore[import-untyped]  # cfn-lint ships no types
    ManualArgs,
    lint,
)

if TYPE_CHECKING:
    from tests.infra.conftest import Synthesized

pytestmark = [pytest.mark.infra, pytest.mark.subprocesses("node")]

GOLDEN = Path(__file__).parent / "golden" / "MultusEni-fleet.template.json"
REGIONS = {"aws": "us-east-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}
OBSOLETE_DEPENDS_ON = "W3005"
"""CDK's Function depends on its role besides naming it."""


def without_asset_hashes(text: str) -> str:
    """Return a template with each asset's hash blanked: a change of code is no change of infrastructure."""
    return re.sub(r"[0-9a-f]{64}", "HASH", text)


@pytest.mark.golden
def test_the_template_is_its_golden_copy(fleet: Synthesized) -> None:
    """A change shows in review. UPDATE_GOLDEN=1 (`make golden`) writes the copy instead of comparing."""
    template = without_asset_hashes(fleet.text) + "\n"
    if os.environ.get("UPDATE_GOLDEN") == "1":
        GOLDEN.write_text(template)
    assert template == GOLDEN.read_text()


@pytest.mark.parametrize("partition", REGIONS)
def test_the_template_is_valid_in_every_partition(fleet: Synthesized, partition: str) -> None:
    findings = lint(
        fleet.text,
        config=ManualArgs(regions=[REGIONS[partition]], ignore_checks=[OBSOLETE_DEPENDS_ON]),
    )
    assert [str(finding) for finding in findings] == []


def test_no_partition_is_spelled_out_but_by_the_person_who_names_a_topic(
    fleet: Synthesized,
) -> None:
    assert set(re.findall(r"arn:aws[^\"]*", fleet.text)) == {fleet.settings.alarm_topic_arn}


@pytest.mark.parametrize(
    ("resource_type", "key"),
    [("AWS::AutoScaling::LifecycleHook", "LifecycleHookName"), ("AWS::SSM::Parameter", "Name")],
)
def test_two_stacks_in_one_account_share_no_name(
    fleet: Synthesized, other: Synthesized, resource_type: str, key: str
) -> None:
    ours = {properties[key] for properties in fleet.of_type(resource_type).values()}
    theirs = {properties[key] for properties in other.of_type(resource_type).values()}
    assert ours
    assert theirs
    assert not ours & theirs


def test_two_stacks_in_one_account_share_no_export(fleet: Synthesized, other: Synthesized) -> None:
    def exports(stack: Synthesized) -> set[str]:
        return {output["Export"]["Name"] for output in stack.template["Outputs"].values()}

    assert not exports(fleet) & exports(other)


def test_only_what_is_found_by_name_is_named(fleet: Synthesized) -> None:
    """Anything else with a fixed name would collide with a second stack's, and could not be replaced."""
    fixed = {"AWS::AutoScaling::LifecycleHook", "AWS::SSM::Parameter"}
    for logical_id, resource in fleet.resources.items():
        if resource["Type"] in fixed:
            continue
        named = {
            key: value
            for key, value in resource.get("Properties", {}).items()
            if key.endswith("Name") and key != "MetricName" and isinstance(value, str)
        }
        assert named == {}, logical_id


def test_the_owner_of_one_stack_has_no_right_to_the_others_interfaces(
    fleet: Synthesized, other: Synthesized
) -> None:
    def owner_values(stack: Synthesized) -> set[str]:
        text = json.dumps([stack.statements(n) for n in ("launch", "terminate", "reconcile")])
        return set(re.findall(r'Tag/multus-eni:owner": "([^"]+)"', text))

    assert owner_values(fleet) == {"MultusEni-fleet"}
    assert owner_values(other) == {"MultusEni-other"}


def test_without_a_topic_alarms_tell_nobody_and_still_exist(
    fleet: Synthesized, other: Synthesized
) -> None:
    def alarms(stack: Synthesized) -> list[dict[str, Any]]:
        return list(stack.of_type("AWS::CloudWatch::Alarm").values())

    assert all(a["AlarmActions"] == [fleet.settings.alarm_topic_arn] for a in alarms(fleet))
    assert all("AlarmActions" not in alarm for alarm in alarms(other))
    of_reserve = 2
    assert len(alarms(fleet)) == len(alarms(other)) + of_reserve
