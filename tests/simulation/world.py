"""The deployed stack in an account in which nothing is random but by seed and nothing takes real time."""

from __future__ import annotations

import copy
import functools
import random
import tempfile
import uuid
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import yaml
from moto.moto_api._internal import mock_random

import authoring
from cli.demo import platform
from cli.environment import environment_of_our_own
from localaws.fibers import FiberClock
from stacks.settings import settings_of
from tests.deployed.deployment import account_in_virtual_time, install, synthesize, update
from tests.simulation.assumptions import Assumptions
from tests.simulation.functions import FunctionFibers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from localaws.account import Account
    from localaws.calls import Call
    from stacks.settings import StackSettings
    from tests.deployed.deployment import Assembly, Deployed, DeployedFunction, Host

COUNTED = frozenset({"ec2", "autoscaling"})
"""The services whose calls are scarce: EC2's and Auto Scaling's buckets are shared by the whole account."""


@dataclass
class World:
    """One deployed stack, and the functions that serve it."""

    account: Account
    clock: FiberClock
    deployed: Deployed
    assumptions: Assumptions
    host: Host
    """Decides how a deployed function runs here."""
    functions: dict[str, FunctionFibers] = field(default_factory=dict)
    """By handler."""
    began_s: float = 0.0

    @property
    def elapsed_s(self) -> float:
        """Return the virtual time since the world began."""
        return self.clock.now() - self.began_s

    @property
    def settings(self) -> StackSettings:
        """Return the pace that the deployed configuration sets."""
        return settings_of(authoring.parse(yaml.safe_dump(self.deployed.made.document)))

    @property
    def interval_s(self) -> float:
        """Return the time from one scheduled run to the next."""
        return 60.0 * self.settings.reconcile_interval_minutes

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Do something so many seconds from now."""
        self.clock.call_at(self.clock.now() + seconds, action)

    def prepare(self, document: dict[str, Any]) -> None:
        """Synthesize a configuration that is to be deployed later, in this process and all copies of it.

        Copies share this process's way to the CDK's kernel, which takes one at a time.
        """
        _synthesized(yaml.safe_dump(document, sort_keys=False))

    def redeploy(self, document: dict[str, Any]) -> None:
        """Update the stack to a changed configuration, whose ids exist."""
        update(self.deployed, _synthesized(yaml.safe_dump(document, sort_keys=False)), self.host)
        self.deployed.made.document = document

    def forget(self) -> None:
        """Begin the history of calls and events anew."""
        self.account.calls.clear()
        self.account.events.emitted.clear()
        self.account.events.emitted_at_s.clear()

    def calls(self) -> list[Call]:
        """Return what the functions asked of EC2 and Auto Scaling, in order."""
        roles = set(self.deployed.roles.values())
        return [
            call
            for call in self.account.calls.all()
            if call.service in COUNTED and call.principal in roles
        ]

    def until(self, done: Callable[[], bool], within_s: float, step_s: float = 5.0) -> bool:
        """Let time pass until something is so; return whether it was in time."""
        end_s = self.clock.now() + within_s
        while not done():
            if self.clock.now() >= end_s:
                return False
            self.clock.advance(step_s)
        return True


@contextmanager
def simulated(
    document: dict[str, Any],
    *,
    seed: int,
    assumptions: Assumptions | None = None,
    clock: FiberClock | None = None,
) -> Iterator[World]:
    """Deploy a configuration's stack and yield it at work.

    Args:
        document: a valid configuration, as YAML reads it; its ids are replaced.
        seed: where every draw comes from: durations, ids, jitter of retries.
        assumptions: how long things take.
        clock: the world's time; one of its own unless somebody wants to look on.
    """
    assumed = assumptions or Assumptions()
    clock = clock or FiberClock()
    cold_starts = assumed.cold_starts(seed)
    functions: dict[str, FunctionFibers] = {}

    def host(function: DeployedFunction) -> FunctionFibers:
        fibers = functions[function.handler] = FunctionFibers(
            clock, function, cold_start_s=lambda: assumed.around(cold_starts, assumed.cold_start_s)
        )
        return fibers

    with ExitStack() as stack:
        stack.enter_context(environment_of_our_own())
        account = stack.enter_context(account_in_virtual_time(assumed.settings(seed), clock))
        # In a process's first world moto makes the default network when EC2 is first asked, in later ones at their beginning:
        # by now it must be there, or the first world's ids are other ones.
        account.client("ec2").describe_vpcs()
        # The ids of networks are the same in all worlds, and so is the stack that names them: it is synthesized once.
        _seed(stack, "networks")
        made = platform.build(account, copy.deepcopy(document))
        assembly = _synthesized(yaml.safe_dump(made.document, sort_keys=False))
        deployed = install(account, made, assembly, host)
        _seed(stack, str(seed))
        world = World(account, clock, deployed, assumed, host, functions, clock.now())
        account.calls.clear()
        yield world


@functools.cache
def _synthesized(document: str) -> Assembly:
    """Synthesize once per process and configuration."""
    return synthesize(yaml.safe_load(document), Path(tempfile.mkdtemp(prefix="multus-eni-")))


def _seed(stack: ExitStack, seed: str) -> None:
    """Draw ids and botocore's jitter from the seed; undone at the end."""
    ids = random.Random(f"ids {seed}")  # noqa: S311 - a simulation, repeatable on purpose
    stack.enter_context(
        patch.object(uuid, "uuid4", lambda: uuid.UUID(int=ids.getrandbits(128), version=4))
    )
    stack.callback(random.setstate, random.getstate())
    random.seed(f"retries {seed}")
    stack.callback(mock_random.setstate, mock_random.getstate())
    mock_random.seed(f"moto {seed}")
