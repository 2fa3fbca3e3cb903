"""`validate`: is a configuration right, and what will each node get?"""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations at run time
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

import authoring
from authoring.instance_types import architecture, known_types
from authoring.node_checks import is_metal
from authoring.node_policies import CNI_POLICY, ENI_POLICIES, aws_managed
from authoring.pod_families import IPV4, IPV6, of_eni
from authoring.pod_resolution import namesakes
from authoring.pod_warnings import warnings
from authoring.problems import path_of
from cli.exits import EXIT_BAD_CONFIG
from cli.loading import load_or_tell
from domain import naming
from domain.config import Ipv4Mode
from domain.errors import ConfigInvalid
from domain.node.config import OnFailure, PodNetwork
from domain.node.huge_pages import GIB_KIB
from stacks.nodeadm import user_data_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.console import RenderableType

    from authoring.created import Cluster, Create
    from authoring.models import NodeGroup as AuthoredGroup
    from domain.config import InterfaceSpec, NodeGroup, SecurityGroupSelector, SubnetSelector
    from domain.errors import Problem
    from domain.node import config as node_config


def validate(
    paths: Annotated[list[Path], typer.Argument(metavar="CONFIG...", help="Configuration files.")],
) -> None:
    """Check configuration files, tell every problem at once, and show what each node will get."""
    console = Console(markup=False, emoji=False, highlight=False)
    failed = False
    for path in paths:
        authored = load_or_tell(path)
        if authored is None or not _can_be_deployed(path, authored):
            failed = True
            continue
        for part in described(authored):
            console.print(part)
    if failed:
        raise typer.Exit(EXIT_BAD_CONFIG)


def _can_be_deployed(path: Path, authored: authoring.Authored) -> bool:
    """Return whether a deployment would take the file, as far as nobody is asked, after telling what it would not take."""
    problems: list[Problem] = []
    try:
        _unasked(authored)
    except ConfigInvalid as invalid:
        problems += invalid.problems
    for group in authored.node_groups:
        if group.create is not None:
            owner = naming.owner(authored.name)
            try:
                user_data_of(owner, authored.cluster_name, authored.cluster, group)
            except ConfigInvalid as invalid:
                problems += invalid.problems
    if problems:
        typer.echo(authoring.report(path, ConfigInvalid(problems)), err=True)
    return not problems


def _unasked(authored: authoring.Authored) -> authoring.Authored:
    """Return the file with, in place of each name that is looked up, what it is looked up by.

    Raises:
        ConfigInvalid: what is looked up means a group that the file has already, whatever is found.
    """
    return authoring.adopted(authored, {each: (str(each),) for each in authoring.sought(authored)})


def described(authored: authoring.Authored) -> Iterator[RenderableType]:
    """Yield what the configuration means, ready to be printed: a headline, and for each node group its tables."""
    authored = _unasked(authored)
    config = authoring.resolve(authored)
    yield f"{config.owner} for cluster {config.cluster_name}"
    nodes = authoring.resolve_nodes(authored)
    for written, group, node in zip(
        authored.node_groups, config.node_groups, nodes.node_groups, strict=True
    ):
        yield _interfaces(group)
        yield _links(node)
        yield _promise(node)
        yield from (
            f"Note on {text}"
            for text in [
                *warnings(written, authored.node_groups),
                *_slow_boots(written),
                *_older_hardware(written),
            ]
        )
        if written.create is not None:
            yield _created(written, written.create, group.auto_scaling_group, authored.cluster)
        if written.instance_types:
            yield _room(written)
    # Nodes are not concerned; whoever writes the objects for pods by hand may have them fit.
    for fault in namesakes(authored):
        yield (
            f"Note on {path_of(fault.location)}: {fault.value} {fault.message}, so `multus-eni render` refuses. {fault.remedy}"
        )


def _interfaces(group: NodeGroup) -> Table:
    known = group.auto_scaling_group
    table = _table(
        f"Each node of {group.name} ({known if ' ' in known else f'Auto Scaling group {known}'})"
    )
    for heading, width in _COLUMNS.items():
        table.add_column(heading, width=width, overflow="fold")
    for spec in group.interfaces:
        table.add_row(
            f"{spec.name}\n{_index(spec)}",
            _subnets(spec.subnets),
            _security_groups(spec.security_groups),
            _addresses(spec),
        )
    return table


_COLUMNS = {"interface": 15, "subnet": 24, "security group": 20, "addresses": 18}
"""Column widths in which names and ids stay whole; with the gaps they fill a terminal of 80."""


def _table(title: str) -> Table:
    return Table(
        title=f"\n{title}",
        title_justify="left",
        box=SIMPLE_HEAD,
        padding=0,
        pad_edge=False,
        show_edge=False,
        leading=1,
    )


def _index(spec: InterfaceSpec) -> str:
    index = f"index {spec.device_index}{'' if spec.device_index_fixed else ' or next'}"
    return f"{index}\ncard {spec.network_card_index}" if spec.network_card_index else index


def _subnets(selector: SubnetSelector) -> str:
    if selector.by_zone:
        return "\n".join(f"{zone}\n{subnet}" for zone, subnet in selector.by_zone.items())
    if selector.tags:
        return _tags(selector.tags)
    return "\n".join(selector.ids)


def _security_groups(selector: SecurityGroupSelector) -> str:
    return _tags(selector.tags) if selector.tags else "\n".join(selector.ids)


def _tags(tags: Mapping[str, str]) -> str:
    return "\n".join(f"tag {key}={value}" for key, value in tags.items())


_IPV4 = {
    Ipv4Mode.AUTO: "IPv4: any free",
    Ipv4Mode.FROM_START: "IPv4: lowest free",
    Ipv4Mode.NONE: "no IPv4",
}


def _addresses(spec: InterfaceSpec) -> str:
    parts = [_IPV4[spec.ipv4]]
    if spec.ipv4_pod_ranges and spec.ipv4 is Ipv4Mode.FROM_START:
        parts += ["but none in", *spec.ipv4_pod_ranges]
    if spec.reserve_pod_ranges:
        parts += ["reserved for pods:", *spec.pod_ranges]
    if spec.ipv6_count:
        parts.append(f"IPv6: {spec.ipv6_count}")
    for family, count in (("IPv4", spec.pool_ipv4), ("IPv6", spec.pool_ipv6)):
        if count:
            parts.append(f"for pods {count} {family}")
    if not spec.source_dest_check:
        parts.append("no src/dest check")
    return "\n".join(parts)


def _links(group: node_config.NodeGroup) -> Table:
    """Show what the bootstrap makes of the interfaces."""
    table = _table(f"What multus-node makes of them on each node of {group.name}")
    for heading in ("interface", "link", "driver", "MTU", "on the host", "pods", "pool"):
        table.add_column(heading, overflow="fold")
    for one in group.interfaces:
        table.add_row(
            one.name,
            "none" if one.driver.is_dpdk else one.link_name,
            one.driver.value,
            "" if one.driver.is_dpdk else str(one.mtu),
            "addresses" if one.host_address else "no address",
            "" if one.pod_network is PodNetwork.NONE else one.pod_network.value,
            f"{group.resource_prefix}/{one.resource_name}" if one.resource_name else "",
        )
    return table


_UNREADY = {
    OnFailure.HOLD: "is held: kubelet does not start",
    OnFailure.ABANDON: "is replaced",
    OnFailure.CONTINUE: "joins without the interface, labelled so",
}


def _promise(group: node_config.NodeGroup) -> str:
    parts = [f"A node that is not ready {_UNREADY[group.on_failure]} (waits {group.deadline_s} s)."]
    if group.ready_hook:
        parts.append(f"It answers its own launch hook {group.ready_hook}.")
    parts += [_huge_pages(pages) for pages in group.huge_pages]
    if group.allow_unsafe_noiommu:
        parts.append("vfio-pci may work without an IOMMU.")
    return "\n".join(parts)


METAL_BOOT_S = 1200
"""How long a bare metal instance may take to boot (Amazon EC2 User Guide, Nitro-based instances: "it can take 20 minutes")."""


def _slow_boots(group: AuthoredGroup) -> Iterator[str]:
    """Yield what to know of types that may still be booting when their ready hook runs out."""
    twice = group.create is not None and group.create.isolated_cpus is not None
    least_s = METAL_BOOT_S * (2 if twice else 1)
    metal = [name for name in group.instance_types if is_metal(name)]
    if metal and group.has_ready_hook and group.node.ready_timeout_s < least_s:
        boots = ", and with isolated_cpus a new node boots twice" if twice else ""
        yield (
            f"{metal[0]}: a boot of bare metal can take {METAL_BOOT_S // 60} minutes{boots}. Write ready_timeout_s: {least_s} (it is "
            f"{group.node.ready_timeout_s}), or Auto Scaling may replace nodes that are still booting."
        )


def _older_hardware(group: AuthoredGroup) -> Iterator[str]:
    """Yield the types that are no Nitro instances, as the preflight does with what the account's EC2 says of them."""
    for name in group.instance_types:
        if not known_types()[name].nitro:
            yield (
                f"{name}: is no Nitro instance: interfaces attached while it runs are less tried there, and prefixes are not "
                "supported. Launch Nitro types."
            )


def _created(
    group: AuthoredGroup, create: Create, name: str, cluster: Cluster | None
) -> RenderableType:
    """Say what the group's own stack makes, and what of it is looked up when the stacks are synthesized."""
    version = create.kubernetes_version or (cluster.version if cluster else None)
    whose = f"Kubernetes {version}" if version else "the cluster's Kubernetes version"
    image = create.ami or f"the recommended one for {whose}"
    parts = [
        f"Created by a stack of its own, {name}: {create.min_size} to {create.max_size} nodes in "
        f"{', '.join(sorted(create.subnets))}.",
        f"Types, the first preferred: {', '.join(group.instance_types)} ({create.spot_percent}% Spot). Image: {image} "
        f"({architecture(group.instance_types[0])}).",
    ]
    if create.isolated_cpus:
        parts.append(f"CPUs {create.isolated_cpus} are isolated: a new node boots twice.")
    wide = [policy for arn in create.policies if (policy := aws_managed(arn) or "") in ENI_POLICIES]
    if wide:
        parts.append(
            f"Every pod on a host network can change network interfaces: the nodes' role has {', '.join(wide)}."
        )
    if cluster is not None and cluster.is_ipv6:
        parts.append(
            "The cluster is an IPv6 one: the nodes' subnets must auto-assign IPv6 addresses, and the VPC CNI needs a role with "
            f"ec2:AssignIpv6Addresses, which {CNI_POLICY} does not have."
        )
    if not group.has_ready_hook:
        parts.append(
            "Without ready_hook an instance refresh waits for interfaces alone: what keeps kubelet from starting gets to every node."
        )
    if create.warm_pool:
        parts.append("Stopped nodes wait in a warm pool.")
    if cluster is None:
        parts.append("What the nodes must know of the cluster is looked up at synthesis.")
    return "\n".join(parts)


def _huge_pages(pages: node_config.HugePages) -> str:
    size = "1 GiB" if pages.size_kib == GIB_KIB else "2 MiB"
    nodes = ", ".join(map(str, pages.numa_nodes))
    where = f"of NUMA nodes {nodes}" if nodes else "NUMA node"
    return f"Huge pages: {pages.count} of {size} on each {where}."


def _room(group: AuthoredGroup) -> Table:
    """Show what is left on card 0, where the VPC CNI attaches its own interfaces."""
    used = 1 + sum(1 for interface in group.interfaces if interface.network_card == 0)
    table = _table(f"Room on the instance types of {group.name}")
    headings = ["type", "interfaces on card 0", "used", "left for the VPC CNI"]
    families = sorted(frozenset[int]().union(*map(of_eni, group.interfaces)))
    for heading in (*headings, *(f"IPv{family} per interface" for family in families)):
        table.add_column(heading)
    for name in group.instance_types:
        limits = known_types()[name]
        most = limits.interfaces_by_card[0]
        addresses = {IPV4: limits.ipv4_per_interface, IPV6: limits.ipv6_per_interface}
        row = (most, used, most - used, *(addresses[family] for family in families))
        table.add_row(name, *map(str, row))
    return table
