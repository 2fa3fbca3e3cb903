"""Kernel parameters of links, written and read back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from domain.node.change import SetSysctl
from domain.node.errors import LinkNotConfigured
from node_bootstrap import sysctl
from node_bootstrap.files import Files

if TYPE_CHECKING:
    from pathlib import Path

KEY = "net.ipv4.conf.mul0.rp_filter"


class _Deaf(Files):
    """A kernel that takes a value and keeps its own."""

    def set(self, path: str, value: str) -> None:
        """Take it."""


def _files(tmp_path: Path, files: type[Files] = Files, value: str = "0\n") -> Files:
    made = files(tmp_path)
    path = made.at(sysctl.path(KEY))
    path.parent.mkdir(parents=True)
    path.write_text(value)
    return made


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("net.ipv4.conf.mul0.rp_filter", "/proc/sys/net/ipv4/conf/mul0/rp_filter"),
        ("net.ipv4.conf.all.arp_ignore", "/proc/sys/net/ipv4/conf/all/arp_ignore"),
        ("net.ipv4.conf.mul0.100.arp_ignore", "/proc/sys/net/ipv4/conf/mul0.100/arp_ignore"),
        ("net.ipv6.conf.a-b_c.disable_ipv6", "/proc/sys/net/ipv6/conf/a-b_c/disable_ipv6"),
    ],
)
def test_a_links_parameter_has_its_file(key: str, path: str) -> None:
    assert sysctl.path(key) == path


@pytest.mark.parametrize(
    "key",
    [
        "kernel.panic",
        "net.ipv4.ip_forward",
        "net.ipv4.conf.../../kernel.panic",
        "net.ipv4.conf....rp_filter",
        "net.ipv4.conf.mul0.",
    ],
)
def test_anything_else_is_no_links_parameter(key: str) -> None:
    with pytest.raises(ValueError, match="no parameter of a link"):
        sysctl.path(key)


def test_what_a_link_that_is_not_here_would_say_is_left_out(tmp_path: Path) -> None:
    assert sysctl.read(_files(tmp_path), [KEY, "net.ipv4.conf.mul1.rp_filter"]) == {KEY: "0"}


def test_a_value_is_written(tmp_path: Path) -> None:
    files = _files(tmp_path)
    sysctl.carry_out(files, SetSysctl(KEY, "2", "0"))
    assert sysctl.read(files, [KEY]) == {KEY: "2"}


def test_a_value_that_the_kernel_does_not_keep_is_told(tmp_path: Path) -> None:
    with pytest.raises(LinkNotConfigured, match=f"{KEY} is not 2 after it was set") as told:
        sysctl.carry_out(_files(tmp_path, _Deaf), SetSysctl(KEY, "2", "0"))
    assert told.value.value == "0"


def test_a_link_that_has_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(LinkNotConfigured, match="cannot be set to 2") as told:
        sysctl.carry_out(Files(tmp_path), SetSysctl(KEY, "2", "0"))
    assert "No such file" in told.value.value
