"""Paths and lines as a person reads them."""

from __future__ import annotations

import pytest

from authoring.problems import Fault, Location, located, path_of


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ((), "(the whole file)"),
        (("name",), "name"),
        (("node_groups", 0, "interfaces", 1, "subnets", "us-east-1a"),
         "node_groups[0].interfaces[1].subnets.us-east-1a"),
        (("tags", "example.com/team"), "tags['example.com/team']"),
    ],
    ids=["top", "key", "deep", "key with other characters"],
)  # fmt: skip
def test_a_location_reads_as_a_path(location: Location, path: str) -> None:
    assert path_of(location) == path


def test_a_missing_key_has_the_line_of_what_lacks_it() -> None:
    problem = located(Fault(("hook", "x"), None, "is missing", "Add it."), {(): 1, ("hook",): 7})
    assert str(problem) == "line 7: hook.x: is missing. Add it."
