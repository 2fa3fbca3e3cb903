"""Faults between the CPUs of a group that is created."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.authoring.conftest import GROUP, create

if TYPE_CHECKING:
    from collections.abc import Callable

    from authoring.problems import Location

HERE = "node_groups[0].create"


def static(*types: str, **keys: object) -> dict[Location, Any]:
    """Return edits with CPUs for containers alone, and types of the group; m5.2xlarge, of 8 CPUs, where there are none."""
    edits = create(cpu_manager_policy="static", **keys)
    return {**edits, (*GROUP, "instance_types"): list(types)} if types else edits


REFUSED: dict[str, tuple[dict[Location, Any], list[str]]] = {
    "a CPU both isolated and reserved": (
        static(isolated_cpus="2-7", reserved_cpus="0-2"),
        [
            f"{HERE}.isolated_cpus: has CPU 2, which reserved_cpus (0-2) keeps for the system (got '2-7'). "
            "Give each CPU to one of the two."
        ],
    ),
    "the CPU that boots": (
        static(isolated_cpus="0-3", reserved_cpus="4-7"),
        [
            f"{HERE}.isolated_cpus: has CPU 0, which the kernel boots on and does its own work on (got '0-3'). "
            "Begin at 1, or later."
        ],
    ),
    "CPUs that a type does not have": (
        static("m5.2xlarge", "m6i.xlarge", isolated_cpus="2-7", reserved_cpus="0-1"),
        [
            f"{HERE}.isolated_cpus: has CPU 7, and m6i.xlarge has 4, counted from 0 (got '2-7'). "
            "Write CPUs that each of the types has, or make a group for each size."
        ],
    ),
    "isolated CPUs for nobody": (
        create(isolated_cpus="2-7", reserved_cpus="0-1"),
        [
            f"{HERE}.isolated_cpus: needs containers that have CPUs for themselves (got '2-7'). Add `cpu_manager_policy: static`: "
            "without it no container is put on an isolated CPU by anybody."
        ],
    ),
    "isolated CPUs and others for containers": (
        static(isolated_cpus="2-7"),
        [
            f"{HERE}.isolated_cpus: leaves the other CPUs to containers too, and some would get those that are not isolated "
            "(got '2-7'). Add `reserved_cpus` with all the others: kubelet gives no container a reserved CPU for itself."
        ],
    ),
    "CPUs in neither list": (
        static("m5.2xlarge", "m5.4xlarge", isolated_cpus="2,3,6", reserved_cpus="0-1"),
        [
            f"{HERE}.isolated_cpus: leaves CPUs {missing} of {name} in neither this list nor reserved_cpus (0-1): a container would "
            "get them, not isolated (got '2,3,6'). Put each CPU into one of the two, and make a group for each size of instance."
            for name, missing in (("m5.2xlarge", "4-5,7"), ("m5.4xlarge", "4-5,7-15"))
        ],
    ),
    "no CPU for pods": (
        static(reserved_cpus="0-7"),
        [
            f"{HERE}.reserved_cpus: is every CPU of m5.2xlarge: no pod that asks for CPUs would ever be put there (got '0-7'). "
            "Leave some to the pods."
        ],
    ),
}


@pytest.mark.parametrize(("edits", "messages"), REFUSED.values(), ids=REFUSED)
def test_a_fault_of_cpus_is_refused_with_path_value_and_remedy(
    said: Callable[..., list[str]], edits: dict[Location, Any], messages: list[str]
) -> None:
    assert sorted(said(edits)) == sorted(messages)


@pytest.mark.parametrize(
    "edits",
    [
        pytest.param(static(isolated_cpus="2-7", reserved_cpus="0-1"), id="each in one list"),
        pytest.param(
            static(isolated_cpus="1-3,5-7", reserved_cpus="0,4"), id="siblings kept together"
        ),
        pytest.param(
            static("m5.2xlarge", "m6i.2xlarge", isolated_cpus="2-7", reserved_cpus="0-1"),
            id="types of one size",
        ),
        pytest.param(static(reserved_cpus="0-1"), id="reserved ones alone"),
        pytest.param(create(reserved_cpus="0-6"), id="one left"),
    ],
)
def test_cpus_that_are_right_are_taken(
    said: Callable[..., list[str]], edits: dict[Location, Any]
) -> None:
    assert said(edits) == []


@pytest.mark.parametrize(
    ("keys", "path"),
    [
        ({"isolated_cpus": "2-7", "reserved_cpus": "0-"}, "reserved_cpus"),
        ({"isolated_cpus": "2-", "reserved_cpus": "0-1"}, "isolated_cpus"),
    ],
)
def test_a_list_that_cannot_be_read_is_the_only_fault(
    said: Callable[..., list[str]], keys: dict[str, str], path: str
) -> None:
    (problem,) = said(static(**keys))
    assert problem.startswith(f"{HERE}.{path}: is not a list of CPUs")
