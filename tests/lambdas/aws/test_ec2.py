"""How EC2 is asked: pages, chunks of filter values, and the parts of a create; the rest is in tests/contract/."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from domain.errors import SpecRejected
from domain.model import EniStatus, GroupName, InstanceId, SecurityGroupId, SubnetId
from domain.plan import Create
from lambdas.aws.ec2 import FILTER_VALUES, Ec2
from localaws.account import Account, Settings
from localaws.clock import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakes.builders import Builders


class Case:
    """An adapter, what it asked, and a dual-stack subnet."""

    def __init__(self, account: Account, clock: VirtualClock) -> None:
        self.account = account
        self.clock = clock
        self.raw: Any = boto3.client("ec2")
        self.ec2 = Ec2(self.raw)
        vpc = self.raw.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.dual = self._subnet(vpc, CidrBlock="10.0.0.0/24", Ipv6CidrBlock="2001:db8::/64")
        self.v6 = self._subnet(vpc, Ipv6CidrBlock="2001:db8:0:1::/64", Ipv6Native=True)
        made = self.raw.create_security_group(GroupName="g", Description="g", VpcId=vpc)
        self.group = SecurityGroupId(made["GroupId"])
        account.calls.clear()

    def _subnet(self, vpc: str, **parameters: object) -> SubnetId:
        made = self.raw.create_subnet(VpcId=vpc, AvailabilityZone="us-east-1a", **parameters)
        return SubnetId(made["Subnet"]["SubnetId"])

    def asked(self, action: str) -> list[dict[str, Any]]:
        return [dict(call.params) for call in self.account.calls.of_action(action)]

    def request(self, build: Builders, subnet_id: SubnetId, **changes: Any) -> Create:  # noqa: ANN401 - the fields of InterfaceSpec
        return Create(
            spec=build.spec(**changes),
            instance_id=build.instance_id,
            subnet_id=subnet_id,
            security_group_ids=(self.group,),
            launched_at=build.launched_at,
            tags=build.tags("n3"),
        )


@pytest.fixture
def case() -> Iterator[Case]:
    """Return an adapter over an embedded account."""
    clock = VirtualClock()
    account = Account(clock, Settings(throttling=False))
    with account.active(), mock_aws():
        yield Case(account, clock)


def test_a_create_carries_everything_at_once(case: Case, build: Builders) -> None:
    create = case.request(build, case.dual, ipv6_count=2)
    eni_id = case.ec2.create(create)
    (asked,) = case.asked("CreateNetworkInterface")
    assert asked["ClientToken"] == create.client_token
    assert asked["Ipv6AddressCount"] == 2
    assert "PrivateIpAddress" not in asked
    (specification,) = asked["TagSpecifications"]
    assert {tag["Key"]: tag["Value"] for tag in specification["Tags"]} == create.tags
    case.clock.advance(1)
    (eni,) = case.ec2.list_interfaces(build.owner)
    assert (eni.eni_id, len(eni.ipv6_addresses), len(eni.ipv4_addresses)) == (eni_id, 2, 1)


def test_the_pods_addresses_come_with_the_interface(case: Case, build: Builders) -> None:
    case.ec2.create(case.request(build, case.dual, ipv6_count=1, pool_ipv4=3, pool_ipv6=2))
    case.clock.advance(1)
    (eni,) = case.ec2.list_interfaces(build.owner)
    assert (len(eni.ipv4_addresses), len(eni.ipv6_addresses)) == (4, 3)
    assert case.asked("AssignPrivateIpAddresses") == []


def test_an_ipv6_only_subnet_gives_no_ipv4_address(case: Case, build: Builders) -> None:
    case.ec2.create(case.request(build, case.v6, ipv6_count=1))
    case.clock.advance(1)
    (eni,) = case.ec2.list_interfaces(build.owner)
    assert (eni.ipv4_addresses, len(eni.ipv6_addresses)) == ((), 1)
    (subnet,) = case.ec2.find_subnets(ids=[case.v6])
    assert subnet.ipv4_cidr is None


def test_a_network_interface_that_is_still_being_made_is_free(case: Case, build: Builders) -> None:
    case.ec2.create(case.request(build, case.dual))
    case.clock.advance(1)
    (eni,) = case.ec2.list_interfaces(build.owner)
    assert eni.status in (EniStatus.AVAILABLE, EniStatus.PENDING)


@pytest.mark.parametrize(("count", "calls"), [(0, 0), (1, 1), (200, 1), (201, 2), (401, 3)])
def test_instances_are_asked_for_in_chunks_of_what_a_filter_takes(
    case: Case, count: int, calls: int
) -> None:
    ids = {InstanceId(f"i-{number:017x}") for number in range(count)}
    assert case.ec2.describe_instances(ids) == {}
    asked = case.asked("DescribeInstances")
    assert len(asked) == calls
    values = [value for each in asked for value in each["Filters"][0]["Values"]]
    assert sorted(values) == sorted(ids)
    assert all(len(each["Filters"][0]["Values"]) <= FILTER_VALUES for each in asked)


def test_every_look_asks_for_pages_and_filters(case: Case) -> None:
    case.ec2.list_interfaces("MultusEni-example", {InstanceId("i-1")})
    case.ec2.list_subnet_interfaces([case.dual], "MultusEni-example")
    case.ec2.describe_group_instances({GroupName("multus-workers")})
    looks = case.asked("DescribeNetworkInterfaces") + case.asked("DescribeInstances")
    assert len(looks) == 3
    assert all(look["MaxResults"] == 1000 and look["Filters"] for look in looks)


def test_a_strangers_network_interface_of_an_unknown_kind_only_takes_its_addresses(
    case: Case, build: Builders
) -> None:
    strangers: list[dict[str, Any]] = [
        {"NetworkInterfaceId": "eni-1", "Status": "hibernating"},
        {"NetworkInterfaceId": "eni-2", "PrivateIpAddresses": [{"PrivateIpAddress": "10.0.0.9"}]},
        {"PrivateIpAddresses": [{"Primary": True}], "Attachment": {"Status": "mislaid"}},
    ]
    with Stubber(case.raw) as stub:
        shown = [{"SubnetId": case.dual, **stranger} for stranger in strangers]
        stub.add_response("describe_network_interfaces", {"NetworkInterfaces": shown})
        use = case.ec2.list_subnet_interfaces([case.dual], build.owner)[case.dual]
    assert use.addresses == {"10.0.0.9"}
    assert use.ours == ()


def test_all_reservations_of_a_subnet_are_read_through_its_pages(case: Case) -> None:
    for block in range(8):
        case.raw.create_subnet_cidr_reservation(
            SubnetId=case.dual, Cidr=f"10.0.0.{block * 16 + 32}/28", ReservationType="explicit"
        )
    assert len(case.ec2.list_reservations(case.dual)) == 8


def test_a_refusal_is_one_of_our_errors(case: Case, build: Builders) -> None:
    with pytest.raises(SpecRejected, match="InvalidSubnetID"):
        case.ec2.create(case.request(build, SubnetId("subnet-00000000000000000")))
