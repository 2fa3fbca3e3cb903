"""Worlds of fakes for the reconcilers."""

from __future__ import annotations

import pytest

from tests.fakes.builders import Builders
from tests.fakes.calls import Killed
from tests.fakes.ec2 import Pace
from tests.fakes.world import World


@pytest.fixture(scope="session")
def build() -> Builders:
    """Return short ways to write inputs down."""
    return Builders()


@pytest.fixture(scope="session")
def make_world() -> type[World]:
    """Return what makes a fresh world; a property makes one per example."""
    return World


@pytest.fixture
def world(make_world: type[World]) -> World:
    """Return a world in which every node must have two interfaces."""
    return make_world()


@pytest.fixture(scope="session")
def pace() -> type[Pace]:
    """Return what says how slow EC2 is."""
    return Pace


@pytest.fixture(scope="session")
def killed() -> type[Killed]:
    """Return what is raised where a process ends."""
    return Killed
