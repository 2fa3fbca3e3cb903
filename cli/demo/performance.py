"""The demo at work: deploy, scale out, show, scale in, prove."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from rich.console import Console

import authoring
from cli.demo import created, platform, report
from cli.demo.cdk import Cdk, CdkFailedError
from cli.demo.faults import inject
from cli.demo.networks import TooManySubnets
from cli.demo.pods import Pods
from cli.demo.promises import IN_SERVICE, Observer, broken_promises, left_behind
from cli.demo.troubles import lost_on_the_way, troubles
from cli.demo.watch import Watch
from cli.loading import load_or_exit
from localaws.account import Account, Settings
from localaws.clock import SystemClock
from localaws.server import serve

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cli.demo.faults import DemoFault
    from cli.demo.promises import NodeView
    from domain.config import Config
    from localaws.server import Endpoint

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "demo"
"""Each run has a folder of its own in it, for several may go on at once; it stays when the tool fails, for its logs."""
IN_SERVICE_WITHIN_S = 240
GONE_WITHIN_S = 120
LOSSES_WITHIN_S = 60
_VERBS = (("bootstrap", ()), ("deploy", ("--all", "--require-approval", "never")))
LOG_WIDTH = 150
"""Columns where there is no terminal to ask: a log scrolls sideways."""


def perform(
    config: Path,
    nodes: int,
    interfaces: int | None,
    fault: DemoFault | None,
    *,
    creates_one: bool,
    keep_running: bool,
) -> bool:
    """Play the whole demo on the terminal; return whether everything was as promised.

    Args:
        config: a file with a valid configuration; its ids are replaced.
        nodes: how many to launch.
        interfaces: how many each has, in the place of the configuration's.
        fault: what is to go wrong.
        creates_one: whether one of the groups that it adopts is created instead.
        keep_running: whether it waits for a person before it scales in.
    """
    console = Console(highlight=False, width=None if sys.stdout.isatty() else LOG_WIDTH)
    document = yaml.safe_load(config.read_text(encoding="utf-8"))
    if interfaces is not None:
        for group in platform.with_interfaces(document, interfaces):
            console.print(
                f"{group} launches {platform.LARGEST_TYPE}: its types do not take {interfaces} Multus interfaces"
            )
    # What pods are told of the groups is that of the file: none of their ranges is moved for a cluster.
    authored = authoring.parse(yaml.safe_dump(document, sort_keys=False))
    for group in platform.with_named_groups(document):
        console.print(f"{group} is adopted by name here: the demo makes what it adopts itself")
    if creates_one:
        group = created.have_one_created(document)
        console.print(
            f"{group} is created here, by a stack of its own; what else is listed is adopted"
        )
    for group in platform.without_ready_hooks(document):
        console.print(
            f"{group} has no ready hook here: the demo's nodes run nothing that could answer it"
        )
    created.from_none_to(document, platform.MAX_NODES)
    # Short enough to watch: the reconciler comes every minute, a crashed run's message after three.
    document["reconcile"] = {**document.get("reconcile", {}), "interval_minutes": 1}
    document["hook"] = {"heartbeat_timeout_s": 420}
    account = Account(SystemClock(), Settings())
    with serve(account) as endpoint:
        try:
            faults = _Demo(console, account, endpoint, document, Pods(authored, config)).run(
                nodes, fault, keep_running=keep_running
            )
        except (CdkFailedError, TooManySubnets) as failed:
            console.print(str(failed), style="red", markup=False)
            return False
    for line in faults:
        console.print(f"✗ {line}", style="red", markup=False)
    if not faults:
        console.print("[green]✓ everything was as promised[/]")
    return not faults


class _Demo:
    """One run."""

    def __init__(
        self,
        console: Console,
        account: Account,
        endpoint: Endpoint,
        document: dict[str, object],
        pods: Pods,
    ) -> None:
        self._console = console
        self._account = account
        self._endpoint = endpoint
        self._document = document
        self._pods = pods
        self._folder = BUILD / str(os.getpid())

    def run(self, nodes: int, fault: DemoFault | None, *, keep_running: bool) -> list[str]:
        """Play the whole thing and return what was not as promised.

        Raises:
            CdkFailedError: the stack could not be deployed.
            TooManySubnets: what the configuration names could not be made.
        """
        config, made = self._deploy()
        observer = Observer(self._account, config)
        watch = Watch(self._account, observer, config, self._console)
        wanted = _spread(nodes, made.groups)
        faults = self._scale_out(wanted, fault, watch, made)
        seen, enis = observer.nodes(), observer.enis()
        self._console.print(report.enis_by_node(seen, enis))
        faults += broken_promises(config, seen, enis) + left_behind(seen, enis)
        figures = report.figures(
            list(watch.traces.values()),
            self._account.calls.where(report.is_launch_call),
            self._account.functions.metrics(),
        )
        if keep_running:
            self._wait_for_a_person(made)
        faults += self._scale_in(made, watch, observer)
        faults += troubles(self._account, fault.abandons if fault else ())
        self._console.print(figures)
        shutil.rmtree(self._folder)
        for line in self._pods.render(self._folder / "manifests"):
            self._console.print(line)
        return faults

    def _deploy(self) -> tuple[Config, platform.Platform]:
        with self._console.status(
            "A platform team's account: VPC, subnets, Auto Scaling groups, a cluster ..."
        ):
            made = platform.build(self._account, self._document)
            path = self._folder / "config.yaml"
            made.write(path)
        for interface, (declared, here) in made.moved_ranges.items():
            self._console.print(
                f"{interface} keeps {', '.join(here)} for pods here, in the place of {', '.join(declared)}"
            )
        config = authoring.resolve(load_or_exit(path))
        cdk = Cdk(ROOT, self._endpoint.environ(), path)
        for verb, arguments in _VERBS:
            started_s = self._account.clock.now()
            with self._console.status(f"cdk {verb} ..."):
                cdk.run(verb, *arguments)
            self._console.print(
                f"[bold]cdk {verb}[/] done in {self._account.clock.now() - started_s:.0f} s"
            )
        return config, made

    def _scale_out(
        self, wanted: dict[str, int], fault: DemoFault | None, watch: Watch, made: platform.Platform
    ) -> list[str]:
        injection = inject(fault, self._account, made.subnets) if fault else None
        if fault:
            self._console.print(f"[yellow]fault: {fault.story}[/]")
        self._console.print(f"[bold]scale out[/] to {sum(wanted.values())} nodes")
        self._set_desired(wanted)
        if injection is not None and injection.undo is not None:
            watch.until(
                lambda _: injection.happened() and any(t.gone_s for t in watch.traces.values()),
                LOSSES_WITHIN_S,
            )
            self._console.print("[yellow]addresses come free[/]")
            injection.undo()
        total = sum(wanted.values())
        faults = []
        if not watch.until(
            lambda nodes: _in_service(nodes) == total == len(nodes), IN_SERVICE_WITHIN_S
        ):
            faults.append(f"not every node came into service within {IN_SERVICE_WITHIN_S} s")
        if not (fault and fault.abandons):
            faults += lost_on_the_way(watch.traces)
        if injection is not None and not injection.happened():
            faults.append("the fault never showed its effect")
        return faults

    def _scale_in(self, made: platform.Platform, watch: Watch, observer: Observer) -> list[str]:
        self._console.print("[bold]scale in[/] to none")
        self._set_desired(dict.fromkeys(made.groups, 0))
        faults = []
        if not watch.until(lambda nodes: not nodes and not observer.enis(), GONE_WITHIN_S):
            faults.append(f"not every node was gone within {GONE_WITHIN_S} s")
        left = {eni.eni_id for eni in [*observer.enis(), *observer.enis_in(list(made.subnets))]}
        if left:
            return [*faults, f"network interfaces left behind: {', '.join(sorted(left))}"]
        self._console.print(
            f"[green]no ENI is left[/], by owner tag and in none of the {len(made.subnets)} Multus subnets"
        )
        return faults

    def _set_desired(self, wanted: dict[str, int]) -> None:
        for group, number in wanted.items():
            self._account.client("autoscaling").set_desired_capacity(
                AutoScalingGroupName=group, DesiredCapacity=number
            )

    def _wait_for_a_person(self, made: platform.Platform) -> None:
        self._console.print("\n[bold]The account keeps running.[/] In another terminal:")
        for name, value in self._endpoint.environ().items():
            if name.startswith("AWS_"):
                self._console.print(f"  export {name}={value}")
        self._console.print(
            "  aws ec2 describe-network-interfaces --filters Name=tag-key,Values=multus-eni:owner"
        )
        self._console.print(
            f"  aws autoscaling set-desired-capacity --auto-scaling-group-name {made.groups[0]} --desired-capacity 3"
        )
        self._console.print("Ctrl-C scales in and ends it.")
        _until_interrupted(threading.Event().wait)


def _until_interrupted(wait: Callable[[], object]) -> None:
    try:
        wait()
    except KeyboardInterrupt:
        return


def _spread(nodes: int, groups: Sequence[str]) -> dict[str, int]:
    return {
        group: nodes // len(groups) + (place < nodes % len(groups))
        for place, group in enumerate(groups)
    }


def _in_service(nodes: Sequence[NodeView]) -> int:
    return sum(node.state == IN_SERVICE for node in nodes)
