"""The reader against the embedded account: what it sees, with which rights, and what it makes of a refusal."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from account import reader
from account.reader import ACTIONS
from account.session import AccountUnreachable, Session
from domain import naming, tags
from domain.model import GroupName, SecurityGroupId, SubnetId
from domain.preflight import observed
from domain.preflight.observed import AutoScalingGroup, Launches, Unseen, shown
from domain.preflight.planned import Created
from localaws.faults import Fault, FaultKind
from tests.account.conftest import GROUP, LAUNCHES, QUEUE, change_answers

if TYPE_CHECKING:
    from tests.account.conftest import Place

LOOKED_UP = "eks:DescribeNodegroup"
"""Not the reader's: the look-up of managed node groups before it."""
NAMES_ALL = Created(
    subnets={}, ami="ami-12c6146b", key_pair="ops", placement_group="rack", kubernetes_version=None
)
ROLE = "arn:aws:iam::123456789012:role/vpc-cni"
DOCUMENT = Path(__file__).parents[2] / "docs" / "preflight.md"


def documented_policy() -> dict[str, Any]:
    """Return the policy that docs/preflight.md tells to attach."""
    [block] = re.findall(r"```json\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    policy: dict[str, Any] = json.loads(block)
    return policy


def planned(create: Created) -> dict[GroupName, AutoScalingGroup]:
    """Return a group that the stacks will create."""
    name = GroupName("MultusEni-example-Nodes-new")
    return {
        name: AutoScalingGroup(
            name=name,
            most_nodes=1,
            nodes=0,
            subnet_ids=(),
            running_types=(),
            launches=Launches(()),
            hooks=(),
            create=create,
        )
    }


def unseen(account: observed.Account) -> list[str]:
    """Return the actions whose answers are missing anywhere in what was seen."""
    parts: list[object] = list(vars(account).values())
    if not isinstance(account.groups, Unseen):
        for group in account.groups.values():
            parts += [group.launches, group.hooks]
    if not isinstance(account.rules, Unseen):
        parts += [rule.targets for rule in account.rules]
    return [part.action for part in parts if isinstance(part, Unseen)]


def interface(place: Place) -> dict[str, Any]:
    """Return the first interface of the configuration."""
    spec: dict[str, Any] = place.document["node_groups"][0]["interfaces"][0]
    return spec


def change_group(place: Place, **changes: Any) -> None:  # noqa: ANN401 - parameters of UpdateAutoScalingGroup
    """Change the first group."""
    place.account.client("autoscaling").update_auto_scaling_group(
        AutoScalingGroupName=GROUP, **changes
    )


def make_template(place: Place, name: str, **data: Any) -> str:  # noqa: ANN401 - LaunchTemplateData
    """Make a launch template and return its id."""
    made = place.account.client("ec2").create_launch_template(
        LaunchTemplateName=name, LaunchTemplateData=data
    )
    template_id: str = made["LaunchTemplate"]["LaunchTemplateId"]
    return template_id


def test_it_sees_the_groups_with_what_they_launch(place: Place) -> None:
    groups = shown(place.read().groups)
    assert set(groups) == {"telco-control-plane", "telco-user-plane"}
    group = groups[GROUP]
    assert (group.most_nodes, group.nodes, group.running_types) == (1000, 0, ())
    assert shown(group.launches) == observed.Launches(("m5.2xlarge",))
    assert shown(group.hooks) == ()
    assert len(group.subnet_ids) == 2


def test_it_sees_hooks_tags_and_running_nodes(place: Place) -> None:
    autoscaling = place.account.client("autoscaling")
    autoscaling.put_lifecycle_hook(
        AutoScalingGroupName=GROUP,
        LifecycleHookName="nth",
        LifecycleTransition="autoscaling:EC2_INSTANCE_TERMINATING",
    )
    autoscaling.create_or_update_tags(
        Tags=[
            {
                "ResourceId": GROUP,
                "ResourceType": "auto-scaling-group",
                "Key": "aws-node-termination-handler/managed",
                "Value": "true",
                "PropagateAtLaunch": True,
            }
        ]
    )
    change_group(place, DesiredCapacity=2)
    place.account.clock.wait(5)
    group = shown(place.read().groups)[GROUP]
    assert shown(group.hooks) == ("nth",)
    assert group.tags == {"aws-node-termination-handler/managed": "true"}
    assert (group.nodes, group.running_types) == (2, ("m5.2xlarge",))


LEFT = "MultusEni-example-Nodes-old"


def make_group(place: Place, name: str, **tags: str) -> None:
    """Make an empty group that is in no node group, with our launch hook."""
    place.account.client("autoscaling").create_auto_scaling_group(
        AutoScalingGroupName=name,
        LaunchTemplate={
            "LaunchTemplateId": make_template(
                place, name, ImageId="ami-12c6146b", InstanceType="m5.large"
            )
        },
        MinSize=0,
        MaxSize=1,
        AvailabilityZones=["us-east-1a"],
        Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        LifecycleHookSpecificationList=[
            {
                "LifecycleHookName": "MultusEni-example-launch",
                "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING",
            }
        ],
    )


def test_it_sees_groups_that_the_stack_or_its_hooks_may_have_been_left_on(place: Place) -> None:
    make_group(place, LEFT)
    make_group(place, "of-the-cluster", **{"kubernetes.io/cluster/telco": "owned"})
    make_group(place, "of-another-cluster", **{"kubernetes.io/cluster/lab": "owned"})
    place.account.calls.clear()
    account = place.read(planned(NAMES_ALL))
    hooks = ("MultusEni-example-launch",)
    assert account.others == (
        observed.OtherGroup(GroupName(LEFT), hooks),
        observed.OtherGroup(GroupName("of-the-cluster"), hooks),
    )
    assert len(place.account.calls.of_action("DescribeLifecycleHooks")) == 4
    assert set(shown(account.groups)) == {
        "telco-control-plane",
        "telco-user-plane",
        "MultusEni-example-Nodes-new",
    }


def test_a_group_that_is_being_deleted_is_not_left_behind(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_group(place, LEFT)

    def delete(answer: dict[str, Any]) -> None:
        for raw in answer["AutoScalingGroups"]:
            raw["Status"] = "Delete in progress"

    change_answers(monkeypatch, "autoscaling.DescribeAutoScalingGroups", delete)
    assert place.read().others == ()


def test_a_group_that_is_not_there_is_left_out(place: Place) -> None:
    place.document["node_groups"][0]["auto_scaling_group"] = "nobody"
    assert set(shown(place.read().groups)) == {"telco-user-plane"}


def test_a_group_is_shown_as_it_will_be_made_with_the_nodes_and_hooks_that_it_has(
    place: Place,
) -> None:
    before = shown(place.read().groups)[GROUP]
    made = replace(
        before, most_nodes=77, nodes=0, running_types=(), hooks=("ours",), launches=Launches(("x",))
    )
    new = replace(made, name=GroupName("new"))
    groups = shown(place.read({GROUP: made, new.name: new}).groups)
    assert groups[GROUP] == replace(before, most_nodes=77, launches=Launches(("x",)))
    assert groups[new.name] == new


def test_overrides_say_what_a_mixed_group_launches(place: Place) -> None:
    template = make_template(
        place,
        "mixed",
        InstanceType="m5.large",
        NetworkInterfaces=[{"DeviceIndex": 0}, {"DeviceIndex": 3, "NetworkCardIndex": 0}],
    )
    change_group(
        place,
        MixedInstancesPolicy={
            "LaunchTemplate": {
                "LaunchTemplateSpecification": {"LaunchTemplateId": template, "Version": "$Latest"},
                "Overrides": [{"InstanceType": "m5.4xlarge"}, {"InstanceType": "m6i.4xlarge"}],
            }
        },
    )
    account = place.read()
    launches = shown(shown(account.groups)[GROUP].launches)
    assert launches == observed.Launches(("m5.4xlarge", "m6i.4xlarge"), ((0, 3),))
    assert {"m5.4xlarge", "m6i.4xlarge"} < set(shown(account.instance_types))


def test_a_launch_template_that_is_gone_says_nothing(place: Place) -> None:
    ec2 = place.account.client("ec2")
    for template in ec2.describe_launch_templates()["LaunchTemplates"]:
        ec2.delete_launch_template(LaunchTemplateId=template["LaunchTemplateId"])
    account = place.read()
    assert shown(shown(account.groups)[GROUP].launches) == observed.Launches(())
    assert {"m5.2xlarge", "m6i.2xlarge"} < set(shown(account.instance_types))


@pytest.mark.parametrize(
    ("pool", "most"),
    [
        pytest.param({"MaxGroupPreparedCapacity": 1200, "MinSize": 0}, 1200, id="prepared"),
        pytest.param({"MinSize": 30}, 1030, id="beside a full group"),
    ],
)
def test_a_warm_pool_may_make_a_group_larger(place: Place, pool: dict[str, int], most: int) -> None:
    autoscaling = place.account.client("autoscaling")
    autoscaling.suspend_processes(AutoScalingGroupName=GROUP, ScalingProcesses=["Launch"])
    autoscaling.put_warm_pool(AutoScalingGroupName=GROUP, **pool)
    assert shown(place.read().groups)[GROUP].most_nodes == most


def test_nodes_of_a_warm_pool_are_nodes_too(place: Place) -> None:
    change_group(place, DesiredCapacity=2)
    place.account.client("autoscaling").put_warm_pool(
        AutoScalingGroupName=GROUP, MaxGroupPreparedCapacity=5
    )
    place.account.clock.wait(300)
    group = shown(place.read().groups)[GROUP]
    assert (group.nodes, len(group.in_service)) == (5, 2)


def test_it_sees_reservations_in_the_nodes_own_subnets(place: Place) -> None:
    subnet_id = shown(place.read().groups)[GROUP].subnet_ids[0]
    ec2 = place.account.client("ec2")
    cidr = first_half(ec2, subnet_id)
    ec2.create_subnet_cidr_reservation(SubnetId=subnet_id, Cidr=cidr, ReservationType="prefix")
    [reserved] = shown(place.read().reservations)[subnet_id]
    assert (reserved.network, reserved.kind) == (IPv4Network(cidr), "prefix")


@pytest.mark.parametrize(
    ("policy", "percent"),
    [
        pytest.param(None, 100, id="without a policy as it is"),
        pytest.param(
            {"MinHealthyPercentage": 100, "MaxHealthyPercentage": 120}, 120, id="a policy"
        ),
        pytest.param(
            {"MinHealthyPercentage": -1, "MaxHealthyPercentage": -1}, 100, id="taken away"
        ),
    ],
)
def test_an_instance_maintenance_policy_says_how_large_a_group_becomes(
    place: Place, monkeypatch: pytest.MonkeyPatch, policy: dict[str, int] | None, percent: int
) -> None:
    def with_policy(answer: dict[str, Any]) -> None:
        for group in answer["AutoScalingGroups"] if policy else ():
            group["InstanceMaintenancePolicy"] = policy

    change_answers(monkeypatch, "auto-scaling.DescribeAutoScalingGroups", with_policy)
    assert shown(place.read().groups)[GROUP].max_healthy_percent == percent


def test_it_sees_capacity_rebalancing(place: Place) -> None:
    assert not shown(place.read().groups)[GROUP].capacity_rebalance
    change_group(place, CapacityRebalance=True)
    assert shown(place.read().groups)[GROUP].capacity_rebalance


def test_it_sees_subnets_with_what_is_free_in_them(place: Place) -> None:
    subnet_id = SubnetId(interface(place)["subnets"]["us-east-1a"])
    ec2 = place.account.client("ec2")
    ec2.create_tags(Resources=[subnet_id], Tags=[{"Key": "use", "Value": "multus"}])
    ec2.create_subnet_cidr_reservation(
        SubnetId=subnet_id, Cidr=first_half(ec2, subnet_id), ReservationType="explicit"
    )
    account = place.read()
    subnet = shown(account.subnets)[subnet_id]
    assert (subnet.zone, subnet.tags) == ("us-east-1a", {"use": "multus"})
    assert subnet.ipv4_cidr is not None
    assert subnet.ipv4_cidr.num_addresses == 1024
    assert subnet.has_ipv6 is False
    [reserved] = shown(account.reservations)[subnet_id]
    assert reserved.network == next(subnet.ipv4_cidr.subnets())


class ReservationsInTwoPages:
    """EC2, which gives a subnet's reservations one at a time."""

    def __init__(self, ec2: Any) -> None:  # noqa: ANN401 - a client of EC2
        self._ec2 = ec2

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the client has
        return getattr(self._ec2, name)

    def get_subnet_cidr_reservations(self, **request: str) -> dict[str, Any]:
        """Return one of two reservations, and a token after the first."""
        answer = self._ec2.get_subnet_cidr_reservations(SubnetId=request["SubnetId"])
        first, *others = answer["SubnetIpv4CidrReservations"] or [None]
        if not others:
            return dict(answer)
        if "NextToken" not in request:
            return {"SubnetIpv4CidrReservations": [first], "NextToken": "the-second"}
        assert request["NextToken"] == "the-second"
        return {"SubnetIpv4CidrReservations": others}


def test_it_sees_reservations_on_later_pages_too(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    subnet_id = SubnetId(interface(place)["subnets"]["us-east-1a"])
    ec2 = place.account.client("ec2")
    quarters = list(IPv4Network(first_half(ec2, subnet_id)).subnets())
    for each in quarters:
        ec2.create_subnet_cidr_reservation(
            SubnetId=subnet_id, Cidr=str(each), ReservationType="explicit"
        )
    client_of = Session.client

    def client(session: Session, service: str) -> Any:  # noqa: ANN401 - a client of boto3
        made = client_of(session, service)
        return ReservationsInTwoPages(made) if service == "ec2" else made

    monkeypatch.setattr(Session, "client", client)
    reserved = shown(place.read().reservations)[subnet_id]
    assert sorted(str(each.network) for each in reserved) == [str(each) for each in quarters]


def test_it_sees_who_has_addresses_of_ranges_to_reserve(place: Place) -> None:
    spec = interface(place)
    subnet_id = SubnetId(spec["subnets"]["us-east-1a"])
    ec2 = place.account.client("ec2")
    strangers = ec2.create_network_interface(SubnetId=subnet_id, SecondaryPrivateIpAddressCount=1)
    owner = {"Key": tags.OWNER, "Value": naming.owner(place.document["name"])}
    ours = ec2.create_network_interface(
        SubnetId=subnet_id,
        SecondaryPrivateIpAddressCount=1,
        TagSpecifications=[{"ResourceType": "network-interface", "Tags": [owner]}],
    )
    place.account.clock.wait(1)
    assert shown(place.read().takers) == {}
    spec |= {"pod_ranges": [first_half(ec2, subnet_id)], "reserve_pod_ranges": True}
    takers = {each.eni_id: each for each in shown(place.read().takers)[subnet_id]}
    for made, addresses in ((strangers, 2), (ours, 1)):
        taker = takers[made["NetworkInterface"]["NetworkInterfaceId"]]
        assert len(taker.addresses) == addresses
        assert taker.addresses[0] == made["NetworkInterface"]["PrivateIpAddress"]


def first_half(ec2: Any, subnet_id: str) -> str:  # noqa: ANN401 - a client of EC2
    """Return the lower half of a subnet's CIDR."""
    [subnet] = ec2.describe_subnets(SubnetIds=[subnet_id])["Subnets"]
    return str(next(IPv4Network(subnet["CidrBlock"]).subnets()))


def test_it_sees_ipv6(place: Place) -> None:
    oam = place.document["node_groups"][0]["interfaces"][1]
    known = shown(place.read().subnets)
    subnet_ids = [SubnetId(each) for each in oam["subnets"].values()]
    assert all(known[each].has_ipv6 for each in subnet_ids)
    assert not any(known[each].gives_ipv6 for each in subnet_ids)
    place.account.client("ec2").modify_subnet_attribute(
        SubnetId=subnet_ids[0], AssignIpv6AddressOnCreation={"Value": True}
    )
    assert shown(place.read().subnets)[subnet_ids[0]].gives_ipv6


def test_it_sees_security_groups(place: Place) -> None:
    account = place.read()
    [group_id] = interface(place)["security_groups"]
    subnet = shown(account.subnets)[SubnetId(interface(place)["subnets"]["us-east-1a"])]
    assert shown(account.security_groups)[SecurityGroupId(group_id)].vpc_id == subnet.vpc_id


def test_it_sees_the_limits_of_the_types_that_the_region_has(place: Place) -> None:
    types = shown(place.read().instance_types)
    assert set(types) == {"m5.2xlarge", "c6in.8xlarge"}
    assert types["m5.2xlarge"] == observed.InstanceType(
        "m5.2xlarge", (4,), 4, 15, 15, nitro=True, ena=True, architectures=("x86_64",)
    )


def test_it_sees_which_zones_have_the_types(place: Place) -> None:
    offerings = shown(place.read().offerings)
    assert set(offerings) == {"m5.2xlarge", "c6in.8xlarge"}
    assert {"us-east-1a", "us-east-1b"} < offerings["m5.2xlarge"]
    assert "us-east-1e" not in offerings["m5.2xlarge"]


def test_it_sees_the_cluster_and_its_cni(place: Place) -> None:
    account = place.read()
    cluster = shown(account.cluster)
    assert cluster is not None
    subnet_id = shown(account.groups)[GROUP].subnet_ids[0]
    assert (cluster.version, cluster.ipv6) == ("1.33", False)
    assert cluster.authentication_mode == "API_AND_CONFIG_MAP"
    assert {key: cluster.facts[key] for key in ("version", "vpc", "service_cidr")} == {
        "version": "1.33",
        "vpc": cluster.vpc_id,
        "service_cidr": "10.100.0.0/16",
    }
    assert cluster.vpc_id == shown(account.subnets)[subnet_id].vpc_id
    assert shown(account.vpc_cni) == observed.VpcCni(
        (1, 23, 1), {"ENABLE_POD_ENI": "true", "WARM_PREFIX_TARGET": "2"}, has_role=False
    )


@pytest.mark.parametrize(
    "made",
    [
        pytest.param({"serviceAccountRoleArn": ROLE}, id="of its service account"),
        pytest.param(
            {"podIdentityAssociations": [{"serviceAccount": "aws-node", "roleArn": ROLE}]},
            id="by pod identity",
        ),
    ],
)
def test_it_sees_a_role_of_the_cni(place: Place, made: dict[str, Any]) -> None:
    eks = place.account.client("eks")
    eks.create_cluster(
        name="other",
        roleArn=ROLE,
        resourcesVpcConfig={"subnetIds": list(interface(place)["subnets"].values())},
    )
    eks.create_addon(
        clusterName="other", addonName="vpc-cni", addonVersion="v1.23.1-eksbuild.1", **made
    )
    place.document["cluster_name"] = "other"
    cni = shown(place.read().vpc_cni)
    assert cni is not None
    assert cni.has_role


def test_a_cluster_that_is_not_there_is_none(place: Place) -> None:
    place.document["cluster_name"] = "nobody"
    account = place.read()
    assert (account.cluster, account.vpc_cni) == (None, None)


def test_it_sees_the_rules_that_may_take_our_hooks_and_no_others(place: Place) -> None:
    events = place.account.client("events")
    events.put_rule(Name="elsewhere", EventPattern=json.dumps({"source": ["aws.ec2"]}))
    events.put_rule(Name="off", EventPattern=json.dumps(LAUNCHES), State="DISABLED")
    events.put_rule(Name="nightly", ScheduleExpression="rate(1 day)")
    assert shown(place.read().rules) == (observed.EventRule("nth", LAUNCHES, (QUEUE,)),)


def test_it_reads_every_page(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = place.read()
    monkeypatch.setattr(reader, "PAGE", 5)
    monkeypatch.setattr(reader, "GROUPS_PAGE", 1)
    monkeypatch.setattr(reader, "FILTER_VALUES", 1)
    place.account.calls.clear()
    assert place.read() == whole
    assert len(place.account.calls.of_action("DescribeSubnets")) > 1
    assert len(place.account.calls.of_action("DescribeAutoScalingGroups")) == 2


def test_it_calls_what_it_says_and_changes_nothing(place: Place) -> None:
    place.read(planned(NAMES_ALL))
    assert place.calls() == set(ACTIONS)
    assert all(re.match(r"\w+:(Describe|List|Get)", action) for action in ACTIONS)


def test_calls_for_several_items_are_made_once(place: Place) -> None:
    place.read()
    counts = place.account.calls.counts()
    for action in (
        "DescribeAutoScalingGroups",
        "DescribeSubnets",
        "DescribeSecurityGroups",
        "DescribeInstanceTypes",
        "DescribeInstanceTypeOfferings",
        "DescribeCluster",
        "ListRules",
    ):
        assert counts[action] == 1


def test_the_documented_policy_allows_what_is_called_and_no_more(place: Place) -> None:
    [statement] = documented_policy()["Statement"]
    assert (statement["Effect"], statement["Resource"]) == ("Allow", "*")
    assert set(statement["Action"]) == {*ACTIONS, LOOKED_UP}
    assert len(statement["Action"]) == len(ACTIONS) + 1
    place.act_as_role_that_may(statement["Action"])
    assert unseen(place.read(planned(NAMES_ALL))) == []


@pytest.mark.parametrize("missing", ACTIONS)
def test_a_missing_right_hides_what_it_is_for_and_nothing_else(place: Place, missing: str) -> None:
    place.act_as_role_that_may([action for action in ACTIONS if action != missing])
    assert set(unseen(place.read(planned(NAMES_ALL)))) == {missing}


def test_any_other_refusal_ends_the_reading(place: Place) -> None:
    place.account.faults.inject(
        Fault("DescribeSubnets", FaultKind.ERROR, code="OptInRequired", times=None)
    )
    with pytest.raises(AccountUnreachable, match=r"^DescribeSubnets failed: OptInRequired"):
        place.read()
