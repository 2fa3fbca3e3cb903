"""From what a person wrote to what the cluster is told of pods' networks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authoring.node_checks import is_metal
from authoring.node_resolution import link_name
from authoring.pod_checks import HANDS_OUT
from authoring.pod_families import of_eni
from authoring.problems import Fault, Location, path_of, unlocated
from domain import naming
from domain.errors import ConfigInvalid
from domain.node.config import Driver, PodNetwork
from domain.pods.attachments import attachment
from domain.pods.model import Ipam, Network, PodGroup, Route, Taint
from domain.pods.ranges import pod_range, prefix_lengths, router

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authoring.models import Authored, Interface, NodeGroup


def resolve_pods(authored: Authored) -> tuple[PodGroup, ...]:
    """Return the networks of each node group, those of groups without any left out.

    Raises:
        ConfigInvalid: no interface has a pod network, or two have one name and differ.
    """
    groups = _groups(authored)
    faults = list(namesakes(authored))
    if not any(group.networks for group in groups):
        faults.append(
            Fault(
                ("node_groups",),
                None,
                "has no interface with a pod network",
                "Write `pod_network` in an interface's `node:`.",
            )
        )
    if faults:
        raise ConfigInvalid([unlocated(fault) for fault in faults])
    return tuple(group for group in groups if group.networks)


def namesakes(authored: Authored) -> Iterator[Fault]:
    """Yield the interfaces that have the name of another group's and differ from it for pods, who find one
    NetworkAttachmentDefinition in a namespace. Nodes have no trouble with that."""
    groups = _groups(authored)
    first: dict[tuple[str, str], tuple[dict[str, object], Location]] = {}
    for position, (written, group) in enumerate(zip(authored.node_groups, groups, strict=True)):
        places = {item.name: place for place, item in enumerate(written.interfaces)}
        for network in group.networks:
            here = ("node_groups", position, "interfaces", places[network.interface], "name")
            for namespace in network.namespaces:
                document = attachment(network, namespace)
                known, where = first.setdefault((namespace, network.name), (document, here))
                if known != document:
                    yield Fault(
                        here,
                        network.interface,
                        f"is the name of {path_of(where)} too, and in namespace {namespace} pods get at the two in different ways",
                        "Give it a name of its own, or other `pod_namespaces`.",
                    )


def _groups(authored: Authored) -> tuple[PodGroup, ...]:
    owner = naming.owner(authored.name)
    return tuple(_group(group, owner) for group in authored.node_groups)


def _group(group: NodeGroup, owner: str) -> PodGroup:
    metal_only = bool(group.instance_types) and all(map(is_metal, group.instance_types))
    return PodGroup(
        name=group.name,
        networks=tuple(
            _network(item, position, group.node.resource_prefix, owner)
            for position, item in enumerate(group.interfaces)
            if item.node.pod_network != "none"
        ),
        taints=tuple(
            Taint(taint.key, taint.value, taint.effect)
            for taint in (group.create.taints if group.create else ())
        ),
        huge_pages={
            pages.size: pages.quantity(pages.size, pages.count)
            for pages in reversed(group.node.huge_pages)
        },
        no_iommu=group.node.allow_unsafe_noiommu and not metal_only,
    )


def _network(item: Interface, position: int, prefix: str, owner: str) -> Network:
    node, plugins = item.node, item.pod_plugins
    return Network(
        interface=item.name,
        link=link_name(node, position),
        mtu=node.mtu,
        driver=Driver(node.driver),
        mode=PodNetwork(node.pod_network),
        namespaces=item.pod_namespaces or ("default",),
        resource=f"{prefix}/{node.resource}" if node.resource else None,
        address_families=tuple(sorted(of_eni(item))),
        ipam=Ipam(item.pod_ipam),
        follow_owner=owner if item.pod_follow else None,
        has_pool=item.pod_pool is not None,
        ranges=tuple(pod_range(text, item.pod_subnets) for text in item.pod_ranges)
        if item.pod_ipam in HANDS_OUT
        else (),
        prefix_lengths=prefix_lengths(item.pod_subnets),
        routes=tuple(_routes(item)) if item.pod_ipam != "node" else (),
        source_routing=plugins is not None and plugins.sbr,
        router=router(item.pod_ranges[0], item.pod_subnets)
        if plugins is not None and plugins.sbr and item.pod_ipam == "whereabouts"
        else None,
        sysctls=dict(plugins.sysctls) if plugins else {},
    )


def _routes(item: Interface) -> Iterator[Route]:
    for text in item.pod_routes:
        known = router(text, item.pod_subnets)
        if known is not None:
            yield Route(text, known)
