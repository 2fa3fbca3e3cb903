"""How the account is asked: what a refusal means, and how much one call asks for."""

from __future__ import annotations

from typing import NoReturn

import pytest
from botocore.exceptions import ClientError

from account.asking import chunks, seen
from domain.preflight.observed import Unseen


def refusing(code: str) -> NoReturn:
    """Refuse with such a code."""
    raise ClientError({"Error": {"Code": code, "Message": ""}}, "DescribeSubnets")


@pytest.mark.parametrize("code", ["UnauthorizedOperation", "AccessDenied", "AccessDeniedException"])
def test_a_missing_right_is_an_answer(code: str) -> None:
    assert seen("ec2:DescribeSubnets", lambda: refusing(code)) == Unseen(
        "ec2:DescribeSubnets", code
    )


def test_any_other_refusal_is_none() -> None:
    with pytest.raises(ClientError):
        seen("ec2:DescribeSubnets", lambda: refusing("OptInRequired"))


@pytest.mark.parametrize(
    ("count", "expected"), [(0, []), (2, [[0, 1]]), (5, [[0, 1], [2, 3], [4]])]
)
def test_items_come_in_chunks(count: int, expected: list[list[int]]) -> None:
    assert list(chunks(range(count), 2)) == expected
