"""rtnetlink: recorded answers of a kernel, answers that no kernel gives on demand, and a real kernel's namespace."""

from __future__ import annotations

import errno
import json
import socket
import struct
import subprocess
import sys
from ipaddress import ip_address, ip_interface, ip_network
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from domain.node.model import Link, LinkAddress, Route, RoutingRule
from node_bootstrap import netlink
from node_bootstrap.files import Files
from node_bootstrap.netlink import Events, Netlink, attribute, parse_link

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).parents[2]
RECORDED = json.loads((Path(__file__).parent / "netlink_recorded.json").read_text())
"""Answers of Linux 6.18 to dumps in a namespace with a veth pair, hexadecimal, one per datagram."""
DONE, ERROR, NEW_LINK = 3, 2, 16


class Kernel:
    """A socket's other end: answers each request with the next of its scripted datagrams."""

    def __init__(self, *answers: list[tuple[int, int, bytes]]) -> None:
        self._answers = iter(answers)
        self._pending: list[bytes] = []
        self.requests: list[tuple[int, bytes]] = []

    def settimeout(self, timeout_s: float) -> None:
        assert timeout_s > 0

    def send(self, request: bytes) -> int:
        length, kind, _, sequence, _ = struct.unpack_from("=IHHII", request)
        assert length == len(request)
        self.requests.append((kind, request[16:]))
        for answer_kind, flags, body in next(self._answers):
            header = struct.pack("=IHHII", 16 + len(body), answer_kind, flags, sequence, 0)
            self._pending.append(header + body + b"\0" * (-len(body) % 4))
        return len(request)

    def recv(self, size: int) -> bytes:
        assert size >= 32768
        return self._pending.pop(0)

    def close(self) -> None:
        pass


def connected(*answers: list[tuple[int, int, bytes]]) -> tuple[Netlink, Kernel]:
    kernel = Kernel(*answers)
    return Netlink(connected=kernel), kernel  # type: ignore[arg-type] # the part of a socket that is used


def replayed(kind: str) -> Netlink:
    """Return a connection whose kernel gives the recorded answer, without the recorded sequence number."""
    messages = []
    for datagram in RECORDED[kind]:
        raw = bytes.fromhex(datagram)
        while raw:
            length, message_kind, flags = struct.unpack_from("=IHH", raw)
            messages.append((message_kind, flags, raw[16:length]))
            raw = raw[(length + 3) & ~3 :]
    return connected(messages)[0]


def link_message(index: int, name: str, *more: bytes, flags: int = 0) -> bytes:
    head = struct.pack("=BxHiII", 0, 1, index, flags, 0)
    return head + attribute(3, name.encode() + b"\0") + b"".join(more)


def test_recorded_links_are_read() -> None:
    by_name = {link.name: link for link in replayed("links").links()}

    assert by_name["lo"] == Link("lo", 1, "00:00:00:00:00:00", True, 65536, None, carrier=True)
    assert by_name["v0"] == Link("v0", 3, "02:00:00:00:00:10", True, 9001, None, carrier=True)
    assert by_name["v1"] == Link("v1", 2, "02:00:00:00:00:11", True, 1500, None, carrier=True)


def test_recorded_addresses_are_read() -> None:
    addresses = replayed("addresses").addresses()

    assert LinkAddress(1, ip_interface("127.0.0.1/8")) in addresses
    assert LinkAddress(3, ip_interface("10.1.0.2/24")) in addresses
    assert LinkAddress(3, ip_interface("fd00::2/64"), tentative=True) in addresses
    assert LinkAddress(3, ip_interface("10.7.0.1/32")) in addresses, "this end of a pair"


@pytest.mark.parametrize(
    "route",
    [
        pytest.param(
            Route(10001, ip_network("0.0.0.0/0"), ip_address("10.1.0.1"), 3, 7),
            id="a default route of a table above 255",
        ),
        pytest.param(
            Route(254, ip_network("10.9.0.0/16"), ip_address("10.1.0.3"), 3, 0),
            id="first of two next hops",
        ),
        pytest.param(
            Route(254, ip_network("10.9.0.0/16"), ip_address("10.1.0.4"), 3, 0),
            id="second of two next hops",
        ),
        pytest.param(
            Route(254, ip_network("10.8.0.0/16"), ip_address("fd00::9"), 3, 0),
            id="IPv4 by an IPv6 next hop",
        ),
        pytest.param(
            Route(254, ip_network("::/0"), None, 1, 1024, is_unicast=False),
            id="an unreachable default",
        ),
        pytest.param(
            Route(300, ip_network("fd01::/64"), ip_address("fd00::1"), 3, 1024), id="IPv6"
        ),
        pytest.param(
            Route(255, ip_network("10.1.0.2/32"), None, 3, 0, is_unicast=False), id="local"
        ),
    ],
)
def test_recorded_routes_are_read(route: Route) -> None:
    assert route in replayed("routes").routes()


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param(RoutingRule(4, 0, 255), id="local"),
        pytest.param(RoutingRule(4, 32766, 254), id="main"),
        pytest.param(RoutingRule(4, 1000, 10001, source=ip_network("10.0.0.0/24")), id="by source"),
        pytest.param(
            RoutingRule(
                6,
                1001,
                300,
                source=ip_network("fd00::2/128"),
                destination=ip_network("fd01::/64"),
                incoming_link="v0",
            ),
            id="by source, destination and link",
        ),
        pytest.param(RoutingRule(4, 1002, 10001, outgoing_link="v1"), id="by socket's link"),
        pytest.param(RoutingRule(4, 1003, 0), id="one that sends to no table"),
    ],
)
def test_recorded_rules_are_read(rule: RoutingRule) -> None:
    assert rule in replayed("rules").rules()


def test_the_permanent_address_is_taken_before_the_current_one() -> None:
    body = link_message(
        5, "eth1", attribute(1, bytes(6)), attribute(54, bytes.fromhex("0a0b0c0d0e0f"))
    )

    assert parse_link(body, lambda *_: None).mac == "0a:0b:0c:0d:0e:0f"


def test_a_link_without_an_address_is_read() -> None:
    assert parse_link(link_message(9, "tun0"), lambda *_: None).mac == ""


@pytest.mark.parametrize(
    ("device", "told", "expected"),
    [
        pytest.param(
            "pci0000:00/0000:00:06.0",
            ("pci", "0000:00:06.0"),
            "0000:00:06.0",
            id="told by the kernel",
        ),
        pytest.param(
            "pci0000:00/0000:00:03.0/virtio2", ("virtio", "virtio2"), "0000:00:03.0", id="virtio"
        ),
        pytest.param(
            "pci0000:00/0000:00:1c.0/0000:07:00.0",
            None,
            "0000:07:00.0",
            id="by sysfs, behind a bridge",
        ),
        pytest.param("pci0000:00/0000:00:14.0/usb1/1-1/1-1:1.0", None, None, id="USB"),
        pytest.param(
            "pci0000:00/0000:07:00.0/mlx5_core.sf.2",
            ("auxiliary", "mlx5_core.sf.2"),
            None,
            id="a subfunction, which shares its parent's PCI device",
        ),
        pytest.param(None, None, None, id="a virtual link"),
    ],
)
def test_a_links_pci_address_is_its_own_device_or_the_one_below_virtio(
    tmp_path: Path, device: str | None, told: tuple[str, str] | None, expected: str | None
) -> None:
    attributes = []
    (tmp_path / "sys/class/net/eth1").mkdir(parents=True)
    if device is not None:
        real = tmp_path / "sys/devices" / device
        real.mkdir(parents=True)
        (tmp_path / "sys/class/net/eth1/device").symlink_to(real)
        for bus in ("virtio", "auxiliary"):
            (tmp_path / f"sys/bus/{bus}/devices").mkdir(parents=True)
            (tmp_path / f"sys/bus/{bus}/devices/{real.name}").symlink_to(real)
    if told is not None:
        attributes = [
            attribute(57, told[0].encode() + b"\0"),
            attribute(56, told[1].encode() + b"\0"),
        ]
    kernel = Kernel([(NEW_LINK, 2, link_message(5, "eth1", *attributes)), (DONE, 2, bytes(4))])

    links = Netlink(Files(tmp_path), kernel).links()  # type: ignore[arg-type] # as above

    assert [link.pci_address for link in links] == [expected]


def test_a_dump_that_was_interrupted_is_made_again() -> None:
    torn = [(NEW_LINK, 0x12, link_message(5, "old")), (DONE, 0x12, bytes(4))]
    whole = [(NEW_LINK, 2, link_message(5, "new")), (DONE, 2, bytes(4))]
    connection, kernel = connected(torn, whole)

    assert [link.name for link in connection.links()] == ["new"]
    assert len(kernel.requests) == 2


def test_a_dump_is_not_made_again_for_ever() -> None:
    torn = [(DONE, 0x12, bytes(4))]
    connection, kernel = connected(*[torn] * netlink.INTERRUPTED_DUMPS)

    with pytest.raises(OSError, match="stand still") as caught:
        connection.rules()

    assert caught.value.errno == errno.EAGAIN
    assert len(kernel.requests) == netlink.INTERRUPTED_DUMPS


def acknowledged(code: int) -> list[tuple[int, int, bytes]]:
    return [(ERROR, 0, struct.pack("=i", -code) + bytes(16))]


def test_the_kernels_refusal_has_its_number() -> None:
    connection, _ = connected(acknowledged(errno.EEXIST))

    with pytest.raises(FileExistsError):
        connection.rename(5, "mul0")


def _asked(kernel: Kernel) -> list[str]:
    """Return what was asked of a link: its new name, or up or down."""
    asked = []
    for _, body in kernel.requests:
        _, _, index, flags, changed = struct.unpack_from("=BxHiII", body)
        assert index == 5
        asked.append(
            ("up" if flags & 1 else "down") if changed else body[20:].rstrip(b"\0").decode()
        )
    return asked


def test_a_link_that_must_be_down_to_be_renamed_is_put_up_again() -> None:
    connection, kernel = connected(
        acknowledged(errno.EBUSY), acknowledged(0), acknowledged(0), acknowledged(0)
    )

    connection.rename(5, "mul0")

    assert _asked(kernel) == ["mul0", "down", "mul0", "up"]


def test_a_link_that_somebody_puts_up_in_between_is_taken_down_again() -> None:
    connection, kernel = connected(
        *(acknowledged(errno.EBUSY), acknowledged(0)),
        *(acknowledged(errno.EBUSY), acknowledged(0)),
        *(acknowledged(0), acknowledged(0)),
    )

    connection.rename(5, "mul0")

    assert _asked(kernel) == ["mul0", "down", "mul0", "down", "mul0", "up"]


def test_a_link_that_does_not_stay_down_is_given_up_in_the_end_and_left_up() -> None:
    attempts = [acknowledged(errno.EBUSY), acknowledged(0)] * netlink.RENAME_ATTEMPTS
    connection, kernel = connected(*attempts, acknowledged(errno.EBUSY), acknowledged(0))

    with pytest.raises(OSError, match="busy"):
        connection.rename(5, "mul0")

    assert _asked(kernel)[-3:] == ["down", "mul0", "up"]


def test_a_link_is_put_back_in_one_request() -> None:
    connection, kernel = connected(acknowledged(0))

    connection.restore(5, up=False, mtu=1500)

    ((kind, body),) = kernel.requests
    assert (kind, struct.unpack_from("=BxHiII", body)) == (NEW_LINK, (0, 0, 5, 0, 1))
    assert struct.unpack_from("=HHI", body, 16) == (8, 4, 1500)


def test_a_link_is_put_up_again_when_the_rename_fails() -> None:
    connection, kernel = connected(
        acknowledged(errno.EBUSY), acknowledged(0), acknowledged(errno.EEXIST), acknowledged(0)
    )

    with pytest.raises(FileExistsError):
        connection.rename(5, "mul0")

    assert _asked(kernel) == ["mul0", "down", "mul0", "up"]


def test_answers_to_a_request_before_are_passed_over() -> None:
    connection, kernel = connected(
        acknowledged(errno.EEXIST), [(NEW_LINK, 2, link_message(5, "eth1")), (DONE, 2, bytes(4))]
    )
    stale = struct.pack("=IHHII", 20, DONE, 2, 0, 0) + bytes(4)
    kernel._pending.append(stale)
    with pytest.raises(FileExistsError):
        connection.rename(5, "mul0")

    assert [link.name for link in connection.links()] == ["eth1"]


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with theirs:
        yield ours, theirs


def test_a_wait_ends_with_the_first_change_and_takes_all_of_them(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    with Events(connected=pair[0]) as events:
        assert not events.wait(0)
        pair[1].send(b"one")
        pair[1].send(b"two")
        assert events.wait(10)
        assert not events.wait(0)


class _Overflown(socket.socket):
    """A netlink socket whose queue was too small, as recv tells once."""

    lost = True

    def recv(self, *arguments: int) -> bytes:
        if self.lost:
            self.lost = False
            raise OSError(errno.ENOBUFS, "No buffer space available")
        return super().recv(*arguments)


def test_changes_that_were_lost_are_changes(pair: tuple[socket.socket, socket.socket]) -> None:
    overflown = _Overflown(fileno=pair[0].detach())
    pair[1].send(b"one")

    with Events(connected=overflown) as events:
        assert events.wait(0)
        assert not events.wait(0)


LIVE = """
import sys
sys.path.insert(0, sys.argv[1])
from node_bootstrap.netlink import EVERYTHING, LINKS, Events, Netlink

with Netlink() as kernel, Events() as events, Events(LINKS) as link_events:
    found = {link.name: link for link in kernel.links()}
    index = found["v0"].index
    assert found["v0"].up and found["v0"].carrier and found["v0"].mac == "02:00:00:00:00:10"
    assert not events.wait(0)
    kernel.rename(index, "mul0")
    assert events.wait(5) and link_events.wait(5)
    kernel.set_down(index)
    by_index = {link.index: link for link in kernel.links()}
    assert by_index[index].name == "mul0" and not by_index[index].up
    kernel.set_up(index)
    assert {link.index: link for link in kernel.links()}[index].up
    for wrong, name in ((index, "v1"), (4711, "mul1")):
        try:
            kernel.rename(wrong, name)
        except (FileExistsError, OSError) as refused:
            print(refused.errno)
    assert any(str(a.address) == "10.1.0.2/24" for a in kernel.addresses())
    assert any(route.table == 10001 for route in kernel.routes()) is False
    assert {rule.table for rule in kernel.rules()} >= {253, 254, 255}
"""


@pytest.mark.subprocesses("unshare")
def test_a_real_kernel_is_asked_and_told() -> None:
    inside = (
        "ip link set lo up && ip link add v0 address 02:00:00:00:00:10 type veth peer name v1"
        " && ip link set v0 up && ip link set v1 up && ip addr add 10.1.0.2/24 dev v0"
        f" && exec {sys.executable} -c '{LIVE}' {REPOSITORY}"
    )
    done = subprocess.run(  # noqa: S603 - a fixed program of this test
        ["unshare", "-Urn", "sh", "-c", inside],  # noqa: S607
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if "unshare" in done.stderr or "Not supported" in done.stderr:
        pytest.skip(f"no namespace with a veth pair here: {done.stderr.strip()}")

    assert (done.stdout.split(), done.stderr) == ([str(errno.EEXIST), str(errno.ENODEV)], "")
