"""What each version of the sample becomes, and every reason for which one does not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

import authoring
from authoring.instance_types import known_types
from authoring.migration.draft import Draft, Wishes, draft, subnets_to_know
from authoring.migration.source import Resource, Source, Subnet
from authoring.migration.writing import text_of
from domain.errors import ConfigInvalid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.authoring.migration.conftest import Samples

MANAGED = Wishes(cluster="telco", auto_scaling_groups=("eks-ng1-0a1b",))


def drafted(
    samples: Samples,
    sources: Source | Sequence[Source],
    wishes: Wishes = Wishes(),  # noqa: B008 - frozen
    subnets: dict[str, Subnet] | None = None,
) -> Draft:
    """Return the draft, after making sure that its text is a valid configuration."""
    several = [sources] if isinstance(sources, Source) else sources
    known = samples.known() if subnets is None else subnets
    made = draft(several, known, wishes, known_types())
    authoring.parse(text_of(made, "From a test."))
    return made


def refused(
    samples: Samples,
    sources: Source | Sequence[Source],
    wishes: Wishes = Wishes(),  # noqa: B008 - frozen
    subnets: dict[str, Subnet] | None = None,
) -> list[str]:
    """Return each reason."""
    with pytest.raises(ConfigInvalid) as caught:
        drafted(samples, sources, wishes, subnets)
    assert all(problem.remedy for problem in caught.value.problems)
    return [str(problem) for problem in caught.value.problems]


def groups_of(made: Draft) -> list[dict[str, Any]]:
    groups: Any = made.document["node_groups"]
    return list(groups)


def interfaces_of(made: Draft) -> list[dict[str, Any]]:
    (group,) = groups_of(made)
    return list(group["interfaces"])


def test_the_guides_template(samples: Samples) -> None:
    made = drafted(samples, samples.stack())
    one, two = samples.subnets[:2]
    rest = {
        "security_groups": [samples.groups[0]],
        "ipv4": "from_start",
        "source_dest_check": False,
    }
    assert made.document == {
        "name": "eks-multus-cluster",
        "cluster_name": "eks-multus-cluster",
        "region": "us-east-1",
        "account": "123456789012",
        "node_groups": [
            {
                "name": "ng1",
                "auto_scaling_group": "ng1-NodeGroup-1A2B3C",
                "adopt_running": False,
                "instance_types": ["c5.2xlarge"],
                "interfaces": [
                    {"name": "net1", "subnets": {"us-east-1a": one}, **rest},
                    {"name": "net2", "subnets": {"us-east-1a": two}, **rest},
                ],
            }
        ],
    }


@pytest.mark.parametrize(
    ("kind", "wishes", "expected"),
    [
        pytest.param(
            "list", Wishes(), [([0], 0, "auto", False), ([1], 1, "auto", False)], id="a group each"
        ),
        pytest.param("one", Wishes(), [([0], 0, "auto", True)], id="IPv6 by a parameter"),
        pytest.param(
            "four", Wishes(), [([place], 0, "auto", False) for place in range(4)], id="numbered"
        ),
        pytest.param(
            "managed",
            MANAGED,
            [([0, 4], 0, "auto", False), ([1, 5], 0, "auto", False)],
            id="two zones",
        ),
    ],
)
def test_the_other_templates(
    samples: Samples,
    kind: str,
    wishes: Wishes,
    expected: list[tuple[list[int], int, str, bool]],
) -> None:
    made = drafted(samples, samples.stack(kind), wishes)
    found = [
        (
            [samples.subnets.index(subnet) for subnet in one["subnets"].values()],
            samples.groups.index(one["security_groups"][0]),
            one.get("ipv4", "auto"),
            "ipv6" in one,
        )
        for one in interfaces_of(made)
    ]
    assert found == expected
    assert all(one["source_dest_check"] is False for one in interfaces_of(made))


def test_a_managed_node_group_has_its_zones_and_no_types(samples: Samples) -> None:
    made = drafted(samples, samples.stack("managed"), MANAGED)
    (group,) = groups_of(made)
    assert list(interfaces_of(made)[0]["subnets"]) == ["us-east-1a", "us-east-1b"]
    assert (group["name"], group["auto_scaling_group"]) == ("eks-ng1-0a1b", "eks-ng1-0a1b")
    assert "instance_types" not in group
    assert any("EKS's own hooks on the group stay" in note for note in made.notes)
    assert not any("CustomResource" in note for note in made.notes)


def test_tags_that_the_published_function_never_reads_are_told(samples: Samples) -> None:
    made = drafted(samples, samples.stack("managed", MultusInterfaceTags="cnf=upf"), MANAGED)
    assert made.document["tags"] == {"cnf": "upf"}
    assert any("never reads them" in note for note in made.notes)


def test_one_zone_given_twice_is_one_zone(samples: Samples) -> None:
    source = samples.stack("managed", MultusSubnetsAz2=",".join(samples.subnets[:2]))
    made = drafted(samples, source, MANAGED)
    assert [list(one["subnets"]) for one in interfaces_of(made)] == [["us-east-1a"]] * 2


@pytest.mark.parametrize(
    ("value", "mode"),
    [("true", "from_start"), ("false", "auto"), ("True", "auto"), (None, "auto")],
)
def test_addresses_from_the_start_only_where_the_function_does_so(
    samples: Samples, value: str | None, mode: str
) -> None:
    """The function compares with `true` to the letter; a stack without the parameter is of a version without it."""
    made = drafted(samples, samples.stack(useIPsFromStartOfSubnet=value))
    assert {one.get("ipv4", "auto") for one in interfaces_of(made)} == {mode}
    assert any("pod_ranges" in note for note in made.notes) == (mode == "from_start")


@pytest.mark.parametrize(
    ("written", "carried", "noted"),
    [
        ("cnf=abc01,type=5g", {"cnf": "abc01", "type": "5g"}, []),
        ("cnf=a=b", {"cnf": "a"}, []),
        ("cnf", {}, ["is no key=value"]),
        ("", {}, []),
        ("Name=upf,node.k8s.amazonaws.com/no_manage=true", {}, ["product sets Name", "its birth"]),
        ("aws:x=1,=2,a=", {"a": ""}, ["prefix is reserved", "needs a key"]),
    ],
)
def test_interface_tags(
    samples: Samples, written: str, carried: dict[str, str], noted: list[str]
) -> None:
    made = drafted(samples, samples.stack(InterfaceTags=written))
    assert made.document.get("tags", {}) == carried
    notes = [note for note in made.notes if note.startswith("InterfaceTags")]
    assert len(notes) == len(noted)
    assert all(words in note for words, note in zip(noted, notes, strict=True))


def test_an_ipv6_range_is_an_ipv6_address(samples: Samples) -> None:
    made = drafted(samples, samples.stack(), subnets=samples.known(has_ipv6=True))
    assert [one["ipv6"] for one in interfaces_of(made)] == [{"count": 1}] * 2


def test_ipv6_in_one_zone_only_is_told(samples: Samples) -> None:
    known = samples.known()
    known[samples.subnets[0]] = replace(known[samples.subnets[0]], has_ipv6=True)
    made = drafted(samples, samples.stack("managed"), MANAGED, known)
    assert not any("ipv6" in one for one in interfaces_of(made))
    assert any("Interface 1 has an IPv6 address in one zone only" in note for note in made.notes)


def test_what_a_file_does_not_tell_is_told(samples: Samples) -> None:
    made = drafted(
        samples,
        samples.file(),
        Wishes(auto_scaling_groups=("nodes",)),
        {one: Subnet("us-east-1a") for one in samples.subnets[:2]},
    )
    assert groups_of(made)[0]["auto_scaling_group"] == "nodes"
    assert "region" not in made.document
    assert sum("IPv6 ranges is not known" in note for note in made.notes) == 1


def test_a_zone_without_a_multus_subnet_is_told(samples: Samples) -> None:
    made = drafted(samples, samples.stack(Subnets=f"{samples.subnets[0]},{samples.subnets[4]}"))
    assert any("launches nodes in us-east-1b too" in note for note in made.notes)


@pytest.mark.parametrize("kind", ["cc2.8xlarge", "x9.huge", None])
def test_a_type_whose_limits_are_not_known_is_left_out_and_told(
    samples: Samples, kind: str | None
) -> None:
    made = drafted(samples, samples.stack(NodeInstanceType=kind))
    assert "instance_types" not in groups_of(made)[0]
    assert any("limits of the type are not checked" in note for note in made.notes)


def test_a_parameter_of_somebody_elses_is_told(samples: Samples) -> None:
    made = drafted(samples, samples.stack(ProxyUrl="http://proxy"))
    assert made.notes[-1].endswith("nothing was taken from it: ProxyUrl.")


def test_what_must_go_is_named_as_it_is_called(samples: Samples) -> None:
    notes = "\n".join(drafted(samples, samples.stack()).notes)
    for called in (
        "ng1-NewInstanceEventRule-0J1K",
        "ng1-LchookEc2Ins-4D5E",
        "ng1-LchookEc2Term-6F7G",
    ):
        assert called in notes
    assert "terminates every node of the group" in notes


def test_several_stacks_become_one_file(samples: Samples) -> None:
    other = Resource("NodeGroup", "AWS::AutoScaling::AutoScalingGroup", "ng2-NodeGroup-2B")
    second = replace(samples.stack("list"), label="ng2", resources=(other,))
    made = drafted(samples, [samples.stack(InterfaceTags="a=b"), second], Wishes(name="lab"))
    assert made.document["name"] == "lab"
    assert [group["name"] for group in groups_of(made)] == ["ng1", "ng1-2"]
    # The tags are of one group only.
    assert "tags" not in made.document
    assert [one.get("tags") for group in groups_of(made) for one in group["interfaces"]] == [
        {"a": "b"},
        {"a": "b"},
        None,
        None,
    ]


def test_a_node_groups_name_becomes_a_label(samples: Samples) -> None:
    made = drafted(samples, samples.stack(NodeGroupName="UPF_Nodes (1)"))
    assert groups_of(made)[0]["name"] == "upf-nodes-1"
    made = drafted(samples, samples.stack(NodeGroupName="___"))
    assert groups_of(made)[0]["name"] == "nodes"


def test_only_what_is_understood_is_looked_up(samples: Samples) -> None:
    strange = Source("other", {"VpcId": "vpc-0"}, True)
    wanted = subnets_to_know([samples.stack(), strange])
    assert wanted == sorted({*samples.subnets[:2], "subnet-0f000000000000000"})


# Refusals.


@pytest.mark.parametrize(
    ("kind", "changes", "words"),
    [
        pytest.param(
            "guide",
            {"MultusSubnets": None},
            "does not have the parameters of any version",
            id="unknown",
        ),
        pytest.param("guide", {"MultusVlan": "7"}, "does not have (got 'MultusVlan')", id="newer"),
        pytest.param("guide", {"MultusSubnets": " , "}, "MultusSubnets: has no value", id="empty"),
        pytest.param("guide", {"ClusterName": ""}, "ClusterName: has no value", id="no cluster"),
        pytest.param(
            "list",
            {"MultusSecurityGroupIds": "sg-1,sg-2,sg-3"},
            "has 3 security groups for 2 subnets",
            id="groups",
        ),
        pytest.param(
            "guide",
            {"MultusSubnets": f"subnet-01{'0' * 15},subnet-05{'0' * 15}"},
            "is in us-east-1b, and subnet-01000000000000000 in us-east-1a",
            id="zones",
        ),
        pytest.param(
            "guide", {"MultusSubnets": "subnet-0e"}, "is not a subnet of this account", id="gone"
        ),
        pytest.param(
            "guide",
            {"ClusterName": "5g-core"},
            "is the cluster's name and will not do",
            id="name",
        ),
    ],
)
def test_what_cannot_be_carried_over_is_refused(
    samples: Samples, kind: str, changes: dict[str, str | None], words: str
) -> None:
    (reason, *_) = refused(samples, samples.stack(kind, **changes))
    assert words in reason


def test_interfaces_made_by_user_data_are_refused(samples: Samples) -> None:
    source = replace(samples.stack("list", LambdaS3Key=None), resources=())
    assert "attaches its interfaces in the nodes' user data" in refused(samples, source)[0]


@pytest.mark.parametrize(
    ("second", "words"),
    [
        ([0, 1], "are both in this zone"),
        ([4], "have different numbers of subnets"),
    ],
)
def test_zones_that_do_not_fit_together_are_refused(
    samples: Samples, second: list[int], words: str
) -> None:
    given = ",".join(samples.subnets[place + 2 * (place < 4)] for place in second)
    reasons = refused(samples, samples.stack("managed", MultusSubnetsAz2=given), MANAGED)
    assert [words in reason for reason in reasons] == [True]


def test_everything_that_is_wrong_is_told_at_once(samples: Samples) -> None:
    file = samples.file(useIPsFromStartOfSubnet=None, NodeGroupName=None)
    reasons = "\n".join(refused(samples, [file, samples.stack("managed")], subnets={}))
    for words in (
        "ng1.json: NodeGroupName: has no value",
        "ng1.json: useIPsFromStartOfSubnet: is not in the file",
        "must be named once: parameters do not tell",
        f"Add --zone {samples.subnets[0]}=ZONE",
        "serves every instance with the tag key multus-ng",
    ):
        assert words in reasons


def test_a_group_beside_the_stacks_own_is_refused(samples: Samples) -> None:
    reasons = refused(samples, samples.stack(), Wishes(auto_scaling_groups=("other",)))
    assert "is not the one group of the sample's stack" in reasons[0]


def test_a_managed_sample_needs_the_clusters_name(samples: Samples) -> None:
    reasons = refused(samples, samples.stack("managed"), replace(MANAGED, cluster=None))
    assert "Add --cluster NAME" in reasons[0]


def test_one_file_is_for_one_cluster_in_one_place(samples: Samples) -> None:
    elsewhere = replace(samples.stack(ClusterName="other"), label="ng9", region="us-west-2")
    reasons = refused(samples, [samples.stack(), elsewhere])
    assert ["several clusters" in reasons[0], "several Regions" in reasons[1]] == [True, True]
