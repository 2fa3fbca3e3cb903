"""What a node tells a metrics collector: whether it is ready, and how much of its pools of addresses pods have."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

from domain.node.status import State

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from domain.node.status import Interface, Status

PREFIX = "multus_node"
_FAMILIES = {4: "ipv4", 6: "ipv6"}


def exposition(status: Status | None, noted: Mapping[str, Collection[str]]) -> str:
    """Return the metrics in Prometheus's text format (Prometheus documentation, "Exposition formats").

    Pods get no address of a pool, and do not start, once as many are used as there are.

    Args:
        status: what the last run left; None while there is none that can be read.
        noted: by interface, what host-local has given out; whatever else it keeps there is not counted.
    """
    ready = int(status is not None and status.state is State.READY)
    interfaces = status.interfaces if status else ()
    metrics = (
        ("ready", "Whether the node has every interface that it was promised.", [f" {ready}"]),
        (
            "pod_addresses",
            "Addresses that the node gives to pods.",
            list(_by_family(interfaces, None)),
        ),
        (
            "pod_addresses_used",
            "Those of them that pods have.",
            list(_by_family(interfaces, noted)),
        ),
    )
    return "".join(
        f"# HELP {PREFIX}_{name} {what}\n# TYPE {PREFIX}_{name} gauge\n"
        + "".join(f"{PREFIX}_{name}{sample}\n" for sample in samples)
        for name, what, samples in metrics
        if samples
    )


def _by_family(
    interfaces: Collection[Interface], noted: Mapping[str, Collection[str]] | None
) -> Iterator[str]:
    """Yield a sample for each pool and family: how many addresses it has, or how many of those are noted."""
    for interface in interfaces:
        for version, family in _FAMILIES.items():
            pool = {text for text in interface.pod_addresses if ip_address(text).version == version}
            counted = pool if noted is None else pool & set(noted.get(interface.name, ()))
            if pool:
                yield f'{{interface="{interface.name}",family="{family}"}} {len(counted)}'
