"""A right configuration, ways to spoil it, and what is then said."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
import yaml

import authoring
from domain.errors import ConfigInvalid, Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from authoring.problems import Location

_RIGHT: dict[str, Any] = {
    "name": "lab",
    "cluster_name": "lab",
    "node_groups": [
        {
            "name": "workers",
            "auto_scaling_group": "lab-workers",
            "interfaces": [
                {
                    "name": "n3",
                    "subnets": {"us-east-1a": "subnet-0000000a", "us-east-1b": "subnet-0000000b"},
                    "security_groups": ["sg-0000000a"],
                },
                {
                    "name": "n6",
                    "subnets": {"us-east-1a": "subnet-0000000c", "us-east-1b": "subnet-0000000d"},
                    "security_groups": ["sg-0000000a"],
                },
            ],
        }
    ],
}


CREATED: dict[Location, Any] = {
    ("node_groups", 0, "auto_scaling_group"): None,
    ("node_groups", 0, "instance_types"): ["m5.2xlarge"],
    ("node_groups", 0, "create"): {
        "subnets": {"us-east-1a": "subnet-000000aa", "us-east-1b": "subnet-000000bb"},
        "min_size": 1,
        "max_size": 3,
    },
}
"""Edits by which the right configuration's group is created."""
GROUP: Location = ("node_groups", 0)
CLUSTER = {
    "endpoint": "https://example.com",
    "certificate_authority": "ZXhhbXBsZQ==",
    "service_cidr": "fd30:1c53:5f8a::/108",
    "security_group": "sg-0000000c",
    "vpc": "vpc-0000000c",
    "version": "1.33",
}


def create(**keys: object) -> dict[Location, Any]:
    """Return edits with further keys of `create`."""
    return {**CREATED, (*GROUP, "create"): {**CREATED[*GROUP, "create"], **keys}}


@pytest.fixture
def edited() -> Callable[..., str]:
    """Return the maker of the right configuration's text with other values at some locations (None: key left out)."""

    def make(edits: dict[Location, Any] | None = None) -> str:
        data = deepcopy(_RIGHT)
        for location, value in (edits or {}).items():
            holder: Any = data
            for step in location[:-1]:
                holder = holder[step]
            if value is None:
                del holder[location[-1]]
            elif isinstance(holder, list) and location[-1] == len(holder):
                holder.append(value)
            else:
                holder[location[-1]] = value
        return yaml.safe_dump(data, sort_keys=False)

    return make


@pytest.fixture
def said(edited: Callable[..., str]) -> Callable[..., list[str]]:
    """Return the reader of what is said after such edits, without line numbers."""

    def read(edits: dict[Location, Any]) -> list[str]:
        try:
            authoring.parse(edited(edits))
        except ConfigInvalid as error:
            return [Problem.__str__(problem) for problem in error.problems]
        return []

    return read


def assert_told(lines: list[str], expected: list[tuple[str, str]]) -> None:
    """Hold what is told to its places and words, each with a remedy."""
    assert len(lines) == len(expected), lines
    for line, (path, what) in zip(sorted(lines), sorted(expected), strict=True):
        assert line.startswith(path), line
        assert what in line
        assert line.partition("(got ")[2].partition(")")[2].strip(". "), "no remedy"
