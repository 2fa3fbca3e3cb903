"""EKS over boto3: clusters that know their VPC, and their add-ons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.core.config import DefaultConfig

from localaws.account import Account, Settings
from localaws.clock import SystemClock, VirtualClock
from localaws.server import serve

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.localaws

SHARED_SESSION = DefaultConfig(core={"reset_boto3_session": False})
ROLE = "arn:aws:iam::123456789012:role/cluster"
VALUES = '{"env": {"ENABLE_PREFIX_DELEGATION": "true"}}'


def make_subnets(account: Account, *cidrs: str) -> list[str]:
    """Make subnets, each in a VPC of its own CIDR's /16."""
    ec2 = account.client("ec2")
    vpcs: dict[str, str] = {}
    made = []
    for cidr in cidrs:
        block = ".".join(cidr.split(".")[:2]) + ".0.0/16"
        if block not in vpcs:
            vpcs[block] = ec2.create_vpc(CidrBlock=block)["Vpc"]["VpcId"]
        subnet = ec2.create_subnet(VpcId=vpcs[block], CidrBlock=cidr)["Subnet"]
        made.append(subnet["SubnetId"])
    return made


def make_cluster(eks: Any, subnets: list[str], **keys: object) -> Any:  # noqa: ANN401 - a client of EKS and its answer
    return eks.create_cluster(
        name="telco", roleArn=ROLE, resourcesVpcConfig={"subnetIds": subnets}, **keys
    )["cluster"]


def make_dual_stack_subnet(account: Account, **keys: object) -> str:
    """Make a subnet with an IPv6 CIDR block, in a VPC of its own."""
    ec2 = account.client("ec2")
    vpc_id = ec2.create_vpc(CidrBlock="10.9.0.0/16", AmazonProvidedIpv6CidrBlock=True)["Vpc"][
        "VpcId"
    ]
    [vpc] = ec2.describe_vpcs(VpcIds=[vpc_id])["Vpcs"]
    block = vpc["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"].replace("/56", "/64")
    made = ec2.create_subnet(VpcId=vpc_id, Ipv6CidrBlock=block, **keys)
    return str(made["Subnet"]["SubnetId"])


@pytest.fixture
def account() -> Iterator[Account]:
    account = Account(VirtualClock(), Settings())
    with account.active(), mock_aws(config=SHARED_SESSION):
        yield account


@pytest.fixture
def eks(account: Account) -> Any:  # noqa: ANN401 - a client of EKS
    make_cluster(account.client("eks"), make_subnets(account, "10.0.0.0/24", "10.0.1.0/24"))
    return boto3.client("eks", region_name="us-east-1")


def _refused(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, int]:
    response = error.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def test_a_cluster_has_a_security_group_of_its_own_in_its_vpc(account: Account, eks: Any) -> None:  # noqa: ANN401 - a client of EKS
    network = eks.describe_cluster(name="telco")["cluster"]["resourcesVpcConfig"]
    [group] = account.client("ec2").describe_security_groups(
        GroupIds=[network["clusterSecurityGroupId"]]
    )["SecurityGroups"]
    assert (group["VpcId"], group["GroupName"]) == (network["vpcId"], "eks-cluster-sg-telco")


def test_a_cluster_knows_the_vpc_of_its_subnets(account: Account, eks: Any) -> None:  # noqa: ANN401 - a client of EKS
    network = eks.describe_cluster(name="telco")["cluster"]["resourcesVpcConfig"]
    [vpc_id] = {
        subnet["VpcId"]
        for subnet in account.client("ec2").describe_subnets(SubnetIds=network["subnetIds"])[
            "Subnets"
        ]
    }
    assert network["vpcId"] == vpc_id


def test_a_cluster_in_two_vpcs_is_refused(account: Account) -> None:
    subnets = make_subnets(account, "10.0.0.0/24", "10.1.0.0/24")
    with pytest.raises(ClientError, match="not in one VPC"):
        make_cluster(boto3.client("eks", region_name="us-east-1"), subnets)


def test_a_cluster_tells_the_range_of_its_services(account: Account) -> None:
    eks = account.client("eks")
    made = make_cluster(
        eks,
        [make_dual_stack_subnet(account, CidrBlock="10.9.0.0/24")],
        kubernetesNetworkConfig={"ipFamily": "ipv6"},
    )
    assert made["kubernetesNetworkConfig"] == {
        "ipFamily": "ipv6",
        "serviceIpv6Cidr": "fd3c:9a51:7b20::/108",
    }
    assert (
        eks.describe_cluster(name="telco")["cluster"]["kubernetesNetworkConfig"]
        == (made["kubernetesNetworkConfig"])
    )


@pytest.mark.parametrize(
    ("asked", "services"),
    [({}, "10.100.0.0/16"), ({"serviceIpv4Cidr": "172.30.0.0/16"}, "172.30.0.0/16")],
    ids=["chosen by EKS", "asked for"],
)
def test_a_cluster_is_of_ipv4_unless_asked_for(
    account: Account, asked: dict[str, str], services: str
) -> None:
    subnets = make_subnets(account, "10.0.0.0/24")
    made = make_cluster(account.client("eks"), subnets, kubernetesNetworkConfig=asked)
    assert made["kubernetesNetworkConfig"] == {"ipFamily": "ipv4", "serviceIpv4Cidr": services}


def test_an_ipv6_cluster_takes_subnets_of_both_families_alone(account: Account) -> None:
    for subnets in (
        make_subnets(account, "10.0.0.0/24"),
        [make_dual_stack_subnet(account, Ipv6Native=True)],
    ):
        with pytest.raises(ClientError, match="both IPv4 and IPv6 CIDR blocks") as refused:
            make_cluster(
                account.client("eks"), subnets, kubernetesNetworkConfig={"ipFamily": "ipv6"}
            )
        assert _refused(refused) == ("InvalidParameterException", 400)


def test_the_ipv4_range_of_an_ipv6_clusters_services_is_refused(account: Account) -> None:
    subnets = [make_dual_stack_subnet(account, CidrBlock="10.9.0.0/24")]
    asked = {"ipFamily": "ipv6", "serviceIpv4Cidr": "172.30.0.0/16"}
    with pytest.raises(ClientError, match="serviceIpv4Cidr cannot be specified"):
        make_cluster(account.client("eks"), subnets, kubernetesNetworkConfig=asked)


def test_an_addon_is_described_as_it_was_made(eks: Any) -> None:  # noqa: ANN401 - a client of EKS
    eks.create_addon(
        clusterName="telco",
        addonName="vpc-cni",
        addonVersion="v1.23.1-eksbuild.1",
        configurationValues=VALUES,
        serviceAccountRoleArn="arn:aws:iam::123456789012:role/vpc-cni",
    )
    addon = eks.describe_addon(clusterName="telco", addonName="vpc-cni")["addon"]
    assert addon["addonVersion"] == "v1.23.1-eksbuild.1"
    assert addon["configurationValues"] == VALUES
    assert addon["serviceAccountRoleArn"] == "arn:aws:iam::123456789012:role/vpc-cni"
    assert addon["status"] == "ACTIVE"


@pytest.mark.parametrize("count", [0, 1, 2])
def test_an_addon_shows_its_pod_identity_associations_by_arn(eks: Any, count: int) -> None:  # noqa: ANN401 - a client of EKS
    asked = [{"serviceAccount": f"aws-node-{number}", "roleArn": ROLE} for number in range(count)]
    eks.create_addon(
        clusterName="telco",
        addonName="vpc-cni",
        addonVersion="v1.23.1-eksbuild.1",
        podIdentityAssociations=asked,
    )
    addon = eks.describe_addon(clusterName="telco", addonName="vpc-cni")["addon"]
    found = addon["podIdentityAssociations"]
    assert len(set(found)) == count
    prefix = "arn:aws:eks:us-east-1:123456789012:podidentityassociation/telco/a-"
    assert all(each.startswith(prefix) for each in found)


def test_what_is_not_there_is_not_found(eks: Any) -> None:  # noqa: ANN401 - a client of EKS
    for cluster in ("telco", "other"):
        with pytest.raises(ClientError) as refused:
            eks.describe_addon(clusterName=cluster, addonName="vpc-cni")
        assert _refused(refused) == ("ResourceNotFoundException", 404)


def test_an_addon_is_made_once_and_with_its_version(eks: Any) -> None:  # noqa: ANN401 - a client of EKS
    with pytest.raises(ClientError) as refused:
        eks.create_addon(clusterName="telco", addonName="vpc-cni")
    assert _refused(refused)[0] == "LocalAws.NotModelled"
    eks.create_addon(clusterName="telco", addonName="vpc-cni", addonVersion="v1.23.1-eksbuild.1")
    with pytest.raises(ClientError) as refused:
        eks.create_addon(
            clusterName="telco", addonName="vpc-cni", addonVersion="v1.23.1-eksbuild.1"
        )
    assert _refused(refused) == ("ResourceInUseException", 409)


def test_addons_are_served_over_http_too() -> None:
    clock = SystemClock()
    account = Account(clock)
    with serve(account) as endpoint:
        make_cluster(account.client("eks"), make_subnets(account, "10.0.0.0/24"))
        client = boto3.client("eks", endpoint_url=endpoint.url, region_name="us-east-1")
        client.create_addon(clusterName="telco", addonName="vpc-cni", addonVersion="v1.23.1")
        addon = client.describe_addon(clusterName="telco", addonName="vpc-cni")["addon"]
        assert addon["addonVersion"] == "v1.23.1"
        client.close()
    clock.stop()


def test_a_cluster_lets_in_by_the_config_map_unless_it_is_asked_for_more(
    account: Account,
    eks: Any,  # noqa: ANN401 - a client of EKS
) -> None:
    assert eks.describe_cluster(name="telco")["cluster"]["accessConfig"] == {
        "authenticationMode": "CONFIG_MAP"
    }
    made = eks.create_cluster(
        name="other",
        roleArn=ROLE,
        resourcesVpcConfig={"subnetIds": make_subnets(account, "10.3.0.0/24")},
        accessConfig={"authenticationMode": "API"},
    )["cluster"]
    assert made["accessConfig"] == {"authenticationMode": "API"}
    assert eks.describe_cluster(name="other")["cluster"]["accessConfig"] == made["accessConfig"]
