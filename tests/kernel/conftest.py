"""Fixtures for tests in a real Linux guest: they skip with one line where it cannot run, or fail if it must."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from kernellab import image as images
from kernellab.guest import Guest
from kernellab.machine import Machine
from kernellab.packages import SourcesMissing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kernellab.image import Image

# "required" turns every skip into a failure: continuous integration must not lose these tests unnoticed.
REQUIREMENT_VARIABLE = "MULTUS_KERNEL_LAB"


def _unavailable(reason: str) -> None:
    line = f"no kernel lab here: {reason}"
    if os.environ.get(REQUIREMENT_VARIABLE) == "required":
        pytest.fail(line, pytrace=False)
    pytest.skip(line)


@pytest.fixture(scope="session")
def lab() -> Image:
    """Give the guest's image, built on first use and cached."""
    lacks = images.missing()
    if lacks:
        _unavailable(", ".join(lacks))
    try:
        return images.build()
    except SourcesMissing as error:
        _unavailable(str(error).splitlines()[0])
        raise


@pytest.fixture
def boot(lab: Image) -> Iterator[Callable[[Machine], Guest]]:
    """Give a function that starts a guest on a machine; it ends with the test."""
    with ExitStack() as guests:
        yield lambda machine: guests.enter_context(Guest(machine, image=lab))


@pytest.fixture
def guest(boot: Callable[[Machine], Guest]) -> Guest:
    """Give a node that has booted: kubelet runs, and nodeadm leaves new links to the CNI."""
    return boot(Machine())


@pytest.fixture
def held_guest(boot: Callable[[Machine], Guest]) -> Guest:
    """Give a node whose first boot is held before its user data; `release()` lets it go on."""
    return boot(Machine(stage="before-user-data"))
