"""What a function's answer means for each message (Lambda Developer Guide, "Success and failure conditions")."""

from __future__ import annotations

import json

import pytest

from localaws.queues.records import failed_messages

pytestmark = pytest.mark.localaws

BATCH = ["a", "b", "c"]


def failures(*ids: object) -> bytes:
    return json.dumps({"batchItemFailures": [{"itemIdentifier": each} for each in ids]}).encode()


@pytest.mark.parametrize(
    ("answer", "failed"),
    [
        pytest.param(failures(), "", id="empty-list"),
        pytest.param(b'{"batchItemFailures": null}', "", id="null-list"),
        pytest.param(b"{}", "", id="empty-response"),
        pytest.param(b"null", "", id="null-response"),
        pytest.param(b"", "", id="no-response"),
        pytest.param(failures("b"), "b", id="one"),
        pytest.param(failures("a", "c", "c"), "ac", id="two-one-of-them-twice"),
        pytest.param(b"oops", "abc", id="not-json"),
        pytest.param(b'"ok"', "abc", id="not-an-object"),
        pytest.param(failures(""), "abc", id="empty-id"),
        pytest.param(failures(None), "abc", id="null-id"),
        pytest.param(b'{"batchItemFailures": [{"id": "a"}]}', "abc", id="wrong-key"),
        pytest.param(b'{"batchItemFailures": ["a"]}', "abc", id="not-an-item"),
        pytest.param(b'{"batchItemFailures": "a"}', "abc", id="not-a-list"),
        pytest.param(failures("a", "z"), "abc", id="unknown-id"),
    ],
)
def test_failed_messages(answer: bytes, failed: str) -> None:
    assert failed_messages(answer, BATCH) == set(failed)
