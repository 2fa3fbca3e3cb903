"""What went wrong on the way, though every node may have come into service in the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.demo import report

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from cli.demo.watch import Trace
    from localaws.account import Account

_METRICS = {
    "Defects": "events met a defect of the functions",
    "EventsRejected": "events were rejected as malformed",
}


def troubles(account: Account, expected: Collection[str]) -> list[str]:
    """Return, in words, what the functions reported and what was never served.

    Args:
        account: where.
        expected: the reasons for which launches were to be abandoned.
    """
    blobs = account.functions.metrics()
    lines = [
        f"launches abandoned: {number}, for {reason}"
        for reason, number in report.abandons(blobs).items()
        if reason not in expected
    ]
    for metric, what in _METRICS.items():
        if number := int(sum(value for blob in blobs for value in report.values(blob, metric))):
            lines.append(f"{number} {what}")
    lines += [f"{number} messages are in {name}" for name, number in _dead_letters(account)]
    lines += [
        f"an event for {delivery.target_arn} reached neither it nor a dead-letter queue: {why}"
        for delivery, why in account.events.dropped
    ]
    return lines


def lost_on_the_way(traces: Mapping[str, Trace]) -> list[str]:
    """Return, in words, which nodes went before they were in service."""
    return [
        f"{trace.node.instance_id} of {trace.node.group} went before it was in service"
        for trace in traces.values()
        if trace.gone_s is not None and trace.in_service_s is None
    ]


def _dead_letters(account: Account) -> Iterator[tuple[str, int]]:
    """Yield the queues that no function reads and that are not empty, with the number of their messages."""
    sqs = account.client("sqs")
    mappings = account.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    read = {mapping["EventSourceArn"] for mapping in mappings}
    for url in sqs.list_queues().get("QueueUrls", []):
        shown = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        number = int(shown["ApproximateNumberOfMessages"])
        if number and shown["QueueArn"] not in read:
            yield str(shown["QueueArn"]).rsplit(":", 1)[-1], number
