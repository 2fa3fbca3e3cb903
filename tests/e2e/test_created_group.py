"""The stock CDK CLI deploys a group that is created: the cluster is looked up, and the first node gets its interfaces."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

import authoring
from cli.demo import platform
from cli.demo.cdk import Cdk
from cli.demo.promises import IN_SERVICE, Observer, broken_promises
from localaws.account import Account
from localaws.clock import SystemClock
from localaws.server import serve
from tests.deployed.created import have_created

if TYPE_CHECKING:
    from collections.abc import Iterator

    from localaws.server import Endpoint

ROOT = Path(__file__).parents[2]
IN_SERVICE_WITHIN_S = 90
POLL_S = 0.5


@pytest.fixture
def account() -> Iterator[Account]:
    clock = SystemClock()
    yield Account(clock)
    clock.stop()


@pytest.fixture
def endpoint(account: Account) -> Iterator[Endpoint]:
    with serve(account) as endpoint:
        yield endpoint


@pytest.mark.e2e
@pytest.mark.subprocesses("cdk", "python")
def test_a_group_is_created_served_from_its_first_node_on_and_destroyed(
    account: Account, endpoint: Endpoint, tmp_path: Path
) -> None:
    document = yaml.safe_load((ROOT / "config" / "example.yaml").read_text())
    del document["node_groups"][1:]
    made = platform.build(account, document)
    name = have_created(account, made.document, 0, min_size=1)
    path = tmp_path / "config.yaml"
    made.write(path)
    cdk = Cdk(ROOT, endpoint.environ(), path)

    cdk.run("bootstrap")
    cdk.run("deploy", "--all", "--require-approval", "never")

    config = authoring.resolve(authoring.load(path))
    observer = Observer(account, config)
    end_s = account.clock.now() + IN_SERVICE_WITHIN_S
    while [node.state for node in observer.nodes()] != [IN_SERVICE]:
        assert account.clock.now() < end_s, observer.nodes()
        account.clock.wait(POLL_S)
    assert broken_promises(config, observer.nodes(), observer.enis()) == []
    assert len(observer.enis()) == len(config.node_groups[0].interfaces)
    (answered,) = account.calls.where(lambda call: call.action == "CompleteLifecycleAction")
    assert answered.params["AutoScalingGroupName"] == name

    cdk.run("destroy", "--all", "--force")
    assert observer.nodes() == []
    assert observer.enis() == []
