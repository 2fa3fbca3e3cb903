"""Builders for the decisions' inputs."""

from __future__ import annotations

import pytest

from tests.fakes.builders import Builders


@pytest.fixture(scope="session")
def build() -> Builders:
    """Return short ways to write inputs down."""
    return Builders()
