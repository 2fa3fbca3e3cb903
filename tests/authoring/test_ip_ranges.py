"""Which ranges pods can have, and which subnets have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.authoring.conftest import assert_told

if TYPE_CHECKING:
    from collections.abc import Callable

    from authoring.problems import Location

FIRST: Location = ("node_groups", 0, "interfaces", 0)
N3 = "node_groups[0].interfaces[0]"


def static(**keys: object) -> dict[Location, Any]:
    """Return edits that have pods bring their addresses of the first interface, which are kept free."""
    given = {
        "node": {"pod_network": "ipvlan-l2"},
        "pod_ipam": "static",
        "reserve_pod_ranges": "pod_ranges" in keys,
        **keys,
    }
    return {(*FIRST, key): value for key, value in given.items()}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "10.20.0.5",
            "does not have its prefix length after a slash (got '10.20.0.5'). Write 10.20.0.5/32.",
        ),
        (
            "10.20.0.0/255.255.0.0",
            "does not have its prefix length after a slash (got '10.20.0.0/255.255.0.0'). Write 10.20.0.0/16.",
        ),
        (
            "10.20.0.0/016",
            "does not have its prefix length after a slash (got '10.20.0.0/016'). Write 10.20.0.0/16.",
        ),
        (
            "fd00::%eth0/64",
            "names a zone (%), which no range has (got 'fd00::%eth0/64'). Write it without.",
        ),
    ],
)
def test_what_no_plugin_can_read_is_refused(
    said: Callable[..., list[str]], text: str, told: str
) -> None:
    edits = static(pod_subnets=["10.0.48.0/22"], pod_routes=[text])
    assert said(edits) == [f"{N3}.pod_routes[0]: {told}"]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("0.0.0.0/0", "is every address that there is"),
        ("::/0", "is every address that there is"),
        ("0.1.0.0/16", "has unspecified addresses (0.0.0.0/8)"),
        ("127.0.0.0/24", "has loopback addresses (127.0.0.0/8)"),
        ("169.254.0.0/16", "has link-local addresses (169.254.0.0/16)"),
        ("224.1.0.0/24", "has multicast addresses (224.0.0.0/4)"),
        ("192.0.0.0/2", "has multicast addresses (224.0.0.0/4)"),
        ("::/126", "has unspecified addresses (::/128)"),
        ("::1/128", "has loopback addresses (::1/128)"),
        ("::ffff:10.0.0.0/120", "has IPv4-mapped addresses (::ffff:0:0/96)"),
        ("fe80::/64", "has link-local addresses (fe80::/10)"),
        ("ff02::/112", "has multicast addresses (ff00::/8)"),
    ],
)
@pytest.mark.parametrize("key", ["pod_ranges", "pod_subnets"])
def test_a_range_that_no_pod_can_have_is_refused(
    said: Callable[..., list[str]], key: str, text: str, what: str
) -> None:
    assert_told(said(static(**{key: [text]})), [(f"{N3}.{key}[0]", what)])


@pytest.mark.parametrize("text", ["0.0.0.0/0", "::/0", "224.0.0.0/4"])
def test_a_destination_may_be_any(said: Callable[..., list[str]], text: str) -> None:
    assert said(static(pod_subnets=["10.0.48.0/22"], pod_routes=[text])) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("10.0.0.0/15", "/16 to /28"),
        ("10.0.0.0/29", "/16 to /28"),
        ("2001:db8::/40", "/44 to /64 in steps of 4"),
        ("2001:db8::/62", "/44 to /64 in steps of 4"),
        ("2001:db8::/68", "/44 to /64 in steps of 4"),
    ],
)
def test_a_size_that_no_subnet_has_is_refused(
    said: Callable[..., list[str]], text: str, told: str
) -> None:
    assert_told(
        said(static(pod_subnets=[text])),
        [(f"{N3}.pod_subnets[0]", f"is no subnet's range: those of IPv{6 if ':' in text else 4} are {told}")],
    )  # fmt: skip


@pytest.mark.parametrize(
    "text", ["10.0.0.0/16", "10.0.0.0/28", "100.64.0.0/16", "2001:db8::/44", "fd00::/64"]
)
def test_a_size_that_subnets_have_is_accepted(said: Callable[..., list[str]], text: str) -> None:
    assert said(static(pod_subnets=[text])) == []
