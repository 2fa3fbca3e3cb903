"""What Kubernetes and CNI plugins take, as far as this repository writes it: structure and types, each with its source."""

from __future__ import annotations

import json
import re
from ipaddress import ip_address, ip_network
from typing import Any

import jsonschema

NETWORK_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
"""Of each part of k8s.v1.cni.cncf.io/networks (k8snetworkplumbingwg/multus-cni, pkg/k8sclient/k8sclient.go,
parsePodNetworkObjectName)."""
DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")

ATTACHMENT = {
    "type": "object",
    "properties": {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"type": "object"},
        "spec": {"type": "object", "properties": {"config": {"type": "string"}}},
    },
    # What the API server prunes would be lost without an error.
    "additionalProperties": False,
}
"""The openAPIV3Schema of network-attachment-definitions.k8s.cni.cncf.io, v1, in EKS's manifest of Multus (aws/amazon-vpc-cni-k8s,
config/multus/v4.1.4-eksbuild.3/multus-daemonset-thick.yml), without descriptions. `spec` is optional there."""

_ADDRESS = {"type": "string", "format": "address"}
_RANGE = {"type": "string", "format": "range"}
_ROUTES = {
    "type": "array",
    "minItems": 1,
    "items": {
        "type": "object",
        "properties": {"dst": _RANGE, "gw": _ADDRESS},
        "required": ["dst"],
        "additionalProperties": False,
    },
}


def _keys(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


IPAM = {
    # k8snetworkplumbingwg/whereabouts, pkg/types/types.go: IPAMConfig, RangeConfiguration.
    "whereabouts": _keys(
        {
            "type": {"const": "whereabouts"},
            "ipRanges": {
                "type": "array",
                "minItems": 1,
                "items": _keys(
                    {"range": _RANGE, "range_start": _ADDRESS, "range_end": _ADDRESS}, "range"
                ),
            },
            "gateway": _ADDRESS,
            "routes": _ROUTES,
        },
        "type",
        "ipRanges",
    ),
    # containernetworking/plugins, plugins/ipam/host-local/backend/allocator: config.go, Range.
    "host-local": _keys(
        {
            "type": {"const": "host-local"},
            "ranges": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "array",
                    "minItems": 1,
                    "items": _keys(
                        {
                            "subnet": _RANGE,
                            "rangeStart": _ADDRESS,
                            "rangeEnd": _ADDRESS,
                            "gateway": _ADDRESS,
                        },
                        "subnet",
                    ),
                },
            },
            "routes": _ROUTES,
        },
        "type",
        "ranges",
    ),
    # containernetworking/plugins, plugins/ipam/static/main.go: IPAMConfig.
    "static": _keys({"type": {"const": "static"}, "routes": _ROUTES}, "type"),
}
_CAPABILITIES = _keys({"ips": {"const": True}}, "ips")
_ANY_IPAM = {"oneOf": list(IPAM.values())}
PLUGINS = {
    # containernetworking/plugins, plugins/main/ipvlan/ipvlan.go, NetConf; it fails without an IPAM plugin.
    "ipvlan": _keys(
        {
            "type": {"const": "ipvlan"},
            "master": {"type": "string", "maxLength": 15},
            "mode": {"enum": ["l2", "l3", "l3s"]},
            "mtu": {"type": "integer", "minimum": 0},
            "ipam": _ANY_IPAM,
            "capabilities": _CAPABILITIES,
        },
        "type",
        "master",
        "ipam",
    ),
    # plugins/main/host-device/host-device.go, NetConf; Multus adds deviceID and pciBusID.
    "host-device": _keys(
        {"type": {"const": "host-device"}, "ipam": _ANY_IPAM, "capabilities": _CAPABILITIES},
        "type",
    ),
    # plugins/meta/tuning/tuning.go, TuningConf.
    "tuning": _keys(
        {
            "type": {"const": "tuning"},
            "sysctl": {
                "type": "object",
                "additionalProperties": {"type": "string"},
                "propertyNames": {"pattern": r"^net\."},
            },
        },
        "type",
        "sysctl",
    ),
    # plugins/meta/sbr/main.go, PluginConf.
    "sbr": _keys({"type": {"const": "sbr"}}, "type"),
}
_FORMATS = jsonschema.FormatChecker(formats=())
_FORMATS.checks("address", raises=ValueError)(lambda value: bool(ip_address(value)))
_FORMATS.checks("range", raises=ValueError)(lambda value: bool(ip_network(value)))


def check_attachment(document: dict[str, Any]) -> None:
    """Raise unless the API server, Multus and the plugins take a NetworkAttachmentDefinition."""
    jsonschema.validate(document, ATTACHMENT)
    assert (document["apiVersion"], document["kind"]) == (
        "k8s.cni.cncf.io/v1",
        "NetworkAttachmentDefinition",
    )
    name = document["metadata"]["name"]
    assert NETWORK_NAME.fullmatch(name)
    if "spec" in document:
        check_configuration(json.loads(document["spec"]["config"]), name)
    resource = document["metadata"].get("annotations", {}).get("k8s.v1.cni.cncf.io/resourceName")
    assert resource is None or re.fullmatch(r"[a-z0-9.-]+/[A-Za-z0-9_-]+", resource)


def check_configuration(configuration: dict[str, Any], name: str) -> None:
    """Raise unless libcni and the plugins take a configuration (containernetworking/cni, SPEC.md 0.4.0)."""
    rest = dict(configuration)
    assert (rest.pop("cniVersion"), rest.pop("name")) == ("0.4.0", name)
    plugins = rest.pop("plugins", None) or [rest]
    for plugin in plugins:
        jsonschema.validate(plugin, PLUGINS[plugin["type"]], format_checker=_FORMATS)
    first, *chained = [plugin["type"] for plugin in plugins]
    assert first in ("ipvlan", "host-device")
    assert set(chained) <= {"tuning", "sbr"}
    assert len(chained) == len(set(chained))
