"""Whether kubelet may start, and what has to be started when it may."""

from __future__ import annotations

import itertools

import pytest

from domain.node import gate
from domain.node.status import Run

NODEADM = "[Unit]\nAfter=cloud-final.service\nRequires=nodeadm-config.service\n"


@pytest.mark.parametrize("key", ["Requires", "Requisite", "BindsTo"])
def test_what_fails_with_nodeadm_is_started_with_it(key: str) -> None:
    wanted = {
        "nodeadm-sync.service": f"[Unit]\nAfter=nodeadm-run.service\n{key}=nodeadm-run.service\n",
        "a-b.service": f"[Unit]\n{key} = x.service nodeadm-run.service\n",
        "only-after.service": "[Unit]\nAfter=nodeadm-run.service\nWants=nodeadm-run.service\n",
        "nodeadm-run.service": NODEADM,
    }
    assert gate.held_back(wanted, nodeadm_began=False) == (
        "nodeadm-run.service",
        "a-b.service",
        "nodeadm-sync.service",
    )


def test_an_image_without_nodeadm_has_nothing_to_start() -> None:
    wanted = {"a.service": "[Unit]\nRequires=nodeadm-run.service\n"}
    assert gate.held_back(wanted, nodeadm_began=False) == ()


def test_a_node_that_is_at_work_is_not_configured_a_second_time() -> None:
    assert gate.held_back({"nodeadm-run.service": NODEADM}, nodeadm_began=True) == ()


@pytest.mark.parametrize(
    ("started_by", "installs", "had_run"),
    list(itertools.product(Run, (True, False), (True, False))),
)
def test_only_the_boots_own_first_run_is_sure_to_be_waited_for(
    started_by: Run, installs: bool, had_run: bool
) -> None:
    awaited = gate.is_awaited(started_by, installs=installs, had_run=had_run)
    assert awaited is (started_by is Run.BOOT and not installs and not had_run)
