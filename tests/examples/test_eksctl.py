"""examples/eksctl.yaml: eksctl takes it, and the nodes that come of it run the published script and have no right to ENIs."""

from __future__ import annotations

import email
import json
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from stacks import user_data
from tests.examples import facts

HERE = Path(__file__).parent
EXAMPLE = facts.EXAMPLES / "eksctl.yaml"
SCHEMA = json.loads((HERE / "eksctl-schema.json").read_text())


@pytest.fixture
def config() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(EXAMPLE.read_text())
    return loaded


@pytest.fixture
def group(config: dict[str, Any]) -> dict[str, Any]:
    (only,) = config["managedNodeGroups"]
    found: dict[str, Any] = only
    return found


def as_eksctl_makes_it(group: dict[str, Any]) -> str:
    """Return the user data that eksctl puts into the launch template of a managed AL2023 group without an AMI of its own.

    One shell part for each command, `#!/bin/bash` before it, and no NodeConfig: EKS adds that (eksctl-io/eksctl,
    pkg/nodebootstrap/al2023.go at 10de38a979bd, UserData and createMinimalNodeConfig).
    """
    message = MIMEMultipart()
    for command in group["preBootstrapCommands"]:
        message.attach(MIMEText(f"#!/bin/bash\n{command}", "x-shellscript", "us-ascii"))
    return message.as_string()


def test_eksctl_s_schema_accepts_it(config: dict[str, Any]) -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    jsonschema.validate(config, SCHEMA)


@pytest.mark.parametrize(
    "change",
    [{"disablePodIMDS": "yes"}, {"attachPolicyARNs": []}, {"amiFamily": "AmazonLinux2032"}],
    ids=["of another type", "in another place", "an unknown value"],
)
def test_the_schema_refuses_what_eksctl_would(
    config: dict[str, Any], group: dict[str, Any], change: dict[str, Any]
) -> None:
    group.update(change)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(config, SCHEMA)


def test_a_node_runs_the_published_script_as_one(group: dict[str, Any]) -> None:
    message = email.message_from_string(as_eksctl_makes_it(group))
    assert facts.shell_parts(message) == [user_data.script(facts.OWNER, facts.NODE_GROUP)]


def test_nodeadm_s_part_is_left_to_eks(group: dict[str, Any]) -> None:
    """EKS adds none where there is an AMI, eksctl takes no commands beside a launch template, and a maxPods of its own would win over the bootstrap's."""
    assert group["amiFamily"] == "AmazonLinux2023"
    assert not {"ami", "launchTemplate", "overrideBootstrapCommand", "maxPodsPerNode"} & set(group)


def test_the_role_has_the_published_policy_and_no_right_to_enis(group: dict[str, Any]) -> None:
    (*eks, published) = group["iam"]["attachPolicyARNs"]
    assert {arn.rsplit("/", 1)[1] for arn in eks} == facts.NODE_POLICIES
    assert published.rsplit("/", 1)[1].startswith(f"{facts.OWNER}-NodeBootstrapPolicy")
    assert not {"attachPolicy", "withAddonPolicies"} & set(group["iam"])


def test_the_cni_has_its_rights_from_a_role_of_its_own(config: dict[str, Any]) -> None:
    addons = {addon["name"]: addon for addon in config["addons"]}
    assert addons["vpc-cni"]["useDefaultPodIdentityAssociations"] is True
    assert "eks-pod-identity-agent" in addons


def test_pods_do_not_reach_the_node_s_credentials(group: dict[str, Any]) -> None:
    """eksctl makes IMDSv2 with hop limit 1 of it (pkg/cfn/builder/nodegroup.go, makeMetadataOptions)."""
    assert group["disablePodIMDS"] is True


def test_nodes_are_in_no_multus_subnet(group: dict[str, Any]) -> None:
    assert group["subnets"]
    assert not set(group["subnets"]) & facts.multus_subnets()


def test_it_is_made_with_no_nodes(group: dict[str, Any]) -> None:
    assert (group["minSize"], group["desiredCapacity"]) == (0, 0)


def test_the_names_it_tells_a_person_to_read_are_published() -> None:
    assert f"--name {facts.parameter('node-policy')} " in EXAMPLE.read_text()
