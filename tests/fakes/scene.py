"""A configuration and an account in which all is well; each test says what is not."""

from __future__ import annotations

import dataclasses
from ipaddress import IPv4Network, ip_network
from typing import TYPE_CHECKING, Any

from domain import tags
from domain.config import (
    Config,
    InterfaceSpec,
    NodeGroup,
    SecurityGroupSelector,
    SubnetSelector,
)
from domain.model import EniId, GroupName, InstanceId, SecurityGroupId, SubnetId, VpcId
from domain.node import config as node_config
from domain.preflight.examination import examine
from domain.preflight.findings import Finding, Severity
from domain.preflight.observed import (
    Account,
    AutoScalingGroup,
    Cluster,
    EventRule,
    Image,
    InstanceType,
    Launches,
    OtherGroup,
    SecurityGroup,
    Subnet,
    Unseen,
    VpcCni,
)
from domain.preflight.planned import Created
from domain.reservations import AddressHolder, CidrReservation, ReservationId

if TYPE_CHECKING:
    from collections.abc import Sequence

GROUP = GroupName("telco-workers")
OWNER = "MultusEni-example"
VPC = VpcId("vpc-1")
A, B = "us-east-1a", "us-east-1b"
AMI = "ami-0d5b1c7a"


class Scene:
    """Two zones, one group of at most ten m5.xlarge, and the interfaces n3 and n6, each in subnets of its own."""

    def __init__(self) -> None:
        self.specs = {
            name: InterfaceSpec(
                name=name,
                subnets=SubnetSelector(
                    by_zone={A: SubnetId(f"subnet-{name}-a"), B: SubnetId(f"subnet-{name}-b")}
                ),
                security_groups=SecurityGroupSelector(ids=(SecurityGroupId("sg-1"),)),
                device_index=index,
            )
            for index, name in enumerate(("n3", "n6"), start=1)
        }
        self.node = node_config.NodeGroup(
            name="workers",
            auto_scaling_group=GROUP,
            interfaces=(),
            instance_types=("m5.xlarge",),
        )
        self.drivers: dict[str, node_config.Driver] = {}
        self.subnets: dict[SubnetId, Subnet] = {}
        for number, name in enumerate(("nodes", "n3", "n6")):
            for zone in (A, B):
                self.add_subnet(f"{name}-{zone[-1]}", zone, f"10.{zone[-1] == 'b':d}.{number}.0/24")
        self.security_groups = {
            SecurityGroupId("sg-1"): SecurityGroup(SecurityGroupId("sg-1"), VPC)
        }
        self.group = AutoScalingGroup(
            name=GROUP,
            most_nodes=10,
            nodes=0,
            subnet_ids=(SubnetId("subnet-nodes-a"), SubnetId("subnet-nodes-b")),
            running_types=(),
            launches=Launches(("m5.xlarge",)),
            hooks=(),
        )
        self.types = {
            "m5.xlarge": InstanceType(
                "m5.xlarge", (4,), 4, 15, 15, nitro=True, ena=True, architectures=("x86_64",)
            )
        }
        self.offerings = {"m5.xlarge": frozenset({A, B})}
        self.cluster = Cluster(
            "1.33",
            ipv6=False,
            vpc_id=VPC,
            authentication_mode="API_AND_CONFIG_MAP",
            facts={
                "endpoint": "https://8F21.gr7.us-east-1.eks.amazonaws.com",
                "certificate_authority": "LS0t" * 100,
                "service_cidr": "10.100.0.0/16",
                "security_group": "sg-1",
                "vpc": VPC,
                "version": "1.33",
            },
        )
        self.written: dict[str, str] = {}
        self.cni = VpcCni((1, 23, 1))
        self.rules: tuple[EventRule, ...] = ()
        self.held: dict[InstanceId, frozenset[str]] = {}
        self.images = {AMI: Image(AMI, "x86_64", "available", "/dev/xvda", 20)}
        self.placement_groups = {"rack": "spread"}
        self.others: tuple[OtherGroup, ...] = ()
        self.adopt_running = False
        self.reservations: dict[SubnetId, tuple[CidrReservation, ...]] = {}
        self.takers: dict[SubnetId, tuple[AddressHolder, ...]] = {}
        self.instead: dict[str, Any] = {}
        """Whole parts of the account, in the place of those above."""

    def add_subnet(self, name: str, zone: str, cidr: str | None, **changes: Any) -> None:  # noqa: ANN401 - the fields of Subnet
        """Add a subnet with all of its addresses free."""
        network = IPv4Network(cidr) if cidr else None
        subnet_id = SubnetId(f"subnet-{name}")
        free = network.num_addresses - 5 if network else 0
        made = Subnet(subnet_id, zone, VPC, network, has_ipv6=cidr is None, free=free)
        self.subnets[subnet_id] = dataclasses.replace(made, **changes)

    def reserve(
        self, name: str, *cidrs: str, kind: str = "explicit", owner: str | None = None
    ) -> None:
        """Reserve parts of a subnet, for a stack if it is one's."""
        subnet_id = SubnetId(f"subnet-{name}")
        marks = {tags.OWNER: owner} if owner else {}
        before = self.reservations.get(subnet_id, ())
        made = (
            CidrReservation(ReservationId(f"scr-{cidr}"), subnet_id, ip_network(cidr), kind, marks)
            for cidr in cidrs
        )
        self.reservations[subnet_id] = (*before, *made)

    def take(self, name: str, eni_id: str, *addresses: str) -> None:
        """Let a network interface have addresses that pods then cannot have."""
        subnet_id = SubnetId(f"subnet-{name}")
        before = self.takers.get(subnet_id, ())
        self.takers[subnet_id] = (*before, AddressHolder(EniId(eni_id), addresses))

    def change_subnet(self, name: str, **changes: Any) -> None:  # noqa: ANN401 - the fields of Subnet
        """Change a subnet."""
        subnet_id = SubnetId(f"subnet-{name}")
        self.subnets[subnet_id] = dataclasses.replace(self.subnets[subnet_id], **changes)

    def change_spec(self, name: str, **changes: Any) -> None:  # noqa: ANN401 - the fields of InterfaceSpec
        """Change an interface of the configuration."""
        self.specs[name] = dataclasses.replace(self.specs[name], **changes)

    def change_group(self, **changes: Any) -> None:  # noqa: ANN401 - the fields of AutoScalingGroup
        """Change the Auto Scaling group."""
        self.group = dataclasses.replace(self.group, **changes)

    def create(self, **changes: Any) -> None:  # noqa: ANN401 - the fields of Created
        """Have the group created, by what the file names for it."""
        made = self.group.create or Created(
            subnets={A: SubnetId("subnet-nodes-a"), B: SubnetId("subnet-nodes-b")}
        )
        self.change_group(create=dataclasses.replace(made, **changes))

    def change_cluster(self, **changes: Any) -> None:  # noqa: ANN401 - the fields of Cluster
        """Change the cluster."""
        self.cluster = dataclasses.replace(self.cluster, **changes)

    def change_node(self, **changes: Any) -> None:  # noqa: ANN401 - the fields of NodeGroup
        """Change what the nodes are to become."""
        self.node = dataclasses.replace(self.node, **changes)

    def change_type(self, name: str = "m5.xlarge", **changes: Any) -> None:  # noqa: ANN401 - the fields of InstanceType
        """Change an instance type."""
        self.types[name] = dataclasses.replace(self.types[name], **changes)

    def turn_on(self, *switches: str) -> None:
        """Turn switches of the VPC CNI on."""
        self.cni = dataclasses.replace(
            self.cni, env={**self.cni.env, **dict.fromkeys(switches, "true")}
        )

    def hide(self, part: str, action: str) -> None:
        """Let the account refuse to show a part of itself."""
        self.instead[part] = Unseen(action, "AccessDenied")

    def findings(self) -> tuple[Finding, ...]:
        """Return everything that is found."""
        return examine(*self.parts(), self.written)

    def parts(self) -> tuple[Config, node_config.NodeConfig, Account]:
        """Return the configuration for the functions and for the nodes, and the account."""
        account = Account(
            groups={GROUP: self.group},
            others=self.others,
            subnets=self.subnets,
            reservations=self.reservations,
            takers=self.takers,
            security_groups=self.security_groups,
            instance_types=self.types,
            offerings=self.offerings,
            cluster=self.cluster,
            vpc_cni=self.cni,
            images=self.images,
            key_pairs=frozenset({"ops"}),
            placement_groups=self.placement_groups,
            rules=self.rules,
            held=self.held,
        )
        account = dataclasses.replace(account, **self.instead)
        specs = tuple(self.specs.values())
        interfaces = tuple(
            node_config.NodeInterface(
                name=spec.name,
                link_name=spec.name,
                network_card_index=spec.network_card_index,
                device_index=spec.device_index,
                device_index_fixed=spec.device_index_fixed,
                subnet_ids=(),
                security_group_ids=(),
                driver=self.drivers.get(spec.name, node_config.Driver.KERNEL),
            )
            for spec in specs
        )
        group = NodeGroup("workers", GROUP, specs, self.adopt_running)
        config = Config(OWNER, "telco", (group,))
        node = dataclasses.replace(self.node, interfaces=interfaces)
        nodes = node_config.NodeConfig(OWNER, "telco", None, (node,))
        return config, nodes, account

    def by(self, code: str) -> Sequence[Finding]:
        """Return the findings of one rule."""
        return [each for each in self.findings() if each.code == code]

    def troubles(self, code: str) -> Sequence[tuple[Severity, str, str]]:
        """Return what one rule has to say against something: how bad, about what, in which words."""
        return [
            (each.severity, each.subject, each.message)
            for each in self.by(code)
            if each.severity is not Severity.FINE
        ]
