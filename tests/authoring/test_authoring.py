"""The whole way from a file to the resolved configuration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import authoring
from domain import config
from domain.errors import ConfigInvalid

if TYPE_CHECKING:
    from collections.abc import Callable


CONFIG = Path(__file__).parents[2] / "config"
EXAMPLES = sorted(CONFIG.glob("*.yaml"))


def test_every_problem_is_told_at_once_in_the_order_of_lines(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(
        "name: 1lab\n"
        "cluster_name: lab\n"
        "cluster_name: lab2\n"
        "colour: red\n"
        "node_groups:\n"
        "  - name: workers\n"
        "    auto_scaling_group: lab-workers\n"
        "    instance_types: [t2.nano]\n"
        "    interfaces:\n"
        "      - name: n3\n"
        "        subnets: []\n"
        "        security_groups: [sg-1]\n"
        "        device_index: 0\n",
        encoding="utf-8",
    )
    with pytest.raises(ConfigInvalid) as caught:
        authoring.load(path)
    assert [str(problem).split(" (got")[0] for problem in caught.value.problems] == [
        "line 1: name: must begin with a letter and have only letters, digits and hyphens",
        "line 2: cluster_name: is written twice, first on line 2 and again on line 3",
        "line 4: colour: is not a known key",
        "line 11: node_groups[0].interfaces[0].subnets: is empty",
        "line 12: node_groups[0].interfaces[0].security_groups[0]: is not a security group id",
        "line 13: node_groups[0].interfaces[0].device_index: is the primary interface's on network card 0",
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "No such file or directory"), (b"name: \xff", "not UTF-8 text")],
    ids=["no file", "other encoding"],
)
def test_a_file_that_cannot_be_read_is_a_problem_too(
    tmp_path: Path, content: bytes | None, reason: str
) -> None:
    path = tmp_path / "config.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigInvalid, match=f"cannot be read: {reason}"):
        authoring.load(path)


def test_the_schema_in_the_repository_is_up_to_date() -> None:
    """`python -m cli schema > config/schema.json` writes it."""
    assert json.loads((CONFIG / "schema.json").read_text(encoding="utf-8")) == authoring.schema()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_right_for_us_and_for_an_editor(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=schema.json\n")
    resolved = authoring.resolve(authoring.load(path))
    assert config.from_json(config.to_json(resolved)) == resolved
    jsonschema.validate(yaml.safe_load(text), authoring.schema())


@pytest.mark.parametrize(
    "spoiled",
    [
        {"name": "my_lab"},
        {"colour": "red"},
        {"log_retention_days": 100},
        {"hook": {"heartbeat_timeout_s": 10}},
        {"node_groups": []},
        {"region": "here"},
    ],
    ids=lambda spoiled: next(iter(spoiled)),
)
def test_an_editor_marks_what_we_refuse(
    edited: Callable[..., str], spoiled: dict[str, Any]
) -> None:
    data = {**yaml.safe_load(edited()), **spoiled}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data, authoring.schema())


_KEYS = st.sampled_from(
    [
        "name", "cluster_name", "region", "hook", "reconcile", "tags", "node_groups", "interfaces", "subnets",
        "security_groups", "ipv4", "ipv6", "count", "instance_types", "device_index", "network_card", "pod_ranges",
        "auto_scaling_group", "us-east-1a", "heartbeat_timeout_s", "(map)", "[key]",
    ]
)  # fmt: skip
_SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.dates(),
    st.sampled_from(["auto", "from_start", "none", "m5.large", "subnet-0000000a", "sg-0000000a", "us-east-1a"]),
)  # fmt: skip
_ANYTHING = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(_KEYS, st.integers(), st.booleans()), inner, max_size=5),
    ),
    max_leaves=25,
)


@given(_ANYTHING, st.sampled_from([(), ("node_groups", 0), ("node_groups", 0, "interfaces", 0)]))
def test_whatever_is_written_is_answered_in_our_own_words(
    anything: object, where: tuple[str | int, ...]
) -> None:
    for step in reversed(where):
        anything = [anything] if isinstance(step, int) else {step: anything}
    try:
        authoring.parse(yaml.safe_dump(anything))
    except ConfigInvalid as error:
        for problem in error.problems:
            assert "docs/configuration.md" not in problem.remedy
            assert not problem.message.startswith(("Input", "Value", "Keys"))
