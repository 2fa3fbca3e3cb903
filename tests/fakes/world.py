"""An account of fakes with one stack's reconcilers over it, and short words for what happens to nodes."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import TYPE_CHECKING

from cli.rehearsal import SerialWorkers
from domain import naming, tags
from domain.lifecycle import Place, Transition
from domain.model import AttachmentStatus, GroupName, InstanceId
from domain.reservations import pod_ranges
from lambdas.reconcile.adoption import AdoptionReconciler
from lambdas.reconcile.catalog import Catalog
from lambdas.reconcile.executor import Executor
from lambdas.reconcile.fleet import Bounds, FleetReconciler
from lambdas.reconcile.launch import LaunchReconciler
from lambdas.reconcile.launch_hooks import LaunchHooks
from lambdas.reconcile.launching_node import Launch
from lambdas.reconcile.termination import Termination, TerminationReconciler
from tests.fakes.autoscaling import FakeAutoScaling
from tests.fakes.builders import GROUP, SECURITY_GROUP, ZONE, Builders
from tests.fakes.calls import PortCalls
from tests.fakes.clock import FakeClock
from tests.fakes.ec2 import FakeEc2, Pace
from tests.fakes.queue import FakeQueue

if TYPE_CHECKING:
    from collections.abc import Sequence

    from domain.config import InterfaceSpec
    from domain.model import NetworkInterface
    from domain.outcome import Outcome
    from lambdas.reconcile.fleet import Report
    from tests.fakes.autoscaling import Action

HEARTBEAT_S = 600
RUN = timedelta(seconds=105)
"""How long a run may take: a function's two minutes less what it keeps for its end."""
NODE_SUBNET = "subnet-nodes"


class World:
    """One group of one stack. Nodes are launched and terminated by a word, reconcilers run when asked."""

    def __init__(
        self,
        specs: Sequence[InterfaceSpec] | None = None,
        *,
        pace: Pace | None = None,
        adopt_running: bool = False,
        dry_run: bool = False,
        max_deletions: int = 50,
        max_adoptions: int = 50,
    ) -> None:
        self.config = Builders().config(specs, adopt_running=adopt_running)
        self.specs = self.config.node_groups[0].interfaces
        self.launch_hook = naming.launch_hook(self.config.owner)
        self.terminate_hook = naming.terminate_hook(self.config.owner)
        self.ready_hook = naming.ready_hook(self.config.owner)
        self.bounds = Bounds(
            HEARTBEAT_S, timedelta(minutes=15), max_deletions, max_adoptions, dry_run
        )
        self.clock = FakeClock()
        self.calls = PortCalls()
        self.ec2 = FakeEc2(self.clock, self.calls, pace)
        self.autoscaling = FakeAutoScaling(self.calls, self.ec2.terminate)
        self.ec2.on_terminated = self.autoscaling.leave
        self.launch_queue = FakeQueue(self.calls)
        self.terminate_queue = FakeQueue(self.calls)
        self._numbers = itertools.count(1)
        self._set_up()
        self.restart()

    def _set_up(self) -> None:
        hooks = {
            self.launch_hook: Transition.LAUNCHING,
            self.terminate_hook: Transition.TERMINATING,
            self.ready_hook: Transition.LAUNCHING,
        }
        self.autoscaling.add_group(GROUP, hooks)
        self.ec2.add_security_group(SECURITY_GROUP)
        self.ec2.add_subnet(NODE_SUBNET, ZONE, "10.9.0.0/16")
        for place, spec in enumerate(self.specs):
            for subnet_id in (spec.subnets.by_zone or {}).values():
                self.ec2.add_subnet(subnet_id, ZONE, f"10.{place}.0.0/24")

    def restart(self) -> None:
        """Start a new process: nothing that a reconciler remembers outlives it."""
        workers = SerialWorkers()
        self.catalog = Catalog(self.ec2, self.clock, pod_ranges(self.config))
        self.executor = Executor(self.ec2, self.clock, workers)
        hooks = LaunchHooks(
            config=self.config,
            hook_name=self.launch_hook,
            heartbeat_timeout_s=HEARTBEAT_S,
            ec2=self.ec2,
            autoscaling=self.autoscaling,
            executor=self.executor,
            clock=self.clock,
        )
        self.launches = LaunchReconciler(
            config=self.config,
            hooks=hooks,
            ec2=self.ec2,
            catalog=self.catalog,
            executor=self.executor,
            workers=workers,
            clock=self.clock,
        )
        self.terminations = TerminationReconciler(
            config=self.config,
            hook_name=self.terminate_hook,
            ec2=self.ec2,
            autoscaling=self.autoscaling,
            executor=self.executor,
            workers=workers,
            clock=self.clock,
        )
        self.fleet = FleetReconciler(
            config=self.config,
            bounds=self.bounds,
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

    # What happens to nodes.

    def launch(
        self,
        *,
        running_in_s: float = 0.0,
        max_interfaces: int = 8,
        group: GroupName = GROUP,
        hooked: bool = True,
    ) -> InstanceId:
        """Launch a node, with its launch hook open unless it is older than the hook."""
        instance_id = InstanceId(f"i-{next(self._numbers):017x}")
        self.ec2.launch(
            instance_id,
            group,
            NODE_SUBNET,
            running_in_s=running_in_s,
            max_interfaces=max_interfaces,
        )
        if hooked:
            self.autoscaling.open(group, self.launch_hook, instance_id)
        else:
            self.autoscaling.serve(group, instance_id)
        return instance_id

    def launch_until_ready_hook(self, count: int = 1) -> list[InstanceId]:
        """Launch nodes of which everything is done but what they answer themselves."""
        nodes = [self.launch() for _ in range(count)]
        launches = [self.launching(node) for node in nodes]
        for node in nodes:
            self.autoscaling.open(GROUP, self.ready_hook, node)
        self.run_launches(*launches)
        return nodes

    def scale_in(self, instance_id: InstanceId) -> Action:
        """Open the terminate hook of a node."""
        return self.autoscaling.open(GROUP, self.terminate_hook, instance_id)

    def action(self, instance_id: InstanceId) -> Action:
        """Return the node's latest lifecycle action."""
        return [each for each in self.autoscaling.actions if each.instance_id == instance_id][-1]

    # What the reconcilers are asked.

    def launching(self, instance_id: InstanceId) -> Launch:
        """Return the launch that the node's event asks for."""
        action = self.action(instance_id)
        opened_at = self.ec2.instance(instance_id).launched_at
        return Launch(instance_id, action.group, action.token, opened_at)

    def leaving(self, instance_id: InstanceId, destination: Place = Place.EC2) -> Termination:
        """Return the termination that the node's event asks for."""
        action = self.action(instance_id)
        return Termination(instance_id, action.group, action.token, destination)

    def run_launches(self, *launches: Launch) -> list[Outcome]:
        """Work launches until a function would have to end."""
        return self.launches.run(launches, self.clock.now() + RUN)

    def launch_and_serve(self, count: int = 1) -> list[InstanceId]:
        """Launch nodes and bring them into service."""
        nodes = [self.launch() for _ in range(count)]
        self.run_launches(*(self.launching(node) for node in nodes))
        return nodes

    def run_fleet(self) -> Report:
        """Run the scheduled reconciler once."""
        return self.fleet.run(self.clock.now() + timedelta(seconds=285))

    # What is so.

    def enis(self, instance_id: InstanceId | None = None) -> list[NetworkInterface]:
        """Return our network interfaces as they are, of one node or all."""
        return self.ec2.owned(self.config.owner, instance_id)

    def faults_of(self, instance_id: InstanceId) -> list[str]:
        """Return in what a node differs from what it was promised; nothing when it has exactly that."""
        enis = self.enis(instance_id)
        found = sorted(eni.tags[tags.INTERFACE] for eni in enis)
        wanted = sorted(spec.name for spec in self.specs)
        faults = [f"has {found}, not {wanted}"] if found != wanted else []
        for eni in enis:
            attachment = eni.attachment
            if attachment is None or attachment.status is not AttachmentStatus.ATTACHED:
                faults.append(f"{eni.eni_id} is not attached")
            elif not attachment.delete_on_termination:
                faults.append(f"{eni.eni_id} would stay behind")
            if eni.tags.get(tags.NO_MANAGE) != "true":
                faults.append(f"{eni.eni_id} belongs to the VPC CNI")
        return faults
