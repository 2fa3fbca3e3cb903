"""Where EC2 is, and in which Region the pod is: by its environment, or by the metadata service."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from domain.pods.errors import RegionUnknown
from kernellab import imds as lab
from node_bootstrap.deadline import Deadline
from node_bootstrap.imds import MetadataService
from pod_addresses import endpoints

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("region", "environ", "expected"),
    [
        ("us-east-1", {}, "https://ec2.us-east-1.amazonaws.com/"),
        ("us-gov-west-1", {}, "https://ec2.us-gov-west-1.amazonaws.com/"),
        ("cn-north-1", {}, "https://ec2.cn-north-1.amazonaws.com.cn/"),
        ("us-east-1", {"AWS_ENDPOINT_URL": "http://a/"}, "http://a/"),
        (
            "us-east-1",
            {"AWS_ENDPOINT_URL": "http://a/", "AWS_ENDPOINT_URL_EC2": "http://b/"},
            "http://b/",
        ),
    ],
)
def test_an_endpoint_is_the_regions_unless_named(
    region: str, environ: dict[str, str], expected: str
) -> None:
    assert endpoints.url("ec2", region, environ) == expected


def test_the_region_is_the_environments_before_anybody_is_asked() -> None:
    nobody = MetadataService((("127.0.0.1", 1),), lambda _: None)
    deadline = Deadline(0.0)
    assert endpoints.region({"AWS_REGION": "eu-west-1"}, nobody, deadline) == "eu-west-1"
    assert endpoints.region({"AWS_DEFAULT_REGION": "eu-west-2"}, nobody, deadline) == "eu-west-2"
    with pytest.raises(RegionUnknown, match="Region") as caught:
        endpoints.region({}, nobody, deadline)
    assert "AWS_REGION" in caught.value.remedy


def test_otherwise_the_metadata_service_tells_it(tmp_path: Path) -> None:
    state = tmp_path / "state"
    lab.node_state(region="ap-south-1").write(state)
    with lab.Running(state) as server:
        metadata = MetadataService((("127.0.0.1", server.port),))
        assert endpoints.region({}, metadata, Deadline(5.0)) == "ap-south-1"
