"""Pages show everything once, whatever happens between two of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localaws.ec2.pages import PageRules, check, cut
from localaws.rules import Refusal

RULES = PageRules("Ids")


def walk(items: list[str], size: int) -> list[str]:
    seen: list[str] = []
    params: dict[str, Any] = {"MaxResults": size}
    while True:
        page = cut(items, params, str)
        seen.extend(page.items)
        if page.next_token is None:
            return seen
        params["NextToken"] = page.next_token


@given(st.sets(st.text(min_size=1), max_size=40), st.integers(1, 10))
def test_all_pages_together_show_each_item_once(items: set[str], size: int) -> None:
    assert walk(list(items), size) == sorted(items)


def test_without_max_results_there_is_one_page() -> None:
    assert cut(["b", "a"], {}, str) == (["a", "b"], None)


def test_what_disappears_between_two_pages_hides_nothing_else() -> None:
    first = cut(["a", "b", "c", "d"], {"MaxResults": 2}, str)
    assert cut(["c", "d"], {"MaxResults": 2, "NextToken": first.next_token}, str).items == [
        "c",
        "d",
    ]


@pytest.mark.parametrize("size", [4, 1001])
def test_max_results_has_bounds(size: int) -> None:
    with pytest.raises(Refusal) as raised:
        check({"MaxResults": size}, RULES)
    assert raised.value.code == "InvalidParameterValue"


def test_max_results_does_not_go_with_ids() -> None:
    with pytest.raises(Refusal) as raised:
        check({"MaxResults": 5, "Ids": ["a"]}, RULES)
    assert raised.value.code == "InvalidParameterCombination"


@pytest.mark.parametrize("token", ["???", "_w=="])
def test_a_token_of_nobodys_is_refused(token: str) -> None:
    with pytest.raises(Refusal) as raised:
        cut(["a"], {"NextToken": token}, str)
    assert raised.value.code == "InvalidNextToken"
