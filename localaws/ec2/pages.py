"""Pages of a Describe answer: MaxResults, NextToken, and what does not go together with them."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from localaws.ec2 import refusals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

Item = TypeVar("Item")


class PageRules(NamedTuple):
    """The bounds of MaxResults for one action, and its parameter for ids, which excludes MaxResults."""

    ids: str
    least: int = 5
    most: int = 1000


class Page(NamedTuple, Generic[Item]):
    """One page and the token of the next; None on the last."""

    items: list[Item]
    next_token: str | None


def check(params: Mapping[str, Any], rules: PageRules) -> None:
    """Refuse paging parameters that EC2 refuses.

    Raises:
        Refusal: MaxResults out of bounds, or together with ids.
    """
    size = params.get("MaxResults")
    if size is None:
        return
    if params.get(rules.ids):
        raise refusals.PAGE_WITH_IDS.refusal(parameter=rules.ids)
    if not rules.least <= int(size) <= rules.most:
        raise refusals.PAGE_SIZE.refusal(value=size, least=rules.least, most=rules.most)


def cut(items: Iterable[Item], params: Mapping[str, Any], key: Callable[[Item], str]) -> Page[Item]:
    """Return the requested page.

    The token holds the last item's key, so what is created or deleted between two pages neither repeats nor hides
    another item.

    Args:
        items: everything that matches.
        params: MaxResults and NextToken of the request; without MaxResults the page is everything.
        key: an item's place in the order; unique, and stable over time.

    Raises:
        Refusal: NextToken is none of ours.
    """
    ordered = sorted(items, key=key)
    token = params.get("NextToken")
    if token:
        after = _decode(token)
        ordered = [item for item in ordered if key(item) > after]
    size = params.get("MaxResults")
    if size is None or len(ordered) <= int(size):
        return Page(ordered, None)
    page = ordered[: int(size)]
    return Page(page, _encode(key(page[-1])))


def _encode(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


def _decode(token: str) -> str:
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise refusals.BAD_NEXT_TOKEN.refusal() from None
