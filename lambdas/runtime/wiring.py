"""The composition root: from the environment to reconcilers, once per execution environment and never at import.

What works terminations, the fleet and pod ranges is imported when it is asked for: a launching node waits for the launch
function's cold start, and that function asks for none of them.
"""

from __future__ import annotations

import gc
import os
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from aws_lambda_powertools.logging import Logger

from domain import naming
from domain.config import from_json
from domain.environment import from_environ
from domain.errors import EnvironmentInvalid
from domain.reservations import pod_ranges
from lambdas.aws.autoscaling import AutoScaling
from lambdas.aws.ec2 import Ec2
from lambdas.aws.events import EventBus
from lambdas.aws.queue import Queue
from lambdas.aws.session import MAX_CONNECTIONS, Clients
from lambdas.reconcile.catalog import Catalog
from lambdas.reconcile.executor import Executor
from lambdas.reconcile.launch import LaunchReconciler
from lambdas.reconcile.launch_hooks import LaunchHooks
from lambdas.runtime.clock import SystemClock
from lambdas.runtime.reporting import Reporter
from lambdas.runtime.workers import ThreadWorkers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Protocol

    from domain.config import Config
    from domain.environment import FunctionEnvironment
    from lambdas.aws.stack_answers import StackAnswers
    from lambdas.reconcile.fleet import FleetReconciler
    from lambdas.reconcile.ports import Clock, Workers
    from lambdas.reconcile.reservations import ReservationKeeper
    from lambdas.reconcile.termination import TerminationReconciler

    class LambdaContext(Protocol):
        """What is used of the context object that Lambda passes."""

        def get_remaining_time_in_millis(self) -> int:
            """Return the milliseconds until Lambda ends the invocation."""
            ...


RESERVE = timedelta(seconds=15)
"""Kept of the function's time for what a run still has to do when it stops looking: answer, heartbeat, report."""


@dataclass(frozen=True)
class Runtime:
    """Everything one function needs, each part made when it is first asked for."""

    environment: FunctionEnvironment
    config: Config
    clients: Clients
    clock: Clock
    workers: Workers

    @cached_property
    def reporter(self) -> Reporter:
        """Return the logger and the metrics."""
        return Reporter(self.environment.owner, EventBus(self.clients.events))

    @cached_property
    def ec2(self) -> Ec2:
        """Return EC2."""
        return Ec2(self.clients.ec2)

    @cached_property
    def autoscaling(self) -> AutoScaling:
        """Return Auto Scaling."""
        return AutoScaling(self.clients.autoscaling)

    @cached_property
    def launch_queue(self) -> Queue:
        """Return the queue of launch events."""
        return Queue(self.environment.launch_queue_url, self.clients.sqs)

    @cached_property
    def terminate_queue(self) -> Queue:
        """Return the queue of terminate and state-change events."""
        return Queue(self.environment.terminate_queue_url, self.clients.sqs)

    @cached_property
    def catalog(self) -> Catalog:
        """Return what settles the configuration's selectors."""
        return Catalog(self.ec2, self.clock, pod_ranges(self.config))

    @cached_property
    def executor(self) -> Executor:
        """Return what carries plans out."""
        return Executor(self.ec2, self.clock, self.workers)

    @cached_property
    def launches(self) -> LaunchReconciler:
        """Return what works launching nodes."""
        hooks = LaunchHooks(
            config=self.config,
            hook_name=self.environment.launch_hook,
            heartbeat_timeout_s=self.environment.heartbeat_timeout_s,
            ec2=self.ec2,
            autoscaling=self.autoscaling,
            executor=self.executor,
            clock=self.clock,
        )
        return LaunchReconciler(
            config=self.config,
            hooks=hooks,
            ec2=self.ec2,
            catalog=self.catalog,
            executor=self.executor,
            workers=self.workers,
            clock=self.clock,
        )

    @cached_property
    def terminations(self) -> TerminationReconciler:
        """Return what works leaving nodes."""
        from lambdas.reconcile.termination import TerminationReconciler  # noqa: PLC0415 - see the module

        return TerminationReconciler(
            config=self.config,
            hook_name=self.environment.terminate_hook,
            ec2=self.ec2,
            autoscaling=self.autoscaling,
            executor=self.executor,
            workers=self.workers,
            clock=self.clock,
        )

    @cached_property
    def fleet(self) -> FleetReconciler:
        """Return what repairs the fleet."""
        from lambdas.reconcile.adoption import AdoptionReconciler  # noqa: PLC0415 - see the module
        from lambdas.reconcile.fleet import Bounds, FleetReconciler  # noqa: PLC0415 - see the module

        environment = self.environment
        return FleetReconciler(
            config=self.config,
            bounds=Bounds(
                heartbeat_timeout_s=environment.heartbeat_timeout_s,
                orphan_min_age=timedelta(seconds=environment.orphan_min_age_s),
                max_deletions=environment.max_deletions,
                max_adoptions=environment.max_adoptions,
                dry_run=environment.dry_run,
            ),
            ec2=self.ec2,
            autoscaling=self.autoscaling,
            catalog=self.catalog,
            executor=self.executor,
            launches=self.launches,
            terminations=self.terminations,
            adoptions=AdoptionReconciler(
                config=self.config, ec2=self.ec2, catalog=self.catalog, executor=self.executor
            ),
            launch_queue=self.launch_queue,
            terminate_queue=self.terminate_queue,
            clock=self.clock,
        )

    @cached_property
    def reservations(self) -> ReservationKeeper:
        """Return what keeps pod ranges."""
        from lambdas.aws.reservations import CidrReservations  # noqa: PLC0415 - see the module
        from lambdas.reconcile.reservations import ReservationKeeper  # noqa: PLC0415 - see the module

        return ReservationKeeper(
            owner=self.environment.owner,
            ec2=CidrReservations(self.clients.ec2),
            clock=self.clock,
        )

    @cached_property
    def stack_answers(self) -> StackAnswers:
        """Return what answers CloudFormation."""
        from lambdas.aws.stack_answers import StackAnswers  # noqa: PLC0415 - see the module

        return StackAnswers()

    def deadline(self, context: LambdaContext) -> datetime:
        """Return when the run that begins must have ended; none of its calls waits for its turn until after that."""
        left = timedelta(milliseconds=context.get_remaining_time_in_millis())
        self.clients.pacer.deadline = deadline = self.clock.now() + left - RESERVE
        return deadline


def build(environ: Mapping[str, str], clock: Clock, workers: Workers) -> Runtime:
    """Return the runtime that an environment describes.

    Raises:
        EnvironmentInvalid: a variable is missing or malformed.
    """
    environment = from_environ(environ)
    text = (Path(environ["LAMBDA_TASK_ROOT"]) / naming.CONFIG_FILE).read_text()
    return Runtime(environment, from_json(text), Clients(clock), clock, workers)


@contextmanager
def no_collection() -> Iterator[None]:
    """Keep Python from looking for cyclic garbage meanwhile, and from ever looking at what was made meanwhile.

    A client is made from its service's description, some hundred thousand objects that stay. The collector walks them
    all again and again while they grow, which takes more time than all of our own code (docs/benchmarks.md).
    """
    collected = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collected:
            gc.freeze()
            gc.enable()


@cache
def runtime() -> Runtime:
    """Return this execution environment's runtime; made by the first invocation, kept for the next.

    Raises:
        EnvironmentInvalid: as `build` does. It is a record of its own by then: what Lambda's runtime makes of an error
            is its traceback, with the message somewhere before it.
    """
    try:
        with no_collection():
            return build(os.environ, SystemClock(), ThreadWorkers(MAX_CONNECTIONS))
    except EnvironmentInvalid as error:
        Logger(service=naming.SERVICE).error(
            "the function cannot start", extra={"error_code": error.code, "error": str(error)}
        )
        raise
