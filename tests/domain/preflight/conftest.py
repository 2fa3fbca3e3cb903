"""A configuration and an account in which all is well; each test says what is not."""

from __future__ import annotations

import pytest

from tests.fakes.scene import Scene


@pytest.fixture
def scene() -> Scene:
    """Return a world in which all is well."""
    return Scene()
