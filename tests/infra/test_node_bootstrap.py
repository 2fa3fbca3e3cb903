"""The node bootstrap as it is published: one object, named by its digest, and no right beyond it."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from domain import naming
from domain.node import layout
from domain.node.config import from_json
from stacks import user_data

if TYPE_CHECKING:
    from tests.infra.conftest import Synthesized

pytestmark = [pytest.mark.infra, pytest.mark.subprocesses("node")]


def flat(value: Any) -> str:  # noqa: ANN401 - a JSON value is what it is
    """Return a template's text with references in angle brackets."""
    if isinstance(value, dict) and "Fn::Join" in value:
        return "".join(flat(part) for part in value["Fn::Join"][1])
    if isinstance(value, dict):
        ((function, argument),) = value.items()
        return str(argument) if function == "Fn::Sub" else f"<{argument}>"
    return str(value)


def parameter(stack: Synthesized, leaf: str) -> str:
    """Return the value of a published parameter."""
    (found,) = (
        flat(properties["Value"])
        for properties in stack.of_type("AWS::SSM::Parameter").values()
        if properties["Name"] == naming.parameter(stack.config.owner, leaf)
    )
    return found


def statements(stack: Synthesized) -> list[dict[str, Any]]:
    """Return the statements of the nodes' managed policy."""
    (policy,) = stack.of_type("AWS::IAM::ManagedPolicy").values()
    found: list[dict[str, Any]] = policy["PolicyDocument"]["Statement"]
    return found


def test_the_object_is_named_by_its_digest_which_user_data_checks(fleet: Synthesized) -> None:
    uri = parameter(fleet, "node-bootstrap")
    digest = parameter(fleet, "node-bootstrap-sha256")
    assert uri.startswith("s3://cdk-hnb659fds-assets-")
    assert uri.endswith(f"/{digest}.pyz")
    assert digest == fleet.bootstrap.digest


def test_the_archive_has_the_configuration_of_every_node_group(fleet: Synthesized) -> None:
    with zipfile.ZipFile(fleet.bootstrap.archive) as archive:
        assert from_json(archive.read(layout.CONFIGURATION).decode()) == fleet.nodes


def test_the_policy_reaches_the_archive_and_its_parameter_and_nothing_else(
    other: Synthesized,
) -> None:
    """No group of this stack has a ready hook, so its nodes may answer none."""
    assert [(s["Effect"], s["Action"], flat(s["Resource"])) for s in statements(other)] == [
        (
            "Allow",
            "s3:GetObject",
            "arn:<AWS::Partition>:s3:::cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}"
            f"/{other.bootstrap.digest}.pyz",
        ),
        (
            "Allow",
            "ssm:GetParameter",
            "arn:<AWS::Partition>:ssm:<AWS::Region>:<AWS::AccountId>"
            ":parameter/multus-eni/MultusEni-other/node-bootstrap",
        ),
    ]


def test_each_node_group_has_user_data_of_its_own(fleet: Synthesized) -> None:
    for group in fleet.config.node_groups:
        published = parameter(fleet, f"node-user-data/{group.name}")
        assert published == user_data.multipart(
            user_data.shell(user_data.script(fleet.config.owner, group.name))
        )


def test_nobody_has_the_policy_until_a_person_attaches_it(fleet: Synthesized) -> None:
    policies = fleet.of_type("AWS::IAM::ManagedPolicy").values()
    assert policies
    for policy in policies:
        assert not {"Roles", "Users", "Groups"} & policy.keys()
