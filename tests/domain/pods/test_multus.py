"""The layer over EKS's manifest of Multus."""

from __future__ import annotations

import json

from domain.node import layout
from domain.pods import multus


def test_multus_reads_the_directory_that_nodes_write_and_nothing_else_is_changed() -> None:
    configuration = multus.documents()["multus/daemon-config.yaml"]
    (text,) = configuration["data"].values()
    daemon = json.loads(text)
    assert daemon["confDir"] == daemon["chrootDir"] + layout.CNI_CONFIGURATION
    # data of multus-daemon-config in multus-daemonset-thick.yml (aws/amazon-vpc-cni-k8s, config/multus/v4.1.4-eksbuild.3).
    assert {**daemon, "confDir": "/host/etc/cni/net.d"} == {
        "chrootDir": "/hostroot",
        "confDir": "/host/etc/cni/net.d",
        "logFile": "/var/log/multus.log",
        "logLevel": "verbose",
        "socketDir": "/host/run/multus/",
        "cniVersion": "0.3.1",
        "logToStderr": True,
        "cniConfigDir": "/host/etc/cni/net.d",
        "multusConfigFile": "auto",
        "multusAutoconfigDir": "/host/etc/cni/net.d",
        "multusMasterCNI": "10-aws.conflist",
    }


def test_each_patch_is_of_an_object_of_the_manifest() -> None:
    documents = multus.documents()
    patches = [
        documents[f"multus/{patch['path']}"]
        for patch in documents["multus/kustomization.yaml"]["patches"]
    ]
    names = {
        (each["kind"], each["metadata"]["namespace"], each["metadata"]["name"]) for each in patches
    }
    assert names == {
        ("ConfigMap", "kube-system", "multus-daemon-config"),
        ("DaemonSet", "kube-system", "kube-multus-ds"),
    }


def test_a_changed_directory_has_the_pods_replaced() -> None:
    restart = multus.documents()["multus/restart.yaml"]
    assert multus.CONF_DIR in restart["spec"]["template"]["metadata"]["annotations"].values()
