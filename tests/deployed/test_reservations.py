"""Reserved pod ranges through deployments that fail: the real function, by the real template, in virtual time."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any
from unittest.mock import patch
from urllib.parse import urlsplit

import pytest
import yaml

from cli.demo import platform
from cli.rehearsal import SerialWorkers
from domain import naming, tags
from domain.config import to_json
from lambdas.handlers import reserve
from lambdas.runtime import wiring
from localaws.faults import Fault, FaultKind
from tests.deployed.deployment import AccountTime, create, publish, synthesize

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from domain.stack_request import StackAnswer, StackRequest
    from localaws.account import Account
    from tests.deployed.deployment import Assembly

pytestmark = [pytest.mark.infra, pytest.mark.subprocesses("node")]

OWNER = "MultusEni-kept"
FUNCTION = "reserve"
DOCUMENT = """
name: kept
cluster_name: kept
node_groups:
  - name: workers
    auto_scaling_group: kept-workers
    interfaces:
      - name: n3
        subnets: {us-east-1a: subnet-0000000a, us-east-1b: subnet-0000000b}
        security_groups: [sg-0000000a]
        pod_ranges: [10.0.48.0/24]
        reserve_pod_ranges: true
"""


@dataclass
class _Mail:
    """Puts answers where the account waits for them, without a socket."""

    account: Account

    def send(self, request: StackRequest, answer: StackAnswer) -> None:
        """Put one answer."""
        bucket, _, key = urlsplit(request.response_url).path.lstrip("/").partition("/")
        body = answer.to_json(request)
        self.account.client("s3").put_object(Bucket=bucket, Key=key, Body=body)


class Case:
    """A configuration, the account that it is deployed into, and its stack."""

    def __init__(self, account: Account, scratch: Path) -> None:
        self.account = account
        self.made = platform.build(account, yaml.safe_load(DOCUMENT))
        self._scratch = scratch
        self._deployments = 0
        self._task_root = scratch / "task"
        self._task_root.mkdir()
        account.functions.register(FUNCTION, self._invoke)

    @property
    def interface(self) -> dict[str, Any]:
        """The only interface, as it is written."""
        written: dict[str, Any] = self.made.document["node_groups"][0]["interfaces"][0]
        return written

    @property
    def subnet_id(self) -> str:
        """The subnet of the first zone."""
        subnet: str = self.interface["subnets"]["us-east-1a"]
        return subnet

    def part(self, number: int, prefix: int = 25) -> str:
        """Return a part of that subnet."""
        (subnet,) = self._ec2.describe_subnets(SubnetIds=[self.subnet_id])["Subnets"]
        return str(list(ip_network(subnet["CidrBlock"]).subnets(new_prefix=prefix))[number])

    def keep(self, *ranges: str) -> None:
        """Write these ranges into the configuration."""
        self.interface["pod_ranges"] = list(ranges)

    def deploy(self) -> str:
        """Create or update the stack, and return its status."""
        assembly = self._synthesized()
        if self._deployments == 1:
            create(self.account, assembly, OWNER, checked=False)
        else:
            publish(self.account, assembly.folder, OWNER)
            self.account.client("cloudformation").update_stack(
                StackName=OWNER,
                TemplateBody=(assembly.folder / f"{OWNER}.template.json").read_text(),
                Capabilities=["CAPABILITY_NAMED_IAM"],
            )
        (stack,) = self.account.client("cloudformation").describe_stacks(StackName=OWNER)["Stacks"]
        status: str = stack["StackStatus"]
        return status

    def reasons(self) -> list[str]:
        """Return why ranges failed, the latest first."""
        events = self.account.client("cloudformation").describe_stack_events(StackName=OWNER)
        return [
            each["ResourceStatusReason"]
            for each in events["StackEvents"]
            if each["ResourceType"] == naming.POD_RANGE_TYPE and "FAILED" in each["ResourceStatus"]
        ]

    def reserve(self, cidr: str) -> None:
        """Reserve a range as somebody else."""
        self._ec2.create_subnet_cidr_reservation(
            SubnetId=self.subnet_id, Cidr=cidr, ReservationType="explicit"
        )

    def kept(self, *, ours: bool = True) -> set[str]:
        """Return the ranges that the stack, or somebody else, has reserved."""
        shown = self._ec2.get_subnet_cidr_reservations(SubnetId=self.subnet_id)
        return {
            each["Cidr"]
            for each in shown["SubnetIpv4CidrReservations"]
            if ({"Key": tags.OWNER, "Value": OWNER} in each["Tags"]) is ours
        }

    @property
    def _ec2(self) -> Any:  # noqa: ANN401 - a boto3 client of the embedded account
        return self.account.client("ec2")

    def _synthesized(self) -> Assembly:
        self._deployments += 1
        folder = self._scratch / str(self._deployments)
        folder.mkdir()
        assembly = synthesize(self.made.document, folder)
        path = assembly.folder / f"{OWNER}.template.json"
        template = json.loads(path.read_text())
        (function,) = (
            each["Properties"]
            for each in template["Resources"].values()
            if each.get("Properties", {}).get("Handler") == naming.RESERVE_HANDLER
        )
        # The account has to know whose code it is before the stack is there.
        function["FunctionName"] = FUNCTION
        (schedule,) = (
            each["Properties"]
            for each in template["Resources"].values()
            if each["Type"] == "AWS::Scheduler::Schedule"
        )
        schedule["State"] = "DISABLED"  # The reconciler is of no interest here.
        path.write_text(json.dumps(template))
        (self._task_root / naming.CONFIG_FILE).write_text(to_json(assembly.config))
        return assembly

    def _invoke(self, event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ANN401 - Lambda's context
        settings = self.account.client("lambda").get_function_configuration(FunctionName=FUNCTION)
        environ = {
            **settings["Environment"]["Variables"],
            **self.account.principals.issue(settings["Role"]).to_environ(),
            "LAMBDA_TASK_ROOT": str(self._task_root),
        }
        with patch.dict(os.environ, environ):
            runtime = wiring.build(os.environ, AccountTime(self.account.clock), SerialWorkers())  # type: ignore[arg-type]  # virtual here
        vars(runtime)["stack_answers"] = _Mail(self.account)
        return reserve.handle(event, context, runtime)


@pytest.fixture
def case(account: Account, tmp_path: Path) -> Case:
    return Case(account, tmp_path)


def test_a_deployment_that_fails_elsewhere_keeps_the_range_that_was_kept_before(case: Case) -> None:
    before, after = case.part(6), case.part(7)
    case.keep(before)
    assert case.deploy() == "CREATE_COMPLETE", case.reasons()
    assert case.kept() == {before}
    group = {**case.made.document["node_groups"][0], "name": "more"}
    case.made.document["node_groups"].append({**group, "auto_scaling_group": "kept-more"})
    case.keep(after)
    case.account.client("ssm").put_parameter(
        Name=naming.parameter(OWNER, "node-groups/more"), Type="String", Value="somebody's"
    )
    assert case.deploy() == "UPDATE_ROLLBACK_COMPLETE"
    assert case.kept() == {before}


def test_a_range_that_somebody_else_reserved_fails_the_deployment_and_stays(case: Case) -> None:
    taken = case.part(15, 26)
    case.reserve(taken)
    case.keep(case.part(7))
    assert case.deploy() == "ROLLBACK_COMPLETE"
    (reason,) = case.reasons()
    assert f"range-taken: {case.part(7)} overlaps {taken} of {case.subnet_id}" in reason
    assert "by somebody else. Delete that reservation" in reason
    assert (case.kept(), case.kept(ours=False)) == (set(), {taken})


def test_a_smaller_range_in_a_larger_ones_place_takes_two_deployments(case: Case) -> None:
    large, small = case.part(7), case.part(14, 26)
    case.keep(large)
    case.deploy()
    case.keep(small)
    assert case.deploy() == "UPDATE_ROLLBACK_COMPLETE"
    assert "Deploy once without the range, then with the new one" in case.reasons()[0]
    assert case.kept() == {large}
    case.keep(case.part(0))
    assert case.deploy() == "UPDATE_COMPLETE"
    case.keep(small)
    assert case.deploy() == "UPDATE_COMPLETE"
    assert case.kept() == {small}


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param(
            [Fault("CreateSubnetCidrReservation", FaultKind.THROTTLE, times=6)], id="throttled"
        ),
        pytest.param(
            [Fault("CreateSubnetCidrReservation", FaultKind.LOST_ANSWER)], id="a lost answer"
        ),
        pytest.param(
            [Fault("GetSubnetCidrReservations", FaultKind.CRASH_AFTER)], id="a run that dies"
        ),
        pytest.param(
            [Fault("CreateSubnetCidrReservation", FaultKind.CRASH_AFTER)],
            id="a run that dies when it has made it",
        ),
    ],
)
def test_what_passes_by_itself_fails_no_deployment(case: Case, faults: Iterable[Fault]) -> None:
    case.keep(case.part(7))
    for fault in faults:
        case.account.faults.inject(fault)
    assert case.deploy() == "CREATE_COMPLETE", case.reasons()
    assert case.kept() == {case.part(7)}
