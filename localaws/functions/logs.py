"""What functions wrote: kept for tests and the demo, and the metrics found in it."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True)
class LogLine:
    """One line of a function's log."""

    function_name: str
    request_id: str
    at_s: float
    text: str


class Logs:
    """Every line of every function, in the order in which the invocations ended."""

    def __init__(self) -> None:
        self._lines: list[LogLine] = []
        self._lock = threading.Lock()

    def add(self, lines: Iterable[LogLine]) -> None:
        """Keep the lines of one invocation together."""
        with self._lock:
            self._lines.extend(lines)

    def lines(self, function_name: str | None = None) -> list[LogLine]:
        """Return the lines of one function, or of all."""
        with self._lock:
            return [line for line in self._lines if function_name in (None, line.function_name)]

    def metrics(self, function_name: str | None = None) -> list[dict[str, Any]]:
        """Return the embedded-metric-format documents among the lines."""
        found = (embedded_metrics(line.text) for line in self.lines(function_name))
        return [document for document in found if document is not None]


def embedded_metrics(text: str) -> dict[str, Any] | None:
    """Return the document when a log line is one of CloudWatch's embedded metric format, else None.

    A line is one when it is a JSON object with `_aws.CloudWatchMetrics` (CloudWatch User Guide, "Specification:
    Embedded metric format").
    """
    if '"_aws"' not in text:
        return None
    try:
        document = json.loads(text)
    except ValueError:
        return None
    if not isinstance(document, dict):
        return None
    metadata = document.get("_aws")
    if isinstance(metadata, dict) and "CloudWatchMetrics" in metadata:
        return document
    return None
