"""Short ways to write down configurations, instances and network interfaces."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from ipaddress import IPv4Network
from typing import TYPE_CHECKING, Any

from domain import tags
from domain.config import (
    Config,
    InterfaceSpec,
    Ipv4Mode,
    NodeGroup,
    SecurityGroupSelector,
    SubnetSelector,
)
from domain.launch import Desired, Node
from domain.model import (
    Attachment,
    AttachmentId,
    AttachmentStatus,
    EniId,
    EniStatus,
    GroupName,
    Instance,
    InstanceId,
    InstanceState,
    NetworkInterface,
    SecurityGroupId,
    Subnet,
    SubnetId,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

OWNER = "MultusEni-example"
GROUP = GroupName("multus-workers")
NODE_GROUP = "workers"
INSTANCE = InstanceId("i-0a1b2c3d4e5f60718")
ZONE = "us-east-1a"
SECURITY_GROUP = SecurityGroupId("sg-0a1b2c3d4e5f60718")
LAUNCHED_AT = datetime(2026, 1, 1, tzinfo=UTC)


class Builders:
    """Each method makes one valid thing; keywords change what the test is about."""

    owner = OWNER
    group_name = GROUP
    node_group = NODE_GROUP
    instance_id = INSTANCE
    zone = ZONE
    security_group = SECURITY_GROUP
    launched_at = LAUNCHED_AT

    def spec(self, name: str = "n3", device_index: int = 1, **changes: Any) -> InterfaceSpec:  # noqa: ANN401 - the fields of InterfaceSpec
        """Return an interface in one subnet of one zone, with the address that EC2 picks."""
        return dataclasses.replace(
            InterfaceSpec(
                name=name,
                subnets=SubnetSelector(by_zone={ZONE: SubnetId(f"subnet-{name}")}),
                security_groups=SecurityGroupSelector(ids=(SECURITY_GROUP,)),
                device_index=device_index,
            ),
            **changes,
        )

    def from_start(self, name: str = "n3", device_index: int = 1, **changes: Any) -> InterfaceSpec:  # noqa: ANN401 - the fields of InterfaceSpec
        """Return an interface whose address is chosen from the start of the subnet."""
        return self.spec(name, device_index, ipv4=Ipv4Mode.FROM_START, **changes)

    def specs(self, count: int = 2) -> tuple[InterfaceSpec, ...]:
        """Return so many interfaces, each in a subnet of its own."""
        return tuple(self.spec(f"n{index}", index) for index in range(1, count + 1))

    def config(
        self, specs: Sequence[InterfaceSpec] | None = None, *, adopt_running: bool = False
    ) -> Config:
        """Return a configuration of one node group."""
        interfaces = tuple(specs) if specs is not None else self.specs()
        group = NodeGroup(NODE_GROUP, GROUP, interfaces, adopt_running)
        return Config(owner=OWNER, cluster_name="example", node_groups=(group,))

    def instance(
        self,
        state: InstanceState = InstanceState.RUNNING,
        attachments: Sequence[Attachment] = (),
        *,
        instance_id: InstanceId = INSTANCE,
        launched_at: datetime = LAUNCHED_AT,
    ) -> Instance:
        """Return an instance with its primary network interface and these attachments."""
        primary = self.attachment(EniId("eni-primary"), 0, delete_on_termination=True)
        return Instance(
            instance_id=instance_id,
            state=state,
            availability_zone=ZONE,
            instance_type="m5.xlarge",
            launched_at=launched_at,
            attachments=(dataclasses.replace(primary, instance_id=instance_id), *attachments),
            group_name=GROUP,
        )

    def attachment(
        self,
        eni_id: EniId,
        device_index: int,
        status: AttachmentStatus = AttachmentStatus.ATTACHED,
        *,
        delete_on_termination: bool = True,
        network_card_index: int = 0,
        instance_id: InstanceId = INSTANCE,
    ) -> Attachment:
        """Return an attachment."""
        return Attachment(
            attachment_id=AttachmentId(f"eni-attach-{eni_id.removeprefix('eni-')}"),
            eni_id=eni_id,
            instance_id=instance_id,
            device_index=device_index,
            network_card_index=network_card_index,
            status=status,
            delete_on_termination=delete_on_termination,
        )

    def eni(
        self,
        interface: str = "n3",
        suffix: str = "1",
        *,
        attachment: Attachment | None = None,
        status: EniStatus | None = None,
        instance_id: InstanceId = INSTANCE,
        created_at: datetime = LAUNCHED_AT,
        **changes: Any,  # noqa: ANN401 - the fields of NetworkInterface
    ) -> NetworkInterface:
        """Return a network interface of ours, unattached unless an attachment is given."""
        held = EniStatus.IN_USE if attachment else EniStatus.AVAILABLE
        eni = NetworkInterface(
            eni_id=attachment.eni_id if attachment else EniId(f"eni-{interface}-{suffix}"),
            subnet_id=SubnetId(f"subnet-{interface}"),
            availability_zone=ZONE,
            status=status or held,
            security_group_ids=frozenset({SECURITY_GROUP}),
            source_dest_check=True,
            ipv4_addresses=("10.0.0.4",),
            ipv6_addresses=(),
            mac_address="0a:00:00:00:00:01",
            tags=self.tags(interface, instance_id, created_at),
            attachment=attachment,
        )
        return dataclasses.replace(eni, **changes)

    def attached(
        self,
        interface: str = "n3",
        device_index: int = 1,
        suffix: str = "1",
        attachment_status: AttachmentStatus = AttachmentStatus.ATTACHED,
        *,
        delete_on_termination: bool = True,
        instance_id: InstanceId = INSTANCE,
        **changes: Any,  # noqa: ANN401 - the fields of NetworkInterface
    ) -> NetworkInterface:
        """Return a network interface of ours on the node."""
        attachment = self.attachment(
            EniId(f"eni-{interface}-{suffix}"),
            device_index,
            attachment_status,
            delete_on_termination=delete_on_termination,
            instance_id=instance_id,
        )
        return self.eni(interface, attachment=attachment, instance_id=instance_id, **changes)

    def tags(
        self, interface: str, instance_id: InstanceId = INSTANCE, created_at: datetime = LAUNCHED_AT
    ) -> Mapping[str, str]:
        """Return the ledger of one interface of a node."""
        return tags.ownership_tags(
            owner=OWNER,
            node_group=NODE_GROUP,
            instance_id=instance_id,
            interface=interface,
            created_at=created_at,
        )

    def node(
        self,
        specs: Sequence[InterfaceSpec],
        interfaces: Sequence[NetworkInterface] = (),
        instance: Instance | None = None,
    ) -> Node:
        """Return an observed node that must have these interfaces; what is attached shows on the instance too."""
        held = [eni.attachment for eni in interfaces if eni.attachment]
        desired = tuple(
            Desired(spec, SubnetId(f"subnet-{spec.name}"), (SECURITY_GROUP,)) for spec in specs
        )
        return Node(
            OWNER,
            NODE_GROUP,
            instance or self.instance(attachments=held),
            desired,
            tuple(interfaces),
        )

    def subnet(
        self,
        name: str = "n3",
        cidr: str | None = "10.0.0.0/24",
        *,
        zone: str = ZONE,
        reservations: Sequence[str] = (),
    ) -> Subnet:
        """Return a subnet."""
        return Subnet(
            subnet_id=SubnetId(f"subnet-{name}"),
            availability_zone=zone,
            ipv4_cidr=IPv4Network(cidr) if cidr else None,
            reservations=tuple(IPv4Network(text) for text in reservations),
        )
