"""`make report` as a person runs it, on results that are there already."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
import typer
from typer.testing import CliRunner

from bench.document import markers
from tests.simulation.report import command
from tests.simulation.report.fixed import RESULTS
from tests.simulation.report.plots import OF_BURSTS
from tests.simulation.report.results import Part, write

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A document with every marker, and the results of every part."""
    places = {"REPOSITORY": ".", "DOCUMENT": "benchmarks.md", "PLOTS": "plots", "RESULTS": "report"}
    for name, path in places.items():
        monkeypatch.setattr(command, name, tmp_path / path)
    parts = [f"{begin}\nold {part}\n{end}" for part in Part for begin, end in [markers(part)]]
    (tmp_path / "benchmarks.md").write_text("\n\n".join(["Prose.", *parts]), encoding="utf-8")
    for part in Part:
        write(tmp_path / "report", part, RESULTS[part])
    return tmp_path


def report(repository: Path, *arguments: str) -> Result:
    app = typer.Typer()
    app.command()(command.main)
    return CliRunner().invoke(app, ["--from", str(repository / "report"), *arguments])


def test_every_part_is_written_from_what_is_stored(repository: Path) -> None:
    result = report(repository)
    # The results have what must not be, which is told in so many words.
    assert result.exit_code == 1
    assert "eni-1 is left of i-1" in result.stdout
    assert "6:crash-after" in result.stdout
    assert "eni-2 is left of i-2" in result.stdout
    assert "i-3 is in service and has nothing" in result.stdout
    written = (repository / "benchmarks.md").read_text(encoding="utf-8")
    assert written.startswith("Prose.")
    assert "old " not in written
    assert {path.name for path in (repository / "plots").iterdir()} == set(OF_BURSTS)


def test_one_part_alone_leaves_the_others(repository: Path) -> None:
    assert report(repository, "--only", "recovery").exit_code == 0
    written = (repository / "benchmarks.md").read_text(encoding="utf-8")
    assert "old recovery" not in written
    assert "old bursts" in written
    assert not (repository / "plots").exists()


def test_a_part_without_results_stays_as_it_is_and_is_named(repository: Path) -> None:
    (repository / "report" / "recovery.json").unlink()
    result = report(repository)
    assert "recovery: no results" in result.stdout
    assert "old recovery" in (repository / "benchmarks.md").read_text(encoding="utf-8")


def test_a_folder_that_is_not_there_is_named(repository: Path) -> None:
    shutil.rmtree(repository / "report")
    result = report(repository)
    assert result.exit_code == 2
    assert "Invalid value for '--from'" in result.output


@pytest.mark.parametrize("content", ["", "[{", "[1]", '{"a": 1}', '[{"another": "version"}]'])
@pytest.mark.parametrize("part", Part)
def test_results_that_cannot_be_read_are_named_with_what_to_do(
    repository: Path, part: Part, content: str
) -> None:
    (repository / "report" / f"{part}.json").write_text(content, encoding="utf-8")
    result = report(repository)
    assert result.exit_code == 1
    assert f"{part}.json is cut off or of another version" in result.output
    assert f"--only {part}" in result.output
    assert "old bursts" in (repository / "benchmarks.md").read_text(encoding="utf-8")


def test_a_missing_marker_is_named_and_nothing_is_written(repository: Path) -> None:
    document = repository / "benchmarks.md"
    text = document.read_text(encoding="utf-8").replace("<!-- end: faults -->", "")
    document.write_text(text, encoding="utf-8")
    result = report(repository)
    assert result.exit_code == 1
    assert "benchmarks.md: <!-- end: faults --> must be there once" in result.stdout
    assert document.read_text(encoding="utf-8") == text


def test_the_document_has_a_place_for_every_part() -> None:
    text = command.DOCUMENT.read_text(encoding="utf-8")
    assert [part for part in Part if not all(text.count(each) == 1 for each in markers(part))] == []
