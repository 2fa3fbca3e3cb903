"""Whether a range is in another, and whether two have an address in common."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.ip_ranges import IpNetwork, covered, inside, overlap

PAIRS = {
    "the same": ("10.0.1.0/24", "10.0.1.0/24", True, True),
    "a part": ("10.0.1.128/25", "10.0.1.0/24", True, True),
    "the whole of a part": ("10.0.1.0/24", "10.0.1.128/25", False, True),
    "beside": ("10.0.1.0/25", "10.0.1.128/25", False, False),
    "one address of it": ("10.0.1.255/32", "10.0.1.0/24", True, True),
    "a part, of IPv6": ("2001:db8::1:0/112", "2001:db8::/64", True, True),
    "the whole of a part, of IPv6": ("2001:db8::/62", "2001:db8::/64", False, True),
    "the other family": ("10.0.1.0/24", "::/0", False, False),
    "the other family, of the same number": ("0.0.0.1/32", "::1/128", False, False),
}


@pytest.mark.parametrize(("one", "other", "is_inside", "overlaps"), PAIRS.values(), ids=PAIRS)
def test_two_ranges(one: str, other: str, *, is_inside: bool, overlaps: bool) -> None:
    first, second = ip_network(one), ip_network(other)
    assert inside(first, second) is is_inside
    assert overlap(first, second) is overlap(second, first) is overlaps


PARTS: dict[str, tuple[list[str], bool]] = {
    "nothing": ([], False),
    "the range": (["10.0.1.0/24"], True),
    "more": (["10.0.0.0/22"], True),
    "two halves": (["10.0.1.128/25", "10.0.1.0/25"], True),
    "one half": (["10.0.1.0/25", "10.0.2.0/25"], False),
    "the other family besides": (["::/0", "10.0.1.0/24"], True),
    "the other family": (["::/0"], False),
}


@pytest.mark.parametrize(("ranges", "expected"), PARTS.values(), ids=PARTS)
def test_ranges_have_another_together(ranges: list[str], *, expected: bool) -> None:
    assert covered(ip_network("10.0.1.0/24"), map(ip_network, ranges)) is expected


def _range(bits: int) -> st.SearchStrategy[IpNetwork]:
    kind = IPv4Network if bits == 32 else IPv6Network
    return st.builds(
        lambda number, prefix: kind((number, prefix), strict=False),
        st.integers(0, 2**bits - 1),
        st.integers(0, bits),
    )


anywhere = _range(32) | _range(128)


@given(anywhere, anywhere)
def test_ranges_share_an_address_when_one_is_in_the_other(one: IpNetwork, other: IpNetwork) -> None:
    assert overlap(one, other) == (inside(one, other) or inside(other, one))
