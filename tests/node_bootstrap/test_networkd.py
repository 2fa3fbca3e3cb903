"""systemd-networkd told, and waited for on the kernel's word."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from domain.node import layout, links, sysctls
from domain.node.change import ConfigureLinks, RenameLink, WriteFile
from domain.node.errors import LinkNotConfigured, LinkNotRenamed, ToolFailed
from domain.node.model import Instance, Link, LinkAddress, Route, RoutingRule
from node_bootstrap import networkd, sysctl
from node_bootstrap.deadline import Deadline
from node_bootstrap.files import Files
from tests.fakes.links import LinkHost
from tests.fakes.nodes import device, group, interface
from tests.fakes.programs import ToldPrograms

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DEVICE = device(link="ens6")
DEVICES = {"n3": DEVICE}
GROUP = group(interface())
INSTANCE = Instance(
    "i-1", "m5.xlarge", "us-east-1a", "us-east-1", "06:00:00:00:00:ff", (DEVICE.eni,)
)
EXPECTED = links.expected_state(GROUP, DEVICES)


class _Kernel:
    """What the kernel shows of a modelled host."""

    def __init__(self, host: LinkHost) -> None:
        self.host = host

    def links(self) -> tuple[Link, ...]:
        return self.host.observe().network.links

    def addresses(self) -> tuple[LinkAddress, ...]:
        return self.host.observe().network.addresses

    def routes(self) -> tuple[Route, ...]:
        return self.host.observe().network.routes

    def rules(self) -> tuple[RoutingRule, ...]:
        return self.host.observe().network.rules

    def restore(self, index: int, *, up: bool, mtu: int) -> None:
        if index not in self.host.links:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        self.host.links[index] = replace(self.host.links[index], up=up, mtu=mtu)

    def rename(self, index: int, name: str) -> None:
        if name in {link.name for link in self.links()}:
            raise OSError(errno.EEXIST, os.strerror(errno.EEXIST))
        self.host.carry_out(RenameLink(index, name, self.host.links[index].name))


class _Networkd:
    """systemd-networkd, which does what it is told one step per change that the kernel reports."""

    def __init__(self, host: LinkHost, *steps: Callable[[LinkHost], None]) -> None:
        self.host = host
        self.programs = ToldPrograms()
        self.now_s = 0.0
        self._steps = list(steps)

    @property
    def told(self) -> list[str]:
        """Return the commands that it was told by."""
        return [" ".join(call) for call in self.programs.calls]

    def wait(self, timeout_s: float) -> bool:
        """Wait for a change in the kernel."""
        if not self._steps:
            self.now_s += timeout_s
            return False
        self._steps.pop(0)(self.host)
        return True


def _planned(host: LinkHost) -> links.LinkPlan:
    return links.plan(GROUP, host.devices(DEVICES), INSTANCE, host.observe())


def _host() -> tuple[LinkHost, ConfigureLinks]:
    """Return a host with its files written and its link renamed, and what is left to do."""
    assert DEVICE.link
    host = LinkHost([DEVICE.link])
    plan = _planned(host)
    for change in (*plan.files, *plan.renames):
        host.carry_out(change)
    return host, plan.configuration[0]


def _configure(told: _Networkd, change: ConfigureLinks, timeout_s: float = 30) -> None:
    networkd.configure(
        change,
        EXPECTED,
        programs=told.programs,
        kernel=_Kernel(told.host),
        events=told,
        deadline=Deadline(timeout_s, lambda: told.now_s),
    )


def test_a_changed_file_takes_one_program_and_no_time_but_the_kernels() -> None:
    host, change = _host()
    told = _Networkd(host, lambda _: None, lambda h: h.carry_out(change))
    _configure(told, change)
    assert (told.told, told.now_s) == (["networkctl reload"], 0.0)
    # Of what is expected, what came of the files was waited for.
    assert links.differences(EXPECTED[0], host.observe().network) == ()


def test_a_link_that_drifted_is_reconfigured_after_the_reload() -> None:
    host, change = _host()
    host.carry_out(change)
    host.rules.clear()
    (drifted,) = _planned(host).configuration
    told = _Networkd(host, lambda h: h.carry_out(drifted))
    _configure(told, drifted)
    assert told.told == ["networkctl reload", "networkctl reconfigure mul0"]


def test_files_without_a_link_are_read_and_nothing_is_waited_for() -> None:
    host, _ = _host()
    told = _Networkd(host)
    _configure(told, ConfigureLinks((), "its files changed"))
    assert (told.told, told.now_s) == (["networkctl reload"], 0.0)


def test_when_the_time_is_up_every_missing_piece_is_named() -> None:
    host, change = _host()

    def nearly(configured: LinkHost) -> None:
        configured.carry_out(change)
        configured.rules = [rule for rule in configured.rules if rule.outgoing_link is None]
        configured.addresses = [replace(each, tentative=True) for each in configured.addresses]

    told = _Networkd(host, nearly)
    with pytest.raises(LinkNotConfigured, match="not configured within 30 s") as missing:
        _configure(told, change)
    assert missing.value.value == (
        "mul0: address 10.0.3.10/24 is tentative, no rule 20001: from all oif mul0 lookup 20001 (IPv4)"
    )
    assert "networkctl status mul0" in missing.value.remedy
    assert told.now_s == 30


def test_links_that_stay_what_they_are_are_reconfigured_once_more() -> None:
    host, change = _host()

    class _Deaf(_Networkd):
        """Hears only what it is told a second time."""

        def wait(self, timeout_s: float) -> bool:
            if "networkctl reconfigure mul0" not in self.told:
                return super().wait(timeout_s)
            self.host.carry_out(change)
            return True

    told = _Deaf(host)
    _configure(told, change)
    assert told.told == ["networkctl reload", "networkctl reconfigure mul0"]
    assert told.now_s == networkd.SETTLED_WITHIN_S
    assert links.differences(EXPECTED[0], host.observe().network) == ()


def test_a_state_that_does_not_last_is_not_the_end() -> None:
    host, change = _host()
    first, second = EXPECTED[0], replace(EXPECTED[0], name="mul1", mac="06:00:00:00:00:02")
    host.links[9] = Link("mul1", 9, second.mac, True, 9001, None, carrier=True)
    told = _Networkd(
        host,
        lambda h: h.carry_out(change),
        # The other link comes to be, and the first one loses what it had.
        lambda h: h.addresses.clear(),
        lambda h: h.carry_out(replace(change, drifted=("mul0",))),
    )
    with pytest.raises(LinkNotConfigured) as missing:
        networkd.await_state([first, second], _Kernel(host), told, Deadline(5, lambda: told.now_s))
    assert "mul1: no address" in missing.value.value
    assert "mul0" not in missing.value.value


def test_only_links_are_looked_at_until_each_has_its_carrier() -> None:
    host, change = _host()
    host.carry_out(change)
    (index,) = host.links
    ready = host.links[index]
    asked: list[bool] = []

    class _Watched(_Kernel):
        def routes(self) -> tuple[Route, ...]:
            asked.append(host.links[index].carrier)
            return super().routes()

    def nothing(_: LinkHost) -> None: ...

    def carrier_comes(changed: LinkHost) -> None:
        changed.links[index] = ready

    host.links[index] = replace(ready, carrier=False)
    told = _Networkd(host, nothing, nothing, carrier_comes)
    networkd.await_state(EXPECTED, _Watched(host), told, Deadline(5, lambda: told.now_s))
    assert asked == [True]
    assert links.differences(EXPECTED[0], networkd.observe_network(_Kernel(host))) == ()


def test_a_systemd_networkd_that_does_not_run_is_told() -> None:
    host, change = _host()
    told = _Networkd(host)
    told.programs.failures["networkctl"] = "Failed to reload network settings"
    with pytest.raises(ToolFailed, match="networkctl ended with"):
        _configure(told, change)


def test_a_name_that_another_link_has_is_told_with_the_kernels_word() -> None:
    assert DEVICE.link
    host = LinkHost([DEVICE.link, replace(DEVICE.link, name="mul0", index=9)])
    with pytest.raises(LinkNotRenamed, match="does not call link ens6 mul0") as refused:
        networkd.rename(_Kernel(host), RenameLink(3, "mul0", "ens6"))
    assert "File exists" in refused.value.value


def test_only_files_of_ours_are_observed(tmp_path: Path) -> None:
    host, _ = _host()
    files = Files(tmp_path)
    for path in (f"{layout.NETWORKD}/05-multus-n3.network", f"{layout.NETWORKD}/10-mine.network"):
        files.carry_out(WriteFile(path, "[Match]\n"))
    proc = files.at("/proc/sys/net/ipv4/conf/ens6/rp_filter")
    proc.parent.mkdir(parents=True)
    proc.write_text("1\n")
    network = host.observe().network
    observed = networkd.observe(files, network, DEVICES)
    assert observed.files == {
        f"{layout.NETWORKD}/05-multus-n3.network": "[Match]\n",
        layout.SYSCTL: None,
    }
    assert observed.sysctls == {sysctls.key("ens6", "rp_filter"): "1"}
    assert observed.network is network


def test_an_interrupted_write_is_not_taken_for_a_file_of_ours(tmp_path: Path) -> None:
    files = Files(tmp_path)
    files.carry_out(WriteFile(f"{layout.NETWORKD}/.05-multus-n3.network.fresh", "[Mat"))
    network = LinkHost([]).observe().network
    assert networkd.observe(files, network, {}).files == {layout.SYSCTL: None}


def test_only_links_that_systemd_networkd_says_are_nobodys_are_nobodys(tmp_path: Path) -> None:
    files = Files(tmp_path)
    assert DEVICE.link
    links_by_state = {
        "ADMIN_STATE=unmanaged\nOPER_STATE=off\n": replace(DEVICE.link, index=3),
        "ADMIN_STATE=configured\nNETWORK_FILE=/run/x.network\n": replace(DEVICE.link, index=4),
        "ADMIN_STATE=pending\n": replace(DEVICE.link, index=5),
    }
    for text, link in links_by_state.items():
        files.carry_out(WriteFile(f"{networkd.LINK_STATES}/{link.index}", text))
    unheard_of = replace(DEVICE.link, index=6)
    found = networkd.unclaimed(files, [*links_by_state.values(), unheard_of])
    assert [one.link.index for one in found] == [3]


def test_a_link_is_put_back_as_it_was_and_one_that_has_gone_is_not(tmp_path: Path) -> None:
    assert DEVICE.link
    down = replace(DEVICE.link, up=False, mtu=1500)
    files = Files(tmp_path)
    key = "net.ipv6.conf.ens6.accept_ra"
    files.carry_out(WriteFile(sysctl.path(key), "0\n"))
    host = LinkHost([replace(down, up=True, mtu=9001), replace(down, name="ens7", index=9)])
    gone = replace(down, index=4711, name="ens9")
    before = [
        networkd.Unclaimed(down, {key: "1", "net.ipv6.conf.ens6.addr_gen_mode": "0"}),
        networkd.Unclaimed(gone, {"net.ipv6.conf.ens9.accept_ra": "1"}),
    ]
    networkd.put_back(files, _Kernel(host), before)
    assert host.links[down.index] == down
    assert (files.text(sysctl.path(key)) or "").startswith("1")
