"""The tables at the end of a demo."""

from __future__ import annotations

from collections import Counter
from statistics import median
from typing import TYPE_CHECKING, Any

from rich.table import Table

from domain import tags

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cli.demo.promises import EniView, NodeView
    from cli.demo.watch import Trace
    from localaws.calls import Call


def enis_by_node(nodes: Sequence[NodeView], enis: Sequence[EniView]) -> Table:
    """Return a table of node and interface with everything that matters of the ENI."""
    table = Table(
        title="\nNode × interface",
        title_justify="left",
        box=None,
        pad_edge=False,
        header_style="bold",
    )
    for column in (
        "node",
        "interface",
        "ENI",
        "subnet, zone",
        "addresses",
        "index",
        "what matters",
    ):
        table.add_column(column, overflow="fold")
    for node in sorted(nodes, key=lambda item: (item.group, item.instance_id)):
        own = sorted(
            (eni for eni in enis if eni.instance_id == node.instance_id),
            key=lambda eni: eni.attachment.get("DeviceIndex", 0),
        )
        for eni in own:
            table.add_row(
                f"{node.instance_id}\n{node.group}" if eni is own[0] else "", *_cells(eni)
            )
    return table


def _cells(eni: EniView) -> tuple[str, ...]:
    attachment = eni.attachment
    card = attachment.get("NetworkCardIndex", 0)
    index = str(attachment.get("DeviceIndex", "-"))
    with_node = (
        "deleted with the node" if attachment.get("DeleteOnTermination") else "OUTLIVES THE NODE"
    )
    return (
        eni.tags.get(tags.INTERFACE, "?"),
        eni.eni_id,
        f"{eni.raw['SubnetId']}\n{eni.raw['AvailabilityZone']}",
        "\n".join(_addresses(eni.raw)),
        f"{index}\ncard {card}" if card else index,
        f"no_manage={eni.tags.get(tags.NO_MANAGE, 'MISSING')}\n{with_node}",
    )


def _addresses(raw: Mapping[str, Any]) -> list[str]:
    ipv4 = [item["PrivateIpAddress"] for item in raw.get("PrivateIpAddresses", [])]
    return ipv4 + [item["Ipv6Address"] for item in raw.get("Ipv6Addresses", [])]


def figures(
    traces: Iterable[Trace], calls: Sequence[Call], blobs: Sequence[Mapping[str, Any]]
) -> Table:
    """Return a table of what the run cost and how long it took.

    Args:
        traces: what was seen of each node.
        calls: the API calls of the launch function.
        blobs: the embedded metrics that the functions wrote.
    """
    took = [trace.took_s for trace in traces if trace.took_s is not None]
    hooks = [value for blob in blobs for value in _values(blob, "HookToContinue")]
    table = Table(
        title="Figures", title_justify="left", box=None, pad_edge=False, show_header=False
    )
    table.add_row("nodes that came into service", str(len(took)))
    if took:
        table.add_row(
            "launch to in service", f"median {median(took):.1f} s, slowest {max(took):.1f} s"
        )
        table.add_row("API calls per node to launch it", f"{len(calls) / len(took):.1f}")
    if hooks:
        table.add_row(
            "hook opened to CONTINUE", f"median {median(hooks):.1f} s, slowest {max(hooks):.1f} s"
        )
    for action, number in Counter(call.action for call in calls).most_common():
        table.add_row(f"  {action}", str(number))
    table.add_row("throttled answers", str(sum(call.throttled for call in calls)))
    for reason, number in _abandons(blobs).items():
        table.add_row(f"launches abandoned: {reason}", str(number))
    return table


def _values(blob: Mapping[str, Any], metric: str) -> list[float]:
    value = blob.get(metric, [])
    return [float(item) for item in (value if isinstance(value, list) else [value])]


def _abandons(blobs: Iterable[Mapping[str, Any]]) -> Counter[str]:
    found: Counter[str] = Counter()
    for blob in blobs:
        if "LaunchAbandonedByReason" in blob:
            found[str(blob["reason"])] += int(sum(_values(blob, "LaunchAbandonedByReason")))
    return found


def is_launch_call(call: Call) -> bool:
    """Return whether a call was made by the launch function's role for a node: EC2 and Auto Scaling, not its logs."""
    return "Launch" in call.principal and call.service in ("ec2", "autoscaling")
