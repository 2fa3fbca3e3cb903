"""Results are read as they were written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.simulation.report.fixed import RESULTS
from tests.simulation.report.results import Part, read, write

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("part", Part)
def test_what_is_written_is_read_again(part: Part, tmp_path: Path) -> None:
    write(tmp_path / "new", part, RESULTS[part])
    assert read(tmp_path / "new", part) == RESULTS[part]


def test_what_was_never_written_is_not_there(tmp_path: Path) -> None:
    assert read(tmp_path, Part.BURSTS) is None
