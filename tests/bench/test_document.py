"""Generated parts of a document."""

from __future__ import annotations

import pytest

from bench.document import MarkerMissing, replaced

DOCUMENT = """# Title

Prose.

<!-- generated: bursts -->
| old |
<!-- end: bursts -->

More prose.

<!-- generated: bench -->
<!-- end: bench -->
"""


def test_a_part_is_replaced_and_everything_else_stays() -> None:
    written = replaced(DOCUMENT, "bursts", "\n| new |\n")
    assert written == DOCUMENT.replace("| old |", "| new |")


def test_writing_the_same_again_changes_nothing() -> None:
    once = replaced(DOCUMENT, "bench", "| a |")
    assert replaced(once, "bench", "| a |") == once


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("nothing", "<!-- generated: bursts --> must be there once and is there 0 times"),
        ("<!-- generated: bursts -->", "<!-- end: bursts --> must be there once and is there 0"),
        (DOCUMENT + DOCUMENT, "must be there once and is there 2 times"),
        ("<!-- end: bursts --> <!-- generated: bursts -->", "must come after"),
    ],
    ids=["no marker", "no end", "twice", "wrong order"],
)
def test_a_part_without_a_place_is_refused_with_its_marker(document: str, said: str) -> None:
    with pytest.raises(MarkerMissing, match=said):
        replaced(document, "bursts", "| new |")
