"""The process's environment while an embedded account is at work in it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from cli.environment import environment_of_our_own

if TYPE_CHECKING:
    import pytest


def test_the_callers_aws_variables_are_out_of_reach_and_come_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:1")
    monkeypatch.setenv("AWS_PROFILE", "mine")
    before = dict(os.environ)
    with environment_of_our_own():
        assert "AWS_ENDPOINT_URL" not in os.environ
        assert "AWS_PROFILE" not in os.environ
    assert dict(os.environ) == before
