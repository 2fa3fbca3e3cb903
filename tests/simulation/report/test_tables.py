"""The tables against their golden copy."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.simulation.report.fixed import RESULTS
from tests.simulation.report.tables import OF_PART

GOLDEN = Path(__file__).parent / "golden" / "tables.md"


@pytest.mark.golden
def test_the_tables_are_the_golden_ones() -> None:
    """A change shows in review. UPDATE_GOLDEN=1 (`make golden`) writes the copy instead of comparing."""
    shown = "\n\n".join(f"# {part}\n\n{OF_PART[part](seen)}" for part, seen in RESULTS.items())
    if os.environ.get("UPDATE_GOLDEN") == "1":
        GOLDEN.write_text(f"{shown}\n", encoding="utf-8")
    assert f"{shown}\n" == GOLDEN.read_text(encoding="utf-8")
