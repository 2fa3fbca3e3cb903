"""The ledger: what a network interface says of itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import tags
from domain.model import InstanceId

MOMENTS = st.floats(1.6e9, 4.1e9).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


def ledger(created_at: datetime) -> dict[str, str]:
    return tags.ownership_tags(
        owner="MultusEni-example",
        node_group="workers",
        instance_id=InstanceId("i-1"),
        interface="n3",
        created_at=created_at,
    )


def test_a_network_interface_is_ours_and_out_of_the_vpc_cnis_hands_from_birth() -> None:
    assert ledger(datetime(2026, 1, 1, tzinfo=UTC)) == {
        "node.k8s.amazonaws.com/no_manage": "true",
        "multus-eni:owner": "MultusEni-example",
        "multus-eni:node-group": "workers",
        "multus-eni:instance-id": "i-1",
        "multus-eni:interface": "n3",
        "multus-eni:created-at": "2026-01-01T00:00:00Z",
        "Name": "MultusEni-example/workers/n3",
    }


def test_the_vpc_cnis_cleaner_does_not_select_it() -> None:
    keys = set(ledger(datetime(2026, 1, 1, tzinfo=UTC)))
    assert not keys & {"node.k8s.amazonaws.com/instance_id", "cluster.k8s.amazonaws.com/name"}


@given(MOMENTS)
def test_the_age_survives_the_tag_to_the_second(moment: datetime) -> None:
    assert tags.created_at(ledger(moment)) == moment.replace(microsecond=0)


def test_the_age_is_written_in_utc_whatever_zone_it_was_read_in() -> None:
    tokyo = datetime(2026, 1, 1, 9, tzinfo=timezone(timedelta(hours=9)))
    assert ledger(tokyo)[tags.CREATED_AT] == "2026-01-01T00:00:00Z"


@pytest.mark.parametrize(
    "text", [None, "", "yesterday", "2026-01-01", "2026-13-01T00:00:00Z", "2026-01-01T00:00:00"]
)
def test_an_age_that_cannot_be_read_is_unknown(text: str | None) -> None:
    assert tags.created_at({} if text is None else {tags.CREATED_AT: text}) is None


def test_a_person_may_set_none_of_the_keys_that_we_or_the_vpc_cni_read() -> None:
    ours = set(ledger(datetime(2026, 1, 1, tzinfo=UTC))) - {tags.NAME}
    assert all(key.startswith(tags.RESERVED_PREFIXES) for key in ours)
