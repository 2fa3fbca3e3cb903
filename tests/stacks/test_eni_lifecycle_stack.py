"""What a configuration can be too large for, found before anything is staged."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import App
from aws_cdk.assertions import Template

from domain.errors import ConfigInvalid
from domain.node.config import NodeConfig
from stacks.assets import FunctionsAsset
from stacks.bootstrap_archive import BootstrapAsset
from stacks.eni_lifecycle_stack import EniLifecycleStack
from stacks.iam import MAX_INLINE_POLICY_CHARACTERS
from stacks.settings import StackSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from domain.config import Config

pytestmark = [pytest.mark.infra, pytest.mark.subprocesses("node")]

LONGEST = {"AWS::Partition": "aws-us-gov", "AWS::Region": "ap-southeast-1"}


@pytest.fixture
def asset(tmp_path: Path) -> FunctionsAsset:
    """An asset of no content."""
    archive = tmp_path / "functions.zip"
    archive.write_bytes(b"PK\x05\x06" + bytes(18))
    return FunctionsAsset(archive, "0" * 64)


@pytest.fixture
def bootstrap(tmp_path: Path) -> BootstrapAsset:
    """A bootstrap of no content."""
    archive = tmp_path / "bootstrap.pyz"
    archive.write_bytes(b"PK\x05\x06" + bytes(18))
    return BootstrapAsset(archive, "1" * 64)


@pytest.fixture
def compose(
    tmp_path: Path, asset: FunctionsAsset, bootstrap: BootstrapAsset
) -> Callable[[Config, StackSettings], EniLifecycleStack]:
    """Return a function that composes a stack whose output would be in tmp_path/cdk.out."""

    def composed(config: Config, settings: StackSettings) -> EniLifecycleStack:
        app = App(outdir=str(tmp_path / "cdk.out"))
        return EniLifecycleStack(
            app,
            config=config,
            settings=settings,
            asset=asset,
            nodes=NodeConfig(config.owner, config.cluster_name, None, ()),
            bootstrap=bootstrap,
        )

    return composed


SETTINGS = StackSettings(
    heartbeat_timeout_s=600,
    reconcile_interval_minutes=1,
    orphan_min_age_s=900,
    max_deletions=50,
    max_adoptions=50,
    dry_run=False,
    log_retention_days=7,
)


def counted(value: Any) -> Any:  # noqa: ANN401 - a JSON value is what it is
    """Return a template's policy with every intrinsic function replaced by the text it becomes."""
    if isinstance(value, dict) and set(value) & {"Fn::Join", "Ref", "Fn::GetAtt"}:
        if "Fn::Join" in value:
            return "".join(counted(part) for part in value["Fn::Join"][1])
        return LONGEST.get(value["Ref"], "1" * 12) if "Ref" in value else "a" * 140
    if isinstance(value, dict):
        return {key: counted(item) for key, item in value.items()}
    return [counted(item) for item in value] if isinstance(value, list) else value


def test_a_policy_that_is_accepted_fits_into_iam(
    compose: Callable[[Config, StackSettings], EniLifecycleStack],
    config_with: Callable[..., Config],
) -> None:
    """The largest number of subnets that is not refused still deploys, and it is a number worth having."""
    fitting = 0
    for subnets in (60, 70, 80, 90):
        try:
            stack = compose(config_with(subnets=subnets), SETTINGS)
        except ConfigInvalid:
            break
        fitting = subnets
        for role in Template.from_stack(stack).find_resources("AWS::IAM::Role").values():
            documents = [p["PolicyDocument"] for p in role["Properties"]["Policies"]]
            length = len(json.dumps(counted(documents), separators=(",", ":")))
            assert length <= MAX_INLINE_POLICY_CHARACTERS
    assert fitting >= 60


@pytest.mark.parametrize(
    ("size", "where", "message"),
    [
        pytest.param(
            {"subnets": 130},
            "node_groups",
            "of the 10240 that IAM allows",
            id="for a role's policy",
        ),
        pytest.param(
            {"tags": {f"key-{i}": "v" * 250 for i in range(40)}},
            "node_groups",
            "more than the 8192 of an SSM parameter",
            id="for a parameter",
        ),
    ],
)
def test_too_large_a_configuration_is_refused(
    compose: Callable[[Config, StackSettings], EniLifecycleStack],
    config_with: Callable[..., Config],
    size: dict[str, Any],
    where: str,
    message: str,
) -> None:
    with pytest.raises(ConfigInvalid, match=message) as refused:
        compose(config_with(**size), SETTINGS)
    assert [problem.path for problem in refused.value.problems] == [where]


def test_a_refused_configuration_leaves_nothing_behind(
    compose: Callable[[Config, StackSettings], EniLifecycleStack],
    config_with: Callable[..., Config],
    tmp_path: Path,
) -> None:
    with pytest.raises(ConfigInvalid):
        compose(config_with(subnets=130), SETTINGS)
    assert list((tmp_path / "cdk.out").iterdir()) == []


def test_a_group_of_many_tags_gets_an_advanced_parameter(
    compose: Callable[[Config, StackSettings], EniLifecycleStack],
    config_with: Callable[..., Config],
) -> None:
    stack = compose(config_with(tags={f"key-{i}": "v" * 200 for i in range(25)}), SETTINGS)
    parameters = Template.from_stack(stack).find_resources("AWS::SSM::Parameter").values()
    tiers = {p["Properties"]["Name"]: p["Properties"]["Tier"] for p in parameters}
    assert tiers["/multus-eni/MultusEni-fleet/node-groups/workers"] == "Advanced"
    assert tiers["/multus-eni/MultusEni-fleet/owner"] == "Standard"


def test_one_minute_is_singular_in_a_rate(
    compose: Callable[[Config, StackSettings], EniLifecycleStack],
    config_with: Callable[..., Config],
) -> None:
    """EventBridge Scheduler refuses `rate(1 minutes)`."""
    template = Template.from_stack(compose(config_with(), SETTINGS))
    template.has_resource_properties(
        "AWS::Scheduler::Schedule", {"ScheduleExpression": "rate(1 minute)"}
    )
