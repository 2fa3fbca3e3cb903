"""Single values: what is taken, and what is said of what is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import authoring

if TYPE_CHECKING:
    from collections.abc import Callable

    from authoring.problems import Location

GROUP: Location = ("node_groups", 0)
FIRST: Location = (*GROUP, "interfaces", 0)
N3 = "node_groups[0].interfaces[0]"

REFUSED: dict[str, tuple[dict[Location, Any], str]] = {
    "name with an underscore": (
        {("name",): "my_lab"},
        "name: must begin with a letter and have only letters, digits and hyphens (got 'my_lab'). "
        "It becomes part of the names of the stack, its hooks, queues and functions.",
    ),
    "name too long": (
        {("name",): "x" * 33},
        f"name: has 33 characters and may have 32 (got '{'x' * 33}'). Shorten it.",
    ),
    "name of a created group's stack": (
        {("name",): "lab-Nodes-one"},
        "name: has -Nodes- in it, as the stacks of created node groups have (got 'lab-Nodes-one'). "
        "Choose another: of two stacks of one name CloudFormation would make one.",
    ),
    "cluster name": (
        {("cluster_name",): "-lab"},
        "cluster_name: is not the name of an EKS cluster (got '-lab'). "
        "Write the name as `aws eks list-clusters` shows it.",
    ),
    "missing key": (
        {("cluster_name",): None},
        "cluster_name: is missing. Add it: The EKS cluster that the nodes belong to.",
    ),
    "region": (
        {("region",): "us-east-1a"},
        "region: is not the name of a Region (got 'us-east-1a'). Write it like us-east-1.",
    ),
    "account read as an octal number": (
        {("account",): 0o12345670123},
        "account: must be text (got 1402433619). Put it in quotes.",
    ),
    "account": (
        {("account",): "1234"},
        "account: is not an account id (got '1234'). Write its 12 digits in quotes.",
    ),
    "heartbeat too long": (
        {("hook",): {"heartbeat_timeout_s": 7201}},
        "hook.heartbeat_timeout_s: must be 420 to 7200 seconds (got 7201). "
        "Auto Scaling takes no longer one, and the reconciler needs as much to prolong it.",
    ),
    "heartbeat as text": (
        {("hook",): {"heartbeat_timeout_s": "600"}},
        "hook.heartbeat_timeout_s: must be a whole number (got '600'). Write digits only, without quotes.",
    ),
    "flag as text": (
        {("reconcile",): {"dry_run": "yes"}},
        "reconcile.dry_run: must be true or false (got 'yes'). Write true or false, without quotes.",
    ),
    "retention": (
        {("log_retention_days",): 100},
        "log_retention_days: is not a retention that CloudWatch Logs offers (got 100). The nearest is 90; all are "
        "1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653.",
    ),
    "alarm topic": (
        {("alarm_topic_arn",): "on-call"},
        "alarm_topic_arn: is not the ARN of an SNS topic (got 'on-call'). "
        "Write it like arn:aws:sns:us-east-1:123456789012:on-call.",
    ),
    "unknown key that is like a known one": (
        {("clustername",): "lab"},
        "clustername: is not a known key (got 'lab'). Did you mean cluster_name?",
    ),
    "unknown key in an interface": (
        {(*FIRST, "securitygroups"): []},
        f"{N3}.securitygroups: is not a known key (got []). Did you mean security_groups?",
    ),
    "unknown key that is like nothing": (
        {("hook",): {"zzz": 1}},
        "hook.zzz: is not a known key (got 1). Known keys here: heartbeat_timeout_s.",
    ),
    "map in place of a list": (
        {("node_groups",): {"a": 1}},
        "node_groups: must be a list (got {'a': 1}). Write each entry on a line that begins with `- `.",
    ),
    "text in place of a map": (
        {("hook",): "long"},
        "hook: must be a map (got 'long'). Its keys are: heartbeat_timeout_s.",
    ),
    "no node groups": (
        {("node_groups",): []},
        "node_groups: is empty (got []). Write at least one entry.",
    ),
    "no interfaces": (
        {(*GROUP, "interfaces"): []},
        "node_groups[0].interfaces: is empty (got []). Write at least one entry.",
    ),
    "group's ARN": (
        {(*GROUP, "auto_scaling_group"): "arn:aws:autoscaling:x"},
        "node_groups[0].auto_scaling_group: is not the name of an Auto Scaling group (or has one of the characters "
        "* ? $ :) (got 'arn:aws:autoscaling:x'). Write the group's name, not its ARN; for a managed node group it "
        "is in `aws eks describe-nodegroup`.",
    ),
    "group label": (
        {(*GROUP, "name"): "Workers"},
        "node_groups[0].name: must have only lower-case letters, digits and inner hyphens (got 'Workers'). "
        "It becomes a tag value and part of a parameter's name.",
    ),
    "interface name too long for Linux": (
        {(*FIRST, "name"): "a-very-long-name"},
        f"{N3}.name: has 16 characters and may have 15 (got 'a-very-long-name'). Shorten it.",
    ),
    "interface name of Linux": (
        {(*FIRST, "name"): "eth1"},
        f"{N3}.name: is a name that Linux or the VPC CNI gives to its own links (got 'eth1'). "
        "Name the interface for its network, like n3 or oam.",
    ),
    "interface name": (
        {(*FIRST, "name"): "user_plane"},
        f"{N3}.name: must have only lower-case letters, digits and inner hyphens (got 'user_plane'). "
        "It may become the name of a Linux link, which has at most 15 characters.",
    ),
    "subnet id": (
        {(*FIRST, "subnets", "us-east-1a"): "vpc-0000000a"},
        f"{N3}.subnets.us-east-1a: is not a subnet id (got 'vpc-0000000a'). "
        "Write `subnet-` and 8 or 17 hexadecimal digits, as the console shows it.",
    ),
    "security group id": (
        {(*FIRST, "security_groups"): ["default"]},
        f"{N3}.security_groups[0]: is not a security group id (got 'default'). "
        "Write `sg-` and 8 or 17 hexadecimal digits, as the console shows it.",
    ),
    "zone id": (
        {
            (*FIRST, "subnets"): ["subnet-0000000a"],
            (*FIRST[:-1], 1, "subnets"): {"use1-az1": "subnet-0000000b"},
        },
        "node_groups[0].interfaces[1].subnets.use1-az1: is not the name of a zone (got 'use1-az1'). Write a zone's "
        "name like us-east-1a, or us-west-2-lax-1a for a Local Zone; a zone id like use1-az1 will not do.",
    ),
    "one subnet without a list": (
        {(*FIRST, "subnets"): "subnet-0000000a"},
        f"{N3}.subnets: does not say which subnets (got 'subnet-0000000a'). Write a map of zone to subnet id, "
        "a list of subnet ids, or `tags:` and a map of tags.",
    ),
    "one security group without a list": (
        {(*FIRST, "security_groups"): "sg-0000000a"},
        f"{N3}.security_groups: does not say which security groups (got 'sg-0000000a'). "
        "Write a list of security group ids, or `tags:` and a map of tags.",
    ),
    "empty list of subnets": (
        {(*FIRST, "subnets"): []},
        f"{N3}.subnets: is empty (got []). Write at least one entry.",
    ),
    "empty map of subnets": (
        {(*FIRST, "subnets"): {}},
        f"{N3}.subnets: is empty (got {{}}). Write at least one entry.",
    ),
    "empty tags to select by": (
        {(*FIRST, "subnets"): {"tags": {}}},
        f"{N3}.subnets.tags: is empty (got {{}}). Write at least one entry.",
    ),
    "device index": (
        {(*FIRST, "device_index"): -1},
        f"{N3}.device_index: must be 0 to 127 (got -1). Leave it out to take the next free one.",
    ),
    "ipv4": (
        {(*FIRST, "ipv4"): "dhcp"},
        f"{N3}.ipv4: must be 'auto', 'from_start' or 'none' (got 'dhcp'). Write one of them.",
    ),
    "ipv6 as a bare number": (
        {(*FIRST, "ipv6"): 1},
        f"{N3}.ipv6: must be a map (got 1). Its keys are: count.",
    ),
    "ipv6 count": (
        {(*FIRST, "ipv6"): {"count": 0}},
        f"{N3}.ipv6.count: must be 1 to 50 (got 0). For an interface without IPv6 leave out `ipv6`.",
    ),
    "pod range with host bits": (
        {(*FIRST, "ipv4"): "from_start", (*FIRST, "pod_ranges"): ["10.0.0.7/24"]},
        f"{N3}.pod_ranges[0]: has bits set after its prefix (got '10.0.0.7/24'). Write 10.0.0.0/24.",
    ),
    "pod range from-to": (
        {(*FIRST, "ipv4"): "from_start", (*FIRST, "pod_ranges"): ["10.0.0.1-10.0.0.9"]},
        f"{N3}.pod_ranges[0]: is not a range of addresses (got '10.0.0.1-10.0.0.9'). "
        "Write it in CIDR notation, like 10.100.0.0/16.",
    ),
    "pods' IPAM plugin": (
        {(*FIRST, "pod_ipam"): "dhcp"},
        f"{N3}.pod_ipam: must be 'node', 'whereabouts', 'host-local' or 'static' (got 'dhcp'). Write one of them.",
    ),
    "pods' plugin that is not known": (
        {(*FIRST, "pod_plugins"): {"bandwidth": True}},
        f"{N3}.pod_plugins.bandwidth: is not a known key (got True). Known keys here: sbr, sysctls.",
    ),
    "sysctl of the host": (
        {(*FIRST, "pod_plugins"): {"sysctls": {"kernel.panic": "1"}}},
        f"{N3}.pod_plugins.sysctls['kernel.panic']: is not a sysctl of a pod's network (got 'kernel.panic'). Write one below "
        "`net.` with dots, and IFNAME for the pod's link: net.ipv4.conf.IFNAME.arp_notify.",
    ),
    "sysctl as a number": (
        {(*FIRST, "pod_plugins"): {"sysctls": {"net.ipv4.conf.IFNAME.arp_notify": 1}}},
        f"{N3}.pod_plugins.sysctls['net.ipv4.conf.IFNAME.arp_notify']: must be text (got 1). Put it in quotes.",
    ),
    "namespace": (
        {(*FIRST, "pod_namespaces"): ["Core"]},
        f"{N3}.pod_namespaces[0]: is not the name of a namespace (got 'Core'). Write it as `kubectl get namespaces` shows it.",
    ),
    "prefix delegation": (
        {(*FIRST, "prefix_delegation"): True},
        f"{N3}.prefix_delegation: asks for address prefixes on a Multus interface (got True). Leave it out: a VPC "
        "supports prefix delegation for the VPC CNI's own interfaces, not for Multus with ipvlan.",
    ),
    "prefix delegation of a whole group": (
        {("node_groups", 0, "prefix_delegation"): True},
        "node_groups[0].prefix_delegation: asks for address prefixes on a Multus interface (got True). Leave it out: a "
        "VPC supports prefix delegation for the VPC CNI's own interfaces, not for Multus with ipvlan.",
    ),
    "IPv4 prefixes": (
        {(*FIRST, "ipv4_prefixes"): 2},
        f"{N3}.ipv4_prefixes: asks for address prefixes on a Multus interface (got 2). Leave it out: a VPC "
        "supports prefix delegation for the VPC CNI's own interfaces, not for Multus with ipvlan.",
    ),
    "macvlan as cni": (
        {(*FIRST, "cni"): "macvlan"},
        f"{N3}.cni: macvlan cannot work here (got 'macvlan'). Leave it out and use ipvlan or host-device: a VPC "
        "does not forward frames of MAC addresses it did not give out.",
    ),
    "macvlan of a whole file": (
        {("plugin",): "macvlan"},
        "plugin: macvlan cannot work here (got 'macvlan'). Leave it out and use ipvlan or host-device: a VPC "
        "does not forward frames of MAC addresses it did not give out.",
    ),
    "macvlan as type": (
        {(*FIRST, "type"): "macvlan"},
        f"{N3}.type: macvlan cannot work here (got 'macvlan'). Leave it out and use ipvlan or host-device: a VPC "
        "does not forward frames of MAC addresses it did not give out.",
    ),
    "tag value as a number": (
        {("tags",): {"cost-center": 4711}},
        "tags.cost-center: must be text (got 4711). Put it in quotes.",
    ),
    "tag value too long": (
        {("tags",): {"a": "v" * 257}},
        f"tags.a: is a tag value of 257 characters (got '{'v' * 257}'). Tag values have at most 256 characters.",
    ),
    "wildcard in a selector": (
        {(*FIRST, "subnets"): {"tags": {"network": "n3-*"}}},
        f"{N3}.subnets.tags.network: has a wildcard, which EC2 would follow and IAM would take to the letter (got "
        "'n3-*'). Write the whole value of the tag.",
    ),
    "tag key too long": (
        {("tags",): {"k" * 129: "v"}},
        f"tags.{'k' * 129}: is a tag key of 129 characters (got '{'k' * 129}'). Tag keys have 1 to 128 characters.",
    ),
    "tag of AWS": (
        {("tags",): {"AWS:x": "v"}},
        "tags['AWS:x']: is a reserved tag key (aws:…) (got 'AWS:x'). "
        "AWS keeps this prefix for itself; use another key.",
    ),
    "tag of ours": (
        {(*FIRST, "tags"): {"multus-eni:owner": "me"}},
        f"{N3}.tags['multus-eni:owner']: is a reserved tag key (multus-eni:…) (got 'multus-eni:owner'). "
        "The product keeps its own record under this prefix; use another key.",
    ),
    "tag of the VPC CNI": (
        {(*FIRST, "tags"): {"node.k8s.amazonaws.com/instance_id": "i-1"}},
        f"{N3}.tags['node.k8s.amazonaws.com/instance_id']: is a reserved tag key (node.k8s.amazonaws.com/…) (got "
        "'node.k8s.amazonaws.com/instance_id'). The VPC CNI decides by these keys which network interfaces it takes "
        "over and which it deletes as leaked; leave the tag out, no_manage is set for you.",
    ),
    "cluster tag of the VPC CNI": (
        {("tags",): {"cluster.k8s.amazonaws.com/name": "lab"}},
        "tags['cluster.k8s.amazonaws.com/name']: is a reserved tag key (cluster.k8s.amazonaws.com/…) (got "
        "'cluster.k8s.amazonaws.com/name'). The VPC CNI selects by these keys the network interfaces that it "
        "deletes as leaked; leave the tag out.",
    ),
    "Name tag": (
        {("tags",): {"Name": "mine"}},
        "tags.Name: is a tag that the product sets itself, from stack, node group and interface (got 'Name'). "
        "Use another key.",
    ),
}


@pytest.mark.parametrize(("edits", "message"), REFUSED.values(), ids=REFUSED)
def test_a_malformed_value_is_refused_with_path_value_and_remedy(
    said: Callable[..., list[str]], edits: dict[Location, Any], message: str
) -> None:
    assert said(edits) == [message]


TAKEN: dict[str, dict[Location, Any]] = {
    "untouched": {},
    "subnets by list": {(*FIRST, "subnets"): ["subnet-0123456789abcdef0"]},
    "subnets by an AWS-made tag": {
        (*FIRST, "subnets"): {"tags": {"aws:cloudformation:stack-name": "x"}}
    },
    "security groups by tag": {(*FIRST, "security_groups"): {"tags": {"role": "n3"}}},
    "index 0 on another card": {(*FIRST, "device_index"): 0, (*FIRST, "network_card"): 1},
    "same index on another card": {
        (*FIRST, "device_index"): 1,
        (*FIRST[:-1], 1, "device_index"): 1,
        (*FIRST[:-1], 1, "network_card"): 1,
    },
    "IPv6 only": {(*FIRST, "ipv4"): "none", (*FIRST, "ipv6"): {"count": 2}},
    "from_start without pod ranges": {(*FIRST, "ipv4"): "from_start"},
    "a managed node group's Auto Scaling group": {
        (*GROUP, "auto_scaling_group"): "eks-workers-2ac4a1f0-b3d8-11ee-8c4b-0a58a9feac02"
    },
    "GovCloud topic": {
        ("alarm_topic_arn",): "arn:aws-us-gov:sns:us-gov-west-1:123456789012:on-call"
    },
}


@pytest.mark.parametrize("edits", TAKEN.values(), ids=TAKEN)
def test_what_is_right_is_taken(said: Callable[..., list[str]], edits: dict[Location, Any]) -> None:
    assert said(edits) == []


@pytest.mark.parametrize(
    "zone",
    [
        "us-east-1a",
        "us-gov-west-1b",
        "us-west-2-lax-1a",
        "us-east-1-wl1-bos-wlz-1",
        "eusc-de-east-1a",
    ],
)
def test_zones_of_every_kind_are_taken(said: Callable[..., list[str]], zone: str) -> None:
    both: dict[Location, Any] = {
        (*FIRST, "subnets"): {zone: "subnet-0000000a"},
        (*FIRST[:-1], 1, "subnets"): {zone: "subnet-0000000b"},
    }
    assert said(both) == []


def test_defaults_are_those_of_the_reference(edited: Callable[..., str]) -> None:
    authored = authoring.parse(edited())
    assert authored.hook.heartbeat_timeout_s == 900
    assert authored.reconcile.model_dump() == {
        "interval_minutes": 3,
        "orphan_min_age_minutes": 15,
        "max_deletions_per_run": 50,
        "max_adoptions_per_run": 50,
        "dry_run": False,
    }
    assert (authored.log_retention_days, authored.alarm_topic_arn) == (90, None)
    assert (authored.region, authored.account, authored.tags) == (None, None, {})
    group = authored.node_groups[0]
    assert (group.adopt_running, group.instance_types) == (False, ())
    interface = group.interfaces[0]
    assert (interface.ipv4, interface.ipv6, interface.network_card) == ("auto", None, 0)
    assert interface.source_dest_check
