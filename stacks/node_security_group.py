"""A node group's own security group, and the rules between it and the control plane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_cdk import CfnTag
from aws_cdk import aws_ec2 as ec2

from domain import tags

if TYPE_CHECKING:
    from aws_cdk import CfnResource
    from constructs import Construct

    from authoring.created import Cluster

HTTPS = 443
KUBELET = 10250
DNS = 53
UNPRIVILEGED = (1025, 65535)
"""What pods listen on, webhooks and extension API servers among them."""
TO_NODES = (("tcp", HTTPS, HTTPS), ("tcp", *UNPRIVILEGED), ("tcp", DNS, DNS), ("udp", DNS, DNS))
TO_CLUSTER = (
    ("tcp", HTTPS, HTTPS),
    ("tcp", KUBELET, KUBELET),
    ("tcp", DNS, DNS),
    ("udp", DNS, DNS),
)
"""EKS User Guide, "View Amazon EKS security group requirements", Restricting cluster traffic: 443 and 10250, and DNS; the rest
is for what runs on the nodes."""


@dataclass(frozen=True)
class NodeSecurityGroup:
    """The security group, and what must be there before its first member is."""

    group_id: str
    rules: tuple[CfnResource, ...]


def node_security_group(
    scope: Construct, cluster: Cluster, *, cluster_name: str, name: str
) -> NodeSecurityGroup:
    """Make the security group and the rules.

    The cluster security group, which the control plane and EKS's managed nodes have, lets everybody in it do everything.
    Here its members reach the nodes' pods and kubelets, and the nodes reach the API server, kubelets and DNS.
    Load balancer controllers open a node's ports in the one security group that has the cluster's tag, as the cluster security
    group has (github.com/kubernetes-sigs/aws-load-balancer-controller/issues/1594).

    Args:
        scope: where.
        cluster: whose.
        cluster_name: its name.
        name: the Auto Scaling group's, for descriptions.
    """
    group = ec2.CfnSecurityGroup(
        scope,
        "SecurityGroup",
        group_description=f"Nodes of {name}",
        vpc_id=cluster.vpc,
        security_group_egress=[
            ec2.CfnSecurityGroup.EgressProperty(ip_protocol="-1", cidr_ip="0.0.0.0/0"),
            ec2.CfnSecurityGroup.EgressProperty(ip_protocol="-1", cidr_ipv6="::/0"),
        ],
        tags=[
            CfnTag(key="Name", value=name),
            CfnTag(key=tags.of_cluster(cluster_name), value="owned"),
        ],
    )
    own = group.attr_group_id
    made = [
        ec2.CfnSecurityGroupIngress(
            scope,
            "BetweenNodes",
            group_id=own,
            source_security_group_id=own,
            ip_protocol="-1",
            description="Between the nodes of the group",
        )
    ]
    for rules, target, source, what in (
        (TO_NODES, own, cluster.security_group, "ToNodes"),
        (TO_CLUSTER, cluster.security_group, own, "ToCluster"),
    ):
        made += [
            ec2.CfnSecurityGroupIngress(
                scope,
                f"{what}{protocol.title()}{first}",
                group_id=target,
                source_security_group_id=source,
                ip_protocol=protocol,
                from_port=first,
                to_port=last,
                description=f"{name}: {what}",
            )
            for protocol, first, last in rules
        ]
    return NodeSecurityGroup(own, tuple(made))
