"""All that a file leaves to the account, asked at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import authoring
from account.cluster import describe
from account.groups import look_up
from domain.errors import ConfigInvalid

if TYPE_CHECKING:
    from domain.errors import Problem


def completed(authored: authoring.Authored, *, region: str | None) -> authoring.Authored:
    """Return the file with what only the account knows: the Auto Scaling groups, and the cluster of created groups.

    Args:
        authored: what was written; where it says all, nothing is asked.
        region: where to ask; None leaves it to the environment.

    Raises:
        ConfigInvalid: with every problem of every look-up.
    """
    problems: list[Problem] = []
    for step in (_with_groups, _with_cluster):
        try:
            authored = step(authored, region)
        except ConfigInvalid as invalid:
            problems += invalid.problems
    if problems:
        raise ConfigInvalid(problems)
    return authored


def _with_groups(authored: authoring.Authored, region: str | None) -> authoring.Authored:
    return authoring.adopted(authored, look_up(authoring.sought(authored), region=region))


def _with_cluster(authored: authoring.Authored, region: str | None) -> authoring.Authored:
    name = authoring.sought_cluster(authored)
    if name is None:
        return authored
    return authoring.with_cluster(authored, describe(name, region=region))
