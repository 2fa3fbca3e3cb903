"""Reads what a preflight looks at: one paginated describe per kind, and one call per item only where AWS has no other."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network, ip_network
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import yaml
from botocore.exceptions import ClientError

from account.asking import FILTER_VALUES, chunks, pages, seen
from account.created import Named
from account.session import UNANSWERED, AccountUnreachable, line
from authoring.cluster import facts
from domain import tags
from domain.model import EniId, GroupName, InstanceId, SecurityGroupId, SubnetId, VpcId
from domain.preflight.hooks import takes_a_hook_of
from domain.preflight.leftovers import may_be_left_behind
from domain.preflight.looks import Whole
from domain.preflight.observed import (
    Account,
    AutoScalingGroup,
    CannotTell,
    Cluster,
    EventRule,
    InstanceType,
    Launches,
    OtherGroup,
    SecurityGroup,
    Subnet,
    Unseen,
    VpcCni,
    largest,
)
from domain.reservations import AddressHolder, CidrReservation, ReservationId, pod_ranges

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence

    from account.asking import Raw
    from account.session import Session
    from domain.config import Config
    from domain.node.config import NodeConfig
    from domain.preflight.observed import Shown


ACTIONS = (
    "autoscaling:DescribeAutoScalingGroups",
    "autoscaling:DescribeLifecycleHooks",
    "ec2:DescribeImages",
    "ec2:DescribeInstanceTypeOfferings",
    "ec2:DescribeInstanceTypes",
    "ec2:DescribeKeyPairs",
    "ec2:DescribeLaunchTemplateVersions",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribePlacementGroups",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:GetSubnetCidrReservations",
    "eks:DescribeAddon",
    "eks:DescribeCluster",
    "events:ListRules",
    "events:ListTargetsByRule",
)
"""Every right that is used; sts:GetCallerIdentity needs none."""
GROUPS_PAGE = 100
"""MaxRecords of DescribeAutoScalingGroups (Auto Scaling API reference)."""
PAGE = 1000
LARGEST_TYPES_PAGE = 100
"""MaxResults of DescribeInstanceTypes (EC2 API reference)."""
ADDON = "vpc-cni"
_NOT_THERE = frozenset(
    {
        "InvalidLaunchTemplateId.NotFound",
        "InvalidLaunchTemplateId.VersionNotFound",
        "ResourceNotFoundException",
    }
)


def read(
    session: Session,
    config: Config,
    nodes: NodeConfig,
    planned: Mapping[GroupName, AutoScalingGroup] = MappingProxyType({}),
) -> Account:
    """Return what the account shows of what the configuration is about.

    Args:
        session: with whose credentials.
        config: what handlers read.
        nodes: what nodes read.
        planned: groups as the configuration will make them. One that is there already is shown as it will be, with the nodes
            and hooks that it has.

    Raises:
        AccountUnreachable: AWS did not answer, or in a way that says nothing about rights.
    """
    try:
        return _Reader(session, planned).read(config, nodes)
    except ClientError as failed:
        error = failed.response["Error"]
        raise AccountUnreachable(
            f"{failed.operation_name} failed: {error['Code']}: {error.get('Message', '')}".rstrip(
                ". "
            ),
            "Try again.",
        ) from failed
    except UNANSWERED as failed:
        raise AccountUnreachable(line(failed), "Check the way to AWS and try again.") from failed


class _Reader:
    def __init__(self, session: Session, planned: Mapping[GroupName, AutoScalingGroup]) -> None:
        self._planned = planned
        # Typed stubs are not there for all of these services; nothing of their answers leaves this module.
        self._ec2: Any = session.client("ec2")
        self._autoscaling: Any = session.client("autoscaling")
        self._eks: Any = session.client("eks")
        self._events: Any = session.client("events")

    def read(self, config: Config, nodes: NodeConfig) -> Account:
        raws = self._all_groups()
        subnets = self._subnets()
        named = Named(self._ec2, (each.create for each in self._planned.values() if each.create))
        account = Account(
            groups=self._groups(raws, {each.auto_scaling_group for each in config.node_groups}),
            others=self._others(raws, config),
            subnets=subnets,
            reservations={},
            takers={},
            security_groups=self._security_groups(),
            instance_types={},
            offerings={},
            cluster=self._cluster(config.cluster_name),
            vpc_cni=self._vpc_cni(config.cluster_name),
            images=named.images(),
            key_pairs=named.key_pairs(),
            placement_groups=named.placement_groups(),
            rules=self._rules(config),
            held=self._held(config.owner),
        )
        whole = Whole(config, nodes, account)
        types = _type_names(whole)
        return replace(
            account,
            reservations=self._reservations(_subnets_of(whole)),
            takers=self._takers(config),
            instance_types=self._instance_types(types),
            offerings=self._offerings(types),
        )

    # Auto Scaling.

    def _all_groups(self) -> Shown[Sequence[Raw]]:
        return seen(
            "autoscaling:DescribeAutoScalingGroups",
            lambda: list(
                pages(
                    self._autoscaling,
                    "describe_auto_scaling_groups",
                    "AutoScalingGroups",
                    PaginationConfig={"PageSize": GROUPS_PAGE},
                )
            ),
        )

    def _groups(
        self, raws: Shown[Sequence[Raw]], names: Container[str]
    ) -> Shown[Mapping[GroupName, AutoScalingGroup]]:
        if isinstance(raws, Unseen):
            return raws
        found = {
            GroupName(raw["AutoScalingGroupName"]): self._group(raw)
            for raw in raws
            if raw["AutoScalingGroupName"] in names
        }
        return {
            **found,
            **{name: _as_planned(group, found.get(name)) for name, group in self._planned.items()},
        }

    def _others(self, raws: Shown[Sequence[Raw]], config: Config) -> Shown[tuple[OtherGroup, ...]]:
        if isinstance(raws, Unseen):
            return raws
        return tuple(
            OtherGroup(GroupName(name), self._hooks(name))
            for raw in raws
            # A group that is being deleted has a status.
            if "Status" not in raw
            and may_be_left_behind(config, name := raw["AutoScalingGroupName"], _group_tags(raw))
        )

    def _group(self, raw: Raw) -> AutoScalingGroup:
        pool = raw.get("WarmPoolConfiguration", {})
        identifiers = raw.get("VPCZoneIdentifier") or ""
        instances = raw.get("Instances", [])
        return AutoScalingGroup(
            name=GroupName(raw["AutoScalingGroupName"]),
            most_nodes=largest(
                raw["MaxSize"], pool.get("MinSize"), pool.get("MaxGroupPreparedCapacity")
            ),
            nodes=len(instances) + raw.get("WarmPoolSize", 0),
            subnet_ids=tuple(SubnetId(each.strip()) for each in identifiers.split(",") if each),
            running_types=tuple(
                sorted({each["InstanceType"] for each in instances if "InstanceType" in each})
            ),
            launches=self._launches(raw),
            hooks=self._hooks(raw["AutoScalingGroupName"]),
            in_service=tuple(
                sorted(
                    InstanceId(each["InstanceId"])
                    for each in instances
                    if each["LifecycleState"] == "InService"
                )
            ),
            tags=_group_tags(raw),
            max_healthy_percent=_max_healthy_percent(raw),
            capacity_rebalance=raw.get("CapacityRebalance", False),
        )

    def _hooks(self, group: str) -> Shown[tuple[str, ...]]:
        """Return the names of a group's hooks; there is no call for several groups."""
        return seen(
            "autoscaling:DescribeLifecycleHooks",
            lambda: tuple(
                hook["LifecycleHookName"]
                for hook in self._autoscaling.describe_lifecycle_hooks(AutoScalingGroupName=group)[
                    "LifecycleHooks"
                ]
            ),
        )

    def _launches(self, raw: Raw) -> Shown[Launches]:
        policy = raw.get("MixedInstancesPolicy", {}).get("LaunchTemplate", {})
        overrides = policy.get("Overrides", [])
        own = raw.get("LaunchTemplate") or policy.get("LaunchTemplateSpecification")
        named = [
            each["LaunchTemplateSpecification"]
            for each in overrides
            if "LaunchTemplateSpecification" in each
        ]
        templates = [each for each in (own, *named) if each]
        datas = seen(
            "ec2:DescribeLaunchTemplateVersions",
            lambda: [self._template(each) for each in templates],
        )
        if isinstance(datas, Unseen):
            return datas
        types = [each["InstanceType"] for each in overrides if "InstanceType" in each]
        if not overrides:
            types = [data["InstanceType"] for data in datas if "InstanceType" in data]
        extra = {
            (item.get("NetworkCardIndex", 0), item.get("DeviceIndex", 0))
            for data in datas
            for item in data.get("NetworkInterfaces", [])
        }
        return Launches(tuple(dict.fromkeys(types)), tuple(sorted(extra - {(0, 0)})))

    def _template(self, named: Raw) -> Raw:
        """Return a launch template's data in the version that a group uses; there is no call for several templates."""
        answer = _or_none(
            lambda: self._ec2.describe_launch_template_versions(
                LaunchTemplateId=named["LaunchTemplateId"],
                Versions=[named.get("Version", "$Default")],
            )
        )
        versions = answer["LaunchTemplateVersions"] if answer else ()
        data: Raw = versions[0]["LaunchTemplateData"] if versions else {}
        return data

    # EC2.

    def _subnets(self) -> Shown[Mapping[SubnetId, Subnet]]:
        def ask() -> Mapping[SubnetId, Subnet]:
            raws = pages(
                self._ec2, "describe_subnets", "Subnets", PaginationConfig={"PageSize": PAGE}
            )
            found = [_subnet(raw) for raw in raws]
            return {each.subnet_id: each for each in found}

        return seen("ec2:DescribeSubnets", ask)

    def _reservations(
        self, subnet_ids: Iterable[SubnetId]
    ) -> Shown[Mapping[SubnetId, tuple[CidrReservation, ...]]]:
        """Return the reservations of these subnets; EC2 tells them for one subnet at a time."""
        return seen(
            "ec2:GetSubnetCidrReservations",
            lambda: {each: tuple(self._reservations_of(each)) for each in subnet_ids},
        )

    def _reservations_of(self, subnet_id: SubnetId) -> Iterator[CidrReservation]:
        token = ""
        while True:
            more = {"NextToken": token} if token else {}
            page = self._ec2.get_subnet_cidr_reservations(SubnetId=subnet_id, **more)
            for family in ("SubnetIpv4CidrReservations", "SubnetIpv6CidrReservations"):
                yield from map(_reservation, page.get(family, []))
            token = page.get("NextToken", "")
            if not token:
                return

    def _takers(self, config: Config) -> Shown[Mapping[SubnetId, tuple[AddressHolder, ...]]]:
        subnet_ids = sorted({i for each in pod_ranges(config) for i in each.subnet_ids})

        def ask() -> Mapping[SubnetId, tuple[AddressHolder, ...]]:
            found: dict[SubnetId, list[AddressHolder]] = {}
            for chunk in chunks(subnet_ids, FILTER_VALUES):
                for raw in pages(
                    self._ec2,
                    "describe_network_interfaces",
                    "NetworkInterfaces",
                    Filters=[{"Name": "subnet-id", "Values": chunk}],
                    PaginationConfig={"PageSize": PAGE},
                ):
                    taker = _taker(raw, config.owner)
                    found.setdefault(SubnetId(raw["SubnetId"]), []).append(taker)
            return {subnet_id: tuple(takers) for subnet_id, takers in found.items()}

        return seen("ec2:DescribeNetworkInterfaces", ask)

    def _held(self, owner: str) -> Shown[Mapping[InstanceId, frozenset[str]]]:
        def ask() -> Mapping[InstanceId, frozenset[str]]:
            held: dict[InstanceId, set[str]] = {}
            for raw in pages(
                self._ec2,
                "describe_network_interfaces",
                "NetworkInterfaces",
                Filters=[{"Name": f"tag:{tags.OWNER}", "Values": [owner]}],
                PaginationConfig={"PageSize": PAGE},
            ):
                instance_id = raw.get("Attachment", {}).get("InstanceId")
                named = {tag["Key"]: tag["Value"] for tag in raw["TagSet"]}
                if instance_id and tags.INTERFACE in named:
                    held.setdefault(InstanceId(instance_id), set()).add(named[tags.INTERFACE])
            return {instance_id: frozenset(names) for instance_id, names in held.items()}

        return seen("ec2:DescribeNetworkInterfaces", ask)

    def _security_groups(self) -> Shown[Mapping[SecurityGroupId, SecurityGroup]]:
        def ask() -> Mapping[SecurityGroupId, SecurityGroup]:
            raws = pages(
                self._ec2,
                "describe_security_groups",
                "SecurityGroups",
                PaginationConfig={"PageSize": PAGE},
            )
            return {
                SecurityGroupId(raw["GroupId"]): SecurityGroup(
                    SecurityGroupId(raw["GroupId"]), VpcId(raw["VpcId"]), _tags(raw)
                )
                for raw in raws
            }

        return seen("ec2:DescribeSecurityGroups", ask)

    def _instance_types(self, names: Sequence[str]) -> Shown[Mapping[str, InstanceType]]:
        """Return the types that the Region has: by a filter, since one unknown name would fail the whole call."""

        def ask() -> Mapping[str, InstanceType]:
            found = [
                _instance_type(raw)
                for chunk in chunks(names, FILTER_VALUES)
                for raw in pages(
                    self._ec2,
                    "describe_instance_types",
                    "InstanceTypes",
                    Filters=[{"Name": "instance-type", "Values": chunk}],
                    PaginationConfig={"PageSize": LARGEST_TYPES_PAGE},
                )
            ]
            return {each.name: each for each in found}

        return seen("ec2:DescribeInstanceTypes", ask)

    def _offerings(self, names: Sequence[str]) -> Shown[Mapping[str, frozenset[str]]]:
        def ask() -> Mapping[str, frozenset[str]]:
            zones: dict[str, set[str]] = {}
            for chunk in chunks(names, FILTER_VALUES):
                for raw in pages(
                    self._ec2,
                    "describe_instance_type_offerings",
                    "InstanceTypeOfferings",
                    LocationType="availability-zone",
                    Filters=[{"Name": "instance-type", "Values": chunk}],
                    PaginationConfig={"PageSize": PAGE},
                ):
                    zones.setdefault(raw["InstanceType"], set()).add(raw["Location"])
            return {name: frozenset(found) for name, found in zones.items()}

        return seen("ec2:DescribeInstanceTypeOfferings", ask)

    # EKS.

    def _cluster(self, name: str) -> Shown[Cluster | None]:
        def ask() -> Cluster | None:
            raw = _or_none(lambda: self._eks.describe_cluster(name=name)["cluster"])
            if raw is None:
                return None
            vpc_id = raw.get("resourcesVpcConfig", {}).get("vpcId")
            return Cluster(
                version=raw.get("version", ""),
                ipv6=raw.get("kubernetesNetworkConfig", {}).get("ipFamily") == "ipv6",
                vpc_id=VpcId(vpc_id) if vpc_id else None,
                authentication_mode=raw.get("accessConfig", {}).get("authenticationMode", ""),
                facts={key: text for key, text in facts(raw).items() if text is not None},
            )

        return seen("eks:DescribeCluster", ask)

    def _vpc_cni(self, cluster: str) -> Shown[VpcCni | None]:
        def ask() -> VpcCni | None:
            raw = _or_none(
                lambda: self._eks.describe_addon(clusterName=cluster, addonName=ADDON)["addon"]
            )
            if raw is None:
                return None
            return VpcCni(
                _version(raw["addonVersion"]),
                _env(raw.get("configurationValues", "")),
                has_role=bool(
                    raw.get("serviceAccountRoleArn") or raw.get("podIdentityAssociations")
                ),
            )

        return seen("eks:DescribeAddon", ask)

    # EventBridge.

    def _rules(self, config: Config) -> Shown[tuple[EventRule, ...]]:
        def ask() -> list[tuple[str, Raw]]:
            return [
                (raw["Name"], json.loads(raw["EventPattern"]))
                for raw in pages(self._events, "list_rules", "Rules")
                if raw.get("State") != "DISABLED" and raw.get("EventPattern")
            ]

        found = seen("events:ListRules", ask)
        if isinstance(found, Unseen):
            return found
        return tuple(
            EventRule(name, pattern, self._targets(name))
            for name, pattern in found
            if takes_a_hook_of(config, name, pattern)
        )

    def _targets(self, rule: str) -> Shown[tuple[str, ...]]:
        """Return where a rule sends its events; there is no call for several rules."""
        return seen(
            "events:ListTargetsByRule",
            lambda: tuple(
                raw["Arn"]
                for raw in pages(self._events, "list_targets_by_rule", "Targets", Rule=rule)
            ),
        )


def _or_none(ask: Callable[[], Raw]) -> Raw | None:
    try:
        return ask()
    except ClientError as refused:
        if refused.response["Error"]["Code"] in _NOT_THERE:
            return None
        raise


def _subnets_of(whole: Whole) -> list[SubnetId]:
    """Return those that nodes take addresses of: for their interfaces, and their own."""
    found: dict[SubnetId, None] = {}
    for group in whole.groups():
        try:
            subnets = [subnet for subnet, _ in group.multus_subnets()]
            subnets += group.node_subnets()
        except CannotTell:
            continue
        found |= {each.subnet_id: None for each in subnets}
    return list(found)


def _type_names(whole: Whole) -> list[str]:
    names = [name for group in whole.groups() for name in group.type_names()]
    return list(dict.fromkeys(names))


def _as_planned(planned: AutoScalingGroup, found: AutoScalingGroup | None) -> AutoScalingGroup:
    if found is None:
        return planned
    return replace(
        planned,
        nodes=found.nodes,
        running_types=found.running_types,
        hooks=found.hooks,
        in_service=found.in_service,
    )


def _group_tags(raw: Raw) -> dict[str, str]:
    return {tag["Key"]: tag.get("Value", "") for tag in raw.get("Tags", [])}


def _max_healthy_percent(raw: Raw) -> int:
    """Return how large a group becomes: by its instance maintenance policy, where it has one; -1 takes one away again (Auto
    Scaling API reference, InstanceMaintenancePolicy)."""
    percent: int = raw.get("InstanceMaintenancePolicy", {}).get("MaxHealthyPercentage", 100)
    return max(100, percent)


def _reservation(raw: Raw) -> CidrReservation:
    return CidrReservation(
        ReservationId(raw["SubnetCidrReservationId"]),
        SubnetId(raw["SubnetId"]),
        ip_network(raw["Cidr"]),
        raw["ReservationType"],
        _tags(raw),
    )


def _taker(raw: Raw, owner: str) -> AddressHolder:
    primary = [raw["PrivateIpAddress"]] if raw.get("PrivateIpAddress") else []
    others = [
        item[key]
        for member, key in (
            ("PrivateIpAddresses", "PrivateIpAddress"),
            ("Ipv6Addresses", "Ipv6Address"),
            ("Ipv4Prefixes", "Ipv4Prefix"),
            ("Ipv6Prefixes", "Ipv6Prefix"),
        )
        for item in raw.get(member, [])
    ]
    ours = {"Key": tags.OWNER, "Value": owner} in raw.get("TagSet", [])
    return AddressHolder(EniId(raw["NetworkInterfaceId"]), tuple(primary if ours else others))


def _subnet(raw: Raw) -> Subnet:
    cidr = raw.get("CidrBlock")
    associations = [
        each
        for each in raw.get("Ipv6CidrBlockAssociationSet", [])
        if each["Ipv6CidrBlockState"]["State"] == "associated"
    ]
    return Subnet(
        subnet_id=SubnetId(raw["SubnetId"]),
        zone=raw["AvailabilityZone"],
        vpc_id=VpcId(raw["VpcId"]),
        ipv4_cidr=IPv4Network(cidr) if cidr else None,
        has_ipv6=bool(associations),
        free=raw.get("AvailableIpAddressCount", 0),
        tags=_tags(raw),
        ipv6_cidrs=tuple(IPv6Network(each["Ipv6CidrBlock"]) for each in associations),
        gives_ipv6=raw.get("AssignIpv6AddressOnCreation", False),
    )


def _instance_type(raw: Raw) -> InstanceType:
    network = raw["NetworkInfo"]
    by_index = {
        card["NetworkCardIndex"]: card["MaximumNetworkInterfaces"]
        for card in network["NetworkCards"]
    }
    return InstanceType(
        name=raw["InstanceType"],
        cards=tuple(by_index.get(index, 0) for index in range(max(by_index) + 1)),
        interfaces=network["MaximumNetworkInterfaces"],
        ipv4=network["Ipv4AddressesPerInterface"],
        ipv6=network["Ipv6AddressesPerInterface"] if network["Ipv6Supported"] else 0,
        # As the VPC CNI tells it (amazon-vpc-cni-k8s, pkg/vpc): the hypervisor is nitro, or there is none.
        nitro=raw.get("Hypervisor") == "nitro" or bool(raw.get("BareMetal")),
        ena=network["EnaSupport"] != "unsupported",
        architectures=tuple(raw["ProcessorInfo"]["SupportedArchitectures"]),
    )


def _version(text: str) -> tuple[int, ...]:
    """Return an add-on's version, `v1.20.4-eksbuild.2`, without its build."""
    numbers = text.lstrip("v").partition("-")[0]
    return tuple(int(each) for each in numbers.split(".") if each.isdecimal())


def _env(configuration: str) -> dict[str, str]:
    """Return `env` of an add-on's configuration values, which may be JSON or YAML (EKS API reference, DescribeAddon)."""
    document = yaml.safe_load(configuration) if configuration else None
    env = document.get("env") if isinstance(document, dict) else None
    return {str(key): _switch(value) for key, value in (env or {}).items()}


def _switch(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _tags(raw: Raw) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in raw.get("Tags", [])}
