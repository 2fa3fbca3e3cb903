"""The nodeadm drop-in: max-pods without Multus's ENIs, and labels that kubelet and the API server take."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from domain.node import kubelet
from tests.fakes import nodes

if TYPE_CHECKING:
    from domain.node.config import NodeGroup

GOLDEN = Path(__file__).parent / "golden" / "kubelet"
N3, N6 = nodes.interface("n3"), nodes.interface("n6")
FAR = nodes.interface("far", network_card_index=1)

CASES: dict[str, tuple[NodeGroup, tuple[str, ...]]] = {
    "ready": (nodes.group(N3, N6), ()),
    "degraded": (nodes.group(N3, N6), ("n6", "n3")),
    "other-card-only": (nodes.group(FAR), ()),
    "told-outright": (nodes.group(N3, max_pods=58), ()),
    "left-alone": (nodes.group(N3, reduce_max_pods=False), ()),
}


@pytest.mark.parametrize("name", CASES)
def test_the_drop_in_is_the_golden_one(name: str) -> None:
    assert kubelet.drop_in(*CASES[name]) == (GOLDEN / f"{name}.yaml").read_text()


@pytest.mark.parametrize("name", CASES)
def test_the_drop_in_is_a_node_config_with_the_keys_that_nodeadm_has(name: str) -> None:
    document = yaml.safe_load(kubelet.drop_in(*CASES[name]))
    assert (document["apiVersion"], document["kind"]) == ("node.eks.aws/v1alpha1", "NodeConfig")
    assert set(document["spec"]) == {"kubelet"}
    assert set(document["spec"]["kubelet"]) <= {"flags", "config", "maxPodsExpression"}
    (flag,) = document["spec"]["kubelet"]["flags"]
    assert flag.startswith("--node-labels=")
    assert " " not in flag


@pytest.mark.parametrize(
    ("group", "max_pods"),
    [
        pytest.param(nodes.group(N3), (4 - 1) * 14 + 2, id="one-of-four"),
        pytest.param(nodes.group(N3, N6, FAR), (4 - 2) * 14 + 2, id="other-cards-do-not-count"),
        pytest.param(nodes.group(FAR), None, id="none-on-the-default-card"),
        pytest.param(nodes.group(N3, reduce_max_pods=False), None, id="not-wanted"),
    ],
)
def test_the_expression_leaves_out_the_enis_of_the_default_card(
    group: NodeGroup, max_pods: int | None
) -> None:
    expression = kubelet.max_pods_expression(group)
    if expression is None:
        assert max_pods is None
        return
    assert re.fullmatch(r"[a-z_0-9 ()*+-]+", expression)
    assert eval(expression, {"default_enis": 4, "ips_per_eni": 15}) == max_pods  # noqa: S307 - of ours, and this much of CEL is Python


@pytest.mark.parametrize("count", [1, 2, 3, 4, 14, 40])
def test_label_values_are_such_as_the_api_server_takes(count: int) -> None:
    names = [f"interface-{number:03}" for number in range(count)]
    for key, value in kubelet.labels(nodes.group(*map(nodes.interface, names)), names).items():
        prefix, _, name = key.partition("/")
        assert not prefix.endswith(("kubernetes.io", "k8s.io"))
        assert re.fullmatch(r"[a-z-]+", name)
        assert len(value) <= 63
        assert re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", value)


@pytest.mark.parametrize(
    ("missing", "value"),
    [
        (["n6", "n3"], "n3.n6"),
        ([f"interface-{n:02}x" for n in range(9)], "interface-00x.interface-01x.interface-02x.and-6-more"),
        (["x" * 64], "1-interfaces"),
    ],
    ids=["all", "some", "none-fits"],
)  # fmt: skip
def test_missing_interfaces_are_named_as_far_as_they_fit(missing: list[str], value: str) -> None:
    assert kubelet.labels(nodes.group(), missing)["multus-eni.io/missing"] == value


def test_a_ready_node_has_no_label_of_missing_interfaces() -> None:
    assert kubelet.labels(nodes.group(N3), ()) == {
        "multus-eni.io/node-group": "workers",
        "multus-eni.io/state": "ready",
    }


def test_a_group_name_that_is_no_label_value_is_left_out() -> None:
    assert "multus-eni.io/node-group" not in kubelet.labels(nodes.group(name="x y"), ())


@pytest.mark.parametrize(
    ("user_data", "changed", "expected"),
    [
        pytest.param("    config:\n      maxPods: 110\n", {}, "sets maxPods to 110", id="key"),
        pytest.param('      "maxPods": 58,', {}, "sets maxPods to 58", id="json"),
        pytest.param("maxPods: 110", {"max_pods": 58}, None, id="key-that-ours-replaces"),
        pytest.param("maxPods: 110", {"reduce_max_pods": False}, None, id="nothing-of-ours"),
        pytest.param("- --max-pods=20", {"max_pods": 58}, "--max-pods to 20", id="flag"),
        pytest.param("maxPodsExpression: '17'", {}, None, id="expression-that-ours-replaces"),
        pytest.param("#!/bin/sh\n", {}, None, id="nothing-of-theirs"),
    ],
)
def test_user_data_that_wins_over_our_max_pods_is_told(
    user_data: str,
    changed: dict[str, Any],
    expected: str | None,
) -> None:
    warnings = kubelet.overridden(nodes.group(N3, **changed), user_data)
    assert len(warnings) == (expected is not None)
    assert all(str(expected) in warning for warning in warnings)
