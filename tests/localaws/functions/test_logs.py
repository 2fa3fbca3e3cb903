"""Metrics among the lines of a log."""

from __future__ import annotations

import pytest

from localaws.functions.logs import embedded_metrics

pytestmark = pytest.mark.localaws


@pytest.mark.parametrize(
    ("line", "found"),
    [
        pytest.param('{"_aws": {"CloudWatchMetrics": []}, "n": 1}', True, id="metrics"),
        pytest.param('{"_aws": {"Timestamp": 1}}', False, id="no-directive"),
        pytest.param('{"_aws": "x"}', False, id="no-object"),
        pytest.param('["_aws"]', False, id="list"),
        pytest.param('{"_aws": ', False, id="broken"),
        pytest.param("plain text", False, id="text"),
    ],
)
def test_a_line_is_a_metric_document_only_by_its_directive(line: str, found: bool) -> None:
    assert (embedded_metrics(line) is not None) is found
