"""docs/outputs.md lists what a stack publishes: no name more, none less, and each with what a reader must know of it."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.infra.conftest import Synthesized, Template

pytestmark = [pytest.mark.infra, pytest.mark.subprocesses("node")]

REPOSITORY = Path(__file__).parents[2]
PAGE = REPOSITORY / "docs" / "outputs.md"
NOT_AN_OUTPUT = "—"


@dataclass(frozen=True)
class Row:
    """One fact as the page has it, its names without backticks."""

    output: str
    export: str
    parameter: str
    what: str
    who: str
    since: str


def rows() -> list[Row]:
    """Return the table that begins with `output`."""
    _, table = PAGE.read_text().split("| output | export |", 1)
    lines = table.split("\n\n", 1)[0].splitlines()[2:]
    return [
        Row(*(cell.strip().strip("`") for cell in line.strip("| ").split(" | "))) for line in lines
    ]


def of_stack(name: str, stack: Synthesized) -> set[str]:
    """Return a name as that stack has it: once, or once per node group."""
    named = name.replace("<name>", stack.config.owner.removeprefix("MultusEni-"))
    return {named.replace("<group>", group.name) for group in stack.config.node_groups}


def test_each_documented_output_is_published_under_the_export_beside_it(fleet: Synthesized) -> None:
    documented = {
        (row.output, export)
        for row in rows()
        if row.output != NOT_AN_OUTPUT
        for export in of_stack(row.export, fleet)
    }
    assert documented == {
        (output, body["Export"]["Name"]) for output, body in fleet.template["Outputs"].items()
    }


def test_the_documented_parameters_are_those_of_the_stack(fleet: Synthesized) -> None:
    documented = {name for row in rows() for name in of_stack(row.parameter, fleet)}
    published = {properties["Name"] for properties in fleet.of_type("AWS::SSM::Parameter").values()}
    assert documented == published


def test_the_output_and_the_parameter_of_a_row_are_one_fact(fleet: Synthesized) -> None:
    """Two rows whose names were exchanged would pass the tests above."""
    values = {p["Name"]: p["Value"] for p in fleet.of_type("AWS::SSM::Parameter").values()}
    compared = 0
    for row in rows():
        if row.output != NOT_AN_OUTPUT:
            (parameter,) = of_stack(row.parameter, fleet)
            assert fleet.template["Outputs"][row.output]["Value"] == values[parameter], row.output
            compared += 1
    assert compared == len(fleet.template["Outputs"])


def test_a_stack_that_asks_for_less_lacks_the_rows_of_that_and_no_other(other: Synthesized) -> None:
    missing = {row.output for row in rows()} - {NOT_AN_OUTPUT} - other.template["Outputs"].keys()
    assert missing == {
        "PodAddressPolicy",
        "ReadyHook",
        "ReserveFunctionArn",
        "ReserveFunctionName",
    }


def test_each_fact_says_what_it_is_whom_it_serves_and_since_when() -> None:
    version = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["version"]
    for row in rows():
        assert row.what, row
        assert row.who, row
        assert re.fullmatch(r"\d+\.\d+\.\d+", row.since), row
        assert _numbers(row.since) <= _numbers(version), row


GROUP_TABLE = "| output | what it is |"


def test_the_outputs_of_a_created_groups_stack_are_documented(born: Mapping[str, Template]) -> None:
    _, table = PAGE.read_text().split(GROUP_TABLE, 1)
    lines = table.split("\n\n", 1)[0].splitlines()[2:]
    cells = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines]
    documented = {output.strip("`") for output, *_ in cells}
    groups = [template for name, template in born.items() if "-Nodes-" in name]
    assert len(groups) == 2
    for template in groups:
        assert template.parsed["Outputs"].keys() == documented
    for _, what, who, since in cells:
        assert what
        assert who
        assert re.fullmatch(r"\d+\.\d+\.\d+", since)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
