"""Policies of a created group's role."""

from __future__ import annotations

import botocore.session
import pytest

from authoring.node_policies import partition

_SESSION = botocore.session.get_session()


@pytest.mark.parametrize("known", _SESSION.get_available_partitions())
def test_a_region_is_of_the_partition_that_botocore_has_it_in(known: str) -> None:
    for service in ("sts", "ec2"):
        for region in _SESSION.get_available_regions(service, partition_name=known):
            assert partition(region) == known
