"""The example's groups and networks in an embedded account, with a cluster."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import yaml
from botocore.stub import Stubber
from moto import mock_aws
from moto.core.config import DefaultConfig

import authoring
from account import reader
from account.session import Session
from cli.demo import platform
from domain.model import GroupName
from localaws.account import Account, Settings
from localaws.clock import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from domain.preflight import observed

EXAMPLE = Path(__file__).parents[2] / "config" / "example.yaml"
SHARED_SESSION = DefaultConfig(core={"reset_boto3_session": False})
QUEUE = "arn:aws:sqs:us-east-1:123456789012:nth"
LAUNCHES = {
    "source": ["aws.autoscaling"],
    "detail-type": ["EC2 Instance-launch Lifecycle Action"],
}
REGION = "us-east-1"
GROUP = GroupName("telco-control-plane")


def change_answers(
    monkeypatch: pytest.MonkeyPatch, operation: str, change: Callable[[dict[str, Any]], None]
) -> None:
    """Change what AWS answers to an operation, named with its service as botocore's events name both."""
    client_of = Session.client

    def client(session: Session, service: str) -> Any:  # noqa: ANN401 - a client of boto3
        made = client_of(session, service)
        made.meta.events.register(f"after-call.{operation}", lambda parsed, **_: change(parsed))
        return made

    monkeypatch.setattr(Session, "client", client)


@dataclass
class Place:
    """An account, and the configuration that is looked at in it."""

    account: Account
    document: dict[str, Any]
    monkeypatch: pytest.MonkeyPatch

    def read(
        self, planned: Mapping[GroupName, observed.AutoScalingGroup] = MappingProxyType({})
    ) -> observed.Account:
        """Return what the account shows, with groups that the configuration will make."""
        authored = authoring.parse(yaml.safe_dump(self.document, sort_keys=False))
        config, nodes = authoring.resolve(authored), authoring.resolve_nodes(authored)
        return reader.read(Session(region=None, profile=None), config, nodes, planned)

    def act_as_role_that_may(self, actions: Sequence[str]) -> None:
        """Call from now on as a role with these rights and no others."""
        iam = self.account.client("iam")
        trust = json.dumps({"Version": "2012-10-17", "Statement": []})
        role = iam.create_role(RoleName="operator", AssumeRolePolicyDocument=trust)["Role"]
        statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
        iam.put_role_policy(
            RoleName="operator",
            PolicyName="preflight",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
        )
        credentials = self.account.principals.issue(role["Arn"])
        for name, value in credentials.to_environ().items():
            self.monkeypatch.setenv(name, value)

    def calls(self) -> set[str]:
        """Return the actions called so far, as IAM names them."""
        return {f"{call.service}:{call.action}" for call in self.account.calls.all()}


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """Return the example in an account: a cluster, its VPC CNI, and a rule that takes our hooks' launches."""
    account = Account(VirtualClock(), Settings())
    document: dict[str, Any] = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    with account.active(), mock_aws(config=SHARED_SESSION):
        made = platform.build(account, document)
        group = account.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"][0]
        eks = account.client("eks")
        eks.create_cluster(
            name="telco",
            version="1.33",
            roleArn="arn:aws:iam::123456789012:role/cluster",
            resourcesVpcConfig={"subnetIds": group["VPCZoneIdentifier"].split(",")},
            accessConfig={"authenticationMode": "API_AND_CONFIG_MAP"},
        )
        eks.create_addon(
            clusterName="telco",
            addonName="vpc-cni",
            addonVersion="v1.23.1-eksbuild.1",
            configurationValues="env:\n  ENABLE_POD_ENI: true\n  WARM_PREFIX_TARGET: '2'\n",
        )
        events = account.client("events")
        events.put_rule(Name="nth", EventPattern=json.dumps(LAUNCHES))
        events.put_targets(Rule="nth", Targets=[{"Id": "queue", "Arn": QUEUE}])
        yield Place(account, made.document, monkeypatch)


@pytest.fixture
def eks(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """Let EKS answer as it is told; what is asked and answered is held against EKS's own model."""
    client = boto3.session.Session(
        region_name=REGION, aws_access_key_id="testing", aws_secret_access_key="testing"
    ).client("eks")

    def client_of(_: object, service: str, **__: object) -> Any:  # noqa: ANN401 - a client of boto3
        assert service == "eks"
        return client

    monkeypatch.setattr(boto3.session.Session, "client", client_of)
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()
