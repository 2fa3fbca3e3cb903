"""Addresses that follow their pods: what the published policy is good for, and that nobody takes them for drift."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from domain import naming, tags
from localaws.identity import REGION
from tests.deployed.deployment import deploy

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cli.demo.promises import EniView
    from localaws.account import Account
    from tests.deployed.deployment import Deployed

pytestmark = [pytest.mark.infra, pytest.mark.subprocesses("node")]

GROUP = "telco-control-plane"
FOLLOWED, OTHER = "signalling", "oam"


@dataclass
class Pods:
    """The role of pods' service account, with the policy that the stack publishes and nothing else."""

    deployed: Deployed
    role_arn: str
    ec2: Any

    def enis(self, interface: str) -> list[EniView]:
        """Return the ENIs of an interface, in the order of their nodes."""
        found = [each for each in self.deployed.enis() if each.tags[tags.INTERFACE] == interface]
        return sorted(found, key=lambda each: each.instance_id)

    def free(self, eni: EniView) -> dict[str, str]:
        """Return an address of each family of its subnet that nobody has: EC2's choice, given back at once."""
        own = self.deployed.account.client("ec2")
        ipv4 = own.assign_private_ip_addresses(
            NetworkInterfaceId=eni.eni_id, SecondaryPrivateIpAddressCount=1
        )["AssignedPrivateIpAddresses"][0]["PrivateIpAddress"]
        ipv6 = own.assign_ipv6_addresses(NetworkInterfaceId=eni.eni_id, Ipv6AddressCount=1)[
            "AssignedIpv6Addresses"
        ][0]
        own.unassign_private_ip_addresses(NetworkInterfaceId=eni.eni_id, PrivateIpAddresses=[ipv4])
        own.unassign_ipv6_addresses(NetworkInterfaceId=eni.eni_id, Ipv6Addresses=[ipv6])
        return {"ipv4": ipv4, "ipv6": ipv6}

    def calls(self, eni: EniView, ipv4: str, ipv6: str) -> dict[str, Callable[[], Any]]:
        """Return the four calls for an ENI, each undone by another: assign before unassign."""
        to = {"NetworkInterfaceId": eni.eni_id}
        return {
            "AssignPrivateIpAddresses": lambda: self.ec2.assign_private_ip_addresses(
                **to, PrivateIpAddresses=[ipv4], AllowReassignment=True
            ),
            "AssignIpv6Addresses": lambda: self.ec2.assign_ipv6_addresses(
                **to, Ipv6Addresses=[ipv6]
            ),
            "UnassignPrivateIpAddresses": lambda: self.ec2.unassign_private_ip_addresses(
                **to, PrivateIpAddresses=[ipv4]
            ),
            "UnassignIpv6Addresses": lambda: self.ec2.unassign_ipv6_addresses(
                **to, Ipv6Addresses=[ipv6]
            ),
        }


@pytest.fixture
def pods(account: Account, document: dict[str, Any], tmp_path: Path) -> Pods:
    """Two nodes in service, whose `signalling` addresses follow pods and whose `oam` addresses do not."""
    (group, *_) = document["node_groups"]
    followed, other = group["interfaces"]
    followed["pod_follow"] = True
    for interface in (followed, other):
        interface["ipv6"] = {"count": 1}
        interface["subnets"] = {"us-east-1a": interface["subnets"]["us-east-1a"]}
    document["node_groups"] = [group]
    deployed = deploy(account, document, tmp_path)
    deployed.desire(GROUP, 2)
    deployed.until(lambda: len(deployed.nodes()) == 2, within_s=60)
    role_arn = _role(account, deployed.config.owner)
    credentials = account.principals.issue(role_arn)
    ec2 = boto3.client(
        "ec2",
        config=Config(region_name=REGION, retries={"total_max_attempts": 1, "mode": "standard"}),
        aws_access_key_id=credentials.access_key_id,
        aws_secret_access_key=credentials.secret_access_key,
        aws_session_token=credentials.session_token,
    )
    return Pods(deployed, role_arn, ec2)


def _role(account: Account, owner: str) -> str:
    """Make a role for EKS Pod Identity with the policy that the stack's parameter names."""
    iam, ssm = account.client("iam"), account.client("ssm")
    name = naming.parameter(owner, "pod-address-policy")
    policy_arn = ssm.get_parameter(Name=name)["Parameter"]["Value"]
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "pods.eks.amazonaws.com"},
                "Action": ["sts:AssumeRole", "sts:TagSession"],
            }
        ],
    }
    made = iam.create_role(RoleName="pods", AssumeRolePolicyDocument=json.dumps(trust))
    iam.attach_role_policy(RoleName="pods", PolicyArn=policy_arn)
    arn: str = made["Role"]["Arn"]
    return arn


def _denied(call: Callable[[], Any]) -> bool:
    with pytest.raises(ClientError) as raised:
        call()
    return str(raised.value.response["Error"]["Code"]) == "UnauthorizedOperation"


def test_the_policy_is_enough_for_an_eni_of_the_interface_and_has_nothing_that_is_not_needed(
    pods: Pods,
) -> None:
    (eni, _) = pods.enis(FOLLOWED)
    found = pods.ec2.describe_network_interfaces(
        Filters=[
            {"Name": "mac-address", "Values": [eni.raw["MacAddress"]]},
            {"Name": f"tag:{tags.OWNER}", "Values": [pods.deployed.config.owner]},
        ]
    )["NetworkInterfaces"]
    assert [each["NetworkInterfaceId"] for each in found] == [eni.eni_id]
    assert pods.ec2.describe_subnets(SubnetIds=[eni.raw["SubnetId"]])["Subnets"]
    for call in pods.calls(eni, **pods.free(eni)).values():
        call()
    authorizations = pods.deployed.account.authorizations
    assert authorizations.unused_statements(pods.role_arn) == ()
    assert authorizations.unused_actions(pods.role_arn) == ()


def test_no_other_eni_is_touched(pods: Pods) -> None:
    """Neither this stack's of another interface, whose node may hand out all that it has, nor anybody else's."""
    own = pods.deployed.account.client("ec2")
    (not_followed, _) = pods.enis(OTHER)
    (eni, _) = pods.enis(FOLLOWED)
    foreign = own.create_network_interface(
        SubnetId=eni.raw["SubnetId"],
        TagSpecifications=[
            {
                "ResourceType": "network-interface",
                "Tags": [
                    {"Key": tags.OWNER, "Value": "MultusEni-another"},
                    {"Key": tags.INTERFACE, "Value": FOLLOWED},
                ],
            }
        ],
    )["NetworkInterface"]
    pods.deployed.clock.advance(5)
    for each in (not_followed, type(eni)(foreign["NetworkInterfaceId"], foreign, {})):
        for name, call in pods.calls(each, **pods.free(eni)).items():
            assert _denied(call), name


def test_no_other_action_is_allowed(pods: Pods) -> None:
    (eni, _) = pods.enis(FOLLOWED)
    one = {"NetworkInterfaceId": eni.eni_id}
    tag = {"Resources": [eni.eni_id], "Tags": [{"Key": tags.OWNER, "Value": "MultusEni-another"}]}
    calls: dict[str, Callable[[], Any]] = {
        "create": lambda: pods.ec2.create_network_interface(SubnetId=eni.raw["SubnetId"]),
        "attach": lambda: pods.ec2.attach_network_interface(
            **one, InstanceId=eni.instance_id, DeviceIndex=7
        ),
        "detach": lambda: pods.ec2.detach_network_interface(
            AttachmentId=eni.attachment["AttachmentId"]
        ),
        "delete": lambda: pods.ec2.delete_network_interface(**one),
        "modify": lambda: pods.ec2.modify_network_interface_attribute(
            **one, SourceDestCheck={"Value": False}
        ),
        "tag": lambda: pods.ec2.create_tags(**tag),
        "untag": lambda: pods.ec2.delete_tags(**tag),
        "instances": pods.ec2.describe_instances,
    }
    for name, call in calls.items():
        assert _denied(call), name


def test_whose_secondary_ipv4_address_comes_to_an_eni_is_for_no_policy_to_say(pods: Pods) -> None:
    """docs/pod-networks.md says so: a move is checked against the ENI that gets the address. IPv6 has to be taken away first."""
    (eni, _) = pods.enis(FOLLOWED)
    free = pods.free(eni)
    own = pods.deployed.account.client("ec2")
    foreign = own.create_network_interface(
        SubnetId=eni.raw["SubnetId"],
        PrivateIpAddresses=[{"PrivateIpAddress": free["ipv4"], "Primary": False}],
        Ipv6Addresses=[{"Ipv6Address": free["ipv6"]}],
    )["NetworkInterface"]
    pods.deployed.clock.advance(5)
    calls = pods.calls(eni, **free)
    calls["AssignPrivateIpAddresses"]()
    assert free["ipv4"] in _held(pods, eni.eni_id)
    with pytest.raises(ClientError, match=r"InvalidIPAddress\.InUse"):
        calls["AssignIpv6Addresses"]()
    theirs = type(eni)(foreign["NetworkInterfaceId"], foreign, {})
    assert _denied(pods.calls(theirs, **free)["UnassignIpv6Addresses"])
    with pytest.raises(ClientError, match="primary IP address"):
        pods.calls(eni, foreign["PrivateIpAddress"], free["ipv6"])["AssignPrivateIpAddresses"]()


def test_a_fail_over_moves_the_addresses_and_the_reconciler_leaves_them_where_they_are(
    pods: Pods,
) -> None:
    active, standby = pods.enis(FOLLOWED)
    free = pods.free(active)
    first, second = pods.calls(active, **free), pods.calls(standby, **free)
    first["AssignPrivateIpAddresses"]()
    first["AssignIpv6Addresses"]()
    assert _held(pods, active.eni_id) >= set(free.values())

    second["AssignPrivateIpAddresses"]()
    with pytest.raises(ClientError, match=r"InvalidIPAddress\.InUse"):
        second["AssignIpv6Addresses"]()
    first["UnassignIpv6Addresses"]()
    second["AssignIpv6Addresses"]()
    assert not _held(pods, active.eni_id) & set(free.values())
    assert _held(pods, standby.eni_id) >= set(free.values())

    before = {each.eni_id: each.raw for each in pods.deployed.enis()}
    pods.deployed.reconcile()
    assert {each.eni_id: each.raw for each in pods.deployed.enis()} == before


def _held(pods: Pods, eni_id: str) -> set[str]:
    (raw,) = (each.raw for each in pods.deployed.enis() if each.eni_id == eni_id)
    ipv4 = {each["PrivateIpAddress"] for each in raw["PrivateIpAddresses"]}
    return ipv4 | {each["Ipv6Address"] for each in raw["Ipv6Addresses"]}
