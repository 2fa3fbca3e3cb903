"""Filters: all of them, any of their values, wildcards where EC2 has them."""

from __future__ import annotations

from typing import Any

import pytest

from localaws.ec2.filters import select
from localaws.rules import Refusal

ITEMS = {
    "one": {"Name": "web", "stage": "test"},
    "two": {"Name": "web*"},
    "three": {"stage": "prod"},
}


def selected(*filters: tuple[str, list[str]]) -> list[str]:
    requested: list[dict[str, Any]] = [{"Name": name, "Values": values} for name, values in filters]
    return select(ITEMS, requested, {"name": lambda item: (item,)}, lambda item: ITEMS[item])


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        pytest.param([], ["one", "two", "three"], id="none"),
        pytest.param([("name", ["one"])], ["one"], id="exact"),
        pytest.param([("name", ["one", "two"])], ["one", "two"], id="any value"),
        pytest.param([("name", ["t*"])], ["two", "three"], id="star"),
        pytest.param([("name", ["t?o"])], ["two"], id="question mark"),
        pytest.param([("name", ["ONE"])], [], id="case matters"),
        pytest.param([("tag:Name", ["web*"])], ["one", "two"], id="tag with wildcard"),
        pytest.param([("tag:Name", ["web\\*"])], ["two"], id="escaped wildcard"),
        pytest.param([("tag-key", ["stage"])], ["one", "three"], id="tag key"),
        pytest.param([("tag:Name", ["web"]), ("tag:stage", ["test"])], ["one"], id="all filters"),
        pytest.param([("name", ["o.e"])], [], id="a dot is a dot"),
    ],
)
def test_selection(filters: list[tuple[str, list[str]]], expected: list[str]) -> None:
    assert selected(*filters) == expected


def test_an_unknown_filter_is_refused() -> None:
    with pytest.raises(Refusal) as raised:
        selected(("colour", ["red"]))
    assert raised.value.code == "InvalidParameterValue"


def test_two_hundred_values_are_allowed_and_no_more() -> None:
    assert selected(("name", [str(number) for number in range(200)])) == []
    with pytest.raises(Refusal) as raised:
        selected(("name", [str(number) for number in range(201)]))
    assert raised.value.code == "FilterLimitExceeded"
