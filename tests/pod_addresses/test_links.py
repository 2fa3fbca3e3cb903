"""What the kernel tells of a pod's links: recorded messages of every kind, and a real network namespace."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import struct
import subprocess
import sys
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from domain.pods.errors import LinksUnreadable
from domain.pods.following import Placed
from node_bootstrap.netlink import attribute
from pod_addresses import links
from pod_addresses.links import PodLinks, Seen

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).parents[2]
MAC, INDEX, OTHER = "0a:00:00:00:00:01", 7, 8
PERMANENT, TENTATIVE, DAD_FAILED = 0x80, 0x40, 0x08


def address(kind: int, text: str, flags: int = PERMANENT, index: int = INDEX) -> bytes:
    """Return an RTM_NEWADDR or RTM_DELADDR message."""
    packed = ip_address(text).packed
    family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
    body = struct.pack("=BBBBI", family, 24, flags, 0, index) + attribute(1, packed)
    if family == socket.AF_INET:
        body += attribute(2, packed)
    body += attribute(8, struct.pack("=I", flags))
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 0, 0) + body


class Wire:
    """A pod's links at the end of a socket pair, on which a test says what the kernel would."""

    def __init__(self, ours: socket.socket, kernel: socket.socket) -> None:
        self.kernel = kernel
        self.links = PodLinks(connected=ours)
        self.links._macs = {INDEX: MAC, OTHER: MAC}
        self.links._others = frozenset({OTHER})

    def hears(self, *messages: bytes) -> Seen:
        """Return what is seen of these messages."""
        for message in messages:
            self.kernel.send(message)
        return self.links.wait(0.0)


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, kernel = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with ours, kernel:
        yield ours, kernel


@pytest.fixture
def wire(pair: tuple[socket.socket, socket.socket]) -> Wire:
    return Wire(*pair)


def placed(*texts: str) -> tuple[Placed, ...]:
    """Return addresses on the link."""
    return tuple(Placed(MAC, ip_address(text)) for text in texts)


V4, V6 = "10.0.3.100", "2001:db8::1"
NEW, GONE = links.NEW_ADDRESS, links.DELETED_ADDRESS
HEARD: dict[str, tuple[list[bytes], Seen]] = {
    "an address": ([address(NEW, V4)], Seen(appeared=placed(V4))),
    "one of each family in one datagram": (
        [address(NEW, V4) + address(NEW, V6)],
        Seen(appeared=placed(V4, V6)),
    ),
    "an address that goes": ([address(GONE, V4)], Seen(anew=True)),
    "one that comes and goes": (
        [address(NEW, V4), address(GONE, V4)],
        Seen(anew=True),
    ),
    "one that goes and comes": (
        [address(GONE, V4), address(NEW, V4)],
        Seen(appeared=placed(V4), anew=True),
    ),
    "one that settles": (
        [address(NEW, V6, PERMANENT | TENTATIVE), address(NEW, V6)],
        Seen(appeared=placed(V6)),
    ),
    "one that settles and is put there anew": (
        [address(NEW, V6, PERMANENT | TENTATIVE), address(NEW, V6), address(NEW, V6)],
        Seen(appeared=placed(V6, V6)),
    ),
    "one that somebody else has": (
        [address(NEW, V6, PERMANENT | TENTATIVE | DAD_FAILED)],
        Seen(anew=True),
    ),
    "a link's own": ([address(NEW, "fe80::1"), address(NEW, "127.0.0.1")], Seen()),
    "one with a lifetime": ([address(NEW, V6, 0)], Seen()),
    "of a link that is not known": ([address(NEW, V4, index=9)], Seen(anew=True)),
    "of one that does not count": (
        [address(NEW, V4, index=OTHER), address(GONE, V4, index=OTHER)],
        Seen(),
    ),
    "a link": ([struct.pack("=IHHII", 16, links.NEW_LINK, 0, 0, 0)], Seen(anew=True)),
    "a link that goes": ([struct.pack("=IHHII", 16, links.DELETED_LINK, 0, 0, 0)], Seen(anew=True)),
    "a message of another kind": ([struct.pack("=IHHII", 16, 24, 0, 0, 0)], Seen()),
    "nothing": ([], Seen()),
}


@pytest.mark.parametrize(("messages", "expected"), HEARD.values(), ids=HEARD)
def test_what_is_heard_is_what_happened(wire: Wire, messages: list[bytes], expected: Seen) -> None:
    assert wire.hears(*messages) == expected


def test_a_settled_address_is_no_event_in_a_later_wait_either(wire: Wire) -> None:
    assert wire.hears(address(NEW, V6, PERMANENT | TENTATIVE)) == Seen(appeared=placed(V6))
    assert wire.hears(address(NEW, V6)) == Seen()


class Full(socket.socket):
    """A socket that has lost messages, as the kernel says with ENOBUFS, and then goes on."""

    lost = True

    def recvfrom(self, *arguments: int) -> tuple[bytes, object]:
        if self.lost:
            self.lost = False
            raise OSError(errno.ENOBUFS, "No buffer space available")
        return super().recvfrom(*arguments)


def test_lost_messages_ask_for_a_new_look_and_what_follows_is_heard(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    ours, kernel = pair
    with Full(fileno=ours.detach()) as full:
        wire = Wire(full, kernel)
        assert wire.hears(address(NEW, V4)) == Seen(appeared=placed(V4), anew=True)


def test_a_wait_ends_when_somebody_wakes_it(pair: tuple[socket.socket, socket.socket]) -> None:
    asleep, waker = socket.socketpair()
    with asleep, waker:
        waker.send(b"\x0f")
        assert PodLinks(asleep.fileno(), pair[0]).wait(None) == Seen()


def test_a_sandbox_without_netlink_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: tuple[int, ...]) -> socket.socket:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(links, "subscribed", refused)
    with pytest.raises(LinksUnreadable) as caught:
        PodLinks()
    assert "seccomp" in caught.value.remedy


SCRIPT = """
import subprocess, sys
from pod_addresses.links import PodLinks

def ip(line):
    subprocess.run(["ip", *line.split()], check=True)

def heard(until):
    got = []
    while not until(got):
        seen = pod.wait(10.0)
        assert seen != seen._make(((), False)), got
        got.append(seen)
    return got

with PodLinks() as pod:
    assert [link.name for link in pod.look()] == ["lo"]
    ip("link add net1 type veth peer name other")
    ip("link set net1 up")
    assert any(seen.anew for seen in heard(lambda got: got))
    (net1,) = [link for link in pod.look() if link.name == "net1"]
    pod.wait(0.0)
    ip("addr add 10.0.3.100/32 dev net1")
    (seen,) = heard(lambda got: got)
    assert [(p.mac, str(p.address)) for p in seen.appeared] == [(net1.mac, "10.0.3.100")], seen
    ip("addr add 2001:db8::1/128 dev net1 nodad")
    (seen,) = heard(lambda got: got)
    assert [str(p.address) for p in seen.appeared] == ["2001:db8::1"], seen
    (net1,) = [link for link in pod.look() if link.name == "net1"]
    assert sorted(map(str, net1.addresses)) == ["10.0.3.100", "2001:db8::1"], net1
    ip("addr replace 2001:db8::1/128 dev net1 nodad")
    (seen,) = heard(lambda got: got)
    assert [str(p.address) for p in seen.appeared] == ["2001:db8::1"], seen
    ip("addr add 10.0.3.100/24 dev net1")
    heard(lambda got: got)
    ip("addr del 10.0.3.100/32 dev net1")
    heard(lambda got: any(seen.anew for seen in got))
    (net1,) = [link for link in pod.look() if link.name == "net1"]
    assert "10.0.3.100" in map(str, net1.addresses), "with the other prefix length"
    ip("addr del 10.0.3.100/24 dev net1")
    heard(lambda got: any(seen.anew for seen in got))
    (net1,) = [link for link in pod.look() if link.name == "net1"]
    assert [str(each) for each in net1.addresses] == ["2001:db8::1"]
    with PodLinks(named=["net1"]) as one:
        assert {link.name for link in one.look()} == {"lo", "other", "net1"}
        ip("addr add 10.0.3.7/32 dev other")
        ip("addr add 10.0.3.8/32 dev net1")
        seen = one.wait(10.0)
        assert [str(p.address) for p in seen.appeared] == ["10.0.3.8"], seen
    ip("link del net1")
    heard(lambda got: any(seen.anew for seen in got))
    assert "net1" not in [link.name for link in pod.look()]
print("heard")
"""


def namespace() -> list[str]:
    """Return the program that gives a network namespace of its own, or skip where there is none to be had."""
    if shutil.which("ip") is None or shutil.which("unshare") is None:
        pytest.skip("no ip(8) or unshare(1) on this machine")
    own = ["unshare", "--user", "--map-root-user", "--net"]
    probe = subprocess.run(  # noqa: S603 - a fixed program
        [*own, "ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1"],
        check=False,
        capture_output=True,
    )
    if probe.returncode:
        pytest.skip("no network namespace with veth to be had on this machine")
    return own


@pytest.mark.subprocesses("unshare")
def test_a_real_kernel_tells_it_so() -> None:
    done = subprocess.run(  # noqa: S603 - fixed programs and a script of this file
        [*namespace(), sys.executable, "-c", SCRIPT],
        cwd=REPOSITORY,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "PYTHONPATH": str(REPOSITORY)},
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "heard\n", "")


UNPRIVILEGED = """
import ctypes, os
from pod_addresses.links import PodLinks
os.setgroups([])
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
assert open("/proc/self/status").read().split("CapEff:")[1].split()[0] == "0" * 16
with PodLinks() as pod:
    print([link.name for link in pod.look()])
"""


@pytest.mark.subprocesses("python")
def test_listening_takes_no_capability() -> None:
    if os.geteuid() != 0:
        pytest.skip(
            "only root can become somebody without capabilities here; who is not root listens in the test before"
        )
    done = subprocess.run(  # noqa: S603 - fixed programs and a script of this file
        [sys.executable, "-c", UNPRIVILEGED],
        cwd=REPOSITORY,
        env={"PYTHONPATH": str(REPOSITORY)},
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "'lo'" in done.stdout
