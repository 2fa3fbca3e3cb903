"""The tables at the end of a demo."""

from __future__ import annotations

from collections import Counter
from statistics import median
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from domain import tags
from localaws.calls import OK

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cli.demo.promises import EniView, NodeView
    from cli.demo.watch import Trace
    from localaws.calls import Call


def enis_by_node(nodes: Sequence[NodeView], enis: Sequence[EniView]) -> Group:
    """Return, node by node, a table of its interfaces with everything that matters of each ENI."""
    parts: list[Text | Table] = []
    for node in sorted(nodes, key=lambda item: (item.group, item.instance_id)):
        own = sorted(
            (eni for eni in enis if eni.instance_id == node.instance_id),
            key=lambda eni: eni.attachment.get("DeviceIndex", 0),
        )
        table = Table(
            box=None,
            pad_edge=False,
            padding=(0, 1, 0, 0),
            show_header=not parts,
            header_style="dim",
        )
        for heading, width in _COLUMNS.items():
            table.add_column(heading, width=width, overflow="fold")
        for eni in own:
            table.add_row(*_cells(eni))
        parts += [Text(f"\n{node.instance_id}  {node.group}  {node.zone}", "bold"), table]
    return Group(*parts)


_COLUMNS = {"interface": 15, "ENI, subnet": 24, "addresses": 23, "what matters": 14}
"""Column widths in which names, ids and most addresses stay whole; with the gaps they fill a terminal of 80."""


def _cells(eni: EniView) -> tuple[str, ...]:
    attachment = eni.attachment
    card = attachment.get("NetworkCardIndex", 0)
    index = f"index {attachment.get('DeviceIndex', '-')}{f' card {card}' if card else ''}"
    with_node = "goes with node" if attachment.get("DeleteOnTermination") else "OUTLIVES NODE"
    return (
        f"{eni.tags.get(tags.INTERFACE, '?')}\n{index}",
        f"{eni.eni_id}\n{eni.raw['SubnetId']}\n{eni.raw['AvailabilityZone']}",
        "\n".join(_addresses(eni.raw)),
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
    hooks = [value for blob in blobs for value in values(blob, "HookToContinue")]
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
            "hook opened to CONTINUE",
            f"median {median(hooks):.1f} s, slowest {max(hooks):.1f} s (± 1 s, as events tell the time)",
        )
    refused = Counter(call.action for call in calls if call.outcome != OK)
    for action, number in Counter(call.action for call in calls).most_common():
        failed = f", {refused[action]} of them refused or unanswered" if refused[action] else ""
        table.add_row(f"  {action}", f"{number}{failed}")
    table.add_row("throttled answers", str(sum(call.throttled for call in calls)))
    for reason, number in abandons(blobs).items():
        table.add_row(f"launches abandoned: {reason}", str(number))
    return table


def values(blob: Mapping[str, Any], metric: str) -> list[float]:
    """Return what a function wrote of a metric in one document."""
    value = blob.get(metric, [])
    return [float(item) for item in (value if isinstance(value, list) else [value])]


def abandons(blobs: Iterable[Mapping[str, Any]]) -> Counter[str]:
    """Return how many launches the functions abandoned, by reason."""
    found: Counter[str] = Counter()
    for blob in blobs:
        if "LaunchAbandonedByReason" in blob:
            found[str(blob["reason"])] += int(sum(values(blob, "LaunchAbandonedByReason")))
    return found


def is_launch_call(call: Call) -> bool:
    """Return whether a call was made by the launch function's role for a node: EC2 and Auto Scaling, not its logs."""
    return "Launch" in call.principal and call.service in ("ec2", "autoscaling")
