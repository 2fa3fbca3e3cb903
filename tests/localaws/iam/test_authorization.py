"""Roles' calls over boto3, held against the policies that IAM has at that moment."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from moto import mock_aws

from localaws.account import Account, Settings
from localaws.clock import VirtualClock
from localaws.iam.authorization import denial

if TYPE_CHECKING:
    from collections.abc import Iterator

REGION = "us-east-1"
ARN = f"arn:aws:ec2:{REGION}:123456789012:"
OWNED = {"StringEquals": {"aws:ResourceTag/owner": "me"}}
CREATE_OWNED: list[dict[str, Any]] = [
    {
        "Sid": "Places",
        "Effect": "Allow",
        "Action": "ec2:CreateNetworkInterface",
        "Resource": [f"{ARN}subnet/*", f"{ARN}security-group/*"],
    },
    {
        "Sid": "Interfaces",
        "Effect": "Allow",
        "Action": "ec2:CreateNetworkInterface",
        "Resource": f"{ARN}network-interface/*",
        "Condition": {"StringEquals": {"aws:RequestTag/owner": "me"}},
    },
    {
        "Sid": "TagAtBirth",
        "Effect": "Allow",
        "Action": "ec2:CreateTags",
        "Resource": f"{ARN}network-interface/*",
        "Condition": {"StringEquals": {"ec2:CreateAction": "CreateNetworkInterface"}},
    },
]
DELETE_OWNED: dict[str, Any] = {
    "Sid": "Delete",
    "Effect": "Allow",
    "Action": "ec2:DeleteNetworkInterface",
    "Resource": f"{ARN}network-interface/*",
    "Condition": OWNED,
}


@dataclass
class World:
    """A role without rights, a subnet and a security group."""

    account: Account
    session: boto3.session.Session
    role_arn: str
    subnet_id: str
    group_id: str

    def grant(self, *statements: dict[str, Any], name: str = "inline") -> None:
        document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        self.account.client("iam").put_role_policy(
            RoleName="handler", PolicyName=name, PolicyDocument=document
        )

    def as_role(self, service: str) -> Any:  # noqa: ANN401 - a client of any service
        credentials = self.account.principals.issue(self.role_arn)
        return self.session.client(  # type: ignore[call-overload]
            service,
            config=Config(
                region_name=REGION, retries={"total_max_attempts": 1, "mode": "standard"}
            ),
            aws_access_key_id=credentials.access_key_id,
            aws_secret_access_key=credentials.secret_access_key,
            aws_session_token=credentials.session_token,
        )

    def create(self, owner: str | None = "me") -> str:
        tags = [{"Key": "owner", "Value": owner}]
        specifications = [{"ResourceType": "network-interface", "Tags": tags}] if owner else []
        answer = self.as_role("ec2").create_network_interface(
            SubnetId=self.subnet_id, Groups=[self.group_id], TagSpecifications=specifications
        )
        interface_id: str = answer["NetworkInterface"]["NetworkInterfaceId"]
        return interface_id

    def given_interface(self, owner: str) -> str:
        answer = self.account.client("ec2").create_network_interface(
            SubnetId=self.subnet_id,
            TagSpecifications=[
                {
                    "ResourceType": "network-interface",
                    "Tags": [{"Key": "owner", "Value": owner}],
                }
            ],
        )
        interface_id: str = answer["NetworkInterface"]["NetworkInterfaceId"]
        return interface_id


@pytest.fixture(scope="module")
def session() -> boto3.session.Session:
    """Return one session for the module: it reads the API models once."""
    return boto3.session.Session()


@pytest.fixture
def world(session: boto3.session.Session) -> Iterator[World]:
    account = Account(VirtualClock(), Settings(visibility_s=0.0))
    with account.active(), mock_aws():
        trust = json.dumps({"Version": "2012-10-17", "Statement": []})
        role = account.client("iam").create_role(
            RoleName="handler", AssumeRolePolicyDocument=trust, Path="/team/"
        )
        ec2 = account.client("ec2")
        vpc_id = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnet_id = ec2.create_subnet(VpcId=vpc_id, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
        group_id = ec2.create_security_group(GroupName="g", Description="g", VpcId=vpc_id)[
            "GroupId"
        ]
        yield World(account, session, role["Role"]["Arn"], subnet_id, group_id)


def _denied(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, int]:
    response = error.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


@pytest.mark.parametrize(
    ("service", "call", "params", "denied"),
    [
        ("ec2", "describe_subnets", {}, ("UnauthorizedOperation", 403)),
        ("autoscaling", "describe_auto_scaling_groups", {}, ("AccessDenied", 403)),
        ("cloudwatch", "put_metric_data", {"Namespace": "N", "MetricData": []}, ("AccessDenied", 403)),
        ("ssm", "get_parameter", {"Name": "/a"}, ("AccessDeniedException", 400)),
        ("logs", "create_log_group", {"logGroupName": "g"}, ("AccessDeniedException", 400)),
        ("lambda", "invoke", {"FunctionName": "f"}, ("AccessDeniedException", 403)),
        ("sqs", "delete_message", {"QueueUrl": "https://sqs.us-east-1.amazonaws.com/1/q", "ReceiptHandle": "r"}, ("AccessDenied", 403)),
    ],
)  # fmt: skip
def test_a_role_without_rights_is_denied_in_the_services_own_words(
    world: World, service: str, call: str, params: dict[str, Any], denied: tuple[str, int]
) -> None:
    with pytest.raises(ClientError, match="not authorized to perform") as error:
        getattr(world.as_role(service), call)(**params)
    assert _denied(error) == denied
    assert denial(service).code == denied[0]
    assert world.account.calls.of_principal(world.role_arn)[0].outcome == denied[0]


def test_the_message_says_who_what_where_and_why(world: World) -> None:
    with pytest.raises(ClientError) as error:
        world.as_role("ec2").describe_subnets()
    assert error.value.response["Error"]["Message"] == (
        "You are not authorized to perform this operation. User: "
        "arn:aws:sts::123456789012:assumed-role/handler/session is not authorized to perform: "
        "ec2:DescribeSubnets on resource: * because no identity-based policy allows the "
        "ec2:DescribeSubnets action"
    )


def test_an_explicit_deny_is_called_one(world: World) -> None:
    allow = {"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}
    world.grant(allow, {**allow, "Effect": "Deny", "Action": "ec2:DescribeSubnets"})
    with pytest.raises(ClientError, match="with an explicit deny in an identity-based policy"):
        world.as_role("ec2").describe_subnets()
    world.as_role("ec2").describe_vpcs()


def test_who_is_no_known_role_may_do_everything(world: World) -> None:
    boto3.client("ec2", region_name=REGION).describe_subnets()
    assert world.account.authorizations.made() == ()


def test_enforcement_can_be_switched_off(world: World) -> None:
    world.account.settings.enforce_iam = False
    world.as_role("ec2").describe_subnets()


def test_a_create_needs_place_interface_and_tagging(world: World) -> None:
    world.grant(*CREATE_OWNED)
    assert world.create().startswith("eni-")
    assert world.account.authorizations.unused_statements(world.role_arn) == ()


@pytest.mark.parametrize("missing", range(len(CREATE_OWNED)))
def test_a_create_with_one_right_missing_is_denied_and_makes_nothing(
    world: World, missing: int
) -> None:
    world.grant(*CREATE_OWNED[:missing], *CREATE_OWNED[missing + 1 :])
    with pytest.raises(ClientError, match="UnauthorizedOperation"):
        world.create()
    assert world.account.client("ec2").describe_network_interfaces()["NetworkInterfaces"] == []


@pytest.mark.parametrize("owner", ["you", None], ids=["another owner", "no tag"])
def test_a_create_must_carry_the_owners_tag(world: World, owner: str | None) -> None:
    world.grant(*CREATE_OWNED)
    with pytest.raises(ClientError, match=r"network-interface/\*"):
        world.create(owner)


def test_a_security_group_that_is_not_granted_is_denied(world: World) -> None:
    places = {**CREATE_OWNED[0], "Resource": f"{ARN}subnet/*"}
    world.grant(places, *CREATE_OWNED[1:])
    with pytest.raises(ClientError, match=f"security-group/{world.group_id}"):
        world.create()


def test_ownership_is_told_by_the_resources_own_tags(world: World) -> None:
    world.grant(DELETE_OWNED)
    mine, yours = world.given_interface("me"), world.given_interface("you")
    ec2 = world.as_role("ec2")
    with pytest.raises(ClientError, match="UnauthorizedOperation"):
        ec2.delete_network_interface(NetworkInterfaceId=yours)
    ec2.delete_network_interface(NetworkInterfaceId=mine)
    with pytest.raises(ClientError, match="UnauthorizedOperation"):
        ec2.delete_network_interface(NetworkInterfaceId=mine)


def test_tags_count_as_they_are_now(world: World) -> None:
    world.grant(DELETE_OWNED)
    interface_id = world.given_interface("you")
    world.account.client("ec2").create_tags(
        Resources=[interface_id], Tags=[{"Key": "owner", "Value": "me"}]
    )
    world.as_role("ec2").delete_network_interface(NetworkInterfaceId=interface_id)


def test_policies_count_as_they_are_now(world: World) -> None:
    ec2 = world.as_role("ec2")
    world.grant({"Effect": "Allow", "Action": "ec2:Describe*", "Resource": "*"})
    ec2.describe_subnets()
    world.grant({"Effect": "Allow", "Action": "ec2:DescribeVpcs", "Resource": "*"})
    with pytest.raises(ClientError, match="UnauthorizedOperation"):
        ec2.describe_subnets()


def test_attached_policies_count_with_their_default_version(world: World) -> None:
    iam = world.account.client("iam")
    statement = {"Effect": "Allow", "Action": "ec2:DescribeSubnets", "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    arn = iam.create_policy(PolicyName="p", PolicyDocument=json.dumps(document))["Policy"]["Arn"]
    iam.attach_role_policy(RoleName="handler", PolicyArn=arn)
    world.as_role("ec2").describe_subnets()
    statement["Action"] = "ec2:DescribeVpcs"
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(document), SetAsDefault=True)
    with pytest.raises(ClientError, match="UnauthorizedOperation"):
        world.as_role("ec2").describe_subnets()


def test_an_action_that_nobody_wrote_down_is_refused_by_name(world: World) -> None:
    world.grant({"Effect": "Allow", "Action": "*", "Resource": "*"})
    with pytest.raises(ClientError, match="ec2:TerminateInstances") as error:
        world.as_role("ec2").terminate_instances(InstanceIds=["i-1"])
    assert error.value.response["Error"]["Code"] == "LocalAws.NotModelled"


@pytest.mark.parametrize(
    ("condition", "named"),
    [
        ({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, "IpAddress"),
        ({"StringEquals": {"aws:ResourceTag/x": "${aws:PrincipalTag/x}"}}, "policy variables"),
    ],
)
def test_a_policy_that_is_not_understood_refuses_every_call(
    world: World, condition: dict[str, Any], named: str
) -> None:
    world.grant({"Effect": "Allow", "Action": "ec2:*", "Resource": "*", "Condition": condition})
    with pytest.raises(ClientError, match=named) as error:
        world.as_role("ec2").describe_subnets()
    assert error.value.response["Error"]["Code"] == "LocalAws.NotModelled"


def test_a_permissions_boundary_is_refused_loudly(world: World) -> None:
    world.account.client("iam").put_role_permissions_boundary(
        RoleName="handler", PermissionsBoundary="arn:aws:iam::123456789012:policy/boundary"
    )
    with pytest.raises(ClientError, match="permissions boundary"):
        world.as_role("ec2").describe_subnets()


def test_the_key_of_a_deleted_role_is_worth_nothing(world: World) -> None:
    ec2 = world.as_role("ec2")
    world.account.client("iam").delete_role(RoleName="handler")
    with pytest.raises(ClientError, match="InvalidClientTokenId"):
        ec2.describe_subnets()


def test_who_i_am_may_always_be_asked(world: World) -> None:
    world.as_role("sts").get_caller_identity()


def test_what_aws_does_with_a_functions_role_can_be_required_too(world: World) -> None:
    queue_url = f"https://sqs.{REGION}.amazonaws.com/123456789012/launches"
    world.grant(
        {
            "Effect": "Allow",
            "Action": ["sqs:ReceiveMessage", "sqs:DeleteMessage"],
            "Resource": f"arn:aws:sqs:{REGION}:123456789012:launches",
        }
    )
    authorizations = world.account.authorizations
    authorizations.require(world.role_arn, "sqs", "ReceiveMessage", REGION, {"QueueUrl": queue_url})
    (unused,) = authorizations.unused_actions(world.role_arn)
    assert (unused[0].policy, unused[1]) == ("inline", "sqs:DeleteMessage")


def test_a_statement_is_unused_until_a_check_needs_it(world: World) -> None:
    world.grant(*CREATE_OWNED, DELETE_OWNED)
    authorizations = world.account.authorizations
    interface_id = world.create()
    assert [ref.sid for ref in authorizations.unused_statements(world.role_arn)] == ["Delete"]
    world.as_role("ec2").delete_network_interface(NetworkInterfaceId=interface_id)
    assert authorizations.unused_statements(world.role_arn) == ()


def test_a_statement_that_another_makes_superfluous_is_unused(world: World) -> None:
    describe = {"Effect": "Allow", "Action": "ec2:DescribeSubnets", "Resource": "*"}
    world.grant({**describe, "Sid": "One"}, {**describe, "Sid": "Two"})
    world.as_role("ec2").describe_subnets()
    unused = world.account.authorizations.unused_statements(world.role_arn)
    assert [ref.sid for ref in unused] == ["One", "Two"]


def test_a_denied_check_uses_nothing(world: World) -> None:
    world.grant(DELETE_OWNED)
    with pytest.raises(ClientError):
        world.as_role("ec2").delete_network_interface(
            NetworkInterfaceId=world.given_interface("you")
        )
    authorizations = world.account.authorizations
    assert [each.decision.allowed for each in authorizations.made(world.role_arn)] == [False]
    assert [ref.sid for ref in authorizations.unused_statements(world.role_arn)] == ["Delete"]
