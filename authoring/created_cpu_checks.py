"""What no single value shows of a created group's CPUs: which the kernel isolates, which are the system's, and what a type has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authoring.created_shapes import cpus, listed
from authoring.instance_types import known_types
from authoring.problems import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authoring.created import Create
    from authoring.wellformed import Map, WrittenGroup


def faults(create: Map[Create], group: WrittenGroup) -> Iterator[Fault]:
    """Yield every fault between what is said of one group's CPUs."""
    yield from _apart(create)
    yield from _for_containers(create)
    for text in group.instance_types:
        limits = known_types().get(text.value)
        if limits is not None:
            yield from _there(create, text.value, limits.cpus)
            yield from _none_left_for_pods(create, text.value, limits.cpus)
            yield from _in_neither(create, text.value, limits.cpus)


def _written(create: Map[Create], key: str) -> frozenset[int]:
    """Return the CPUs under a key; none where it is left out or cannot be read."""
    text: str | None = getattr(create.item, key)
    return cpus(text) if text is not None and create.says(key) else frozenset()


def _apart(create: Map[Create]) -> Iterator[Fault]:
    isolated, reserved = _written(create, "isolated_cpus"), _written(create, "reserved_cpus")
    here = (*create.location, "isolated_cpus")
    both = sorted(isolated & reserved)
    if both:
        yield Fault(
            here,
            create.item.isolated_cpus,
            f"has CPU {both[0]}, which reserved_cpus ({create.item.reserved_cpus}) keeps for the system",
            "Give each CPU to one of the two.",
        )
    if 0 in isolated:
        yield Fault(
            here,
            create.item.isolated_cpus,
            "has CPU 0, which the kernel boots on and does its own work on",
            "Begin at 1, or later.",
        )


def _for_containers(create: Map[Create]) -> Iterator[Fault]:
    """The static policy gives containers any CPU that is not reserved (Kubernetes, "Control CPU Management Policies on the
    Node"); it knows nothing of what the kernel isolates."""
    item, here = create.item, (*create.location, "isolated_cpus")
    if not _written(create, "isolated_cpus"):
        return
    if item.cpu_manager_policy != "static" and create.says("cpu_manager_policy"):
        yield Fault(
            here,
            item.isolated_cpus,
            "needs containers that have CPUs for themselves",
            "Add `cpu_manager_policy: static`: without it no container is put on an isolated CPU by anybody.",
        )
    if item.reserved_cpus is None and create.says("reserved_cpus"):
        yield Fault(
            here,
            item.isolated_cpus,
            "leaves the other CPUs to containers too, and some would get those that are not isolated",
            "Add `reserved_cpus` with all the others: kubelet gives no container a reserved CPU for itself.",
        )


def _there(create: Map[Create], name: str, count: int) -> Iterator[Fault]:
    """The kernel takes no list with a CPU that is not there, and kubelet does not start."""
    for key in ("isolated_cpus", "reserved_cpus"):
        last = max(_written(create, key), default=-1)
        if last >= count:
            yield Fault(
                (*create.location, key),
                getattr(create.item, key),
                f"has CPU {last}, and {name} has {count}, counted from 0",
                "Write CPUs that each of the types has, or make a group for each size.",
            )


def _none_left_for_pods(create: Map[Create], name: str, count: int) -> Iterator[Fault]:
    if _written(create, "reserved_cpus") == frozenset(range(count)):
        yield Fault(
            (*create.location, "reserved_cpus"),
            create.item.reserved_cpus,
            f"is every CPU of {name}: no pod that asks for CPUs would ever be put there",
            "Leave some to the pods.",
        )


def _in_neither(create: Map[Create], name: str, count: int) -> Iterator[Fault]:
    isolated, reserved = _written(create, "isolated_cpus"), _written(create, "reserved_cpus")
    if not isolated or not reserved:
        return
    missing = frozenset(range(count)) - isolated - reserved
    if missing:
        yield Fault(
            (*create.location, "isolated_cpus"),
            create.item.isolated_cpus,
            f"leaves CPUs {listed(missing)} of {name} in neither this list nor reserved_cpus ({create.item.reserved_cpus}): "
            "a container would get them, not isolated",
            "Put each CPU into one of the two, and make a group for each size of instance.",
        )
