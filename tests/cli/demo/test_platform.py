"""What a platform team has, made for any configuration."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import TYPE_CHECKING, Any

import pytest
import yaml

import authoring
from authoring.instance_types import image_parameter, known_types
from cli.demo import created, networks, platform
from localaws.identity import REGION
from tests.cli.demo.conftest import CONFIG

if TYPE_CHECKING:
    from localaws.account import Account


@pytest.mark.parametrize("count", [1, 3, 7, platform.MAX_INTERFACES])
def test_every_group_gets_so_many_interfaces_and_stays_valid(
    document: dict[str, Any], count: int
) -> None:
    platform.with_interfaces(document, count)
    config = authoring.resolve(authoring.parse(yaml.safe_dump(document)))
    assert [len(group.interfaces) for group in config.node_groups] == [count] * 2


def test_interfaces_that_are_added_have_no_pod_network(document: dict[str, Any]) -> None:
    document["node_groups"][0]["interfaces"][-1] |= {
        "pod_ipam": "whereabouts",
        "pod_ranges": ["10.0.49.0/24"],
        "pod_subnets": ["10.0.48.0/22"],
        "pod_routes": ["10.20.0.0/16"],
        "pod_namespaces": ["core"],
        "pod_plugins": {"sbr": True},
        "source_dest_check": False,
        "node": {"pod_network": "ipvlan-l2"},
    }
    document["node_groups"][1]["interfaces"][-1] |= {
        "pod_pool": {"ipv4": 4},
        "node": {"pod_network": "ipvlan-l2"},
    }
    platform.with_interfaces(document, 4)
    groups = authoring.resolve_pods(authoring.parse(yaml.safe_dump(document)))
    assert [[network.interface for network in group.networks] for group in groups] == [
        ["signalling", "oam"],
        ["n3", "n9"],
    ]


def test_interfaces_that_are_added_follow_no_pod(document: dict[str, Any]) -> None:
    followed = {"pod_follow": True, "node": {"pod_network": "ipvlan-l2"}}
    document["node_groups"][0]["interfaces"][-1] |= followed
    platform.with_interfaces(document, 4)
    interfaces = authoring.parse(yaml.safe_dump(document)).node_groups[0].interfaces
    assert [each.name for each in interfaces if each.pod_follow] == ["oam"]


def test_only_a_group_whose_types_are_too_small_launches_a_larger_one(
    document: dict[str, Any],
) -> None:
    assert platform.with_interfaces(document, 7) == ["control-plane"]
    assert document["node_groups"][0]["instance_types"] == [platform.LARGEST_TYPE]
    assert document["node_groups"][1]["instance_types"] == ["c6in.8xlarge"]


def test_a_ready_hook_that_no_node_would_answer_is_taken_out(document: dict[str, Any]) -> None:
    document["node_groups"][1]["node"] |= {"ready_hook": True, "on_failure": "abandon"}
    assert platform.without_ready_hooks(document) == ["user-plane"]
    nodes = authoring.resolve_nodes(authoring.parse(yaml.safe_dump(document)))
    assert [group.ready_hook for group in nodes.node_groups] == [None, None]
    assert nodes.node_groups[1].allow_unsafe_noiommu


@pytest.mark.parametrize("written", [{}, {"ready_hook": None}], ids=["nothing", "null"])
def test_the_ready_hook_that_a_created_group_has_by_default_is_taken_out_too(
    written: dict[str, Any],
) -> None:
    document = yaml.safe_load(CREATED.read_text())
    del document["node_groups"][0]["node"]["ready_hook"]
    document["node_groups"][0]["node"] |= written
    assert platform.without_ready_hooks(document) == ["user-plane"]
    (group,) = authoring.resolve_nodes(authoring.parse(yaml.safe_dump(document))).node_groups
    assert group.ready_hook is None
    assert platform.without_ready_hooks(document) == []


@pytest.mark.parametrize(
    ("way", "value"),
    [
        ("managed_node_group", "telco-user-plane"),
        ("auto_scaling_groups", {"tags": {"plane": "user"}}),
    ],
)
def test_a_group_that_would_be_looked_up_is_adopted_by_name(
    document: dict[str, Any], way: str, value: object
) -> None:
    del document["node_groups"][1]["auto_scaling_group"]
    document["node_groups"][1][way] = value
    assert platform.with_named_groups(document) == ["user-plane"]
    groups = authoring.resolve(authoring.parse(yaml.safe_dump(document))).node_groups
    names = [group.auto_scaling_group for group in groups]
    assert names == ["telco-control-plane", "example-user-plane"]


def test_a_configuration_of_another_account_is_deployed_into_this_one(
    document: dict[str, Any], empty_account: Account
) -> None:
    document |= {"account": "210987654321", "region": "eu-west-1"}
    document |= {"alarm_topic_arn": "arn:aws:sns:eu-west-1:210987654321:on-call"}
    made = platform.build(empty_account, document)
    assert made.document.keys().isdisjoint({"account", "region", "alarm_topic_arn"})
    assert REGION in made.zones[0]


GROUP = ["sg-0000000a"]
BOTH = {"us-east-1a": "subnet-0000000a", "us-east-1b": "subnet-0000000b"}


def _document(*interfaces: dict[str, Any], **group: Any) -> dict[str, Any]:  # noqa: ANN401 - as YAML reads it
    specs = [
        {"name": f"n{place}", "security_groups": GROUP, **spec}
        for place, spec in enumerate(interfaces)
    ]
    return _of_groups({"name": "a", "auto_scaling_group": "g", "interfaces": specs, **group})


def _of_groups(*groups: dict[str, Any]) -> dict[str, Any]:
    return {"name": "lab", "cluster_name": "lab", "node_groups": list(groups)}


def _built(account: Account, document: dict[str, Any]) -> platform.Platform:
    """Build for a valid configuration; what comes out is valid too."""
    authoring.parse(yaml.safe_dump(document))
    made = platform.build(account, document)
    authoring.parse(yaml.safe_dump(made.document))
    return made


def _subnet(account: Account, subnet_id: str) -> dict[str, Any]:
    shown: dict[str, Any] = account.client("ec2").describe_subnets(SubnetIds=[subnet_id])
    (subnet,) = shown["Subnets"]
    assert isinstance(subnet, dict)
    return subnet


def _specs(made: platform.Platform) -> list[dict[str, Any]]:
    return [spec for group in made.document["node_groups"] for spec in group["interfaces"]]


def test_the_subnet_of_an_interface_without_ipv4_has_ipv6_only(empty_account: Account) -> None:
    made = _built(
        empty_account,
        _document({"subnets": ["subnet-0000000a"], "ipv4": "none", "ipv6": {"count": 2}}),
    )
    subnet = _subnet(empty_account, *made.subnets)
    assert subnet["Ipv6Native"]
    assert not subnet.get("CidrBlock")
    assert subnet["Ipv6CidrBlockAssociationSet"]


def test_addresses_for_pods_alone_make_a_subnet_an_ipv6_one_too(empty_account: Account) -> None:
    pods = {"pod_pool": {"ipv6": 4}, "node": {"pod_network": "ipvlan-l2"}}
    made = _built(
        empty_account,
        _document(
            {"subnets": ["subnet-0000000a"], "ipv4": "none", **pods},
            {"subnets": ["subnet-0000000b"], **pods},
        ),
    )
    native, dual = (_subnet(empty_account, each) for each in made.subnets)
    assert (native["Ipv6Native"], dual["Ipv6Native"]) == (True, False)
    assert all(each["Ipv6CidrBlockAssociationSet"] for each in (native, dual))


@pytest.mark.parametrize("dual_first", [True, False])
def test_a_subnet_serves_every_interface_that_is_in_it(
    empty_account: Account, dual_first: bool
) -> None:
    specs: list[dict[str, Any]] = [{"subnets": BOTH, "ipv6": {"count": 1}}, {"subnets": BOTH}]
    made = _built(empty_account, _document(*(specs if dual_first else specs[::-1])))
    assert len(made.subnets) == 2
    for subnet_id in made.subnets:
        subnet = _subnet(empty_account, subnet_id)
        assert subnet["CidrBlock"]
        assert subnet["Ipv6CidrBlockAssociationSet"]


@pytest.mark.parametrize(
    "ranges",
    [
        ["192.168.7.0/25"],
        ["10.0.48.0/20", "11.0.0.0/8"],
        ["10.0.48.0/25", "10.0.48.128/25"],
        ["10.0.48.5/32"],
        [f"10.0.{number}.0/24" for number in range(9)],
    ],
    ids=["elsewhere", "wider than a subnet", "in one subnet", "an address", "many"],
)
def test_ranges_for_pods_move_into_the_upper_half_of_the_subnets_made(
    empty_account: Account, ranges: list[str]
) -> None:
    pods = {"ipv4": "from_start", "pod_ranges": ranges}
    other = {"us-east-1a": "subnet-0000000c", "us-east-1b": "subnet-0000000d"}
    made = _built(empty_account, _document({"subnets": BOTH, **pods}, {"subnets": other, **pods}))
    for spec in _specs(made):
        subnets = [
            IPv4Network(_subnet(empty_account, subnet_id)["CidrBlock"])
            for subnet_id in spec["subnets"].values()
        ]
        upper = [list(subnet.subnets())[1] for subnet in subnets]
        assert len(spec["pod_ranges"]) == len(ranges)
        for place, text in enumerate(spec["pod_ranges"]):
            assert IPv4Network(text).subnet_of(upper[place % 2])
    assert made.moved_ranges["a/n0"] == (ranges, _specs(made)[0]["pod_ranges"])


def test_what_only_pods_see_is_left_out(empty_account: Account) -> None:
    pods = {
        "pod_ipam": "whereabouts",
        "pod_subnets": ["10.9.0.0/24"],
        "pod_ranges": ["10.9.0.0/25"],
        "source_dest_check": False,
        "node": {"pod_network": "ipvlan-l2"},
    }
    (spec,) = _specs(_built(empty_account, _document({"subnets": BOTH, **pods})))
    assert spec.keys().isdisjoint({"pod_ipam", "pod_subnets", "pod_ranges"})
    assert spec["node"] == {"pod_network": "ipvlan-l2"}


def test_ranges_that_are_reserved_are_kept_whatever_chooses_the_nodes_addresses(
    empty_account: Account,
) -> None:
    pods = {
        "pod_ipam": "static",
        "pod_ranges": ["10.9.0.0/25", "fd00::/120"],
        "reserve_pod_ranges": True,
        "node": {"pod_network": "ipvlan-l2"},
    }
    only_ipv6 = {**pods, "pod_ranges": ["fd00::/120"]}
    first, second = _specs(
        _built(empty_account, _document({"subnets": BOTH, **pods}, {"subnets": BOTH, **only_ipv6}))
    )
    assert (len(first["pod_ranges"]), first["reserve_pod_ranges"]) == (1, True)
    assert second.keys().isdisjoint({"pod_ranges", "reserve_pod_ranges"})


def test_what_the_stack_needs_for_followed_addresses_is_deployed(empty_account: Account) -> None:
    """Nobody in the demo has such an address, but the policy is part of the stack."""
    pods = {"pod_ipam": "static", "pod_follow": True, "node": {"pod_network": "ipvlan-l2"}}
    (spec,) = _specs(_built(empty_account, _document({"subnets": BOTH, **pods})))
    assert spec["pod_follow"]
    assert "pod_ipam" not in spec


def test_one_range_of_a_subnet_stays_one_for_all_its_interfaces(empty_account: Account) -> None:
    spec = {"subnets": BOTH, "ipv4": "from_start", "pod_ranges": ["10.9.0.0/25", "10.9.1.0/25"]}
    first, second = _specs(_built(empty_account, _document(dict(spec), dict(spec))))
    assert first["pod_ranges"] == second["pod_ranges"]
    assert len(set(first["pod_ranges"])) == 2


def test_an_interface_written_once_for_two_groups_is_rewritten_once_for_each(
    empty_account: Account,
) -> None:
    interfaces = [{"name": "n3", "subnets": BOTH, "security_groups": GROUP}]
    made = _built(
        empty_account,
        _of_groups(
            {"name": "a", "auto_scaling_group": "g", "interfaces": interfaces},
            {"name": "b", "auto_scaling_group": "h", "interfaces": interfaces},
        ),
    )
    assert len(made.subnets) == 2
    assert {*_specs(made)[0]["subnets"].values()} == {*made.subnets}


def test_a_group_launches_where_all_its_interfaces_have_a_subnet(empty_account: Account) -> None:
    one, other = "subnet-0000000c", "subnet-0000000d"
    made = _built(
        empty_account,
        _of_groups(
            {
                "name": "a",
                "auto_scaling_group": "g",
                "interfaces": [{"name": "n3", "subnets": [one], "security_groups": GROUP}],
            },
            {
                "name": "b",
                "auto_scaling_group": "h",
                "interfaces": [
                    {
                        "name": "n3",
                        "subnets": {"us-east-1b": "subnet-0000000b", "us-east-1c": other},
                        "security_groups": GROUP,
                    },
                    {"name": "n6", "subnets": [other], "security_groups": GROUP},
                ],
            },
        ),
    )
    groups = empty_account.client("autoscaling").describe_auto_scaling_groups()
    zones = {
        group["AutoScalingGroupName"]: group["AvailabilityZones"]
        for group in groups["AutoScalingGroups"]
    }
    assert zones == {"g": ["us-east-1b"], "h": ["us-east-1c"]}
    assert made.zones == ("us-east-1b", "us-east-1c")


@pytest.mark.parametrize(
    ("interfaces", "more"),
    [(14, {}), (3, {"network_card": 1}), (2, {"ipv6": {"count": 50}}), (23, {})],
    ids=["many", "another card", "many IPv6 addresses", "as many as there can be"],
)
def test_a_group_that_names_no_type_launches_one_that_takes_its_interfaces(
    empty_account: Account, interfaces: int, more: dict[str, Any]
) -> None:
    document = _document(*({"subnets": BOTH, **more} for _ in range(interfaces)))
    _built(empty_account, document)
    [template] = empty_account.client("ec2").describe_launch_template_versions(
        LaunchTemplateName="lab-0"
    )["LaunchTemplateVersions"]
    document["node_groups"][0]["instance_types"] = [template["LaunchTemplateData"]["InstanceType"]]
    authoring.parse(yaml.safe_dump(document))


def test_more_interfaces_in_a_subnet_with_ipv6_only_have_no_ipv4_either(
    empty_account: Account,
) -> None:
    document = _document({"subnets": BOTH, "ipv4": "none", "ipv6": {"count": 1}})
    platform.with_interfaces(document, 3)
    made = _built(empty_account, document)
    assert {spec["ipv4"] for spec in _specs(made)} == {"none"}


@pytest.mark.parametrize(
    "last",
    [
        {"pod_pool": {"ipv4": 4}, "pod_routes": ["10.20.0.0/16"]},
        {"ipv4": "none", "pod_pool": {"ipv6": 4}},
        {
            "pod_ipam": "whereabouts",
            "pod_ranges": ["10.0.49.0/24"],
            "pod_namespaces": ["core"],
            "source_dest_check": False,
        },
    ],
    ids=["pool", "pool in an IPv6-only subnet", "whereabouts"],
)
def test_more_interfaces_like_one_of_pods_are_not_the_pods(
    empty_account: Account, last: dict[str, Any]
) -> None:
    document = _document({"subnets": BOTH, "node": {"pod_network": "ipvlan-l2"}, **last})
    platform.with_interfaces(document, 3)
    _built(empty_account, document)


def test_as_many_subnets_as_a_vpc_takes_are_made_and_more_are_refused_in_words(
    empty_account: Account,
) -> None:
    def with_subnets(number: int) -> dict[str, Any]:
        ids = [f"subnet-{place:08x}" for place in range(number)]
        return _document({"subnets": ids, "ipv6": {"count": 1}})

    made = _built(empty_account, with_subnets(networks.MAX_SUBNETS - 2))
    assert len(made.subnets) == networks.MAX_SUBNETS - 2
    with pytest.raises(networks.TooManySubnets, match="201 subnets"):
        platform.build(empty_account, with_subnets(networks.MAX_SUBNETS - 1))


CREATED = CONFIG / "created.yaml"


def test_a_group_that_is_created_finds_its_network_image_and_cluster(
    empty_account: Account,
) -> None:
    document = yaml.safe_load(CREATED.read_text())
    there = {
        "ami": "ami-0123456789abcdef0",
        "key_pair": "ours",
        "policies": ["arn:aws:iam::210987654321:policy/ours"],
    }
    document["node_groups"][0]["create"] |= there
    made = _built(empty_account, document)
    assert made.groups == ("MultusEni-created-Nodes-user-plane",)
    autoscaling, ec2 = empty_account.client("autoscaling"), empty_account.client("ec2")
    assert autoscaling.describe_auto_scaling_groups()["AutoScalingGroups"] == []
    create = made.document["node_groups"][0]["create"]
    assert "cluster" not in made.document
    assert create.keys().isdisjoint(there)
    assert create["root_volume"] == {"size_gib": 80}
    for zone, subnet_id in create["subnets"].items():
        assert _subnet(empty_account, subnet_id)["AvailabilityZone"] == zone
    ssm = empty_account.client("ssm")
    published = ssm.get_parameter(Name=image_parameter("1.33", "x86_64"))["Parameter"]["Value"]
    assert ec2.describe_images(ImageIds=[published])["Images"]
    told = empty_account.client("eks").describe_cluster(name="telco")["cluster"]
    assert sorted(told["resourcesVpcConfig"]["subnetIds"]) == sorted(create["subnets"].values())


def test_a_group_of_an_ipv6_cluster_finds_a_cluster_and_subnets_of_its_family(
    empty_account: Account,
) -> None:
    document = yaml.safe_load((CONFIG / "ipv6.yaml").read_text())
    made = _built(empty_account, document)
    for subnet_id in made.document["node_groups"][0]["create"]["subnets"].values():
        subnet = _subnet(empty_account, subnet_id)
        assert subnet["CidrBlock"]
        assert subnet["Ipv6CidrBlockAssociationSet"]
        assert subnet["AssignIpv6AddressOnCreation"]
    told = empty_account.client("eks").describe_cluster(name="telco-ipv6")["cluster"]
    assert told["kubernetesNetworkConfig"]["ipFamily"] == "ipv6"


def test_a_type_that_takes_the_addresses_is_launched(empty_account: Account) -> None:
    pods = {"pod_pool": {"ipv4": 40}, "node": {"pod_network": "ipvlan-l2"}}
    _built(empty_account, _document({"subnets": BOTH, **pods}))
    ec2 = empty_account.client("ec2")
    [version] = ec2.describe_launch_template_versions(
        LaunchTemplateName="lab-0", Versions=["$Latest"]
    )["LaunchTemplateVersions"]
    launched = version["LaunchTemplateData"]["InstanceType"]
    assert known_types()[launched].ipv4_per_interface > 40


def test_the_demo_has_one_group_of_the_example_created_and_adopts_the_other(
    document: dict[str, Any], empty_account: Account
) -> None:
    assert created.have_one_created(document) == "user-plane"
    created.from_none_to(document, 10)
    made = platform.build(empty_account, document)
    authoring.parse(yaml.safe_dump(made.document))
    assert made.groups == ("telco-control-plane", "MultusEni-example-Nodes-user-plane")


def test_a_created_group_begins_without_a_node_and_without_a_warm_pool() -> None:
    document = yaml.safe_load(CREATED.read_text())
    (group,) = document["node_groups"]
    group["create"] |= {"spot_percent": 50, "warm_pool": {"min_size": 1}}
    created.from_none_to(document, 10)
    assert (group["create"]["min_size"], group["create"]["max_size"]) == (0, 10)
    assert "warm_pool" not in group["create"]
    assert group["create"]["spot_percent"] == 50
