"""docs/configuration.md: every sample in it is right, and no key or default is missing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from pydantic_core import PydanticUndefined

import authoring
from authoring import created, models

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import BaseModel

DOCS = Path(__file__).parents[2] / "docs"
REFERENCE = (DOCS / "configuration.md").read_text(encoding="utf-8")
PODS = "".join((DOCS / name).read_text(encoding="utf-8") for name in ("pod-networks.md", "ipv6.md"))


def _blocks(mark: str) -> list[str]:
    return re.findall(rf"^```yaml {mark}\n(.*?)^```$", REFERENCE, re.MULTILINE | re.DOTALL)


def test_every_sample_is_marked_for_a_test() -> None:
    marks = ("whole-file", "group", "interface")
    assert REFERENCE.count("```yaml") == sum(len(_blocks(mark)) for mark in marks)


@pytest.mark.parametrize("text", _blocks("whole-file"))
def test_a_whole_file_is_right(text: str) -> None:
    authoring.resolve(authoring.parse(text))


@pytest.mark.parametrize("text", _blocks("group"))
def test_a_sample_group_is_right(edited: Callable[..., str], text: str) -> None:
    own: dict[tuple[str | int, ...], object] = {
        ("node_groups", 0, key): value for key, value in yaml.safe_load(text).items()
    }
    authoring.parse(edited({("node_groups", 0, "auto_scaling_group"): None, **own}))


@pytest.mark.parametrize("text", _blocks("interface"))
def test_a_sample_interface_is_right(edited: Callable[..., str], text: str) -> None:
    interfaces = {("node_groups", 0, "interfaces"): [yaml.safe_load(text)]}
    authoring.resolve(authoring.parse(edited(interfaces)))


SECTIONS: dict[str, tuple[str, type[BaseModel]]] = {
    "the file": ("The file", models.Authored),
    "hook": ("`hook`", models.Hook),
    "reconcile": ("`reconcile`", models.Reconcile),
    "node group": ("`node_groups[]`", models.NodeGroup),
    "interface": ("`node_groups[].interfaces[]`", models.Interface),
    "cluster": ("`cluster`", created.Cluster),
    "create": ("`node_groups[].create`", created.Create),
    "node": ("`node_groups[].node`", models.Node),
    "an interface's node": ("`node_groups[].interfaces[].node`", models.InterfaceNode),
}


def _rows(heading: str) -> dict[str, str]:
    """Return the defaults that a section's table states, by key."""
    section = REFERENCE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `([\w.]+)` \| [^|]+ \| ([^|]+) \|", section, re.MULTILINE)
    return dict(rows)


@pytest.mark.parametrize(("heading", "model"), SECTIONS.values(), ids=SECTIONS)
def test_every_key_has_its_row_and_its_true_default(heading: str, model: type[BaseModel]) -> None:
    rows = _rows(heading)
    assert {key for key in rows if "." not in key} == model.model_fields.keys()
    for key, field in model.model_fields.items():
        assert (rows[key] == "required") == field.is_required(), key
        if isinstance(field.default, bool | int | str):
            assert rows[key] == f"`{str(field.default).lower()}`", key
        elif not field.is_required():
            assert field.default in (None, (), PydanticUndefined) or rows[key] == "see below", key


@pytest.mark.parametrize(
    ("section", "key", "model"),
    [
        ("interface", "ipv6", models.Ipv6),
        ("interface", "pod_plugins", models.PodPlugins),
        ("node", "huge_pages", models.HugePages),
        ("create", "root_volume", created.RootVolume),
        ("create", "taints", created.Taint),
        ("create", "update", created.Update),
        ("create", "warm_pool", created.WarmPool),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_keys_of_a_map_inside_are_there_with_their_defaults(
    section: str, key: str, model: type[BaseModel]
) -> None:
    rows = _rows(SECTIONS[section][0])
    inside = {
        each.removeprefix(f"{key}."): default
        for each, default in rows.items()
        if each.startswith(f"{key}.")
    }
    assert inside.keys() == model.model_fields.keys()
    for name, field in model.model_fields.items():
        if isinstance(field.default, bool | int | str):
            assert inside[name] == f"`{str(field.default).lower()}`", name


@pytest.mark.parametrize(
    "text", re.findall(r"^```yaml interface\n(.*?)^```$", PODS, re.MULTILINE | re.DOTALL)
)
def test_a_sample_network_is_right(edited: Callable[..., str], text: str) -> None:
    interfaces = {("node_groups", 0, "interfaces"): [yaml.safe_load(text)]}
    authoring.resolve_pods(authoring.parse(edited(interfaces)))
