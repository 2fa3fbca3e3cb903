"""The token buckets: how many calls of an action an account may make in a Region, and how fast they come back.

Numbers and categories: "Request throttling for the Amazon EC2 API", Amazon EC2 Developer Guide
(docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html), read for this table.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from localaws.rules import Rule

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localaws.clock import Clock

REQUEST_LIMIT_EXCEEDED = Rule(
    "RequestLimitExceeded",
    "Request limit exceeded.",
    "Request throttling for the Amazon EC2 API (EC2 Developer Guide); status 503 by the EC2 error codes page",
    status=503,
)
THROTTLING = Rule(
    "Throttling",
    "Rate exceeded",
    "AWS re:Post knowledge center on Auto Scaling API throttling; Common Error Types of the query services",
)
THROTTLING_EXCEPTION = Rule(
    "ThrottlingException",
    "Rate exceeded",
    "Common Error Types in the API references of Systems Manager, EventBridge and CloudWatch Logs",
)
TOO_MANY_REQUESTS = Rule(
    "TooManyRequestsException",
    "Rate Exceeded.",
    "botocore model lambda 2015-03-31, shape TooManyRequestsException",
    status=429,
)

_QUERY_SERVICES = frozenset({"autoscaling", "cloudformation", "cloudwatch", "iam", "sns", "sts"})


def throttled(service: str) -> Rule:
    """Return the words in which a service refuses a call for its rate."""
    if service == "ec2":
        return REQUEST_LIMIT_EXCEEDED
    if service == "lambda":
        return TOO_MANY_REQUESTS
    return THROTTLING if service in _QUERY_SERVICES else THROTTLING_EXCEPTION


@dataclass(frozen=True)
class Rate:
    """What a bucket holds when full, and how many tokens a second it gets back."""

    size: float
    refill_per_s: float


NON_MUTATING = Rate(100, 20)
UNFILTERED = Rate(50, 10)
MUTATING = Rate(50, 5)

SMALLER_WHEN_UNFILTERED = frozenset(
    {
        "DescribeInstances",
        "DescribeInstanceStatus",
        "DescribeNetworkInterfaces",
        "DescribeSecurityGroups",
        "DescribeSnapshots",
        "DescribeSpotInstanceRequests",
        "DescribeVolumes",
    }
)
"""Called with neither filter nor pagination these take from a smaller bucket. The page does not say whether ids
count as a filter; here they do not, so a caller that relies on them is no better off than on AWS."""

OWN_BUCKETS = {
    "AssignIpv6Addresses": Rate(100, 5),
    "AssignPrivateIpAddresses": Rate(100, 5),
    "CreateLaunchTemplateVersion": Rate(100, 5),
    "CreateNatGateway": Rate(10, 1),
    "CreateNetworkInterface": Rate(100, 5),
    "CreateSubnetCidrReservation": Rate(5, 1),
    "CreateTags": Rate(100, 10),
    "CreateVpcEndpoint": Rate(4, 0.3),
    "DeleteNatGateway": Rate(10, 1),
    "DeleteNetworkInterface": Rate(100, 5),
    "DeleteSubnetCidrReservation": Rate(5, 1),
    "DeleteTags": Rate(100, 10),
    "DeleteVpcEndpoints": Rate(4, 0.3),
    "DescribeInstanceTopology": Rate(1, 1),
    "DescribeSecurityGroupReferences": Rate(20, 5),
    "DescribeStaleSecurityGroups": Rate(20, 5),
    "ModifyLaunchTemplate": Rate(100, 5),
    "ModifyNetworkInterfaceAttribute": Rate(100, 5),
    "RunInstances": Rate(5, 2),
    "StartInstances": Rate(5, 2),
    "TerminateInstances": Rate(100, 5),
    "UnassignPrivateIpAddresses": Rate(100, 5),
}
"""The actions with a bucket of their own ("uncategorized") that a VPC, its instances and interfaces need. Attach and
DetachNetworkInterface and UnassignIpv6Addresses are not on the page's list: they have the mutating default."""

RESOURCE_BUCKETS = {
    "RunInstances": Rate(1000, 2),
    "StartInstances": Rate(1000, 2),
    "StopInstances": Rate(1000, 20),
    "TerminateInstances": Rate(1000, 20),
}
"""A second bucket, from which a call takes one token per instance."""


_ROUNDING = 1e-4
"""Seconds since the epoch are floats that step by 0.2 microseconds: a token that is due may seem a trifle short."""


class Bucket:
    """A token bucket that refills continuously. It knows no clock: whoever takes says when.

    A second tenant may draw on it: it takes a number of tokens a second whenever there are any, first.
    """

    def __init__(self, rate: Rate, now_s: float) -> None:
        self._rate = rate
        self._tokens = rate.size
        self._at_s = now_s
        self._drain_per_s = 0.0

    def take(self, now_s: float, tokens: int = 1) -> bool:
        """Take so many tokens, or none when there are fewer, and say which."""
        self._settle(now_s)
        if self._tokens + _ROUNDING < tokens:
            return False
        self._tokens = max(0.0, self._tokens - tokens)
        return True

    def left(self, now_s: float) -> float:
        """Return how many tokens there are."""
        self._settle(now_s)
        return self._tokens

    def drain(self, per_second: float, now_s: float) -> None:
        """From now on let the second tenant take so many tokens a second; 0 sends it away."""
        self._settle(now_s)
        self._drain_per_s = per_second

    def _settle(self, now_s: float) -> None:
        gained = (self._rate.refill_per_s - self._drain_per_s) * max(0.0, now_s - self._at_s)
        self._tokens = min(self._rate.size, max(0.0, self._tokens + gained))
        self._at_s = max(self._at_s, now_s)


def ec2_bucket(action: str, params: Mapping[str, Any]) -> tuple[str, Rate]:
    """Return the name and the rate of the request bucket that an EC2 call takes from."""
    if action in OWN_BUCKETS:
        return action, OWN_BUCKETS[action]
    if action in SMALLER_WHEN_UNFILTERED and not _narrowed(params):
        return f"{action} unfiltered", UNFILTERED
    if action.startswith(("Describe", "List", "Search", "Get")):
        return action, NON_MUTATING
    return action, MUTATING


def _narrowed(params: Mapping[str, Any]) -> bool:
    return any(params.get(name) for name in ("Filters", "MaxResults", "NextToken"))


def resources_touched(action: str, params: Mapping[str, Any]) -> int:
    """Return how many instances a call of an action in RESOURCE_BUCKETS is about."""
    if action == "RunInstances":
        return int(params.get("MaxCount") or 1)
    return len(params.get("InstanceIds") or ())


class Buckets:
    """The buckets of one account, by Region; made when first needed, full."""

    def __init__(self, clock: Clock, autoscaling: Rate) -> None:
        """Take the rate of Auto Scaling's bucket: one for all its actions, of which AWS publishes no numbers."""
        self._clock = clock
        self._autoscaling = autoscaling
        self._buckets: dict[tuple[str, str, str], Bucket] = {}
        self._lock = threading.Lock()

    def check(self, service: str, region: str, action: str, params: Mapping[str, Any]) -> None:
        """Take what a call costs.

        Raises:
            Refusal: a bucket has too few tokens. Services without a bucket here are never refused.
        """
        with self._lock:
            now_s = self._clock.now()
            for name, rate, tokens in self._costs(service, action, params):
                if not self._bucket(service, region, name, rate, now_s).take(now_s, tokens):
                    raise throttled(service).refusal()

    def drain(
        self, action: str, per_second: float, *, service: str = "ec2", region: str = "us-east-1"
    ) -> None:
        """Let a second tenant of the account make so many calls a second; 0 sends it away.

        A narrowed call is meant where Describe actions have two buckets. Of Auto Scaling the action is ignored.
        """
        with self._lock:
            now_s = self._clock.now()
            name, rate, _ = self._costs(service, action, {"MaxResults": 1})[0]
            self._bucket(service, region, name, rate, now_s).drain(per_second, now_s)

    def _costs(
        self, service: str, action: str, params: Mapping[str, Any]
    ) -> list[tuple[str, Rate, int]]:
        if service == "autoscaling":
            return [("every action", self._autoscaling, 1)]
        if service != "ec2":
            return []
        costs = [(*ec2_bucket(action, params), 1)]
        if action in RESOURCE_BUCKETS:
            instances = resources_touched(action, params)
            costs.append((f"{action} resources", RESOURCE_BUCKETS[action], instances))
        return costs

    def _bucket(self, service: str, region: str, name: str, rate: Rate, now_s: float) -> Bucket:
        key = (service, region, name)
        if key not in self._buckets:
            self._buckets[key] = Bucket(rate, now_s)
        return self._buckets[key]
