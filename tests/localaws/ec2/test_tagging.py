"""What EC2 accepts as tags."""

from __future__ import annotations

import pytest

from localaws.ec2.tagging import check_count, tags_from, tags_in_specifications
from localaws.rules import Refusal


def code(listed: list[dict[str, str]]) -> str | None:
    try:
        tags_from(listed)
    except Refusal as refusal:
        return refusal.code
    return None


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        pytest.param("k" * 128, "v" * 256, None, id="longest"),
        pytest.param("k" * 129, "", "InvalidParameterValue", id="key too long"),
        pytest.param("", "", "InvalidParameterValue", id="empty key"),
        pytest.param("k", "v" * 257, "InvalidParameterValue", id="value too long"),
        pytest.param("aws:owner", "", "InvalidParameterValue", id="reserved"),
        pytest.param("AWS:owner", "", "InvalidParameterValue", id="reserved in capitals"),
        pytest.param("awsome", "", None, id="only looks reserved"),
    ],
)
def test_keys_and_values(key: str, value: str, expected: str | None) -> None:
    assert code([{"Key": key, "Value": value}]) == expected


def test_a_key_occurs_once() -> None:
    assert code([{"Key": "a"}, {"Key": "a"}]) == "InvalidParameterValue"


def test_fifty_tags_and_no_more_but_awss_own_do_not_count() -> None:
    fifty = {str(number): "" for number in range(50)}
    check_count({"aws:autoscaling:groupName": "g"}, fifty)
    check_count(fifty, {"1": "changed"})
    with pytest.raises(Refusal) as raised:
        check_count(fifty, {"one more": ""})
    assert raised.value.code == "TagLimitExceeded"


def test_tags_for_another_type_of_resource_are_refused() -> None:
    with pytest.raises(Refusal) as raised:
        tags_in_specifications([{"ResourceType": "volume", "Tags": []}], "network-interface")
    assert raised.value.code == "InvalidParameterValue"
