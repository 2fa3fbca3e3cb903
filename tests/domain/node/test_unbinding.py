"""Which interfaces a run leaves to the kernel, and what of that later runs are told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain.node.config import Driver, NodeGroup
from domain.node.errors import ConfigurationConflict, ConfigurationForeign
from domain.node.status import Run
from domain.node.unbinding import achieved, check, kept
from tests.fakes.nodes import interface

N3 = replace(interface(), name="n3", driver=Driver.VFIO_PCI)
N4 = replace(N3, name="n4")
KERNEL = replace(N3, name="oam", driver=Driver.KERNEL)
GROUP = NodeGroup("workers", "asg", (N3, N4, KERNEL))
NOTHING: frozenset[str] = frozenset()


def test_a_dpdk_interface_can_be_unbound() -> None:
    check(GROUP, "n3")


def test_what_the_kernel_has_by_configuration_cannot() -> None:
    with pytest.raises(ConfigurationConflict, match="oam has its kernel driver") as refused:
        check(GROUP, "oam")
    assert (refused.value.value, refused.value.remedy) == (
        "driver: kernel",
        "Name one of n3, n4.",
    )


def test_a_group_without_dpdk_is_told_that_it_has_none() -> None:
    with pytest.raises(ConfigurationConflict) as refused:
        check(replace(GROUP, interfaces=(KERNEL,)), "oam")
    assert refused.value.remedy == "No interface of node group workers is for DPDK."


def test_an_interface_that_is_not_promised_is_named() -> None:
    with pytest.raises(ConfigurationForeign, match="promises no such interface"):
        check(GROUP, "n9")


@pytest.mark.parametrize(
    ("started_by", "unbind", "left"),
    [
        (Run.HOTPLUG, None, {"n3"}),
        (Run.MANUAL, None, set()),
        (Run.BOOT, None, set()),
        (Run.MANUAL, "n4", {"n3", "n4"}),
    ],
)
def test_a_manual_run_takes_an_unbind_back_and_a_hot_attach_does_not(
    started_by: Run, unbind: str | None, left: set[str]
) -> None:
    assert kept(GROUP, frozenset({"n3"}), started_by=started_by, unbind=unbind) == left


def test_an_interface_that_is_no_longer_promised_is_forgotten() -> None:
    gone = replace(GROUP, interfaces=(N4,))
    assert kept(gone, frozenset({"n3"}), started_by=Run.HOTPLUG, unbind=None) == NOTHING


def test_what_could_not_be_given_back_is_not_recorded_and_what_was_before_stays() -> None:
    planned = frozenset({"n3", "n4"})
    assert achieved(planned, NOTHING, ["n4"]) == {"n3"}
    assert achieved(planned, frozenset({"n4"}), ["n4"]) == planned
