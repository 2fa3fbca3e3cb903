"""A pod's surroundings: an embedded account over HTTP, nodes with ENIs, a Pod Identity agent, and the pod's links."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config

from domain import tags
from domain.pods import policy
from localaws.account import Account, Settings
from localaws.clock import SystemClock
from localaws.server import serve
from node_bootstrap.deadline import Deadline
from node_bootstrap.imds import MetadataService
from pod_addresses import __main__ as command
from pod_addresses.credentials import AUTHORIZATION_FILE, FULL_URI
from pod_addresses.requests import Requests

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from localaws.calls import Call
    from pod_addresses.placing import Placing

INTERFACE = "n3"
OWNER = "MultusEni-lab"
ARNS = "arn:aws:ec2:us-east-1:123456789012:network-interface/*"
TOKEN = "token-of-the-pod"
QUICK = {
    "launch_s": 0.0,
    "attach_s": 0.0,
    "visibility_s": 0.0,
    "detach_s": 0.0,
    "terminate_s": 0.0,
}


class Agent:
    """An EKS Pod Identity agent: gives credentials to whoever shows the token of its file.

    Attributes:
        status: what it answers instead, unless 200.
        lifetime_s: of what it gives.
        asked: the Authorization header of each request.
    """

    def __init__(self, account: Account, role_arn: str) -> None:
        self.status = 200
        self.lifetime_s = 21600.0
        self.asked: list[str | None] = []
        agent = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                agent.asked.append(self.headers["Authorization"])
                status = agent.status if self.headers["Authorization"] == TOKEN else 401
                body = json.dumps(agent.answer(account, role_arn)) if status == 200 else "refused"
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, format: str, *args: object) -> None:
                """Keep quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1/credentials"

    def answer(self, account: Account, role_arn: str) -> dict[str, str]:
        """Return credentials as the agent has them."""
        issued = account.principals.issue(role_arn)
        expires = datetime.now(UTC) + timedelta(seconds=self.lifetime_s)
        return {
            "AccessKeyId": issued.access_key_id,
            "SecretAccessKey": issued.secret_access_key,
            "Token": issued.session_token,
            "AccountId": "123456789012",
            "Expiration": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }


@dataclass
class World:
    """Two nodes with ENIs of ours in one dual-stack subnet, and one ENI of somebody else's there."""

    account: Account
    ec2: Any
    iam: Any
    agent: Agent
    environ: dict[str, str]
    said: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        vpc = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]

        def subnet(**parameters: str) -> str:
            made = self.ec2.create_subnet(VpcId=vpc, AvailabilityZone="us-east-1a", **parameters)
            return str(made["Subnet"]["SubnetId"])

        self.subnet = subnet(CidrBlock="10.0.3.0/24", Ipv6CidrBlock="2001:db8:0:3::/64")
        self.nodes_subnet = subnet(CidrBlock="10.0.0.0/24")
        self.a, self.a2, self.b = (self.eni(OWNER) for _ in range(3))
        self.foreign = self.eni("MultusEni-other")
        for node in (self.node((self.a, self.a2)), self.node((self.b,))):
            assert node
        self.account.calls.clear()

    def node(self, enis: tuple[str, ...], kind: str = "m5.large") -> str:
        """Launch an instance with these ENIs."""
        launched = self.ec2.run_instances(
            ImageId="ami-12345678",
            MinCount=1,
            MaxCount=1,
            InstanceType=kind,
            SubnetId=self.nodes_subnet,
        )
        instance = launched["Instances"][0]["InstanceId"]
        for index, eni in enumerate(enis, start=1):
            self.ec2.attach_network_interface(
                NetworkInterfaceId=eni, InstanceId=instance, DeviceIndex=index
            )
        return str(instance)

    def eni(self, owner: str | None) -> str:
        """Make an ENI in the dual-stack subnet."""
        tagged = [
            {"Key": tags.OWNER, "Value": owner},
            {"Key": tags.INTERFACE, "Value": INTERFACE},
        ]
        specification = [{"ResourceType": "network-interface", "Tags": tagged}] if owner else []
        made = self.ec2.create_network_interface(
            SubnetId=self.subnet, TagSpecifications=specification
        )
        return str(made["NetworkInterface"]["NetworkInterfaceId"])

    def mac(self, eni: str) -> str:
        """Return an ENI's MAC address, which is that of the pod's link."""
        return str(self._described(eni)["MacAddress"])

    def primary(self, eni: str) -> str:
        """Return an ENI's primary IPv4 address."""
        return str(self._described(eni)["PrivateIpAddress"])

    def on(self, eni: str) -> set[str]:
        """Return the addresses of an ENI but its primary one."""
        told = self._described(eni)
        ipv4 = {each["PrivateIpAddress"] for each in told["PrivateIpAddresses"]}
        ipv6 = {each["Ipv6Address"] for each in told["Ipv6Addresses"]}
        return (ipv4 | ipv6) - {told["PrivateIpAddress"]}

    def put(self, eni: str, *addresses: str) -> None:
        """Assign addresses as somebody else would."""
        ipv4 = [text for text in addresses if ":" not in text]
        ipv6 = [text for text in addresses if ":" in text]
        if ipv4:
            self.ec2.assign_private_ip_addresses(
                NetworkInterfaceId=eni, PrivateIpAddresses=ipv4, AllowReassignment=True
            )
        if ipv6:
            self.ec2.assign_ipv6_addresses(NetworkInterfaceId=eni, Ipv6Addresses=ipv6)

    def _described(self, eni: str) -> dict[str, Any]:
        answer = self.ec2.describe_network_interfaces(NetworkInterfaceIds=[eni])
        return dict(answer["NetworkInterfaces"][0])

    def placing(self) -> Placing:
        """Return who assigns, wired as in the pod, by the pod's environment."""
        deadline = Deadline(1.0)
        return command.wired(
            self.environ, Requests(), MetadataService(), deadline, owner=OWNER, tell=self.say
        )

    def say(self, event: str, **told: object) -> None:
        """Keep what is said."""
        self.said.append((event, told))

    def calls(self) -> list[str]:
        """Return the actions that the pod's role called, in order."""
        return [call.action for call in self.pods_calls()]

    def pods_calls(self) -> list[Call]:
        """Return the calls of the pod's role."""
        return [call for call in self.account.calls.all() if call.principal.startswith("arn:")]

    def may(self, statements: list[dict[str, Any]]) -> None:
        """Give the pod's role another policy."""
        self.iam.put_role_policy(
            RoleName="pod",
            PolicyName="pod",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statements}),
        )


def addresses(*texts: str) -> tuple[Any, ...]:
    """Return addresses."""
    return tuple(map(ip_address, texts))


@contextmanager
def surroundings(folder: Path, settings: Settings) -> Iterator[World]:
    """Serve an account with the nodes and the agent in it."""
    account = Account(SystemClock(), settings)
    with serve(account) as endpoint:
        config = Config(retries={"total_max_attempts": 1, "mode": "standard"})

        session = boto3.session.Session("testing", "testing", region_name="us-east-1")
        ec2 = session.client("ec2", endpoint_url=endpoint.url, config=config)
        iam = session.client("iam", endpoint_url=endpoint.url, config=config)
        trust = {"Version": "2012-10-17", "Statement": []}
        role = iam.create_role(RoleName="pod", AssumeRolePolicyDocument=json.dumps(trust))
        agent = Agent(account, role["Role"]["Arn"])
        threading.Thread(target=agent.server.serve_forever, daemon=True).start()
        token = folder / "token"
        token.write_text(f"{TOKEN}\n")
        environ = {
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL_EC2": endpoint.url,
            FULL_URI: agent.url,
            AUTHORIZATION_FILE: str(token),
        }
        world = World(account, ec2, iam, agent, environ)
        world.may(policy.statements(OWNER, [INTERFACE], ARNS))
        try:
            yield world
        finally:
            agent.server.shutdown()
            agent.server.server_close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with surroundings(tmp_path, Settings(throttling=False, **QUICK)) as made:  # type: ignore[arg-type]
        yield made
