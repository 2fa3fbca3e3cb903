"""When a node is at work in its cluster: the whole table."""

from __future__ import annotations

import pytest

from domain.node.joining import Sight, obstacle

SILENT = "nothing answers"


@pytest.mark.parametrize(
    ("target", "ails", "cni", "awaited"),
    [
        pytest.param("InService", "", ("10-aws.conflist",), "", id="at work"),
        pytest.param(None, "", ("00-multus.conf",), "", id="no target yet"),
        pytest.param("InService", "", ("05-cilium.json",), "", id="another plugin"),
        pytest.param("InService", SILENT, ("10-aws.conflist",), "kubelet: nothing", id="kubelet"),
        pytest.param("InService", "", (), "network plugin", id="no plugin yet"),
        pytest.param(
            "InService", "", ("10-aws.conflist.bak", "README"), "network plugin", id="no plugin's"
        ),
        pytest.param("Warmed:Stopped", SILENT, (), "", id="to the warm pool"),
        pytest.param("Terminated", SILENT, (), "kubelet", id="going"),
    ],
)
def test_what_a_node_waits_for(
    target: str | None, ails: str, cni: tuple[str, ...], awaited: str
) -> None:
    sight = Sight(target, ails, cni)
    assert awaited in obstacle(sight)
    assert bool(obstacle(sight)) is bool(awaited)
