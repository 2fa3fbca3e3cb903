"""What no single value shows of a group that is created: sizes, zones, Spot, architectures, and what goes with what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authoring import cluster_checks, created_cpu_checks, created_node_checks
from authoring.instance_types import architecture
from authoring.problems import Fault, path_of
from domain import naming

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authoring.created import Create
    from authoring.problems import Location
    from authoring.wellformed import Map, Written, WrittenGroup

MOST_TYPES = 40
"""Instance types per Auto Scaling group (AWS CDK, aws_autoscaling.MixedInstancesPolicy, launch_template_overrides)."""
LEAST_TYPES_FOR_SPOT = 2
GP3_IOPS, MOST_IOPS_PER_GIB, IOPS_PER_MIB_S = 3000, 500, 4
"""EBS User Guide, "General Purpose SSD volumes", gp3: 3000 without more, up to 500 for each GiB; at most 0.25 MiB/s for each."""
MOST_HEALTHY_RANGE_PERCENT = 100
"""StartInstanceRefresh: the difference between the two percentages cannot be greater (Auto Scaling API reference)."""


def faults(file: Written) -> Iterator[Fault]:
    """Yield every fault between what is said of the groups that are created."""
    for group in file.groups:
        create = group.create
        if create is None:
            continue
        yield from _sizes(create)
        yield from _subnets(create, group, file)
        yield from _instance_types(group)
        yield from _spot(create, group)
        yield from created_cpu_checks.faults(create, group)
        yield from _refresh(create)
        yield from _warm_pool(create, group)
        yield from _root_volume(create)
        yield from _key_elsewhere(create, file)
        yield from created_node_checks.faults(create, group, file)
        yield from _named_as_another(group, file)
        yield from _with_the_cluster(create, group, file)


def _sizes(create: Map[Create]) -> Iterator[Fault]:
    item = create.item
    if create.says("min_size", "max_size") and item.min_size > item.max_size:
        yield Fault(
            (*create.location, "min_size"),
            item.min_size,
            f"is more than max_size ({item.max_size})",
            "Correct one of the two.",
        )


def _subnets(create: Map[Create], group: WrittenGroup, file: Written) -> Iterator[Fault]:
    if not create.says("subnets"):
        return
    for zone in create.item.subnets:
        here = (*create.location, "subnets", zone)
        if file.region is not None and not zone.startswith(file.region.value):
            yield Fault(
                here,
                zone,
                f"is not a zone of {file.region.value}",
                "Correct the zone, or `region` at the top of the file.",
            )
        for interface in group.interfaces:
            subnets = interface.item.subnets
            if isinstance(subnets, dict) and zone not in subnets:
                yield Fault(
                    here,
                    zone,
                    f"is a zone in which interface {interface.item.name} has no subnet",
                    f"Add one to {path_of((*interface.location, 'subnets'))}, or leave the zone out: each node launched there "
                    "would be abandoned.",
                )


def _instance_types(group: WrittenGroup) -> Iterator[Fault]:
    if not group.instance_types:
        yield Fault(
            (*group.location, "instance_types"),
            None,
            "is missing, and a group that is created launches these types",
            "Write at least one type; the first is preferred.",
        )
        return
    if len(group.instance_types) > MOST_TYPES:
        yield Fault(
            (*group.location, "instance_types"),
            len(group.instance_types),
            f"are more than the {MOST_TYPES} instance types that an Auto Scaling group takes",
            "Leave out those that are preferred least.",
        )
    seen: dict[str, Location] = {}
    first = group.instance_types[0].value
    for text in group.instance_types:
        if text.value in seen:
            yield Fault(
                text.location,
                text.value,
                f"is {path_of(seen[text.value])} once more",
                "Keep one of them: Auto Scaling takes no type twice.",
            )
        seen.setdefault(text.value, text.location)
        if text.value.startswith("mac"):
            yield Fault(
                text.location,
                text.value,
                "runs macOS alone",
                "Name types that run Amazon Linux (EC2 User Guide, Amazon EC2 Mac instances).",
            )
        if architecture(text.value) != architecture(first):
            yield Fault(
                text.location,
                text.value,
                f"is of {architecture(text.value)}, and {first} of {architecture(first)}",
                "A group has one image, so make a group for each architecture.",
            )


def _spot(create: Map[Create], group: WrittenGroup) -> Iterator[Fault]:
    item = create.item
    if not create.says("spot_percent"):
        return
    if item.spot_percent:
        if 0 < len(group.instance_types) < LEAST_TYPES_FOR_SPOT:
            yield Fault(
                (*create.location, "spot_percent"),
                item.spot_percent,
                "takes Spot Instances of one type only",
                "Name several in instance_types: when that type runs out, all of the share does, and nothing replaces it.",
            )
        if item.on_demand_base >= item.max_size and create.says("on_demand_base", "max_size"):
            yield Fault(
                (*create.location, "on_demand_base"),
                item.on_demand_base,
                f"leaves none of max_size ({item.max_size}) to Spot Instances, of which spot_percent ({item.spot_percent}) asks for a share",
                "Write a smaller base, or leave `spot_percent` out.",
            )
        return
    for key, value in (
        ("on_demand_base", item.on_demand_base),
        ("capacity_rebalance", item.capacity_rebalance),
    ):
        if value and create.says(key):
            yield Fault(
                (*create.location, key),
                value,
                "has no effect without Spot Instances",
                "Add `spot_percent`, or leave it out.",
            )


def _refresh(create: Map[Create]) -> Iterator[Fault]:
    update = create.item.update
    between = update.max_healthy_percent - update.min_healthy_percent
    if create.says("update") and between > MOST_HEALTHY_RANGE_PERCENT:
        yield Fault(
            (*create.location, "update", "max_healthy_percent"),
            update.max_healthy_percent,
            f"is {between} percent above min_healthy_percent ({update.min_healthy_percent})",
            f"Write at most {update.min_healthy_percent + MOST_HEALTHY_RANGE_PERCENT}: Auto Scaling takes no larger difference.",
        )


def _warm_pool(create: Map[Create], group: WrittenGroup) -> Iterator[Fault]:
    item = create.item
    if item.warm_pool is None or not create.says("warm_pool"):
        return
    if group.node.says("ready_hook") and not group.has_ready_hook:
        # Auto Scaling stops an instance as soon as no hook holds it, and cloud-init runs user data once in an instance's life
        # (Auto Scaling User Guide, "Use lifecycle hooks with a warm pool").
        yield Fault(
            (*group.node.location, "ready_hook"),
            False,
            "lets the warm pool stop a node as soon as it has its interfaces, in the middle of its user data, which never runs again",
            "Write `ready_hook: true`: the node holds itself until it is prepared.",
        )
    if item.spot_percent and create.says("spot_percent"):
        yield Fault(
            (*create.location, "warm_pool"),
            item.spot_percent,
            "is not for Spot Instances, and spot_percent asks for some",
            "Leave one of the two out: Auto Scaling keeps no Spot Instance in a warm pool.",
        )
    yield from _warm_pool_sizes(create)


def _warm_pool_sizes(create: Map[Create]) -> Iterator[Fault]:
    item = create.item
    if item.warm_pool is None:
        return
    if create.says("max_size") and item.warm_pool.min_size > item.max_size:
        yield Fault(
            (*create.location, "warm_pool", "min_size"),
            item.warm_pool.min_size,
            f"is more than max_size ({item.max_size}), and so many can never be in service",
            "Correct one of the two: the rest would wait for nothing.",
        )
    prepared = item.warm_pool.max_prepared
    if prepared is not None and prepared < item.warm_pool.min_size:
        yield Fault(
            (*create.location, "warm_pool", "max_prepared"),
            prepared,
            f"is less than the {item.warm_pool.min_size} that wait at least",
            "Correct one of the two; max_prepared counts the nodes in service as well.",
        )
    elif prepared is not None and not item.warm_pool.min_size and prepared <= item.min_size:
        # PutWarmPool (Auto Scaling API reference): the pool is what max_prepared is above the nodes in service, and empty where
        # that is nothing.
        yield Fault(
            (*create.location, "warm_pool", "max_prepared"),
            prepared,
            f"is no more than the nodes in service, of which there are {item.min_size} at least: the pool would always be empty",
            "Write more than min_size; max_prepared counts the nodes in service as well.",
        )


def _root_volume(create: Map[Create]) -> Iterator[Fault]:
    if not create.says("root_volume"):
        return
    volume = create.item.root_volume
    here = (*create.location, "root_volume")
    most_iops = max(GP3_IOPS, volume.size_gib * MOST_IOPS_PER_GIB)
    if volume.iops > most_iops:
        yield Fault(
            (*here, "iops"),
            volume.iops,
            f"is more than the {most_iops} that {volume.size_gib} GiB have",
            f"Write a larger size_gib: gp3 has at most {MOST_IOPS_PER_GIB} for each GiB.",
        )
    if volume.throughput_mib_s * IOPS_PER_MIB_S > volume.iops:
        yield Fault(
            (*here, "throughput_mib_s"),
            volume.throughput_mib_s,
            f"is more than a quarter of iops ({volume.iops})",
            f"Write iops: {volume.throughput_mib_s * IOPS_PER_MIB_S}, or less throughput.",
        )


def _key_elsewhere(create: Map[Create], file: Written) -> Iterator[Fault]:
    arn = create.item.root_volume.kms_key_arn
    if arn is None or file.region is None or not create.says("root_volume"):
        return
    region = file.region.value
    if f":kms:{region}:" not in arn:
        yield Fault(
            (*create.location, "root_volume", "kms_key_arn"),
            arn,
            f"is not in {region}",
            "Name a key of the stack's own Region: EBS encrypts with no other, and every launch would fail.",
        )


def _named_as_another(group: WrittenGroup, file: Written) -> Iterator[Fault]:
    if file.name is None or group.name is None:
        return
    name = naming.created_group(naming.owner(file.name.value), group.name.value)
    for other in file.groups:
        text = other.auto_scaling_group
        if text is not None and text.value == name:
            yield Fault(
                text.location,
                name,
                f"is the group that {path_of((*group.location, 'create'))} creates",
                "Leave this node group out, or name another Auto Scaling group.",
            )


def _with_the_cluster(create: Map[Create], group: WrittenGroup, file: Written) -> Iterator[Fault]:
    if file.cluster is None:
        return
    if create.says("kubernetes_version", "ami"):
        yield from cluster_checks.kubelet(create.location, create.item, file.cluster)
    if group.node.says("reduce_max_pods"):
        yield from cluster_checks.max_pods(group.node.location, group.node.item, file.cluster)
