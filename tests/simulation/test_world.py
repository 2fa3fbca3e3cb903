"""Worlds that are the same wherever and whenever they are made."""

from __future__ import annotations

import pytest
from moto.ec2.models import ec2_backends

from bench import nodes
from localaws.identity import ACCOUNT_ID
from tests.simulation.faults import SHAPE
from tests.simulation.world import simulated

pytestmark = [pytest.mark.simulation, pytest.mark.subprocesses("node")]


def test_the_first_world_of_a_process_has_the_networks_of_every_other() -> None:
    document = nodes.document([SHAPE])
    made = []
    for seed in (1, 2):
        # As in a process in which nobody has asked for EC2 yet.
        ec2_backends.pop(ACCOUNT_ID, None)
        with simulated(document, seed=seed) as world:
            made.append(world.deployed.made.document)
    with simulated(document, seed=3) as world:
        made.append(world.deployed.made.document)
    assert made[0] == made[1] == made[2]
