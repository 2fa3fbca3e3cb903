"""The wait for the promised interfaces, on a clock that only waits move."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import TYPE_CHECKING, Any

import pytest

from domain.node.config import NodeConfig, NodeGroup, NodeInterface
from domain.node.errors import (
    ConfigurationForeign,
    InstanceTypeUnknown,
    InterfaceAmbiguous,
    InterfaceMissing,
    MetadataIncomplete,
    MetadataTokenRefused,
)
from domain.node.model import Eni, Instance, Link
from node_bootstrap import discovery
from node_bootstrap.deadline import Deadline
from node_bootstrap.discovery import Discovery, Sources, require, wait
from node_bootstrap.files import Files
from node_bootstrap.imds import Observation
from node_bootstrap.records import Records

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PRIMARY = "02:00:00:00:00:00"
HOOK = "MultusEni-fleet-launch"


def interface(name: str, number: int, **changed: Any) -> NodeInterface:  # noqa: ANN401
    whole = NodeInterface(
        name=name,
        link_name=f"mul{number - 1}",
        network_card_index=0,
        device_index=number,
        device_index_fixed=False,
        subnet_ids=(f"subnet-{number}",),
        security_group_ids=("sg-m",),
    )
    return replace(whole, **changed)


def eni(number: int, **changed: Any) -> Eni:  # noqa: ANN401
    whole = Eni(
        mac=f"02:00:00:00:00:{number:02x}",
        eni_id=f"eni-{number}",
        device_index=number,
        network_card_index=0,
        subnet_id=f"subnet-{number}",
        security_group_ids=("sg-m",),
        ipv4_subnet=IPv4Network(f"10.0.{number}.0/24"),
        ipv4_addresses=(IPv4Address(f"10.0.{number}.10"),),
        ipv6_subnets=(),
        ipv6_addresses=(),
    )
    return replace(whole, **changed)


def link(number: int, **changed: Any) -> Link:  # noqa: ANN401
    whole = Link(
        name=f"eth{number}",
        index=number + 2,
        mac=f"02:00:00:00:00:{number:02x}",
        up=False,
        mtu=1500,
        pci_address=f"0000:00:{number + 4:02x}.0",
    )
    return replace(whole, **changed)


@dataclass
class Node:
    """A node to which things happen at their time: ENIs attached, links come, the metadata service fails."""

    files: Files
    now_s: float = 0.0
    enis: list[Eni] = field(default_factory=list)
    incomplete: list[tuple[str, str]] = field(default_factory=list)
    present: list[Link] = field(default_factory=list)
    failure: Exception | None = None
    looks: list[float] = field(default_factory=list)
    asked: list[float] = field(default_factory=list)
    _due: list[tuple[float, bool, Callable[[], None]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.enis.append(eni(0, subnet_id="subnet-node", security_group_ids=("sg-node",)))
        self.present.append(link(0))

    def instance(self, deadline: Deadline) -> Observation:
        """Be the metadata service."""
        assert deadline.left_s() >= 0
        self.asked.append(round(self.now_s, 3))
        if self.failure is not None:
            raise self.failure
        told = Instance("i-1", "m5.large", "us-east-1a", "us-east-1", PRIMARY, tuple(self.enis))
        return Observation(told, tuple(self.incomplete))

    def links(self) -> tuple[Link, ...]:
        """Be the kernel."""
        self.looks.append(round(self.now_s, 3))
        return tuple(self.present)

    def wait(self, timeout_s: float) -> bool:
        """Be the clock: what falls due happens, and a link's event ends the wait."""
        assert timeout_s > 0
        end_s = self.now_s + timeout_s
        self._due.sort(key=lambda due: due[0])
        while self._due and self._due[0][0] <= end_s:
            at_s, wakes, happens = self._due.pop(0)
            self.now_s = max(self.now_s, at_s)
            happens()
            if wakes:
                return True
        self.now_s = end_s
        return False

    def at(self, seconds: float, happens: Callable[[], None], wakes: bool = False) -> None:
        self._due.append((seconds, wakes, happens))

    def attach(self, number: int, seconds: float, link_after_s: float | None = 0.5) -> None:
        self.at(seconds, lambda: self.enis.append(eni(number)))
        if link_after_s is not None:
            self.at(seconds + link_after_s, lambda: self.plug(link(number)), wakes=True)

    def plug(self, plugged: Link | None, address: str = "", driver: str | None = "ena") -> None:
        """Put a network device on the PCI bus, with its link if it has one."""
        address = plugged.pci_address or "" if plugged else address
        if plugged:
            self.present.append(plugged)
        device = self.files.at(f"/sys/bus/pci/devices/{address}")
        device.mkdir(parents=True)
        (device / "class").write_text("0x020000\n")
        (device / "vendor").write_text("0x1d0f\n")
        if driver:
            (device / "driver").symlink_to(f"/sys/bus/pci/drivers/{driver}")

    def discover(
        self,
        *interfaces: NodeInterface,
        timeout_s: float = 60,
        region: str | None = None,
        instance_types: tuple[str, ...] = (),
    ) -> Discovery:
        group = NodeGroup("workers", "asg-workers", interfaces, instance_types=instance_types)
        config = NodeConfig("MultusEni-fleet", "cluster", region, (group,))
        sources = Sources(self, self, self, self.files, Records(self.files))
        found = wait(config, group, sources, Deadline(timeout_s, lambda: self.now_s))
        require(found)
        return found


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(Files(tmp_path))


def test_interfaces_that_are_there_are_found_at_the_first_look(node: Node) -> None:
    node.attach(1, 0, 0)
    node.attach(2, 0, 0)
    node.wait(0.001)
    node.wait(0.001)

    found = node.discover(interface("n3", 1), interface("n6", 2), timeout_s=0)

    assert list(found.devices) == ["n3", "n6"]
    assert found.devices["n3"].eni == eni(1)
    assert found.devices["n3"].pci_address == "0000:00:05.0"
    assert found.devices["n3"].link == link(1)
    assert found.claims == {"eni-1": "n3", "eni-2": "n6"}
    assert (found.absent, found.foreign) == ({}, ())
    assert len(node.asked) == len(node.looks) == 1


def test_nothing_is_written_by_looking(node: Node) -> None:
    node.attach(1, 0, 0)
    node.wait(0.001)
    before = sorted(node.files.at("/").rglob("*"))

    node.discover(interface("n3", 1), timeout_s=0)

    assert sorted(node.files.at("/").rglob("*")) == before


def test_a_link_that_comes_ends_the_wait_at_once(node: Node) -> None:
    node.attach(1, 12.3, 0.5)

    found = node.discover(interface("n3", 1))

    assert found.waited_s == pytest.approx(12.8)


def test_interfaces_attached_one_after_the_other_are_all_waited_for(node: Node) -> None:
    for number in (1, 2, 3):
        node.attach(number, 5.0 * number, 0.7)

    found = node.discover(*(interface(f"n{n}", n) for n in (1, 2, 3)))

    assert list(found.devices) == ["n1", "n2", "n3"]
    assert found.waited_s == pytest.approx(15.7)


def test_a_link_that_comes_before_the_metadata_service_tells_of_it_has_it_asked_soon(
    node: Node,
) -> None:
    node.at(20.0, lambda: node.plug(link(1)), wakes=True)
    node.at(20.05, lambda: node.enis.append(eni(1)))

    found = node.discover(interface("n3", 1))

    assert found.waited_s <= 20.05 + discovery.FIRST_PAUSE_S * 3


def test_late_attributes_are_asked_for_with_pauses_that_double(node: Node) -> None:
    node.present.append(link(1))
    node.incomplete = [("02:00:00:00:00:01", "subnet-id")]
    node.at(7.0, lambda: node.enis.append(eni(1)))

    found = node.discover(interface("n3", 1))

    gaps = [round(b - a, 3) for a, b in zip(node.asked, node.asked[1:], strict=False)]
    assert gaps == [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]
    assert found.waited_s == pytest.approx(7.1)


def test_events_that_change_nothing_do_not_have_the_metadata_service_asked(node: Node) -> None:
    for tenth in range(100, 110):
        node.at(tenth / 10, lambda: None, wakes=True)
    node.attach(1, 11.9, None)
    node.at(12.0, lambda: node.plug(link(1)), wakes=True)

    node.discover(interface("n3", 1))

    assert len([asked for asked in node.asked if 10 <= asked < 11.9]) == 1
    assert len([look for look in node.looks if 10 <= look < 11]) >= 10


def test_a_metadata_service_that_starts_late_is_waited_for(node: Node) -> None:
    node.attach(1, 0, 0)
    node.failure = MetadataIncomplete("the metadata service does not tell mac")

    def recover() -> None:
        node.failure = None

    node.at(3, recover)

    assert list(node.discover(interface("n3", 1)).devices) == ["n3"]


def test_a_metadata_service_that_never_tells_is_the_error(node: Node) -> None:
    node.failure = MetadataIncomplete("the metadata service does not tell mac")

    with pytest.raises(MetadataIncomplete):
        node.discover(interface("n3", 1), timeout_s=5)

    assert node.now_s == pytest.approx(5)


def test_a_refused_token_ends_the_wait(node: Node) -> None:
    node.failure = MetadataTokenRefused("the metadata service gives no token")

    with pytest.raises(MetadataTokenRefused):
        node.discover(interface("n3", 1))

    assert node.now_s == 0


@pytest.mark.parametrize(
    ("promised", "eni_changed", "seen"),
    [
        pytest.param(
            {}, {"ipv4_addresses": ()}, "its IPv4 address or subnet is not", id="no IPv4 address"
        ),
        pytest.param(
            {}, {"ipv4_subnet": None}, "its IPv4 address or subnet is not", id="no subnet"
        ),
        pytest.param(
            {"ipv6_count": 2},
            {"ipv6_addresses": (IPv6Address("2001:db8::1"),)},
            "1 of its 2 IPv6 addresses are",
            id="one IPv6 address of two",
        ),
        pytest.param(
            {"ipv6_count": 1},
            {"ipv6_addresses": (IPv6Address("2001:db8::1"),)},
            "its IPv6 subnet is not",
            id="no IPv6 subnet",
        ),
    ],
)
def test_addresses_that_the_host_is_to_have_are_waited_for(
    node: Node, promised: dict[str, Any], eni_changed: dict[str, Any], seen: str
) -> None:
    node.enis.append(eni(1, **eni_changed))
    node.plug(link(1))

    with pytest.raises(InterfaceMissing) as caught:
        node.discover(interface("n3", 1, **promised), timeout_s=3)

    assert f"n3: eni-1 is there, {seen}" in caught.value.value

    assert node.discover(interface("n3", 1, host_address=False, **promised), timeout_s=0).devices


@pytest.mark.parametrize(
    ("promised", "eni_changed"),
    [
        pytest.param(
            {"ipv4": False, "ipv6_count": 1},
            {
                "ipv4_addresses": (),
                "ipv4_subnet": None,
                "ipv6_addresses": (IPv6Address("2001:db8::1"),),
                "ipv6_subnets": (IPv6Network("2001:db8::/64"),),
            },
            id="IPv6 alone",
        ),
        pytest.param({}, {"ipv6_addresses": (IPv6Address("2001:db8::1"),)}, id="more than asked"),
    ],
)
def test_only_promised_addresses_are_waited_for(
    node: Node, promised: dict[str, Any], eni_changed: dict[str, Any]
) -> None:
    node.enis.append(eni(1, **eni_changed))
    node.plug(link(1))

    assert node.discover(interface("n3", 1, **promised), timeout_s=0).waited_s == 0


def _nothing(node: Node) -> None:
    pass


def _late(node: Node) -> None:
    node.incomplete = [("02:00:00:00:00:01", "subnet-id")]


def _elsewhere(node: Node) -> None:
    node.enis.append(eni(1, subnet_id="subnet-x"))


def _unplugged(node: Node) -> None:
    node.enis.append(eni(1))


def _driverless(node: Node) -> None:
    node.enis.append(eni(1))
    disk = node.files.at("/sys/bus/pci/devices/0000:00:04.0")
    disk.mkdir(parents=True)
    (disk / "class").write_text("0x010802\n")
    node.plug(None, "0000:00:05.0", driver=None)


def _bound_by_nobody_known(node: Node) -> None:
    node.enis.append(eni(1))
    node.plug(None, "0000:00:05.0", driver="vfio-pci")


def _only_a_vlan(node: Node) -> None:
    node.enis.append(eni(1))
    node.present.append(link(1, pci_address=None))


def _twice(node: Node) -> None:
    node.enis.append(eni(1))
    node.present += [link(1), link(1, name="eth9", pci_address="0000:00:19.0")]


@pytest.mark.parametrize(
    ("happens", "seen", "remedy"),
    [
        pytest.param(
            _nothing,
            "n3: not attached (network card 0, device index 1): the metadata service shows no network interface beside"
            " the node's own",
            f"launch hook {HOOK} of asg-workers",
            id="nothing attached",
        ),
        pytest.param(
            _late, "02:00:00:00:00:01 without subnet-id yet", "launch hook", id="attributes late"
        ),
        pytest.param(
            _elsewhere,
            "eni-1: it is in subnet-x, not in subnet-1",
            "Compare subnets",
            id="another subnet",
        ),
        pytest.param(
            _unplugged,
            "eni-1 is attached and no link has its address 02:00:00:00:00:01, nor is there a PCI device",
            "dmesg",
            id="no device",
        ),
        pytest.param(
            _driverless,
            "without a link, 0000:00:05.0 has no driver",
            "modprobe ena",
            id="no driver",
        ),
        pytest.param(
            _bound_by_nobody_known,
            "0000:00:05.0 has driver vfio-pci",
            "a reboot does both",
            id="bound and nobody knows by whom",
        ),
        pytest.param(_only_a_vlan, "no link has its address", "dmesg", id="a VLAN's link is none"),
        pytest.param(_twice, "eth1 and eth9 both have its address", "another", id="two links"),
    ],
)
def test_what_is_missing_is_named_with_what_was_seen_and_what_to_do(
    node: Node, happens: Callable[[Node], None], seen: str, remedy: str
) -> None:
    happens(node)

    with pytest.raises(InterfaceMissing) as caught:
        node.discover(interface("n3", 1), timeout_s=9)

    line = caught.value.line()
    assert line.startswith("interface-missing: after 9 s not all interfaces are there: n3 of 1 (")
    assert seen in line
    assert remedy in line
    assert "\n" not in line
    assert node.now_s == pytest.approx(9)


def test_one_missing_of_two_is_the_one_named(node: Node) -> None:
    node.attach(1, 1, 0.5)

    with pytest.raises(InterfaceMissing, match="not all interfaces are there: n6 of 2"):
        node.discover(interface("n3", 1), interface("n6", 2), timeout_s=9)


def test_what_is_ambiguous_ends_the_wait(node: Node) -> None:
    node.enis += [eni(5, subnet_id="subnet-1"), eni(6, subnet_id="subnet-1")]

    with pytest.raises(InterfaceAmbiguous):
        node.discover(interface("n3", 1))

    assert node.now_s == 0


def test_other_network_interfaces_are_foreign(node: Node) -> None:
    node.attach(1, 0, 0)
    node.enis.append(eni(2, subnet_id="subnet-node", security_group_ids=("sg-node",)))

    assert [eni.eni_id for eni in node.discover(interface("n3", 1)).foreign] == ["eni-2"]


@pytest.mark.parametrize("driver", ["vfio-pci", "ena"], ids=["bound for DPDK", "link in a pod"])
def test_a_device_whose_link_is_gone_is_known_by_its_record(node: Node, driver: str) -> None:
    node.attach(1, 0, 0)
    records = Records(node.files)
    first = node.discover(interface("n3", 1))
    records.remember_devices(first.seen)
    node.present.pop()
    symlink = node.files.at("/sys/bus/pci/devices/0000:00:05.0/driver")
    symlink.unlink()
    symlink.symlink_to(f"/sys/bus/pci/drivers/{driver}")

    again = node.discover(interface("n3", 1), timeout_s=0)

    assert again.devices["n3"].pci_address == "0000:00:05.0"
    assert again.devices["n3"].link is None
    assert again.seen == (), "a record is of what had a link"
    assert first.seen[0].driver == "ena"
    assert first.seen[0].link_name == "eth1"
    assert records.devices() == first.seen


def test_a_record_of_a_device_that_was_plugged_in_anew_is_not_believed(node: Node) -> None:
    node.attach(1, 0, 0)
    first = node.discover(interface("n3", 1))
    Records(node.files).remember_devices([replace(r, plug=r.plug + 1) for r in first.seen])
    node.present.pop()

    with pytest.raises(InterfaceMissing, match="n3"):
        node.discover(interface("n3", 1), timeout_s=0)


def test_what_was_claimed_before_a_reboot_stays(node: Node) -> None:
    node.enis += [eni(1, subnet_id="subnet-m"), eni(2, subnet_id="subnet-m")]
    node.plug(link(1))
    node.plug(link(2))
    Records(node.files).remember_claims("i-1", {"eni-1": "n6", "eni-2": "n3"})
    twins = [interface(n, i, subnet_ids=("subnet-m",)) for n, i in (("n3", 1), ("n6", 2))]

    assert node.discover(*twins).claims == {"eni-1": "n6", "eni-2": "n3"}


def test_a_second_run_finds_the_same(node: Node) -> None:
    node.attach(1, 4, 0.5)

    first = node.discover(interface("n3", 1))
    second = node.discover(interface("n3", 1), timeout_s=0)

    assert replace(second, waited_s=0.0) == replace(first, waited_s=0.0)


def test_a_configuration_for_another_region_is_foreign(node: Node) -> None:
    with pytest.raises(ConfigurationForeign) as caught:
        node.discover(interface("n3", 1), region="eu-west-1")

    assert (caught.value.value, node.now_s) == ("us-east-1", 0)


def test_an_instance_type_that_was_not_checked_is_refused(node: Node) -> None:
    with pytest.raises(InstanceTypeUnknown) as caught:
        node.discover(interface("n3", 1), instance_types=("m5.xlarge", "m5.2xlarge"))

    assert (caught.value.value, caught.value.exit_code) == ("m5.large", 2)


def test_the_configurations_own_region_and_types_are_taken(node: Node) -> None:
    node.attach(1, 0, 0)

    found = node.discover(interface("n3", 1), region="us-east-1", instance_types=("m5.large",))

    assert list(found.devices) == ["n3"]
