"""Two stacks and those of created groups, synthesized once for all tests here: booting node and validating take seconds."""

from __future__ import annotations

import json
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

# jsii reads it when node starts, which importing aws_cdk does.
os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")

from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks

import app as application
import authoring
from stacks.assets import FunctionsAsset, stage
from stacks.bootstrap_archive import BootstrapAsset, stage_bootstrap
from stacks.eni_lifecycle_stack import EniLifecycleStack
from stacks.settings import StackSettings, settings_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from domain.config import Config
    from domain.node.config import NodeConfig

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]


@dataclass(frozen=True)
class Synthesized:
    """One stack: what it was made from and what came out."""

    config: Config
    settings: StackSettings
    asset: FunctionsAsset
    nodes: NodeConfig
    bootstrap: BootstrapAsset
    text: str

    @property
    def template(self) -> dict[str, Any]:
        """Return the template, parsed."""
        parsed: dict[str, Any] = json.loads(self.text)
        return parsed

    @property
    def resources(self) -> dict[str, dict[str, Any]]:
        """Return the resources by logical id."""
        resources: dict[str, dict[str, Any]] = self.template["Resources"]
        return resources

    def of_type(self, resource_type: str) -> dict[str, dict[str, Any]]:
        """Return the properties of all resources of a type by logical id."""
        return {
            logical_id: resource.get("Properties", {})
            for logical_id, resource in self.resources.items()
            if resource["Type"] == resource_type
        }

    def function_id(self, name: str) -> str:
        """Return the logical id of the function whose handler is in the module of this name."""
        (found,) = (
            logical_id
            for logical_id, function in self.of_type("AWS::Lambda::Function").items()
            if function["Handler"] == f"lambdas.handlers.{name}.lambda_handler"
        )
        return found

    def statements(self, name: str) -> list[dict[str, Any]]:
        """Return the policy statements of a function's role."""
        role_id = self.resources[self.function_id(name)]["Properties"]["Role"]["Fn::GetAtt"][0]
        (policy,) = self.resources[role_id]["Properties"]["Policies"]
        statements: list[dict[str, Any]] = policy["PolicyDocument"]["Statement"]
        return statements


class Template:
    """A template as it was written."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.parsed: dict[str, Any] = json.loads(text)

    def of_type(self, resource_type: str) -> dict[str, dict[str, Any]]:
        """Return the resources of a type by logical id."""
        return {
            logical_id: resource
            for logical_id, resource in self.parsed["Resources"].items()
            if resource["Type"] == resource_type
        }

    def only(self, resource_type: str) -> dict[str, Any]:
        """Return the properties of the only resource of a type."""
        (resource,) = self.of_type(resource_type).values()
        properties: dict[str, Any] = resource["Properties"]
        return properties

    @property
    def launch(self) -> dict[str, Any]:
        """Return what nodes are launched as."""
        data: dict[str, Any] = self.only("AWS::EC2::LaunchTemplate")["LaunchTemplateData"]
        return data


def _synthesize(scratch: Path, *names: str, checked: bool) -> dict[str, Synthesized]:
    app = App(
        outdir=str(scratch / "cdk.out"),
        context=_context(),
        analytics_reporting=False,
        builtin_cloud_formation_validation=checked,
    )
    if checked:
        Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    inputs = {}
    for name in names:
        authored = authoring.load(HERE / f"{name}.yaml")
        config, settings = authoring.resolve(authored), settings_of(authored)
        asset = stage(config, repository=REPOSITORY, build=scratch / "build")
        nodes = authoring.resolve_nodes(authored)
        bootstrap = stage_bootstrap(nodes, repository=REPOSITORY, build=scratch / "build")
        EniLifecycleStack(
            app, config=config, settings=settings, asset=asset, nodes=nodes, bootstrap=bootstrap
        )
        inputs[name] = (config, settings, asset, nodes, bootstrap)
    app.synth()
    return {
        name: Synthesized(
            *given, (scratch / "cdk.out" / f"{given[0].owner}.template.json").read_text()
        )
        for name, given in inputs.items()
    }


def _context() -> dict[str, Any]:
    context: dict[str, Any] = json.loads((REPOSITORY / "cdk.json").read_text())["context"]
    return context


@pytest.fixture(scope="session")
def stacks_by_name(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Synthesized]:
    """Both stacks in one account and Region, with every check of the application: a finding fails the synth."""
    return _synthesize(tmp_path_factory.mktemp("synth"), "fleet", "other", checked=True)


@pytest.fixture
def fleet(stacks_by_name: Mapping[str, Synthesized]) -> Synthesized:
    """The stack of fleet.yaml."""
    return stacks_by_name["fleet"]


@pytest.fixture
def other(stacks_by_name: Mapping[str, Synthesized]) -> Synthesized:
    """The stack of other.yaml."""
    return stacks_by_name["other"]


@pytest.fixture
def synthesize_again(tmp_path: Path) -> Callable[[str], Synthesized]:
    """Synthesize one of the files once more, without the checks."""
    return lambda name: _synthesize(tmp_path, name, checked=False)[name]


@pytest.fixture
def archive(fleet: Synthesized) -> Mapping[str, bytes]:
    """The functions' asset: its files by name."""
    with zipfile.ZipFile(fleet.asset.archive) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


@pytest.fixture(scope="session")
def born(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Template]:
    """The stacks of created.yaml by name, with every check of the application: a finding fails the synth."""
    out = tmp_path_factory.mktemp("born") / "cdk.out"
    context = {"config": str(HERE / "created.yaml")}
    assert application.main(App(outdir=str(out), context=context, analytics_reporting=False)) == 0
    found = {
        path.name.removesuffix(".template.json"): Template(path.read_text())
        for path in out.glob("*.template.json")
    }
    found["manifest"] = Template((out / "manifest.json").read_text())
    return found
