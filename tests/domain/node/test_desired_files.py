"""Files as they should be and as they are: what is to be done, and nothing when they are alike."""

from __future__ import annotations

import itertools

from domain.node.change import RemoveFile, WriteFile
from domain.node.desired_files import changes


def test_what_is_new_other_and_left_over() -> None:
    planned = changes(
        {"/b": "new", "/a": "other", "/c": "same", "/e": ""},
        {"/a": "old", "/b": None, "/c": "same", "/d": "ours", "/x": None, "/e": None},
    )
    assert planned == [
        WriteFile("/a", "other", replaces=True),
        WriteFile("/b", "new"),
        WriteFile("/e", ""),
        RemoveFile("/d"),
    ]
    assert [str(change) for change in planned] == [
        "rewrite /a",
        "write /b",
        "write /e",
        "remove /d",
    ]


def test_carried_out_once_nothing_is_left_to_do() -> None:
    contents = (None, "", "x", "y")
    for desired, present in itertools.product(itertools.product(contents, repeat=2), repeat=2):
        wanted = {path: text for path, text in zip("ab", desired, strict=True) if text is not None}
        here: dict[str, str | None] = dict(zip("ab", present, strict=True))
        for change in changes(wanted, here):
            here[change.path] = None if isinstance(change, RemoveFile) else change.text
        assert {path: text for path, text in here.items() if text is not None} == wanted
        assert changes(wanted, here) == []
