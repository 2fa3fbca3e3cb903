"""An embedded EC2 with a small VPC, and words for what the tests do with it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

import boto3
import moto
import pytest
from botocore.exceptions import ClientError

from localaws.account import Account, Settings
from localaws.clock import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localaws.client import Client

Refused: TypeAlias = Callable[..., AbstractContextManager[None]]

ZONE_A = "us-east-1a"
ZONE_B = "us-east-1b"


class Lab:
    """One VPC in an embedded account.

    Subnets: `a` and `b` (IPv4, two zones), `small` (a /28 in zone a), `dual` (IPv4 and IPv6), `v6` (IPv6 only).
    """

    def __init__(self, account: Account, clock: VirtualClock, ec2: Client) -> None:
        self.account = account
        self.clock = clock
        self.settings = account.settings
        self.ec2 = ec2
        self.vpc = self._vpc("10.0.0.0/16")
        self.a = self.subnet(CidrBlock="10.0.0.0/24")
        self.b = self.subnet(CidrBlock="10.0.1.0/24", AvailabilityZone=ZONE_B)
        self.small = self.subnet(CidrBlock="10.0.2.0/28")
        self.dual = self.subnet(CidrBlock="10.0.3.0/24", Ipv6CidrBlock="2001:db8:0:3::/64")
        self.v6 = self.subnet(Ipv6CidrBlock="2001:db8:0:4::/64", Ipv6Native=True)
        self.group = self.security_group("lab")
        self.states: list[tuple[str, str]] = []
        account.ec2.on_state_change(lambda instance, state: self.states.append((instance, state)))

    def _vpc(self, cidr: str) -> str:
        return str(self.ec2.create_vpc(CidrBlock=cidr)["Vpc"]["VpcId"])

    def subnet(self, **params: object) -> str:
        asked = {"VpcId": self.vpc, "AvailabilityZone": ZONE_A, **params}
        return str(self.ec2.create_subnet(**asked)["Subnet"]["SubnetId"])

    def security_group(self, name: str, vpc: str | None = None) -> str:
        made = self.ec2.create_security_group(
            GroupName=name, Description=name, VpcId=vpc or self.vpc
        )
        return str(made["GroupId"])

    def other_vpc(self) -> tuple[str, str]:
        """Return a subnet in zone a and a security group of another VPC."""
        vpc = self._vpc("10.9.0.0/16")
        return self.subnet(VpcId=vpc, CidrBlock="10.9.0.0/24"), self.security_group("other", vpc)

    def create(self, subnet: str | None = None, **params: object) -> dict[str, Any]:
        """Create an interface and return what the call answered."""
        made = self.ec2.create_network_interface(SubnetId=subnet or self.a, **params)
        return dict(made["NetworkInterface"])

    def make(self, subnet: str | None = None, **params: object) -> str:
        """Create an interface and return its id."""
        return str(self.create(subnet, **params)["NetworkInterfaceId"])

    def launch(self, subnet: str | None = None, kind: str = "m5.large", **params: object) -> str:
        """Launch an instance, let it run, and return its id."""
        instance = self.pending(subnet, kind, **params)
        self.clock.advance(self.settings.launch_s)
        return instance

    def pending(self, subnet: str | None = None, kind: str = "m5.large", **params: object) -> str:
        """Launch an instance and return its id at once."""
        if "NetworkInterfaces" not in params:
            params["SubnetId"] = subnet or self.a
        launched = self.ec2.run_instances(
            ImageId="ami-12345678", MinCount=1, MaxCount=1, InstanceType=kind, **params
        )
        return str(launched["Instances"][0]["InstanceId"])

    def attach(self, interface: str, instance: str, device: int = 1, **params: object) -> str:
        """Attach and return the attachment's id."""
        answer = self.ec2.attach_network_interface(
            NetworkInterfaceId=interface, InstanceId=instance, DeviceIndex=device, **params
        )
        return str(answer["AttachmentId"])

    def interface(self, interface: str) -> dict[str, Any]:
        """Return an interface as it is described."""
        answer = self.ec2.describe_network_interfaces(NetworkInterfaceIds=[interface])
        return dict(answer["NetworkInterfaces"][0])

    def instance(self, instance: str) -> dict[str, Any]:
        """Return an instance as it is described."""
        answer = self.ec2.describe_instances(InstanceIds=[instance])
        return dict(answer["Reservations"][0]["Instances"][0])

    def interfaces(self, **filters: str) -> list[str]:
        """Return the ids of the described interfaces; filter names with `_` for `-`."""
        listed = [
            {"Name": key.replace("_", "-"), "Values": [value]} for key, value in filters.items()
        ]
        answer = self.ec2.describe_network_interfaces(Filters=listed)
        return [each["NetworkInterfaceId"] for each in answer["NetworkInterfaces"]]

    def available(self, subnet: str) -> int:
        """Return how many addresses a subnet has left."""
        answer = self.ec2.describe_subnets(SubnetIds=[subnet])
        return int(answer["Subnets"][0]["AvailableIpAddressCount"])

    def state(self, instance: str) -> str:
        """Return an instance's state."""
        return str(self.instance(instance)["State"]["Name"])


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def account(clock: VirtualClock) -> Iterator[Account]:
    account = Account(clock, Settings(throttling=False, visibility_s=0.0))
    with account.active(), moto.mock_aws():
        yield account


@pytest.fixture(scope="session")
def client() -> Client:
    """Return a client made once: to load EC2's model takes longer than most of the tests."""
    return boto3.client(
        "ec2", "us-east-1", aws_access_key_id="testing", aws_secret_access_key="testing"
    )


@pytest.fixture
def lab(account: Account, clock: VirtualClock, client: Client) -> Lab:
    return Lab(account, clock, client)


@pytest.fixture
def refused() -> Refused:
    """Return a context that expects AWS's refusal with this code, and optionally these words."""

    @contextmanager
    def expected(code: str, words: str = "") -> Iterator[None]:
        with pytest.raises(ClientError) as raised:
            yield
        assert raised.value.response["Error"]["Code"] == code
        assert words in raised.value.response["Error"]["Message"]

    return expected
