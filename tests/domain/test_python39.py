"""The domain under the system Python of Amazon Linux 2023 (3.9), which runs it on the nodes."""

from __future__ import annotations

import subprocess

import pytest

from tests.python39 import REPOSITORY, python39

MODULES = sorted(
    ".".join(path.relative_to(REPOSITORY).with_suffix("").parts)
    for folder in ("domain", "domain/pods", "domain/preflight")
    for path in (REPOSITORY / folder).glob("*.py")
    if path.stem != "__init__"
)

SMOKE = r"""
import importlib, json, sys
from dataclasses import fields
from datetime import datetime, timedelta, timezone
from ipaddress import IPv4Network
from pathlib import Path

assert sys.version_info[:2] == (3, 9), sys.version
for name in sys.argv[2:]:
    importlib.import_module(name)

from domain import addressing, config, environment, errors, fleet, launch, lifecycle, model
from domain import naming, outcome, pacing, placement, plan, tags, termination
from domain.node import config as node_config
from domain.preflight import examination, findings, observed

now = datetime(2026, 1, 1, tzinfo=timezone.utc)
event = lifecycle.parse_event(
    json.loads(Path(sys.argv[1]).read_text()), {lifecycle.Transition.LAUNCHING: "MultusEni-example-launch"}
)
spec = config.InterfaceSpec(
    "n3", config.SubnetSelector(ids=("subnet-1",)), config.SecurityGroupSelector(ids=("sg-1",)), 1,
    ipv4=config.Ipv4Mode.FROM_START,
)
whole = config.Config("o", "c", (config.NodeGroup("g", "asg", (spec,)),))
assert config.from_json(config.to_json(whole)) == whole
instance = model.Instance("i-1", model.InstanceState.RUNNING, "a", "m5.large", now, ())
subnet = model.Subnet("subnet-1", "a", IPv4Network("10.0.0.0/24"))
assert placement.pick_in_zone(spec, [subnet], "a", "i-1") == "subnet-1"
node = launch.Node("o", "g", instance, (launch.Desired(spec, "subnet-1", ("sg-1",)),), ())
(planned,) = launch.choose_addresses(
    [launch.plan_launch(node)], {"subnet-1": subnet}, {"subnet-1": ()}, {}
)
create = planned.work[0].steps[0]
assert isinstance(create, plan.Create) and create.address == "10.0.0.4"
assert create.client_token == naming.client_token("i-1", now, "n3", "10.0.0.4", 0)
assert tags.created_at(create.tags) == now
assert addressing.choose(subnet, (), ()) == "10.0.0.4"
assert fleet.missing("i-1", [spec], ()) == ("n3",)
assert len(fleet.plan_adoption(node, [spec], {})) == 1
assert fleet.plan_repair("i-1", (), [fleet.Promise(spec, None)]).converged
assert fleet.needs_hold(fleet.Wait(timedelta(0), timedelta(minutes=5)), 600)
assert fleet.find_orphans(
    [], {}, now=now, min_age=timedelta(0), max_deletions=1
).found == 0
assert termination.plan_sweep("i-1", []).converged
assert pacing.retry_delay_s(1) == 5
record = outcome.Outcome(outcome.Result.RETRY, "slow", error=errors.Throttled("slow", operation="x"))
assert record.to_log()["operation"] == "x"
unseen = observed.Unseen("ec2:DescribeSubnets", "no")
nodes = node_config.NodeConfig("o", "c", None, (node_config.NodeGroup("g", "asg", ()),))
(hidden, *rest) = examination.examine(whole, nodes, observed.Account(*[unseen] * len(fields(observed.Account))), {})
assert (hidden.code, hidden.severity) == ("not-shown", findings.Severity.WARNING)
try:
    environment.from_environ({})
except errors.EnvironmentInvalid:
    print("ok", event.instance_id)
"""


@pytest.mark.subprocesses("python3.9")
def test_every_module_imports_and_works_under_python_3_9() -> None:
    event = REPOSITORY / "events" / "launch.json"
    done = subprocess.run(  # noqa: S603 - a fixed program and arguments of this repository
        [python39(), "-W", "error", "-S", "-c", SMOKE, event, *MODULES],
        cwd=REPOSITORY,
        env={"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "ok i-0a1b2c3d4e5f60718\n"
