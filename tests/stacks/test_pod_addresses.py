"""The policy of pods whose addresses are followed, by the interfaces that follow."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from aws_cdk import App, Stack
from aws_cdk.assertions import Template

from domain.errors import ConfigInvalid
from stacks.pod_addresses import MAX_MANAGED_POLICY_CHARACTERS, PodAddresses

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

pytestmark = [pytest.mark.infra, pytest.mark.subprocesses("node")]


def policy(tmp_path: Path, interfaces: Collection[str]) -> str:
    """Return the policy document of a stack of one such construct, as JSON without white space."""
    stack = Stack(App(outdir=str(tmp_path / "cdk.out")), "S")
    PodAddresses(stack, "P", owner="MultusEni-fleet", interfaces=interfaces)
    (found,) = Template.from_stack(stack).find_resources("AWS::IAM::ManagedPolicy").values()
    return json.dumps(found["Properties"]["PolicyDocument"], separators=(",", ":"))


def test_the_policy_is_the_same_for_the_same_interfaces(tmp_path: Path) -> None:
    one, other = (policy(tmp_path / str(names), names) for names in (["n6", "n3"], ["n3", "n6"]))
    assert one == other
    assert '"aws:ResourceTag/multus-eni:interface":["n3","n6"]' in one


def test_as_many_interfaces_as_a_fleet_has_fit(tmp_path: Path) -> None:
    names = [f"signalling-{number:03}" for number in range(200)]
    assert len(policy(tmp_path, names)) < MAX_MANAGED_POLICY_CHARACTERS


def test_more_names_than_fit_are_refused_before_iam_does(tmp_path: Path) -> None:
    names = [f"signalling-{number:03}" for number in range(400)]
    with pytest.raises(ConfigInvalid, match="characters of the 6144") as refused:
        policy(tmp_path, names)
    (problem,) = refused.value.problems
    assert problem.value == "400 names of interfaces with pod_follow"
    assert problem.remedy
