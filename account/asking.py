"""How the account is asked: page by page, and a refusal for a missing right is an answer too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import ClientError

from domain.preflight.observed import Unseen
from lambdas.aws.errors import is_denied

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from domain.preflight.observed import Shown

T = TypeVar("T")
Raw = dict[str, Any]

FILTER_VALUES = 200
"""The most values one filter takes (EC2 user guide, "Filter your resources")."""


def seen(action: str, ask: Callable[[], T]) -> Shown[T]:
    """Return what AWS answers, or which right is missing.

    Raises:
        ClientError: any other refusal.
    """
    try:
        return ask()
    except ClientError as refused:
        if is_denied(refused):
            return Unseen(action, refused.response["Error"]["Code"])
        raise


def pages(client: Any, operation: str, member: str, **request: Any) -> Iterator[Raw]:  # noqa: ANN401 - a boto3 client and its parameters
    """Yield what a paginated call lists under a member of its answers."""
    for page in client.get_paginator(operation).paginate(**request):
        yield from page.get(member, [])


def chunks(items: Sequence[T], size: int) -> Iterator[list[T]]:
    """Yield the items in lists of at most this size."""
    for start in range(0, len(items), size):
        yield list(items[start : start + size])
