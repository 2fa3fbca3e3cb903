"""An address that moves to another pod's ENI: calls to EC2, and the time that they take."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from statistics import median
from typing import TYPE_CHECKING

import boto3

from bench.figures import Figure, at_most
from bench.latency import CALL_S
from domain import tags
from domain.pods.following import PodLink
from localaws.account import Account, Settings
from localaws.clock import SystemClock
from localaws.server import serve
from pod_addresses.ec2 import Ec2
from pod_addresses.placing import Placing
from pod_addresses.requests import Requests
from pod_addresses.signing import Credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from domain.pods.following import Address

OWNER, REGION = "MultusEni-bench", "us-east-1"
ROUNDS = 9
LOOK = 1
"""Whose the address is: EC2 would take it from anybody's ENI."""
ADDRESSES = {4: ip_address("10.0.3.100"), 6: ip_address("2001:db8:0:3::100")}
FEWEST_CALLS = {4: 1, 6: 2}
"""EC2 reassigns an IPv4 address in one call, and has no such call for IPv6 (EC2 API reference, AssignIpv6Addresses)."""


class NotMovedError(Exception):
    """An address is not where it must be, so what its move cost means nothing."""


class Granted:
    """Credentials that are there: what they cost a pod once in hours is no part of a fail-over."""

    def get(self) -> Credentials:
        """Return them."""
        return Credentials("testing", "testing", "testing", datetime.now(UTC) + timedelta(hours=6))

    def forget(self) -> None:
        """Keep them."""


@dataclass(frozen=True)
class Pods:
    """Two pods of one subnet, each with a link of an ENI of its own."""

    account: Account
    ec2: Ec2
    placings: tuple[Placing, Placing]

    def move(self, address: Address, to: int) -> int:
        """Move an address to a pod and return how many calls it took.

        Raises:
            NotMovedError: it did not get there.
        """
        placing, before = self.placings[to], len(self.account.calls.all())
        (home,) = placing.homes.values()
        outcome = placing.assign(home, (address,))
        if outcome.done != (address,):
            raise NotMovedError(f"{address}: {outcome.failures}")
        return len(self.account.calls.all()) - before

    def move_bare(self, address: Address, to: int) -> None:
        """Move an address as one would who knows where it is, and that it may be taken."""
        (home,), (other,) = (self.placings[at].homes.values() for at in (to, 1 - to))
        if address.version == 4:  # noqa: PLR2004 - IPv4
            self.ec2.assign_ipv4(home.eni_id, (address,), reassign=True)
        else:
            self.ec2.unassign_ipv6(other.eni_id, (address,))
            self.ec2.assign_ipv6(home.eni_id, (address,))


@contextmanager
def two_pods(call_s: float) -> Iterator[Pods]:
    """Serve an account in which every call takes so many seconds, with two pods in it."""
    settings = Settings(throttling=False, visibility_s=0.0, call_latency_s=call_s)
    account = Account(SystemClock(), settings)
    with serve(account) as endpoint:
        session = boto3.session.Session("testing", "testing", region_name=REGION)
        client = session.client("ec2", endpoint_url=endpoint.url)
        vpc = client.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnet = client.create_subnet(
            VpcId=vpc, CidrBlock="10.0.3.0/24", Ipv6CidrBlock="2001:db8:0:3::/64"
        )["Subnet"]["SubnetId"]
        ec2 = Ec2(endpoint.url, REGION, Granted(), Requests())
        placings = (Placing(ec2, OWNER, _quiet), Placing(ec2, OWNER, _quiet))
        for placing in placings:
            made = client.create_network_interface(SubnetId=subnet)["NetworkInterface"]
            owned = {"Key": tags.OWNER, "Value": OWNER}
            client.create_tags(Resources=[made["NetworkInterfaceId"]], Tags=[owned])  # type: ignore[list-item]
            placing.learn([PodLink(2, "net1", made["MacAddress"])])
        yield Pods(account, ec2, placings)
        client.close()


def figures(rounds: int = ROUNDS, call_s: float = CALL_S) -> Iterator[Figure]:
    """Yield for each family the calls and the seconds of a move, against the bare calls."""
    with two_pods(call_s) as pods:
        for version, address in ADDRESSES.items():
            pods.move(address, 0)
            least, name = FEWEST_CALLS[version], f"an IPv{version} address moves"
            calls = pods.move(address, 1)
            yield Figure(f"{name}: calls", calls, least, "calls", "floor + a look", least + LOOK)
            bare = _median_s(rounds, lambda to, moved=address: pods.move_bare(moved, to))  # type: ignore[misc]
            took = _median_s(rounds, lambda to, moved=address: pods.move(moved, to))  # type: ignore[misc]
            ratio = 1.25 * (least + LOOK) / least
            yield at_most(f"{name}: time", took, bare, "s", ratio)


def _median_s(rounds: int, act: Callable[[int], object]) -> float:
    """Return the median of so many moves to and fro."""
    taken = []
    for number in range(rounds):
        began = time.perf_counter()
        act(number % 2)
        taken.append(time.perf_counter() - began)
    return median(taken)


def _quiet(_event: str, **_told: object) -> None:
    pass
