"""The account's part of a file: what is asked of it, and that all that is wrong is said at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

import authoring
from account.lookup import completed
from account.session import Session
from domain.errors import ConfigInvalid
from tests.account.conftest import REGION

if TYPE_CHECKING:
    from botocore.stub import Stubber

SAMPLE = Path(__file__).parents[2] / "config" / "created.yaml"
DESCRIBED: dict[str, Any] = {
    "version": "1.34",
    "endpoint": "https://EXAMPLE.gr7.us-east-1.eks.amazonaws.com",
    "status": "ACTIVE",
    "resourcesVpcConfig": {"vpcId": "vpc-0000000c", "clusterSecurityGroupId": "sg-0000000c"},
    "kubernetesNetworkConfig": {"serviceIpv4Cidr": "172.20.0.0/16", "ipFamily": "ipv4"},
    "certificateAuthority": {"data": "ZXhhbXBsZQ=="},
}


def sample(**more: object) -> authoring.Authored:
    """Return the sample of a created group without its cluster, and with such keys."""
    written = yaml.safe_load(SAMPLE.read_text())
    del written["cluster"]
    return authoring.parse(yaml.safe_dump({**written, **more}))


def managed() -> dict[str, Any]:
    """Return a node group that is looked up as well."""
    return {
        "name": "others",
        "managed_node_group": "others",
        "interfaces": [
            {"name": "n3", "subnets": ["subnet-0000000a"], "security_groups": ["sg-0000000a"]}
        ],
    }


def test_a_file_that_says_all_asks_nobody(eks: Stubber) -> None:
    told = authoring.load(SAMPLE)
    assert completed(told, region=REGION, account="123456789012") == told
    eks.assert_no_pending_responses()


def test_without_credentials_one_problem_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigInvalid) as refused:
        completed(sample(), region=REGION, account="123456789012")
    assert str(refused.value) == (
        "(the account): cannot be asked: There are no AWS credentials. Log in (aws sso login), or set AWS_PROFILE."
    )


def test_credentials_of_another_account_than_the_one_deployed_into_are_refused(
    eks: Stubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With `cdk --profile` the application has other credentials than the CLI, and may find a group of the same name."""
    monkeypatch.setattr(Session, "account_id", lambda _: "210987654321")
    with pytest.raises(ConfigInvalid) as refused:
        completed(sample(), region=REGION, account="123456789012")
    assert str(refused.value) == (
        "(the account): cannot be asked: the credentials are not of the account 123456789012, which is deployed into "
        "(got '210987654321'). Set AWS_PROFILE instead of giving the CDK's CLI --profile, which does not reach the application."
    )
    eks.add_response("describe_cluster", {"cluster": DESCRIBED}, {"name": "telco"})
    assert completed(sample(), region=REGION, account="210987654321").cluster is not None


def test_the_cluster_of_a_created_group_is_looked_up(eks: Stubber) -> None:
    eks.add_response("describe_cluster", {"cluster": DESCRIBED}, {"name": "telco"})
    found = completed(sample(), region=REGION).cluster
    assert found is not None
    assert (found.version, found.vpc) == ("1.34", "vpc-0000000c")


def test_a_group_and_a_cluster_that_are_not_there_are_said_together(eks: Stubber) -> None:
    asked = {"clusterName": "telco", "nodegroupName": "others"}
    eks.add_client_error("describe_nodegroup", "ResourceNotFoundException", expected_params=asked)
    eks.add_client_error(
        "describe_cluster", "ResourceNotFoundException", expected_params={"name": "telco"}
    )
    groups = [*yaml.safe_load(SAMPLE.read_text())["node_groups"], managed()]
    with pytest.raises(ConfigInvalid) as error:
        completed(sample(node_groups=groups), region=REGION)
    assert [problem.path for problem in error.value.problems] == [
        "node_groups[1].managed_node_group",
        "cluster_name",
    ]


def test_an_account_that_may_not_be_asked_is_said_with_the_right_that_is_needed(
    eks: Stubber,
) -> None:
    eks.add_client_error("describe_cluster", "AccessDeniedException")
    with pytest.raises(ConfigInvalid) as error:
        completed(sample(), region=REGION)
    (problem,) = error.value.problems
    assert problem.message.startswith("cannot be looked up: An error occurred (AccessDenied")
    assert "eks:DescribeCluster" in problem.remedy
