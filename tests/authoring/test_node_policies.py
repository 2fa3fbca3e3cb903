"""Policies of a created group's role."""

from __future__ import annotations

import json
from fnmatch import fnmatch
from typing import Any

import botocore.session
import pytest
from moto.iam.aws_managed_policies import aws_managed_policies_data

from authoring.node_policies import ENI_POLICIES, NODE_POLICIES, partition

_SESSION = botocore.session.get_session()


@pytest.mark.parametrize("known", _SESSION.get_available_partitions())
def test_a_region_is_of_the_partition_that_botocore_has_it_in(known: str) -> None:
    for service in ("sts", "ec2"):
        for region in _SESSION.get_available_regions(service, partition_name=known):
            assert partition(region) == known


_KNOWN: dict[str, Any] = json.loads(aws_managed_policies_data)


def _can_attach(policy: str) -> bool:
    """Return whether AWS's policy allows any network interface to be attached, as moto has its text."""
    statements = _KNOWN[policy]["Document"]["Statement"]
    return any(
        _matches(statement.get("Action", []))
        or ("NotAction" in statement and not _matches(statement["NotAction"]))
        for statement in statements
        if statement["Effect"] == "Allow"
    )


def _matches(patterns: str | list[str]) -> bool:
    each = [patterns] if isinstance(patterns, str) else patterns
    return any(fnmatch("ec2:attachnetworkinterface", pattern.lower()) for pattern in each)


def test_each_policy_that_is_said_to_give_rights_to_enis_does() -> None:
    assert [policy for policy in sorted(ENI_POLICIES) if not _can_attach(policy)] == []


def test_the_policies_of_every_node_give_none() -> None:
    assert [policy for policy in NODE_POLICIES if _can_attach(policy)] == []
