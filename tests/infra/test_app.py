"""The application: from a file's name to a cloud assembly, or to a list of what is wrong with the file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import App
from aws_cdk import aws_sqs as sqs

import app as application

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.infra, pytest.mark.subprocesses("node")]

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def app_for(tmp_path: Path) -> Callable[[object], App]:
    """Return a function that makes an application with a context as `cdk -c config=…` gives it."""

    def make(config: object) -> App:
        context: dict[str, Any] = {} if config is None else {"config": str(config)}
        return App(outdir=str(tmp_path / "cdk.out"), context=context, analytics_reporting=False)

    return make


@pytest.mark.parametrize(
    ("name", "stacks"),
    [("example", 1), ("minimal", 1), ("created", 2)],
)
def test_the_shipped_configurations_pass_every_check(
    app_for: Callable[[object], App], tmp_path: Path, name: str, stacks: int
) -> None:
    assert application.main(app_for(f"config/{name}.yaml")) == 0
    assert len(list((tmp_path / "cdk.out").glob("MultusEni-*.template.json"))) == stacks


def test_a_finding_of_the_rules_fails_the_synth(app_for: Callable[[object], App]) -> None:
    """AwsSolutions is really asked: a queue without TLS enforcement and dead letters does not pass."""
    composed = app_for("config/minimal.yaml")
    stack = application.build(composed)
    sqs.Queue(stack, "Careless")
    with pytest.raises(RuntimeError, match="AwsSolutions-SQS4"):
        application.check_and_synthesize(composed)


def test_a_broken_configuration_leaves_nothing_behind(
    app_for: Callable[[object], App], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text(
        (REPOSITORY / "config" / "minimal.yaml")
        .read_text()
        .replace("cluster_name: lab", "cluster: lab")
        .replace("sg-0f21c7be09a84d6e5", "default")
    )
    assert application.main(app_for(broken)) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines()[0] == f"{broken}: 3 problems"
    assert len(told.err.splitlines()) == 1 + 3
    assert "cluster" in told.err
    assert "security_groups[0]" in told.err
    assert list((tmp_path / "cdk.out").iterdir()) == []


@pytest.mark.parametrize(
    ("config", "told"),
    [
        pytest.param(None, "context config: no configuration file is named", id="not named"),
        pytest.param("config/absent.yaml", "cannot be read", id="not there"),
    ],
)
def test_a_configuration_that_cannot_be_found_is_said_so(
    app_for: Callable[[object], App],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    config: str | None,
    told: str,
) -> None:
    assert application.main(app_for(config)) == 2
    assert told in capsys.readouterr().err
    assert list((tmp_path / "cdk.out").iterdir()) == []
