"""What groups go through, with the stock CDK CLI at every deployment and the functions in processes of their own."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from rich.console import Console

import authoring
from cli.demo import platform
from cli.demo.promises import IN_SERVICE, Observer, broken_promises, left_behind
from cli.demo.watch import Watch
from domain import naming
from localaws.faults import Fault, FaultKind
from tests.e2e.cli import bootstrapped

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cli.demo.promises import NodeView
    from localaws.account import Account
    from localaws.server import Endpoint
    from tests.e2e.cli import Cli

pytestmark = [pytest.mark.e2e, pytest.mark.subprocesses("cdk", "python")]

ROOT = Path(__file__).parents[2]
WITHIN_S = 120
ADOPTED_WITHIN_S = 120
"""The reconciler comes every minute."""
NO_ATTACH = Fault("AttachNetworkInterface", FaultKind.THROTTLE, times=None)
"""As long as this is so, a node is launching, however long the CLI takes for a deployment."""
HEARTBEAT_S = 800
RESTS = "Warmed:Stopped"
DOCUMENT = """
name: lives
cluster_name: lives
reconcile: {interval_minutes: 1}
node_groups:
  - name: adopted
    auto_scaling_group: lives-adopted
    adopt_running: true
    interfaces: &interfaces
      - name: n3
        subnets: {us-east-1a: subnet-0000000a, us-east-1b: subnet-0000000b}
        security_groups: [sg-0000000a]
  - name: left
    auto_scaling_group: lives-left
    interfaces: *interfaces
  - name: pooled
    instance_types: [m5.2xlarge]
    create: {min_size: 1, max_size: 3, warm_pool: {max_prepared: 2, reuse_on_scale_in: true}}
    interfaces: *interfaces
  - name: spot
    instance_types: [m5.2xlarge, m6i.2xlarge]
    create: {min_size: 1, max_size: 3, spot_percent: 100}
    node: {ready_hook: false}
    interfaces: *interfaces
"""
POOLED, SPOT = "MultusEni-lives-Nodes-pooled", "MultusEni-lives-Nodes-spot"


@pytest.fixture
def cli(tmp_path: Path, endpoint: Endpoint) -> Cli:
    return bootstrapped(tmp_path, endpoint)


@dataclass
class Lives:
    """The groups of one configuration, as they are by now."""

    account: Account
    made: platform.Platform
    folder: Path
    cli: Cli

    def deploy(self) -> None:
        """Deploy the configuration as it is written by now."""
        self.made.write(self.folder / "config.yaml")
        app = f"{sys.executable} {ROOT / 'app.py'}"
        context = ("--app", app, "--context", f"config={self.folder}/config.yaml")
        to = ("--output", self.assembly)
        done = self.cli.run("deploy", "--all", "--require-approval", "never", *to, *context)
        assert done.returncode == 0, done.stdout

    def destroy(self) -> None:
        done = self.cli.run("destroy", "--all", "--force", "--app", self.assembly)
        assert done.returncode == 0, done.stdout

    @property
    def assembly(self) -> str:
        """Where what is deployed is synthesized to."""
        return str(self.folder / "cdk.out")

    @property
    def observer(self) -> Observer:
        config = authoring.resolve(authoring.load(self.folder / "config.yaml"))
        return Observer(self.account, config)

    def until(
        self, done: Callable[[Sequence[NodeView]], bool], within_s: float = WITHIN_S
    ) -> tuple[NodeView, ...]:
        """Wait for what the nodes are to be, and return them: with their interfaces, and nobody else's."""
        observer = self.observer
        config = authoring.resolve(authoring.load(self.folder / "config.yaml"))
        watch = Watch(self.account, observer, config, Console(quiet=True))
        assert watch.until(done, within_s), observer.nodes()
        return tuple(observer.nodes())

    def desire(self, group: str, nodes: int) -> None:
        self.account.client("autoscaling").set_desired_capacity(
            AutoScalingGroupName=group, DesiredCapacity=nodes
        )

    def pooled(self) -> dict[str, str]:
        """Return the lifecycle state of each instance in the warm pool."""
        shown = self.account.client("autoscaling").describe_warm_pool(AutoScalingGroupName=POOLED)
        return {one["InstanceId"]: one["LifecycleState"] for one in shown["Instances"]}

    def enis_of(self, instance_id: str) -> set[str]:
        """Return the network interfaces that are attached to a node."""
        return {
            eni.eni_id
            for eni in self.observer.enis()
            if eni.attachment.get("InstanceId") == instance_id
        }

    def answer_ready_hooks(self) -> None:
        """Answer, from now on, the hook of each node that has its interface, as `multus-node` does on one that is at work."""
        answered = set[str]()
        hook = naming.ready_hook("MultusEni-lives")

        def answer() -> None:
            for event in list(self.account.events.emitted):
                detail: dict[str, Any] = event["detail"]
                token = str(detail.get("LifecycleActionToken"))
                if detail.get("LifecycleHookName") != hook or token in answered:
                    continue
                if self.enis_of(detail["EC2InstanceId"]):
                    answered.add(token)
                    self.account.client("autoscaling").complete_lifecycle_action(
                        AutoScalingGroupName=detail["AutoScalingGroupName"],
                        LifecycleHookName=hook,
                        LifecycleActionToken=token,
                        LifecycleActionResult="CONTINUE",
                    )
            self.account.clock.call_at(self.account.clock.now() + 0.5, answer)

        answer()


def _in(group: str, nodes: Sequence[NodeView]) -> list[NodeView]:
    return [node for node in nodes if node.group == group]


def _serve(group: str, count: int) -> Callable[[Sequence[NodeView]], bool]:
    return lambda nodes: [node.state for node in _in(group, nodes)] == [IN_SERVICE] * count


def test_groups_are_adopted_or_left_alone_scaled_rebalanced_pooled_and_have_their_hooks_changed(
    cli: Cli, account: Account, tmp_path: Path
) -> None:
    lives = Lives(account, platform.build(account, yaml.safe_load(DOCUMENT)), tmp_path, cli)
    lives.made.write(tmp_path / "config.yaml")
    lives.desire("lives-adopted", 1)
    lives.desire("lives-left", 1)
    lives.until(lambda nodes: _serve("lives-adopted", 1)(nodes) and _serve("lives-left", 1)(nodes))
    (older,) = _in("lives-adopted", lives.observer.nodes())
    (untouched,) = _in("lives-left", lives.observer.nodes())
    lives.answer_ready_hooks()
    lives.deploy()

    # Each of the three that are to have them, the one that ran before among them; its interface comes with the reconciler's
    # next run.
    lives.until(
        lambda nodes: (
            _serve(POOLED, 1)(nodes)
            and _serve(SPOT, 1)(nodes)
            and bool(lives.enis_of(older.instance_id))
            and list(lives.pooled().values()) == [RESTS]
        ),
        ADOPTED_WITHIN_S,
    )

    (at_risk,) = _in(SPOT, lives.observer.nodes())
    account.ec2.spot.recommend_rebalance(at_risk.instance_id)
    lives.until(
        lambda nodes: (
            _serve(SPOT, 1)(nodes) and at_risk.instance_id not in {n.instance_id for n in nodes}
        )
    )

    (warm,) = lives.pooled()
    own = lives.enis_of(warm)
    lives.desire(POOLED, 2)
    lives.until(_serve(POOLED, 2))
    assert warm in {node.instance_id for node in _in(POOLED, lives.observer.nodes())}
    assert (len(own), lives.enis_of(warm)) == (1, own)
    lives.desire(POOLED, 1)
    lives.until(lambda nodes: _serve(POOLED, 1)(nodes) and list(lives.pooled().values()) == [RESTS])

    account.faults.inject(NO_ATTACH)
    lives.desire("lives-adopted", 3)
    lives.until(lambda nodes: len(_launching(nodes)) == 2)
    launching = _launching(lives.observer.nodes())
    lives.made.document["hook"] = {"heartbeat_timeout_s": HEARTBEAT_S}
    lives.deploy()
    assert _launching(lives.observer.nodes()) == launching
    hooks = account.client("autoscaling").describe_lifecycle_hooks(
        AutoScalingGroupName="lives-adopted"
    )["LifecycleHooks"]
    assert HEARTBEAT_S in {hook["HeartbeatTimeout"] for hook in hooks}
    account.faults.clear()
    lives.until(_serve("lives-adopted", 3))

    observer = lives.observer
    assert [node.instance_id for node in _in("lives-left", observer.nodes())] == [
        untouched.instance_id
    ]
    assert lives.enis_of(untouched.instance_id) == set()
    nodes = [node for node in observer.nodes() if node.group != "lives-left"]
    enis = observer.enis()
    assert {node.instance_id for node in _in("lives-adopted", nodes)} == {
        older.instance_id,
        *launching,
    }
    pool = set(lives.pooled())
    serving = [eni for eni in enis if eni.instance_id not in pool]
    config = authoring.resolve(authoring.load(tmp_path / "config.yaml"))
    assert broken_promises(config, nodes, serving) + left_behind(nodes, serving) == []
    activities = account.client("autoscaling").describe_scaling_activities()["Activities"]
    launches = [one for one in activities if one["Description"].startswith("Launching")]
    assert [one["StatusCode"] for one in launches] == ["Successful"] * len(launches)

    for group in ("lives-adopted", "lives-left"):
        lives.desire(group, 0)
    lives.until(lambda nodes: not _in("lives-adopted", nodes) and not _in("lives-left", nodes))
    lives.destroy()
    assert observer.enis_in(list(lives.made.subnets)) == []


def _launching(nodes: Sequence[NodeView]) -> set[str]:
    return {node.instance_id for node in nodes if node.state == "Pending:Wait"}
