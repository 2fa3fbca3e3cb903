"""One embedded account: its clock, its settings, its lock, and the patches that make moto behave like AWS."""

from __future__ import annotations

import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from localaws import bucket_policies
from localaws.autoscaling.service import AutoScaling
from localaws.calls import CallLog
from localaws.client import client
from localaws.cloudformation.service import CloudFormation
from localaws.clusters.service import Clusters
from localaws.ec2.service import Ec2
from localaws.events.service import Events
from localaws.faults import Faults
from localaws.functions.service import Functions
from localaws.gate import Gate
from localaws.iam import deletion, managed_policies
from localaws.iam.authorization import Authorizations
from localaws.iam.principals import Principals
from localaws.identity import ACCOUNT_ID
from localaws.patching import Patch, applied
from localaws.public_parameters import PublicParameters
from localaws.queues.service import Queues
from localaws.schedules.service import Schedules
from localaws.throttling import Buckets, Rate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from localaws.clock import Clock

_ONE_AT_A_TIME = threading.Lock()


def _as_usual(_: str, usual_s: float) -> float:
    return usual_s


@dataclass
class Settings:
    """How slow and how strict the account is. Times in seconds."""

    call_latency_s: float = 0.0
    """How long every API call takes before it takes effect."""
    launch_s: float = 1.0
    """From RunInstances to the state `running`."""
    attach_s: float = 1.0
    """How long an attachment is `attaching`."""
    detach_s: float = 1.0
    terminate_s: float = 1.0
    """From `shutting-down` to `terminated`; the ENIs with DeleteOnTermination go at its end."""
    visibility_s: float = 0.3
    """How long a new network interface is unknown to other calls (EC2 is eventually consistent)."""
    instance_visibility_s: float = 0.0
    """How long a new instance is unknown to other calls."""
    deletion_visibility_s: float = 0.0
    """How long a deleted network interface is still described."""
    stop_s: float = 1.0
    """From `stopping` to `stopped`."""
    interfaces_per_region: int = 5000
    """The quota "network interfaces per Region"."""
    security_groups_per_interface: int = 5
    """The quota "security groups per network interface"."""
    unpaginated_interfaces: int = 1000
    """How many interfaces DescribeNetworkInterfaces shows without pages or a narrowing filter; AWS names no number."""
    throttling: bool = True
    """Whether the documented token buckets apply."""
    autoscaling_bucket_size: float = 100.0
    autoscaling_refill_per_s: float = 10.0
    """Auto Scaling has one bucket for all its actions, but AWS publishes no numbers: these two are assumptions."""
    enforce_iam: bool = True
    """Whether a function's calls are authorized against its role's policies."""
    concurrent_executions: int = 1000
    """How many functions run at once, those with reserved concurrency apart (Lambda quotas: 1 000 by default)."""
    hook_opens_s: float = 0.0
    """From RunInstances to Pending:Wait. The documents give no number; at 0 the event precedes `running`."""
    terminate_hooks_after_abandon: bool = True
    """Whether an abandoned launch passes the terminate hooks. The documents do not say; so it may be either."""
    relaunch_s: float = 10.0
    """From an abandoned or failed launch to the next try; doubled at each in a row up to 15 minutes. The user guide
    says that consistent failure slows a group's launches, without numbers."""
    health_check_s: float = 5.0
    """From an instance's end to the group's noticing it. The documents give no number."""
    event_latency_s: float = 0.0
    """From an occurrence to the delivery of its event."""
    vary: Callable[[str, float], float] = _as_usual
    """How long something takes this time, by the name of one of the settings above (of `call_latency_s`, by the API
    action's) and its usual seconds. Everything takes its usual time unless a simulation says otherwise."""

    def duration_s(self, name: str) -> float:
        """Return how long what one of the settings above is about takes this time."""
        return self.vary(name, getattr(self, name))


class Account:
    """The state that ours and moto's code share.

    Moto's backends are not made for threads: whoever touches them holds `lock`.
    """

    def __init__(self, clock: Clock, settings: Settings | None = None) -> None:
        self.clock = clock
        self.settings = settings or Settings()
        self.lock = threading.RLock()
        self.client = client
        self.calls = CallLog()
        self.faults = Faults()
        self.buckets = Buckets(
            clock,
            Rate(self.settings.autoscaling_bucket_size, self.settings.autoscaling_refill_per_s),
        )
        self.principals = Principals()
        self.authorizations = Authorizations(ACCOUNT_ID, self.lock)
        self.gate = Gate(self)
        self.ec2 = Ec2(self)
        self.cloudformation = CloudFormation(self)
        self.functions = Functions(self)
        self.on_crash: Callable[[str], object] = self.functions.kill
        """Called with the access key of a caller that a fault kills: whoever runs that process ends it."""
        self.queues = Queues(self)
        self.events = Events(self)
        self.autoscaling = AutoScaling(self)
        self.schedules = Schedules(self)
        self.clusters = Clusters(self)
        self.public_parameters = PublicParameters(self, ACCOUNT_ID)

    def patches(self) -> Iterable[Patch]:
        """Yield every module's patches, in the order in which they must be applied."""
        yield from self.gate.patches()
        yield from managed_policies.patches()
        yield from deletion.patches()
        yield from bucket_policies.patches()
        yield from self.ec2.patches()
        yield from self.cloudformation.patches()
        yield from self.functions.patches()
        yield from self.queues.patches()
        yield from self.events.patches()
        yield from self.autoscaling.patches()
        yield from self.schedules.patches()
        yield from self.clusters.patches()
        yield from self.public_parameters.patches()

    @contextmanager
    def active(self) -> Iterator[Account]:
        """Make this account what moto's classes behave like; undone at the end.

        Raises:
            RuntimeError: an account is active already. Moto's backends are the process's, so there can be one.
        """
        if not _ONE_AT_A_TIME.acquire(blocking=False):
            raise RuntimeError("another account is active in this process")
        with ExitStack() as stack:
            stack.callback(_ONE_AT_A_TIME.release)
            stack.enter_context(applied(self.patches()))
            stack.callback(self.functions.close)
            yield self
