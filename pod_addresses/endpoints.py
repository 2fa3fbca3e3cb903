"""Where AWS's services are, and in which Region the pod is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.node.errors import NodeError
from domain.pods.errors import RegionUnknown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from node_bootstrap.deadline import Deadline
    from node_bootstrap.imds import MetadataService

REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")


def url(service: str, region: str, environ: Mapping[str, str]) -> str:
    """Return a service's endpoint: what the environment names, as for the SDKs, or the Region's own.

    Sources: AWS SDKs and Tools Reference Guide, "Service-specific endpoints" (AWS_ENDPOINT_URL_<SERVICE>, AWS_ENDPOINT_URL); AWS
    General Reference, "Amazon EC2 endpoints and quotas" and "AWS Security Token Service endpoints".
    """
    named = environ.get(f"AWS_ENDPOINT_URL_{service.upper()}") or environ.get("AWS_ENDPOINT_URL")
    if named:
        return named
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"https://{service}.{region}.{suffix}/"


def region(environ: Mapping[str, str], metadata: MetadataService, deadline: Deadline) -> str:
    """Return the Region: what EKS sets in the pod's environment, else the metadata service's.

    Raises:
        RegionUnknown: neither tells. From a pod the metadata service answers only with a hop limit of 2.
    """
    for name in REGIONS:
        if environ.get(name):
            return environ[name]
    try:
        return metadata.always("placement/region", deadline)
    except NodeError as silent:
        raise RegionUnknown(
            "nobody tells the Region",
            value=silent.line(),
            remedy="Set AWS_REGION in the container's environment.",
        ) from silent
    finally:
        metadata.close()
