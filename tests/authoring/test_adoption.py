"""Node groups that the account alone can name: what is looked up, and the file with what was found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import authoring
from authoring.adoption import ManagedNodeGroup, TaggedGroups
from domain.errors import ConfigInvalid

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from authoring.adoption import Sought
    from authoring.models import Authored
    from authoring.problems import Location

GROUP: Location = ("node_groups", 0)
MANAGED = ManagedNodeGroup("lab", "workers")
TAGGED = TaggedGroups((("multus", "n3"), ("team", "core")))
BY_NAME: dict[Location, Any] = {
    (*GROUP, "auto_scaling_group"): None,
    (*GROUP, "managed_node_group"): "workers",
}
BY_TAGS: dict[Location, Any] = {
    (*GROUP, "auto_scaling_group"): None,
    (*GROUP, "auto_scaling_groups"): {"tags": {"team": "core", "multus": "n3"}},
}


@pytest.fixture
def written(edited: Callable[..., str]) -> Callable[..., Authored]:
    """Return the maker of the right configuration with such edits, parsed."""
    return lambda edits: authoring.parse(edited(edits))


def another(edits: dict[Location, Any], **keys: object) -> dict[Location, Any]:
    """Return the edits with a second node group besides."""
    interface = {"name": "n3", "subnets": ["subnet-0000000a"], "security_groups": ["sg-0000000a"]}
    return {**edits, ("node_groups", 1): {"name": "others", "interfaces": [interface], **keys}}


def refused(authored: Authored, found: dict[Sought, Sequence[str]]) -> list[str]:
    """Return what is said of a file with what was found."""
    with pytest.raises(ConfigInvalid) as error:
        authoring.adopted(authored, found)
    return [str(problem) for problem in error.value.problems]


@pytest.mark.parametrize(
    ("edits", "sought"),
    [
        pytest.param({}, (), id="a named group needs no look"),
        pytest.param(BY_NAME, (MANAGED,), id="a managed node group, by the file's cluster"),
        pytest.param(BY_TAGS, (TAGGED,), id="tags, in one order always"),
        pytest.param(
            another(BY_TAGS, auto_scaling_groups={"tags": {"multus": "n3", "team": "core"}}),
            (TAGGED,),
            id="the same tags twice are one look",
        ),
    ],
)
def test_what_only_the_account_knows_is_looked_up(
    written: Callable[..., Authored], edits: dict[Location, Any], sought: tuple[Sought, ...]
) -> None:
    assert authoring.sought(written(edits)) == sought


def test_a_file_that_names_its_groups_stays_as_it_is(written: Callable[..., Authored]) -> None:
    assert authoring.adopted(written({}), {}) == written({})


def test_a_managed_node_group_gets_the_name_that_eks_gave_its_auto_scaling_group(
    written: Callable[..., Authored],
) -> None:
    adopted = authoring.adopted(written(BY_NAME), {MANAGED: ["eks-workers-1ac4"]})
    assert authoring.resolve(adopted).node_groups[0].auto_scaling_group == "eks-workers-1ac4"
    assert authoring.sought(adopted) == ()


def test_several_groups_with_the_tags_are_one_node_group(written: Callable[..., Authored]) -> None:
    adopted = authoring.adopted(written(BY_TAGS), {TAGGED: ["b", "a"]})
    groups = authoring.resolve(adopted).node_groups
    assert [(group.name, group.auto_scaling_group) for group in groups] == [
        ("workers", "a"),
        ("workers", "b"),
    ]
    (node,) = authoring.resolve_nodes(adopted).node_groups
    assert (node.name, node.auto_scaling_group) == ("workers", "a, b")


def test_what_is_not_in_the_account_is_told_of_all_groups(written: Callable[..., Authored]) -> None:
    authored = written(another(BY_NAME, auto_scaling_groups={"tags": {"multus": "n3"}}))
    tagged = TaggedGroups((("multus", "n3"),))
    assert refused(authored, {MANAGED: [], tagged: []}) == [
        "node_groups[0].managed_node_group: is no managed node group of lab with an Auto Scaling group in this account and Region "
        "(got 'workers'). `aws eks list-nodegroups --cluster-name lab` shows those that there are.",
        "node_groups[1].auto_scaling_groups.tags: are tags that no Auto Scaling group has in this account and Region "
        "(got {'multus': 'n3'}). Correct them, or create the group before this stack is deployed.",
    ]


def test_a_group_that_two_node_groups_name_in_different_ways_is_refused(
    written: Callable[..., Authored],
) -> None:
    authored = written(another(BY_TAGS, auto_scaling_group="lab-workers"))
    assert refused(authored, {TAGGED: ["lab-workers"]}) == [
        "node_groups[1]: has the Auto Scaling group lab-workers, which is that of workers too (got 'others'). "
        "Adopt an Auto Scaling group once, with all its interfaces in one node group."
    ]


def test_a_hook_that_a_node_answers_is_for_one_group(written: Callable[..., Authored]) -> None:
    authored = written({**BY_TAGS, (*GROUP, "node"): {"ready_hook": True}})
    assert refused(authored, {TAGGED: ["b", "a"]}) == [
        "node_groups[0].node.ready_hook: is for one Auto Scaling group, and there are 2: a, b (got True). "
        "Write a node group for each, by auto_scaling_group: a node answers the hook by its group's name."
    ]
    assert authoring.adopted(authored, {TAGGED: ["a"]}).node_groups[0].auto_scaling_group == "a"


CREATE = {
    "subnets": {"us-east-1a": "subnet-000000ff"},
    "min_size": 0,
    "max_size": 1,
    "tags": {"team": "core"},
}
IN_USE = (
    "are tags of the Auto Scaling group {name} too, which the stack {stack} creates and serves "
    "(got {{'multus': 'n3', 'team': 'core'}}). "
    "Write a tag that the groups to adopt have and no created group has, or name each by auto_scaling_group."
)


def test_tags_that_groups_of_another_stack_have_are_refused(
    written: Callable[..., Authored],
) -> None:
    name = "MultusEni-core-Nodes-user-plane"
    assert refused(written(BY_TAGS), {TAGGED: ["a", name]}) == [
        "node_groups[0].auto_scaling_groups.tags: "
        + IN_USE.format(name=name, stack="MultusEni-core")
    ]


@pytest.mark.parametrize("there", [False, True], ids=["not there yet", "there"])
@pytest.mark.parametrize(
    "cluster",
    [
        {},
        {"kubernetes.io/cluster/lab": "owned"},
        {"k8s.io/cluster-autoscaler/enabled": "true"},
    ],
    ids=["own tags", "and the cluster's", "and cluster-autoscaler's"],
)
def test_tags_that_a_group_of_the_same_file_will_have_are_refused_before_it_is_there(
    written: Callable[..., Authored], cluster: dict[str, str], *, there: bool
) -> None:
    asked = {"multus": "n3", "team": "core", **cluster}
    edits = {
        **BY_TAGS,
        (*GROUP, "auto_scaling_groups"): {"tags": asked},
        ("tags",): {"multus": "n3"},
    }
    authored = written(another(edits, create=CREATE, instance_types=["m5.large"]))
    name = "MultusEni-lab-Nodes-others"
    tagged = TaggedGroups(tuple(sorted(asked.items())))
    [told] = refused(authored, {tagged: ["a", name] if there else ["a"]})
    assert (
        f"are tags of the Auto Scaling group {name} too, which the stack MultusEni-lab creates"
        in told
    )


def test_tags_that_a_created_group_has_in_part_are_those_of_others(
    written: Callable[..., Authored],
) -> None:
    authored = written(another(BY_TAGS, create=CREATE, instance_types=["m5.large"]))
    adopted = authoring.adopted(authored, {TAGGED: ["a"]})
    assert [group.auto_scaling_group for group in adopted.node_groups] == ["a", None]
