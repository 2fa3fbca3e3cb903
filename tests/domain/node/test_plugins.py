"""Whether the CNI plugins on a node do what the configuration asks of them."""

from __future__ import annotations

from typing import Any

import pytest

from domain.node import plugins
from domain.node.config import Driver, NodeGroup, PodNetwork
from domain.node.errors import PluginMissing, PluginTooOld
from domain.node.plugins import Need, Observed, Verdict
from tests.fakes import nodes

KERNEL = nodes.group(nodes.interface("n3", pod_network=PodNetwork.HOST_DEVICE))
DPDK = nodes.group(
    nodes.interface("n3", pod_network=PodNetwork.HOST_DEVICE, driver=Driver.VFIO_PCI)
)
IPVLAN = nodes.group(nodes.interface("n3", pod_network=PodNetwork.IPVLAN_L2))


def defined(**fields: Any) -> NodeGroup:  # noqa: ANN401 - the fields of NodeInterface
    """Return a group with a network whose NetworkAttachmentDefinition has the whole configuration."""
    return nodes.group(nodes.interface("n3", **{"pod_network": PodNetwork.IPVLAN_L2, **fields}))


def named(version: str, plugin: str = "host-device", protocols: str = "0.4.0, 1.0.0") -> str:
    return f"CNI {plugin} plugin {version}\nCNI protocol versions supported: {protocols}\n"


def verdict(group: object, said: str | None, plugin: str = "host-device") -> plugins.Checked:
    observed = {plugin: None if said is None else Observed(plugin, said)}
    (checked,) = (
        each
        for each in plugins.check(plugins.needs(group), observed, required=False)  # type: ignore[arg-type]
        if each.plugin == plugin
    )
    return checked


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("CNI host-device plugin v1.1.1\nCNI protocol versions supported: 1.0.0", (1, 1, 1)),
        ("CNI host-device plugin v0.8.6", (0, 8, 6)),
        ("CNI host-device plugin v1.9.1-2-gabcdef", (1, 9, 1)),
        ("CNI host-device plugin 1.10.0", (1, 10, 0)),
        ("CNI host-device plugin version unknown", None),
        ("TODO", None),
        ('{"code": 4, "msg": "required env variables missing"}', None),
        ("", None),
    ],
)
def test_the_version_that_a_plugin_tells(said: str, version: tuple[int, int, int] | None) -> None:
    assert plugins.version(said) == version


def test_nobody_needs_a_plugin_for_interfaces_that_pods_do_not_use() -> None:
    assert plugins.needs(nodes.group(nodes.interface("n3"))) == ()


@pytest.mark.parametrize(
    ("group", "needed"),
    [
        pytest.param(KERNEL, [("host-device", (0, 8, 6))], id="kernel"),
        pytest.param(
            DPDK,
            [("host-device", (0, 8, 6)), ("host-device", (0, 9, 1)), ("host-device", (1, 1, 0))],
            id="dpdk",
        ),
        pytest.param(IPVLAN, [("ipvlan", (0, 0, 0)), ("static", (0, 8, 3))], id="ipvlan"),
        pytest.param(
            defined(pod_ipam="static", pod_source_routing=True),
            [("ipvlan", (0, 0, 0)), ("sbr", (0, 0, 0)), ("static", (0, 8, 3))],
            id="static-with-source-routing",
        ),
        pytest.param(
            defined(pod_ipam="host-local", pod_sysctls=("net.ipv4.conf.IFNAME.arp_notify",)),
            [("host-local", (0, 7, 0)), ("ipvlan", (0, 0, 0)), ("tuning", (1, 1, 0))],
            id="host-local-with-a-sysctl-of-the-link",
        ),
        pytest.param(
            defined(pod_ipam="whereabouts", pod_sysctls=("net.core.somaxconn",)),
            [("ipvlan", (0, 0, 0)), ("tuning", (0, 0, 0)), ("whereabouts", (0, 0, 0))],
            id="whereabouts-with-a-sysctl-of-the-pod",
        ),
        pytest.param(
            defined(pod_ipam="static", pod_network=PodNetwork.HOST_DEVICE),
            [("host-device", (0, 8, 6)), ("static", (0, 8, 3))],
            id="host-device-with-static",
        ),
    ],
)
def test_each_pod_network_needs_its_plugins(
    group: object, needed: list[tuple[str, plugins.Version]]
) -> None:
    assert [(need.plugin, need.least) for need in plugins.needs(group)] == needed  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("group", "version"),
    [
        pytest.param(KERNEL, "v0.8.6", id="kernel-oldest"),
        pytest.param(KERNEL, "v0.10.0", id="numbers-not-text"),
        pytest.param(DPDK, "v1.1.0", id="dpdk-oldest-without-limits"),
        pytest.param(DPDK, "v1.9.1", id="dpdk-newest"),
    ],
)
def test_a_plugin_that_is_new_enough_is_fine(group: object, version: str) -> None:
    checked = verdict(group, named(version))
    assert (checked.verdict, checked.message) == (Verdict.FINE, "")


@pytest.mark.parametrize(
    ("group", "version", "least"),
    [
        pytest.param(KERNEL, "0.8.5", "0.8.6", id="kernel"),
        pytest.param(DPDK, "0.9.0", "0.9.1", id="dpdk"),
        pytest.param(DPDK, "0.8.1", "0.9.1", id="dpdk-both-short"),
    ],
)
def test_a_plugin_that_is_too_old_is_named_with_what_was_found_and_what_is_needed(
    group: object, version: str, least: str
) -> None:
    with pytest.raises(PluginTooOld) as caught:
        verdict(group, named(f"v{version}"))
    line = caught.value.line()
    assert line.startswith(f"plugin-too-old: the CNI plugin host-device must be {least} or newer")
    assert f"(found: {version})" in line
    assert caught.value.exit_code == 8


@pytest.mark.parametrize("version", ["v0.9.1", "v1.0.1"])
def test_ipam_on_dpdk_devices_is_a_warning_for_pods_work_without_it(version: str) -> None:
    checked = verdict(DPDK, named(version))
    assert checked.verdict is Verdict.LIMITED
    assert "1.1.0 or newer is needed for IPAM" in checked.message


@pytest.mark.parametrize(
    ("group", "protocols", "expected"),
    [
        pytest.param(KERNEL, "0.3.1, 0.4.0", Verdict.UNKNOWN, id="before-1.0.0"),
        pytest.param(KERNEL, "0.4.0, 1.0.0", Verdict.FINE, id="1.0.0-is-newer-than-0.8.6"),
        pytest.param(DPDK, "0.4.0, 1.0.0", Verdict.FINE, id="1.0.0-is-newer-than-0.9.1"),
        pytest.param(DPDK, "0.4.0, 1.0.0, 1.1.0", Verdict.FINE, id="1.1.0"),
        pytest.param(KERNEL, "", Verdict.UNKNOWN, id="none"),
    ],
)
def test_a_build_without_a_version_is_judged_by_the_protocols_it_knows(
    group: object, protocols: str, expected: Verdict
) -> None:
    assert verdict(group, named("version unknown", protocols=protocols)).verdict is expected


@pytest.mark.parametrize("said", ["", "Segmentation fault", "\x00\xff"])
def test_something_that_is_no_plugin_is_told_as_unknown(said: str) -> None:
    checked = verdict(KERNEL, said)
    assert checked.verdict is Verdict.UNKNOWN
    assert "0.8.6 or newer is needed" in checked.message


def test_an_absent_plugin_is_expected_later_unless_it_is_required() -> None:
    checked = verdict(KERNEL, None)
    assert checked.verdict is Verdict.DEFERRED
    assert "aws-node brings it" in checked.message
    with pytest.raises(PluginMissing, match=r"host-device 0\.8\.6 or newer is needed"):
        plugins.check(plugins.needs(KERNEL), {}, required=True)


def test_a_failure_names_the_interfaces_whose_pods_need_the_plugin() -> None:
    group = nodes.group(
        nodes.interface("a", pod_network=PodNetwork.HOST_DEVICE),
        nodes.interface("b", pod_network=PodNetwork.HOST_DEVICE, driver=Driver.VFIO_PCI),
        nodes.interface("c", pod_network=PodNetwork.IPVLAN_L2),
    )
    between = {"host-device": Observed("host-device", named("v0.9.0"))}
    with pytest.raises(PluginTooOld) as short:
        plugins.check(plugins.needs(group), between, required=False)
    assert short.value.interfaces == ("b",)
    with pytest.raises(PluginMissing) as absent:
        plugins.check(plugins.needs(group), {}, required=True)
    assert absent.value.interfaces == ("a", "b")


def test_any_version_of_ipvlan_will_do() -> None:
    assert verdict(IPVLAN, named("v0.7.0", "ipvlan"), "ipvlan").verdict is Verdict.FINE
    assert "ipvlan is not there yet" in verdict(IPVLAN, None, "ipvlan").message


def test_who_brings_a_plugin_that_is_not_there_is_told() -> None:
    whereabouts = defined(pod_ipam="whereabouts", pod_source_routing=True)
    message = "whereabouts is not there yet: whereabouts' own DaemonSet brings it"
    assert message in verdict(whereabouts, None, "whereabouts").message
    assert "sbr is not there yet: aws-node brings it" in verdict(whereabouts, None, "sbr").message
    with pytest.raises(PluginMissing) as absent:
        plugins.check(
            [need for need in plugins.needs(whereabouts) if need.plugin == "whereabouts"],
            {},
            required=True,
        )
    assert "let whereabouts' own DaemonSet bring it" in absent.value.line()


def test_tuning_that_does_not_know_the_pods_link_is_too_old() -> None:
    group = defined(pod_ipam="static", pod_sysctls=("net.ipv6.conf.IFNAME.accept_ra",))
    with pytest.raises(PluginTooOld, match=r"tuning must be 1\.1\.0 or newer for pods' sysctls"):
        verdict(group, named("v1.0.1", "tuning"), "tuning")
    assert verdict(group, named("v1.1.0", "tuning"), "tuning").verdict is Verdict.FINE


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (named("version unknown", "sbr", "0.3.1"), Verdict.FINE),
        ("Segmentation fault", Verdict.UNKNOWN),
    ],
    ids=["a build without a version", "no plugin"],
)
def test_a_plugin_of_which_any_version_will_do_has_to_be_one(said: str, expected: Verdict) -> None:
    checked = verdict(defined(pod_ipam="static", pod_source_routing=True), said, "sbr")
    assert checked.verdict is expected
    assert "0.0.0" not in checked.message


def test_each_plugin_is_judged_once() -> None:
    needs = (Need("a", (1, 0, 0), "x"), Need("b", (1, 0, 0), "y"), Need("a", (0, 1, 0), "z"))
    checked = plugins.check(needs, {}, required=False)
    assert [each.plugin for each in checked] == ["a", "b"]
