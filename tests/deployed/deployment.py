"""Deploys synthesized stacks into an embedded account and lets their functions run in the test's own process."""

from __future__ import annotations

import json
import os
import zipfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias
from unittest.mock import patch

import botocore.endpoint
import yaml
from aws_cdk import App
from moto import mock_aws

import app as application
import authoring
from account.lookup import completed
from cli.demo import platform
from cli.demo.promises import Observer, broken_promises
from cli.rehearsal import SerialWorkers
from domain import naming
from lambdas.handlers import launch, reconcile, terminate
from lambdas.runtime import wiring
from localaws.account import Account, Settings
from localaws.clock import VirtualClock
from localaws.identity import ACCOUNT_ID, REGION
from stacks.assets import stage
from stacks.bootstrap_archive import stage_bootstrap
from stacks.eni_lifecycle_stack import EniLifecycleStack
from stacks.settings import settings_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from cli.demo.promises import EniView, NodeView
    from domain.config import Config
    from lambdas.reconcile.ports import Clock, Workers
    from localaws.functions.registered import Handler

    Host: TypeAlias = "Callable[[DeployedFunction], Handler]"
    """Decides how a function runs: takes what was deployed and returns what the account calls."""

REPOSITORY = Path(__file__).resolve().parents[2]
ASSETS = f"cdk-hnb659fds-assets-{ACCOUNT_ID}-{REGION}"
"""The bucket of the CDK's bootstrap stack, by its default qualifier."""

_HANDLES: Mapping[str, Callable[[Any, Any, wiring.Runtime], dict[str, Any]]] = {
    naming.LAUNCH_HANDLER: launch.handle,
    naming.TERMINATE_HANDLER: terminate.handle,
    naming.RECONCILE_HANDLER: lambda _event, context, runtime: reconcile.handle(context, runtime),
}


@dataclass(frozen=True)
class AccountTime:
    """The account's time as the handlers' clock."""

    clock: VirtualClock

    def now(self) -> datetime:
        """Return the time, in UTC."""
        return datetime.fromtimestamp(self.clock.now(), UTC)

    def wait(self, seconds: float) -> None:
        """Let so many seconds pass, with everything that falls due in them."""
        self.clock.wait(seconds)


@dataclass(frozen=True)
class _Pauses:
    """What botocore uses of the module `time`."""

    sleep: Callable[[float], None]


@dataclass(frozen=True)
class DeployedFunction:
    """One function as the account has it, and what its code is here."""

    name: str
    handler: str
    role: str
    start: Callable[[Clock, Workers], wiring.Runtime]
    """Makes an execution environment: the runtime that the declared environment and the role's credentials give."""
    handle: Callable[[Any, Any, wiring.Runtime], dict[str, Any]]


@dataclass
class Deployed:
    """One stack at work."""

    account: Account
    clock: VirtualClock
    config: Config
    made: platform.Platform
    resources: dict[str, str] = field(default_factory=dict)
    """Physical ids by logical id."""
    roles: dict[str, str] = field(default_factory=dict)
    """Each function's role ARN by handler."""
    functions: dict[str, str] = field(default_factory=dict)
    """Each function's name by handler."""

    @property
    def launch_hook(self) -> str:
        """Return the name of the stack's launch hook."""
        return naming.launch_hook(self.config.owner)

    @property
    def observer(self) -> Observer:
        """Return what looks at the account by AWS's own hand."""
        return Observer(self.account, self.config)

    def desire(self, group: str, number: int) -> None:
        """Set a group's desired capacity."""
        self.account.client("autoscaling").set_desired_capacity(
            AutoScalingGroupName=group, DesiredCapacity=number
        )

    def nodes(self, state: str = "InService") -> list[NodeView]:
        """Return the nodes in a lifecycle state."""
        return [node for node in self.observer.nodes() if node.state == state]

    def enis(self) -> list[EniView]:
        """Return the stack's network interfaces."""
        return self.observer.enis()

    def broken_promises(self) -> list[str]:
        """Return what is not as promised for the nodes in service."""
        return broken_promises(self.config, self.observer.nodes(), self.enis())

    def until(self, done: Callable[[], bool], within_s: float) -> None:
        """Let time pass until something is so.

        Raises:
            AssertionError: it was not so in time.
        """
        end_s = self.clock.now() + within_s
        while not done():
            assert self.clock.now() < end_s, f"not so within {within_s} s: {self.observer.nodes()}"
            self.clock.advance(1)

    def reconcile(self) -> dict[str, Any]:
        """Invoke the reconcile function, as its schedule does."""
        answer = self.account.client("lambda").invoke(
            FunctionName=self.functions[naming.RECONCILE_HANDLER], Payload=b"{}"
        )
        payload: dict[str, Any] = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, payload
        return payload


@contextmanager
def account_in_virtual_time(
    settings: Settings | None = None, clock: VirtualClock | None = None
) -> Iterator[Account]:
    """Yield an empty account whose time stands still until somebody advances it."""
    account = Account(clock or VirtualClock(), settings or Settings())
    with ExitStack() as stack:
        stack.enter_context(account.active())
        stack.enter_context(mock_aws())
        # botocore pauses between its own attempts; here that is time like any other.
        stack.enter_context(patch.object(botocore.endpoint, "time", _Pauses(account.clock.wait)))
        account.client("s3").create_bucket(Bucket=ASSETS)
        yield account


@dataclass(frozen=True)
class Assembly:
    """A synthesized stack and what goes with it."""

    config: Config
    folder: Path
    """The cloud assembly."""
    archive: Path
    """The functions' code."""


def deploy(
    account: Account, document: dict[str, Any], scratch: Path, host: Host | None = None
) -> Deployed:
    """Build what a configuration presupposes, synthesize its stack for that, create it, and connect its functions.

    Args:
        account: where; several stacks may share one.
        document: a valid configuration, as YAML reads it; its ids are replaced.
        scratch: an empty folder.
        host: how functions run; each in one execution environment, one call after the other, unless it says otherwise.
    """
    made = platform.build(account, document)
    assert isinstance(account.clock, VirtualClock)
    host = host or one_environment(account.clock)
    return install(account, made, synthesize(made.document, scratch), host)


def synthesize(document: dict[str, Any], scratch: Path) -> Assembly:
    """Synthesize the stack of a configuration whose ids exist."""
    authored = authoring.parse(yaml.safe_dump(document, sort_keys=False))
    authored = completed(authored, region=REGION)
    config = authoring.resolve(authored)
    asset = stage(config, repository=REPOSITORY, build=scratch)
    # The account judges the template. The CDK's own judgement, which the tests of the template keep, takes five
    # seconds' start in each process.
    app = App(
        outdir=str(scratch / "cdk.out"),
        analytics_reporting=False,
        builtin_cloud_formation_validation=False,
    )
    nodes = authoring.resolve_nodes(authored)
    EniLifecycleStack(
        app,
        config=config,
        settings=settings_of(authored),
        asset=asset,
        nodes=nodes,
        bootstrap=stage_bootstrap(nodes, repository=REPOSITORY, build=scratch),
    )
    application.node_group_stacks(app, authored, settings_of(authored))
    app.synth()
    return Assembly(config, scratch / "cdk.out", asset.archive)


def install(account: Account, made: platform.Platform, assembly: Assembly, host: Host) -> Deployed:
    """Create a synthesized stack in the account and connect its functions."""
    owner = assembly.config.owner
    assert isinstance(account.clock, VirtualClock)
    deployed = Deployed(account, account.clock, assembly.config, made)
    create(account, assembly, owner)
    _connect(deployed, assembly, host)
    return deployed


def create(account: Account, assembly: Assembly, name: str, *, checked: bool = True) -> None:
    """Create one of the synthesized stacks in the account, and see that it is complete unless that is left to others."""
    publish(account, assembly.folder, name)
    _create(account, name, (assembly.folder / f"{name}.template.json").read_text())
    if checked:
        _check_status(account.client("cloudformation"), name, "CREATE_COMPLETE")


def update(deployed: Deployed, assembly: Assembly, host: Host) -> None:
    """Update the stack to another synthesis, as a second `cdk deploy` does, and connect its functions anew.

    An invocation that runs ends with the code it began with.
    """
    change(deployed.account, assembly, assembly.config.owner)
    deployed.config = assembly.config
    _connect(deployed, assembly, host)


def change(account: Account, assembly: Assembly, name: str) -> None:
    """Update one of the stacks to what is synthesized."""
    publish(account, assembly.folder, name)
    cloudformation = account.client("cloudformation")
    cloudformation.update_stack(
        StackName=name,
        TemplateBody=(assembly.folder / f"{name}.template.json").read_text(),
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    _check_status(cloudformation, name, "UPDATE_COMPLETE")


def publish(account: Account, folder: Path, owner: str) -> None:
    """Put a synthesized stack's assets where its template looks for them."""
    manifest = json.loads((folder / f"{owner}.assets.json").read_text())
    for entry in manifest["files"].values():
        path = folder / entry["source"]["path"]
        for destination in entry["destinations"].values():
            account.client("s3").put_object(
                Bucket=ASSETS, Key=destination["objectKey"], Body=path.read_bytes()
            )


def _create(account: Account, owner: str, template: str) -> None:
    cloudformation = account.client("cloudformation")
    account.client("ssm").put_parameter(
        Name="/cdk-bootstrap/hnb659fds/version", Value="99", Type="String", Overwrite=True
    )
    cloudformation.create_stack(
        StackName=owner, TemplateBody=template, Capabilities=["CAPABILITY_NAMED_IAM"]
    )


def _check_status(cloudformation: Any, owner: str, status: str) -> None:  # noqa: ANN401 - a boto3 client of the embedded account
    (stack,) = cloudformation.describe_stacks(StackName=owner)["Stacks"]
    events = cloudformation.describe_stack_events(StackName=owner)["StackEvents"]
    reasons = [
        event.get("ResourceStatusReason") for event in events if "FAILED" in event["ResourceStatus"]
    ]
    assert stack["StackStatus"] == status, reasons


def _connect(deployed: Deployed, assembly: Assembly, host: Host) -> None:
    account, owner = deployed.account, deployed.config.owner
    resources = account.client("cloudformation").describe_stack_resources(StackName=owner)
    root = assembly.folder.parent / f"{owner}-task"
    root.mkdir(exist_ok=True)
    (root / naming.CONFIG_FILE).write_text(_from_archive(assembly.archive, naming.CONFIG_FILE))
    for resource in resources["StackResources"]:
        name = deployed.resources[resource["LogicalResourceId"]] = resource["PhysicalResourceId"]
        if resource["ResourceType"] == "AWS::Lambda::Function":
            function = _function(account, name, root)
            deployed.roles[function.handler] = function.role
            deployed.functions[function.handler] = name
            account.functions.register(name, host(function))


def _function(account: Account, name: str, root: Path) -> DeployedFunction:
    settings = account.client("lambda").get_function_configuration(FunctionName=name)
    handler, role = settings["Handler"], settings["Role"]
    declared = settings["Environment"]["Variables"]

    def start(clock: Clock, workers: Workers) -> wiring.Runtime:
        credentials = account.principals.issue(role).to_environ()
        with _environ({**declared, **credentials, "LAMBDA_TASK_ROOT": str(root)}):
            runtime = wiring.build(os.environ, clock, workers)
            # The queues' client too must be made with the role's credentials, which boto3 reads when a client is made.
            assert runtime.clients.sqs().meta.region_name == REGION
        return runtime

    return DeployedFunction(name, handler, role, start, _HANDLES[handler])


def one_environment(clock: VirtualClock) -> Host:
    def host(function: DeployedFunction) -> Handler:
        runtime = function.start(AccountTime(clock), SerialWorkers())
        return lambda event, context: function.handle(event, context, runtime)

    return host


def _from_archive(archive: Path, name: str) -> str:
    with zipfile.ZipFile(archive) as opened:
        return opened.read(name).decode()


@contextmanager
def _environ(variables: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
