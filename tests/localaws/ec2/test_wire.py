"""Answers are written under the API's own names, and nothing else is let through."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from localaws.ec2.wire import _output_writer

if TYPE_CHECKING:
    from tests.localaws.ec2.conftest import Lab


def test_text_survives_the_way_to_the_caller(lab: Lab) -> None:
    text = "<a> & \"b\" 'c' é"
    assert lab.create(Description=text)["Description"] == text


def test_a_member_the_api_does_not_have_is_a_mistake_of_ours() -> None:
    with pytest.raises(KeyError):
        _output_writer("DescribeNetworkInterfaces")({"Interfaces": []}, [])
