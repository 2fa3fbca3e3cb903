"""What EC2 accepts as tags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localaws.ec2 import refusals

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MAX_TAGS = 50
_MAX_KEY = 128
_MAX_VALUE = 256
_RESERVED = "aws:"


def tags_from(listed: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return tags given as a list of Key and Value, checked.

    Raises:
        Refusal: a key twice, a reserved or overlong key, an overlong value.
    """
    tags: dict[str, str] = {}
    for each in listed:
        key, value = str(each.get("Key") or ""), str(each.get("Value") or "")
        if key in tags:
            raise refusals.TAG_TWICE.refusal(key=key)
        _check(key, value)
        tags[key] = value
    return tags


def check_count(existing: Mapping[str, str], added: Mapping[str, str]) -> None:
    """Refuse more tags on one resource than EC2 allows; tags of AWS's own do not count."""
    keys = {key for key in (*existing, *added) if not key.startswith(_RESERVED)}
    if len(keys) > MAX_TAGS:
        raise refusals.TOO_MANY_TAGS.refusal()


def _check(key: str, value: str) -> None:
    if key.lower().startswith(_RESERVED):
        raise refusals.TAG_KEY_RESERVED.refusal()
    if not 1 <= len(key) <= _MAX_KEY:
        raise refusals.TAG_KEY_LENGTH.refusal(key=key)
    if len(value) > _MAX_VALUE:
        raise refusals.TAG_VALUE_LENGTH.refusal(key=key)


def tags_in_specifications(
    specifications: Iterable[Mapping[str, Any]], resource_type: str
) -> dict[str, str]:
    """Return the tags that a create call asks for.

    Raises:
        Refusal: tags for another type of resource, or tags that EC2 does not accept.
    """
    listed: list[Mapping[str, Any]] = []
    for each in specifications:
        if each.get("ResourceType") != resource_type:
            raise refusals.TAGS_OF_ANOTHER_TYPE.refusal(resource_type=each.get("ResourceType"))
        listed.extend(each.get("Tags", ()))
    tags = tags_from(listed)
    check_count({}, tags)
    return tags
