"""Faults between values: what is said, and that it is said together with everything else."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from authoring import checks
from domain import tags
from domain.model import InstanceId

if TYPE_CHECKING:
    from collections.abc import Callable

    from authoring.problems import Location

GROUP: Location = ("node_groups", 0)
FIRST: Location = (*GROUP, "interfaces", 0)
SECOND: Location = (*GROUP, "interfaces", 1)
N3, N6 = "node_groups[0].interfaces[0]", "node_groups[0].interfaces[1]"

A_GROUP = {
    "name": "others",
    "auto_scaling_group": "lab-others",
    "interfaces": [
        {"name": "n3", "subnets": ["subnet-0000000a"], "security_groups": ["sg-0000000a"]}
    ],
}


def _interfaces(count: int, **more: object) -> list[dict[str, Any]]:
    (pattern,) = A_GROUP["interfaces"]
    return [{**pattern, "name": f"n{number}", **more} for number in range(count)]  # type: ignore[dict-item]  # a mixed literal


def _many_tags(count: int, prefix: str = "k") -> dict[str, str]:
    return {f"{prefix}{number}": "v" for number in range(count)}


REFUSED: dict[str, tuple[dict[Location, Any], list[str]]] = {
    "zones of two Regions": (
        {
            (*FIRST, "subnets"): {
                "us-west-2-lax-1a": "subnet-0000000a",
                "eu-west-1a": "subnet-0000000b",
            },
            (*SECOND, "subnets"): ["subnet-0000000c"],
        },
        [
            f"{N3}.subnets.eu-west-1a: is in another Region than {N3}.subnets.us-west-2-lax-1a (got 'eu-west-1a'). "
            "A stack is in one Region: correct the zone, or write a file for each."
        ],
    ),
    "a group that another stack creates": (
        {(*GROUP, "auto_scaling_group"): "MultusEni-core-Nodes-user-plane"},
        [
            "node_groups[0].auto_scaling_group: is the name of a group that the stack MultusEni-core creates and serves "
            "(got 'MultusEni-core-Nodes-user-plane'). Name a group that no stack of this product creates: its nodes would be "
            "served twice."
        ],
    ),
    "heartbeat under four intervals and three minutes": (
        {("hook",): {"heartbeat_timeout_s": 899}},
        [
            "hook.heartbeat_timeout_s: is shorter than four reconcile intervals and three minutes (900 s) (got 899). Write at least 900, "
            "or shorten reconcile.interval_minutes: a hook whose event was lost is answered by the reconciler, which "
            "needs the time for it."
        ],
    ),
    "group that nothing names": (
        {(*GROUP, "auto_scaling_group"): None},
        [
            "node_groups[0]: does not say which Auto Scaling group it is. "
            "Write exactly one of auto_scaling_group, managed_node_group, auto_scaling_groups, create."
        ],
    ),
    "group named in two ways, one of them wrong": (
        {(*GROUP, "managed_node_group"): "a b"},
        [
            "node_groups[0]: says in several ways which Auto Scaling groups it is (got 'auto_scaling_group, managed_node_group'). "
            "Write exactly one of auto_scaling_group, managed_node_group, auto_scaling_groups, create.",
            "node_groups[0].managed_node_group: is not the name of a managed node group (got 'a b'). "
            "Write the name as `aws eks list-nodegroups --cluster-name ...` shows it.",
        ],
    ),
    "managed node group twice": (
        {
            (*GROUP, "auto_scaling_group"): None,
            (*GROUP, "managed_node_group"): "workers",
            ("node_groups", 1): {
                **{key: value for key, value in A_GROUP.items() if key != "auto_scaling_group"},
                "managed_node_group": "workers",
            },
        },
        [
            "node_groups[1].managed_node_group: is the same as node_groups[0].managed_node_group (got 'workers'). "
            "Adopt a managed node group once, with all its interfaces in one node group."
        ],
    ),
    "zone of another Region": (
        {("region",): "us-east-2", (*SECOND, "subnets"): ["subnet-0000000c"]},
        [
            f"{N3}.subnets.us-east-1a: is not a zone of us-east-2 (got 'us-east-1a'). "
            "Correct the zone, or `region` at the top of the file.",
            f"{N3}.subnets.us-east-1b: is not a zone of us-east-2 (got 'us-east-1b'). "
            "Correct the zone, or `region` at the top of the file.",
        ],
    ),
    "topic of another Region": (
        {("region",): "us-east-1", ("alarm_topic_arn",): "arn:aws:sns:us-east-2:123456789012:a"},
        [
            "alarm_topic_arn: is not in us-east-1 (got 'arn:aws:sns:us-east-2:123456789012:a'). "
            "Name a topic of the stack's own Region: an alarm notifies no other."
        ],
    ),
    "group name twice": (
        {("node_groups", 1): {**A_GROUP, "name": "workers"}},
        [
            "node_groups[1].name: is the same as node_groups[0].name (got 'workers'). "
            "Give each node group its own name."
        ],
    ),
    "Auto Scaling group twice": (
        {("node_groups", 1): {**A_GROUP, "auto_scaling_group": "lab-workers"}},
        [
            "node_groups[1].auto_scaling_group: is the same as node_groups[0].auto_scaling_group (got 'lab-workers'). "
            "Adopt an Auto Scaling group once, with all its interfaces in one node group."
        ],
    ),
    "interface name twice": (
        {(*SECOND, "name"): "n3"},
        [f"{N6}.name: is the same as {N3}.name (got 'n3'). Give each interface its own name."],
    ),
    "subnet in two zones": (
        {(*SECOND, "subnets", "us-east-1b"): "subnet-0000000a"},
        [
            f"{N6}.subnets.us-east-1b: stands under us-east-1a in {N3}.subnets.us-east-1a (got 'subnet-0000000a'). "
            "A subnet is in one zone only: correct one of the two."
        ],
    ),
    "zone left out": (
        {(*SECOND, "subnets"): {"us-east-1a": "subnet-0000000c"}},
        [
            f"{N6}.subnets.us-east-1b: is missing, while interface n3 has a subnet in us-east-1b (got ['us-east-1a']). "
            "Add a subnet for us-east-1b: a node that is launched there would be abandoned for want of one."
        ],
    ),
    "index of the primary interface": (
        {(*FIRST, "device_index"): 0},
        [
            f"{N3}.device_index: is the primary interface's on network card 0 (got 0). Write 1 or more."
        ],
    ),
    "index twice": (
        {(*FIRST, "device_index"): 3, (*SECOND, "device_index"): 3},
        [
            f"{N6}.device_index: is the same as {N3}.device_index, on the same network card 0 (got 3). "
            "Give each its own, or leave it out to take the next free one."
        ],
    ),
    "subnet twice in a list": (
        {(*FIRST, "subnets"): ["subnet-0000000a", "subnet-0000000a"]},
        [f"{N3}.subnets: is in the list twice (got 'subnet-0000000a'). Keep one of them."],
    ),
    "six security groups": (
        {(*FIRST, "security_groups"): [f"sg-0000000{digit}" for digit in "123456"]},
        [
            f"{N3}.security_groups: has more than 5 security groups (got 6). 5 per network interface is the default "
            "quota; Service Quotas raises it to at most 16, but this check cannot know that. Put the rules into "
            "fewer groups."
        ],
    ),
    "no address at all": (
        {(*FIRST, "ipv4"): "none"},
        [
            f"{N3}.ipv4: leaves the interface without any address (got 'none'). "
            "An IPv6-only interface needs `ipv6:` with a `count:`."
        ],
    ),
    "no address at all, where pods may have a pool": (
        {(*FIRST, "ipv4"): "none", (*FIRST, "node"): {"pod_network": "ipvlan-l2"}},
        [
            f"{N3}.ipv4: leaves the interface without any address (got 'none'). "
            "An IPv6-only interface needs `ipv6:` with a `count:`, or a `pod_pool` of IPv6 addresses."
        ],
    ),
    "no address at all, where another gives pods theirs": (
        {
            (*FIRST, "ipv4"): "none",
            (*FIRST, "node"): {"pod_network": "ipvlan-l2"},
            (*FIRST, "pod_ipam"): "static",
        },
        [
            f"{N3}.ipv4: leaves the interface without any address (got 'none'). "
            "An IPv6-only interface needs `ipv6:` with a `count:`."
        ],
    ),
    "too many tags for all": (
        {("tags",): _many_tags(44)},
        [
            "tags: has more than 43 tags (got 44). "
            "EC2 allows 50 tags on a network interface, and the product sets 7 itself."
        ],
    ),
    "too many tags together": (
        {("tags",): _many_tags(40), (*FIRST, "tags"): _many_tags(4, "other")},
        [
            f"{N3}.tags: has, with the file's own tags, more than 43 tags (got 44). "
            "EC2 allows 50 tags on a network interface, and the product sets 7 itself."
        ],
    ),
    "more interfaces than any type takes": (
        {(*GROUP, "interfaces"): _interfaces(40)},
        [
            "node_groups[0].interfaces: are more than any instance type takes (got '40 on card 0'). The most that one "
            "takes is 24 on card 0, and card 0 has the primary one besides. Write fewer interfaces, or other network "
            "cards."
        ],
    ),
    "more interfaces than any one type takes together": (
        {(*GROUP, "interfaces"): [*_interfaces(23), *_interfaces(1, name="m", network_card=31)]},
        [
            "node_groups[0].interfaces: are more than any instance type takes (got '23 on card 0, 1 on card 31'). The "
            "most that one takes is 24 on card 0, 2 on card 31, and card 0 has the primary one besides. Write fewer "
            "interfaces, or other network cards."
        ],
    ),
    "unknown instance type": (
        {(*GROUP, "instance_types"): ["m5.xlrage"]},
        [
            "node_groups[0].instance_types[0]: is not a known instance type (got 'm5.xlrage'). Did you mean m5.xlarge? "
            "A type newer than this release cannot be checked: leave it out of the list."
        ],
    ),
    "more interfaces than one of the types takes": (
        {(*GROUP, "instance_types"): ["m5.xlarge", "t3.micro"]},
        [
            "node_groups[0].instance_types[1]: takes 2 network interfaces on card 0, and a node would have 3: the "
            "primary one, which the VPC CNI uses, and 2 here (got 't3.micro'). Name larger types, or write fewer "
            "interfaces. What is left over on card 0 is the VPC CNI's room to grow; with custom networking it needs "
            "at least one."
        ],
    ),
    "more interfaces than a card takes": (
        {
            (*GROUP, "instance_types"): ["p5.48xlarge"],
            (*FIRST, "network_card"): 4,
            (*SECOND, "network_card"): 4,
            (*GROUP, "interfaces", 2): {
                **A_GROUP["interfaces"][0],  # type: ignore[dict-item]  # a mixed literal is typed as object
                "name": "n9",
                "network_card": 4,
            },
        },
        [
            "node_groups[0].instance_types[0]: takes 2 network interfaces on card 4, and a node would have 3 (got "
            "'p5.48xlarge'). Name larger types, or write fewer interfaces. What is left over on card 0 is the VPC "
            "CNI's room to grow; with custom networking it needs at least one."
        ],
    ),
    "card that a type lacks": (
        {(*GROUP, "instance_types"): ["m5.xlarge"], (*FIRST, "network_card"): 1},
        [
            f"{N3}.network_card: is a network card that m5.xlarge does not have (got 1). It has 1, counted from 0."
        ],
    ),
    "more addresses than a type takes": (
        {(*GROUP, "instance_types"): ["m5.large"], (*FIRST, "ipv6"): {"count": 11}},
        [
            f"{N3}.ipv6.count: is more IPv6 addresses than m5.large takes per interface (10) (got 11). "
            "Write fewer, or name other types."
        ],
    ),
    "more addresses for pods than a type takes": (
        {
            (*GROUP, "instance_types"): ["m5.large"],
            (*FIRST, "node"): {"pod_network": "ipvlan-l2"},
            (*FIRST, "ipv6"): {"count": 1},
            (*FIRST, "pod_pool"): {"ipv4": 10, "ipv6": 10},
        },
        [
            f"{N3}.pod_pool.ipv4: is, with the primary one, more IPv4 addresses than m5.large takes per interface (10) (got 10). "
            "Write at most 9, or name other types.",
            f"{N3}.pod_pool.ipv6: is, with the interface's own 1, more IPv6 addresses than m5.large takes per interface (10) "
            "(got 10). Write fewer, or name other types.",
        ],
    ),
}


@pytest.mark.parametrize(("edits", "messages"), REFUSED.values(), ids=REFUSED)
def test_a_fault_between_values_is_refused_with_path_value_and_remedy(
    said: Callable[..., list[str]], edits: dict[Location, Any], messages: list[str]
) -> None:
    assert said(edits) == messages


TAKEN: dict[str, dict[Location, Any]] = {
    "the shortest heartbeat": {
        ("hook",): {"heartbeat_timeout_s": 420},
        ("reconcile",): {"interval_minutes": 1},
    },
    "five security groups": {
        (*FIRST, "security_groups"): [f"sg-0000000{digit}" for digit in "12345"]
    },
    "all tags that are free": {("tags",): _many_tags(40), (*FIRST, "tags"): _many_tags(3, "other")},
    "a tag of the file given again": {("tags",): _many_tags(43), (*FIRST, "tags"): {"k1": "mine"}},
    "every interface that the largest type takes": {(*GROUP, "interfaces"): _interfaces(23)},
    "a list beside a map": {(*SECOND, "subnets"): ["subnet-0000000c"]},
    "every interface a type takes": {(*GROUP, "instance_types"): ["m5.large"]},
    "the same interface name in two groups": {("node_groups", 1): A_GROUP},
}


@pytest.mark.parametrize("edits", TAKEN.values(), ids=TAKEN)
def test_what_is_just_right_is_taken(
    said: Callable[..., list[str]], edits: dict[Location, Any]
) -> None:
    assert said(edits) == []


def test_a_malformed_value_does_not_hide_the_faults_around_it(
    said: Callable[..., list[str]],
) -> None:
    messages = said(
        {
            (*SECOND, "security_groups"): ["nonsense"],
            (*SECOND, "name"): "n3",
            (*SECOND, "subnets"): {"us-east-1a": "subnet-0000000c"},
            (*GROUP, "instance_types"): ["t3.micro"],
        }
    )
    assert {message.split(":")[0] for message in messages} == {
        "node_groups[0].instance_types[0]",
        f"{N6}.name",
        f"{N6}.subnets.us-east-1b",
        f"{N6}.security_groups[0]",
    }


def test_a_malformed_id_hides_neither_a_zone_left_out_nor_a_list_too_long(
    said: Callable[..., list[str]],
) -> None:
    messages = said(
        {
            (*FIRST, "subnets"): {"us-east-1a": "nonsense", "us-east-1b": "nonsense"},
            (*SECOND, "subnets"): {"us-east-1a": "subnet-0000000c"},
            (*SECOND, "security_groups"): ["nonsense", *(f"sg-0000000{n}" for n in range(1, 6))],
        }
    )
    assert [message.split(" (got")[0] for message in messages] == [
        f"{N3}.subnets.us-east-1a: is not a subnet id",
        f"{N3}.subnets.us-east-1b: is not a subnet id",
        f"{N6}.subnets.us-east-1b: is missing, while interface n3 has a subnet in us-east-1b",
        f"{N6}.security_groups: has more than 5 security groups",
        f"{N6}.security_groups[0]: is not a security group id",
    ]


@pytest.mark.parametrize(
    "wrong",
    [{"aws:x": "v"}, {"x" * 129: "v"}, {"other3": "v" * 257}],
    ids=["AWS's", "key", "value"],
)
@pytest.mark.parametrize("where", [("tags",), (*FIRST, "tags")], ids=["file", "interface"])
def test_a_tag_that_is_wrong_does_not_hide_that_there_are_too_many(
    said: Callable[..., list[str]], where: Location, wrong: dict[str, str]
) -> None:
    messages = said(
        {("tags",): _many_tags(40), (*FIRST, "tags"): _many_tags(3, "other")}
        | {where: {**_many_tags(44 if where == ("tags",) else 4, "other"), **wrong}}
    )
    assert len(messages) == 2
    assert any("more than 43 tags" in message for message in messages)


@pytest.mark.parametrize(
    "edits",
    [
        {(*SECOND, "subnets"): "subnet-0000000c"},
        {(*SECOND, "subnets"): {"us-east-1a": "subnet-0000000c", "us-east1-b": "subnet-0000000d"}},
        {(*SECOND, "name"): 5},
        {(*SECOND, "ipv6"): 1, (*SECOND, "ipv4"): "none"},
        {(*SECOND, "ipv4"): "dhcp", (*SECOND, "pod_ranges"): ["10.0.0.0/24"]},
        {(*SECOND, "device_index"): 0, (*SECOND, "network_card"): "one"},
        {(*SECOND,): "n6"},
        {("region",): "us-east-1", ("alarm_topic_arn",): "on-call"},
        {(*GROUP, "instance_types"): ["large"]},
    ],
    ids=["subnets", "zone", "name", "ipv6", "ipv4", "card", "interface", "topic", "instance type"],
)
def test_a_malformed_value_causes_no_second_fault(
    said: Callable[..., list[str]], edits: dict[Location, Any]
) -> None:
    assert len(said(edits)) == 1


def test_the_product_sets_as_many_tags_as_are_kept_free_for_it() -> None:
    set_by_us = tags.ownership_tags(
        owner="o",
        node_group="g",
        instance_id=InstanceId("i"),
        interface="n",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    assert len(set_by_us) == checks.PRODUCT_TAGS
