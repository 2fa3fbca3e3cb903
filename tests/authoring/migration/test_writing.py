"""The YAML that is written is read as the very document, whatever stands in it."""

from __future__ import annotations

from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from authoring.migration.draft import Draft, Location
from authoring.migration.writing import text_of

TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
SCALARS = (
    TEXT | st.booleans() | st.integers(0, 9) | st.sampled_from(["no", "1e3", "0x1", "~", "a:"])
)
MAPS = st.dictionaries(TEXT, SCALARS | st.lists(TEXT), min_size=1, max_size=4)


@given(
    st.dictionaries(TEXT, SCALARS | MAPS | st.lists(MAPS, min_size=1), min_size=1, max_size=4),
    st.text(st.characters(codec="ascii", min_codepoint=32), max_size=300),
)
def test_what_is_written_is_what_is_read(document: dict[str, Any], words: str) -> None:
    comments: dict[Location, str] = {(key,): words for key in document}
    comments |= {
        (key, place, inner): words
        for key, value in document.items()
        if isinstance(value, list)
        for place, item in enumerate(value)
        for inner in item
    }
    text = text_of(Draft(document, comments, (words,)), words)
    assert yaml.safe_load(text) == document


def test_a_list_item_has_the_comment_of_its_first_key_above_its_dash() -> None:
    draft = Draft(
        {"groups": [{"name": "a", "on": "yes"}]},
        {("groups", 0, "name"): "First.", ("groups", 0, "on"): "Second."},
        ("One.", "Two."),
    )
    assert text_of(draft, "Head.").splitlines() == [
        "# yaml-language-server: $schema=schema.json",
        "#",
        "# Head.",
        "#",
        "# 1. One.",
        "# 2. Two.",
        "",
        "groups:",
        "  # First.",
        "  - name: a",
        "    # Second.",
        '    "on": "yes"',
    ]
